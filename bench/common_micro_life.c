/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases of joining and leaving: open and close, cleaning up after a death. */
#include "common.h"
#include "common_micro.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAP_PINS 1000
#define REAP_BUFS 64
#define REAP_WAIT_NS 10000000000u

static uint64_t open_close(struct micro_worker *w, uint32_t nr)
{
	const uint64_t start = bench_now();
	struct maru_pool *p;
	int err;

	while (nr--) {
		err = bench_pool_open(&w->pools[w->now->pool], "visitor", 0,
				      &p);
		if (!err)
			err = maru_close(p, 0);
		if (err)
			micro_fail(w, "%s: %s", w->now->name, bench_why(err));
	}
	return bench_now() - start;
}

/* Pins random entries and writes buffers until it is killed. */
static _Noreturn void live_and_die(struct micro_worker *w, int tell)
{
	struct micro_key key;
	struct maru_buf buf;
	struct maru_pool *p;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err = bench_pool_open(&w->pools[w->now->pool], "victim", 0, &p);
	for (int i = 0; !err && i < REAP_PINS; i++) {
		micro_key(&key, 'e', micro_random(w, w->entries));
		err = maru_pin(p, &key, sizeof(key), 1);
		err = err == -ENOENT ? 0 : err;
	}
	for (int i = 0; !err && i < REAP_BUFS; i++)
		err = maru_alloc(p, 4096, &buf);
	if (err)
		_exit(BENCH_WRONG);
	if (write(tell, "", 1) == 1)
		for (;;)
			pause();
	_exit(BENCH_CANNOT);
}

static void kill_one(struct micro_worker *w)
{
	int fd[2];
	pid_t pid;
	char c;

	if (pipe(fd))
		micro_fail(w, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		micro_fail(w, "fork: %s", strerror(errno));
	if (!pid)
		live_and_die(w, fd[1]);
	close(fd[1]);
	if (read(fd[0], &c, 1) != 1)
		micro_fail(w, "reap: the victim could not pin or write");
	close(fd[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static uint64_t reap(struct micro_worker *w, uint32_t nr)
{
	uint64_t ns = 0, start;
	int n;

	while (nr--) {
		kill_one(w);
		start = bench_now();
		do {
			n = maru_reap(w->p);
			if (n < 0 || bench_now() - start > REAP_WAIT_NS)
				micro_fail(w, "maru_reap: %s",
					   n < 0 ? bench_why(n) :
						   "nobody to reap");
		} while (!n);
		ns += bench_now() - start;
	}
	return ns;
}

const struct micro_case micro_life_cases[] = {
	{ .name = "open_empty",
	  .about = "open and close, empty pool",
	  .pool = POOL_EMPTY,
	  .group = 1,
	  .keys = 1,
	  .workers = 1,
	  .run = open_close },
	{ .name = "open_full",
	  .about = "open and close, pool of --entries",
	  .pool = POOL_ENTRIES,
	  .group = 1,
	  .keys = 1,
	  .workers = 1,
	  .run = open_close },
	{ .name = "reap",
	  .about = "a dead client's 1000 pins, 64 buffers",
	  .pool = POOL_ENTRIES,
	  .group = 1,
	  .keys = 1,
	  .workers = 1,
	  .run = reap },
	{ 0 },
};
