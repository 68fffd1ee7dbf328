// SPDX-License-Identifier: BSD-3-Clause
/*
 * Clients in time namespaces, whose clocks are shifted.
 *
 * Where no such namespace may be made there is nothing to see, and the tests
 * say so.
 */
#include "common_quarantine.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define AHEAD 1000000 /* seconds */

static bool shift_children(void)
{
	char text[128];
	int fd, n;

	if (unshare(CLONE_NEWTIME) != 0)
		return false;
	/* not whole clock ticks: start times are rounded down */
	n = snprintf(text, sizeof(text),
		     "monotonic %d 0\nboottime %d 999999999\n", AHEAD, AHEAD);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, (size_t)n), n);
	ck_assert_int_eq(close(fd), 0);
	return true;
}

static int64_t clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

enum { MADE, CLOCK, DUE_CLOCK, OTHER_ALIVE };

/* Looks at the pool from far ahead, and stays. */
static void look(struct maru_pool *pool, unsigned no)
{
	(void)no;
	test_scene->no[CLOCK] = clock_s();
	test_scene->no[DUE_CLOCK] =
		(int64_t)(pool->client.now_ns(&pool->client) / 1000000000);
	test_scene->no[OTHER_ALIVE] = client_alive(&pool->client, 0);
	test_stay();
}

/* A child of which only the children are ahead. */
static void go_ahead(struct maru_pool *none, unsigned no)
{
	pid_t pid;

	(void)none;
	test_scene->no[MADE] = shift_children();
	if (!test_scene->no[MADE]) {
		fprintf(stderr, "no time namespace may be made here\n");
		test_post(&test_scene->ready);
		return;
	}
	pid = test_client(look, no);
	test_ended(pid);
}

START_TEST(clients_of_another_time_namespace_are_alive_to_each_other)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t child = test_fork(go_ahead, 0);

	test_pass(&test_scene->ready);
	if (test_scene->no[MADE]) {
		ck_assert_int_eq(test_scene->no[OTHER_ALIVE], 1);
		ck_assert_int_eq(client_alive(&pool->client, 1), 1);
		ck_assert_int_eq(maru_reap(pool), 0);
		ck_assert_uint_eq(test_stats(pool).clients, 2);
	}
	test_post(&test_scene->go);
	test_ended(child);
}
END_TEST

START_TEST(what_is_due_is_told_alike_in_all_time_namespaces)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t child = test_fork(go_ahead, 0);

	test_pass(&test_scene->ready);
	if (test_scene->no[MADE]) {
		ck_assert_int_gt(test_scene->no[CLOCK], clock_s() + AHEAD / 2);
		ck_assert_int_le(test_scene->no[DUE_CLOCK], clock_s());
		ck_assert_int_gt(test_scene->no[DUE_CLOCK], clock_s() - 1000);
	}
	test_post(&test_scene->go);
	test_ended(child);
	test_close(pool);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		clients_of_another_time_namespace_are_alive_to_each_other,
		what_is_due_is_told_alike_in_all_time_namespaces,
	};

	return test_run("time namespaces", TEST_MEM, tests, TEST_LEN(tests));
}
