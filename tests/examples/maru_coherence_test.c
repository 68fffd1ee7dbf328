// SPDX-License-Identifier: BSD-3-Clause
/* maru_coherence_test(3): two processes test the memory that they share. */
#include <maru.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* On each host: 0, 1 if the memory is not coherent, or an error. */
static int test_memory(const char *target, int verbose)
{
	struct maru_coherence_opts opts = {
		.size = sizeof(opts),
		.participants = 2,
		.rounds = 100,
	};
	struct maru_coherence_result res;
	int rc = maru_coherence_test(target, &opts, &res);

	if (rc < 0) {
		fprintf(stderr, "%s\n", maru_errmsg());
		return rc;
	}
	for (uint32_t i = 0; verbose && i < res.litmus_nr; i++)
		printf("%s: %llu wrong\n", res.litmus[i].name,
		       (unsigned long long)res.litmus[i].wrong);
	return rc;
}

int main(void)
{
	char path[] = "/tmp/maru-example-XXXXXX";
	int fd = mkstemp(path), rc, status = 1;
	pid_t pid;

	if (fd < 0 || ftruncate(fd, 1 << 20))
		return 1;
	pid = fork();
	if (pid == 0)
		_exit(test_memory(path, 0) != 0);
	rc = test_memory(path, 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		rc = 1;
	unlink(path);
	return rc != 0;
}
