// SPDX-License-Identifier: BSD-3-Clause
/* The pid and start time of a dead client are not enough to be it. */
#include "common.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES 200
#define PID 1000 /* in a new pid namespace */

enum { START, MET, CLIENTS, PINS }; /* of test_scene->no */

/* Clock ticks since boot, as the library takes them. */
static long long start_time(void)
{
	char text[1024] = "", *p;
	FILE *f = fopen("/proc/self/stat", "re");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');
	for (int field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtoll(p, NULL, 10) : -1;
}

static void count_clients(struct maru_pool *pool)
{
	struct maru_stats st = test_stats(pool);

	test_scene->no[CLIENTS] = st.clients;
	test_scene->no[PINS] = (int64_t)st.pins;
}

/* What the two that have one pid after the other do. */
static void pin_and_die(void)
{
	struct maru_pool *pool;

	if (maru_open(test_target(), NULL, &pool) == 0 &&
	    maru_pin(pool, S("number 1"), 3) == 0)
		test_scene->no[START] = start_time();
	kill(getpid(), SIGKILL);
}

static void join_and_count(void)
{
	struct maru_pool *pool;

	if (start_time() != test_scene->no[START])
		_exit(0);
	if (maru_open(test_target(), NULL, &pool) != 0)
		_exit(1);
	test_scene->no[MET] = 1;
	count_clients(pool);
	_exit(maru_close(pool, 0) != 0);
}

/* As the first process of a pid namespace; 0 when it worked, 77: may not. */
static int reuse_pid(void)
{
	static void (*const life[])(void) = { pin_and_die, join_and_count };
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", PID - 1), status;

	for (unsigned i = 0; i < TRIES && !test_scene->no[MET]; i++) {
		for (unsigned k = 0; k < 2; k++) {
			pid_t pid;

			if (pwrite(fd, text, (size_t)len, 0) != len)
				return 77;
			pid = fork();
			if (pid == 0)
				life[k]();
			if (pid != PID || waitpid(pid, &status, 0) != pid)
				return 2;
		}
		if (status != 0)
			return 3;
	}
	if (!test_scene->no[MET] && test_slow())
		return 77; /* no two fit into one tick of the clock */
	return !test_scene->no[MET];
}

static void in_namespace(struct maru_pool *none, unsigned no)
{
	int status;
	pid_t pid;

	(void)none;
	(void)no;
	if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
		_exit(77);
	pid = fork();
	if (pid == 0) {
		if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("proc", "/proc", "proc", 0, NULL) != 0)
			_exit(77);
		_exit(reuse_pid());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 4);
}

START_TEST(who_has_the_pid_of_a_dead_client_does_not_keep_it_alive)
{
	struct maru_pool *pool = test_pool(NULL);
	int status;
	pid_t pid;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	pid = test_fork(in_namespace, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		fprintf(stderr, "no pid namespaces here, or too slow for "
				"two processes in a tick: not tested\n");
		return;
	}
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(test_scene->no[CLIENTS], 2);
	ck_assert_int_eq(test_scene->no[PINS], 0);
}
END_TEST

/* Another program in the same process. */
static int join_after_exec(char **argv)
{
	struct maru_stats st = { .size = sizeof(st) };
	struct maru_pool *pool;

	if (maru_open(argv[0], NULL, &pool) != 0 ||
	    maru_stats(pool, &st) != 0 || maru_close(pool, 0) != 0) {
		fprintf(stderr, "after exec: %s\n", maru_errmsg());
		return 1;
	}
	if (st.clients == 2 && st.pins == 0 && st.buffers == 0)
		return 0;
	fprintf(stderr, "after exec: %u clients, %llu pins, %llu buffers\n",
		st.clients, (unsigned long long)st.pins,
		(unsigned long long)st.buffers);
	return 1;
}

static void hold_and_exec(struct maru_pool *pool, unsigned no)
{
	char *argv[] = { (char[]){ "check_reuse" }, (char[]){ "--join" },
			 (char *)(uintptr_t)test_target(), NULL };
	struct maru_buf buf;

	(void)no;
	ck_assert_int_eq(maru_pin(pool, S("number 1"), 3), 0);
	ck_assert_int_eq(maru_alloc(pool, 100, &buf), 0);
	if (strncmp(test_target(), "fd:", 3) == 0)
		fcntl(atoi(test_target() + 3), F_SETFD, 0);
	execv("/proc/self/exe", argv);
	_exit(127);
}

START_TEST(after_exec_the_former_program_holds_nothing)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	test_ended(test_client(hold_and_exec, 0));
	ck_assert_uint_eq(test_stats(pool).clients, 1);
}
END_TEST

/* Handles of one process are told apart by when they came. */
static void close_all_and_open_again(struct maru_pool *pool, unsigned no)
{
	struct maru_pool *second;
	struct maru_view view;

	(void)no;
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	/* but for what opening anew needs, a memfd */
	for (int fd = 3; fd < 1024; fd++)
		if (strncmp(test_target(), "fd:", 3) != 0 ||
		    fd != atoi(test_target() + 3))
			close(fd);
	ck_assert_int_eq(maru_open(test_target(), NULL, &second), 0);
	ck_assert_int_eq(maru_reap(second), 0);
	ck_assert_int_eq(maru_delete(second, S("number 1")), -EBUSY);
	ck_assert(test_verify(view.data, view.len, 1));
	ck_assert_int_eq(maru_release(pool, &view), 0);
	_exit(0);
}

START_TEST(a_handle_without_its_lock_outlasts_a_second_one)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	test_ended(test_client(close_all_and_open_again, 0));
	ck_assert_int_eq(maru_reap(pool), 2);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		who_has_the_pid_of_a_dead_client_does_not_keep_it_alive,
		after_exec_the_former_program_holds_nothing,
		a_handle_without_its_lock_outlasts_a_second_one,
	};

	if (argc == 3 && strcmp(argv[1], "--join") == 0)
		return join_after_exec(argv + 2);
	return test_run("pids used again", TEST_MEDIA, tests, TEST_LEN(tests));
}
