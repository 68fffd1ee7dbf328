// SPDX-License-Identifier: BSD-3-Clause
/* Other processes: clients that stay, die and are waited for. */
#include "common.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE (test_slow() ? 60 : 20) /* seconds */

struct test_scene *test_scene;
bool test_is_child;

void test_child_failed(const char *file, int line, const char *expr,
		       const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: in a child: ", file, line);
	va_start(ap, fmt);
	if (fmt)
		vfprintf(stderr, fmt, ap);
	else
		fputs(expr, stderr);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

/* In the child of a fork(). */
static void become_child(void)
{
	test_is_child = true;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void test_scene_make(void)
{
	if (test_scene == NULL)
		test_scene = mmap(NULL, sizeof(*test_scene),
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(test_scene, MAP_FAILED);
	memset(test_scene, 0, sizeof(*test_scene));
	ck_assert_int_eq(sem_init(&test_scene->ready, 1, 0), 0);
	ck_assert_int_eq(sem_init(&test_scene->go, 1, 0), 0);
}

pid_t test_fork(test_client_fn fn, unsigned no)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	become_child();
	fn(NULL, no);
	_exit(0);
}

/* A child's own handle, and leaving without anything held. */
static void be_client(test_client_fn fn, unsigned no)
{
	struct maru_pool *pool;
	int rc = maru_open(test_target(), NULL, &pool);

	ck_assert_msg(rc == 0, "child could not open: %d, %s", rc,
		      maru_errmsg());
	fn(pool, no);
	ck_assert_int_eq(maru_close(pool, 0), 0);
}

pid_t test_client(test_client_fn fn, unsigned no)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	become_child();
	be_client(fn, no);
	_exit(0);
}

pid_t test_staying(test_client_fn fn, unsigned no)
{
	pid_t pid = test_client(fn, no);

	test_pass(&test_scene->ready);
	return pid;
}

void test_stay(void)
{
	test_post(&test_scene->ready);
	test_pass(&test_scene->go);
}

void test_post(sem_t *sem)
{
	ck_assert_int_eq(sem_post(sem), 0);
}

void test_pass(sem_t *sem)
{
	struct timespec until;
	int rc;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	do {
		rc = sem_timedwait(sem, &until);
	} while (rc != 0 && errno == EINTR);
	ck_assert_msg(rc == 0, "nobody came: %s", strerror(errno));
}

/* Waits until @pid is gone; its wait status. */
static int reaped(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0u);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int status, rc;

	ck_assert_int_ge(fd, 0);
	do {
		rc = poll(&p, 1, PATIENCE * 1000);
	} while (rc < 0 && errno == EINTR);
	close(fd);
	if (rc == 0)
		kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(rc == 1, "child %d did not end", (int)pid);
	return status;
}

void test_ended(pid_t pid)
{
	int status = reaped(pid);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "child ended with wait status %#x", (unsigned)status);
}

void test_died_of(pid_t pid, int sig)
{
	int status = reaped(pid);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == sig,
		      "child ended with wait status %#x", (unsigned)status);
}

void test_kill(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	test_died_of(pid, SIGKILL);
}

void test_stop(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
}
