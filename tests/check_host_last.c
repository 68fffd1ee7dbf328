// SPDX-License-Identifier: BSD-3-Clause
/* The last host gone, a pool wanted for oneself, hosts that are not one. */
#include "common_host.h"

#include "cache/open.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEN 3000
#define SHORT 200 /* ms that a host may be silent, of real time */

/* Whoever comes next ------------------------------------------------------- */

/* A client as programs have it, with its thread. */
static void stay_here(struct maru_pool *none, unsigned id)
{
	struct maru_pool *p = test_open(0);

	(void)none, (void)id;
	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	test_stay();
	ck_assert_int_eq(maru_close(p, 0), 0);
}

static pid_t staying(unsigned id)
{
	pid_t pid = host_fork(stay_here, id);

	test_pass(&test_scene->ready);
	return pid;
}

/* Host 1 was killed in the pool: nobody is there any more. */
static void all_gone(void)
{
	host_format(SHORT);
	test_kill(staying(HOST_ID(1, 1)));
}

/* What fsck keeps is there, and it goes on. */
static void is_warm(void)
{
	struct maru_pool *p = test_open(0);

	ck_assert_int_eq(test_get(p, 1, LEN), 0);
	ck_assert_int_eq(test_put(p, 2, LEN), 0);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
	test_close(p);
}

START_TEST(a_pool_whose_last_host_went_down_is_not_opened)
{
	all_gone();
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_try(0), MARU_E_CORRUPT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "last of its hosts"));
	ck_assert_int_eq(host_try(MARU_OPEN_RDONLY), 0);
}
END_TEST

START_TEST(the_same_kernel_has_lost_nothing_and_goes_on)
{
	all_gone();
	host_be(HOST_ID(1, 1));
	is_warm();
}
END_TEST

START_TEST(a_machine_that_was_restarted_repairs_what_it_left)
{
	struct maru_fsck_result res;

	all_gone();
	host_be(HOST_ID(1, 2));
	ck_assert_int_eq(host_try(0), MARU_E_CORRUPT);
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR, &res), 0);
	ck_assert_uint_eq(res.kept, 1);
	is_warm();
}
END_TEST

START_TEST(another_machine_repairs_only_when_told_that_the_last_is_down)
{
	struct maru_fsck_result res;

	all_gone();
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR, &res), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-1"));
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "--takeover"));
	ck_assert_int_eq(host_try(0), MARU_E_CORRUPT);
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR | MARU_FSCK_TAKEOVER, &res),
			 0);
	ck_assert_uint_eq(res.kept, 1);
	is_warm();
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
}
END_TEST

/* It died at the claim, where another host's boot id still stands. */
START_TEST(a_claim_of_the_same_kernel_does_not_hold_up_a_repair)
{
	struct maru_fsck_result res;
	struct maru_pool *p;
	struct host_self *h;

	host_format(SHORT);
	host_be(HOST_ID(1, 1));
	p = test_open(MARU_OPEN_NO_BEAT);
	h = &p->client.host;
	h->all[5].boot[0].v = 77;
	a64_store_full(&h->all[5].word, host_make(HOST_CLAIMED, HOST_NONE, 3,
						  host_claim_tag(&p->client)));
	test_close(p);
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR | MARU_FSCK_REBUILD, &res),
			 0);
	p = test_open(0);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
	test_close(p);
}
END_TEST

START_TEST(another_machine_does_not_format_over_a_silent_host)
{
	all_gone();
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_force(), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-1"));
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR | MARU_FSCK_TAKEOVER, NULL),
			 0);
	ck_assert_int_eq(host_force(), 0);
}
END_TEST

START_TEST(nobody_repairs_or_formats_while_another_host_beats)
{
	const uint32_t repair = MARU_FSCK_REPAIR, told = MARU_FSCK_TAKEOVER;
	struct maru_fsck_result res;
	pid_t pid;

	host_format(SHORT);
	pid = staying(HOST_ID(2, 1));
	host_be(HOST_ID(1, 1));
	ck_assert_int_eq(host_fsck(repair, &res), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-2"));
	ck_assert_int_eq(host_fsck(repair | told, &res), -EBUSY);
	ck_assert_int_eq(host_force(), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-2"));
	/* and it has noticed nothing */
	ck_assert_int_eq(host_fsck(0, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
	test_post(&test_scene->go);
	test_ended(pid);
	ck_assert_int_eq(host_fsck(repair, &res), 0);
	ck_assert_int_eq(host_force(), 0);
}
END_TEST

static void open_is_refused(struct maru_pool *none, unsigned id)
{
	(void)none, (void)id;
	ck_assert_int_eq(host_try(MARU_OPEN_NO_BEAT), MARU_E_CORRUPT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "repair"));
}

START_TEST(nobody_enters_a_pool_that_is_about_to_be_formatted)
{
	struct maru_fsck_opts o = { .flags = MARU_FSCK_REPAIR };
	struct media_region *r;
	struct maru_pool *p;

	host_format(SHORT);
	ck_assert_int_eq(pool_open_alone(test_target(), &o, &p), 0);
	r = media_region(&p->media, 0);
	ck_assert_int_eq(host_alone_at(&r->map, &r->sb, test_target()), 0);
	host_as(open_is_refused, HOST_ID(2, 1));
	ck_assert_int_eq(maru_close(p, 0), 0);
	ck_assert_int_eq(host_force(), 0);
}
END_TEST

START_TEST(takeover_is_for_a_repair)
{
	host_format(SHORT);
	ck_assert_int_eq(host_fsck(MARU_FSCK_TAKEOVER, NULL), -EINVAL);
}
END_TEST

/* One memory? -------------------------------------------------------------- */

struct faker {
	a64 *word;
	a32 stop;
};

/* Counts up a beat, and answers nobody. */
static void *beat_only(void *arg)
{
	const struct timespec t = { 0, 1000000 };
	struct faker *f = arg;

	while (!a32_load_rlx(&f->stop)) {
		a64_add_full(f->word, 1ull << 32);
		nanosleep(&t, NULL);
	}
	return NULL;
}

START_TEST(a_memory_that_is_not_one_is_refused)
{
	struct faker f = { 0 };
	struct maru_pool *p;
	pthread_t thread;

	host_be(HOST_ID(1, 1));
	host_format(SHORT);
	p = test_open(MARU_OPEN_NO_BEAT); /* and it answers nobody */
	f.word = host_entry(p, 1);
	a64_store_full(f.word, host_make(HOST_ACTIVE, HOST_NONE, 0, 1));
	ck_assert_int_eq(pthread_create(&thread, NULL, beat_only, &f), 0);
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_try(MARU_OPEN_NO_BEAT), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "stores"));
	ck_assert_int_eq(host_of(p, 2).state, MARU_HOST_FREE);
	a32_store_full(&f.stop, 1);
	pthread_join(thread, NULL);
	a64_store_full(f.word, host_make(HOST_FREE, HOST_NONE, 1, 0));
}
END_TEST

/* The thread --------------------------------------------------------------- */

static unsigned threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned nr = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		nr++;
	closedir(d);
	return nr;
}

/* Until it has beaten @nr times more. */
static void hear(struct maru_pool *p, uint32_t no, unsigned nr)
{
	const struct timespec t = { 0, 1000000 };
	uint32_t from = host_of(p, no).beats;
	unsigned tries;

	for (tries = 0; host_of(p, no).beats - from < nr; tries++) {
		ck_assert_uint_lt(tries, 5000);
		nanosleep(&t, NULL);
	}
}

START_TEST(a_handle_of_a_fabric_pool_has_a_thread_that_beats)
{
	struct maru_pool *p;
	unsigned before;

	host_format(SHORT);
	test_close(test_open(0)); /* a sanitizer's own thread is there now */
	before = threads();
	p = test_open(0);
	ck_assert_uint_eq(threads(), before + 1);
	hear(p, 0, 3);
	test_close(p);
	ck_assert_uint_eq(threads(), before);
	p = test_open(MARU_OPEN_NO_BEAT);
	ck_assert_uint_eq(threads(), before);
	test_close(p);
	p = test_open(MARU_OPEN_RDONLY);
	ck_assert_uint_eq(threads(), before);
	test_close(p);
}
END_TEST

START_TEST(a_pool_of_one_host_needs_no_thread)
{
	unsigned before = threads();

	test_pool(NULL);
	ck_assert_uint_eq(threads(), before);
}
END_TEST

START_TEST(the_thread_beats_under_the_guard_too)
{
	struct maru_pool *p;

	host_format(SHORT);
	p = test_open(MARU_OPEN_GUARD);
	hear(p, 0, 3);
	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	ck_assert_int_eq(test_get(p, 1, LEN), 0);
}
END_TEST

START_TEST(one_of_two_handles_leaves_and_its_host_stays)
{
	struct maru_pool *a, *b;

	host_format(SHORT);
	a = test_open(0);
	b = test_open(0);
	ck_assert_uint_eq(host_of(a, 0).clients, 2);
	test_close(a);
	ck_assert_int_eq(host_of(b, 0).state, MARU_HOST_ACTIVE);
	ck_assert_uint_eq(host_of(b, 0).clients, 1);
	hear(b, 0, 2);
	test_close(b);
	a = test_open(MARU_OPEN_RDONLY);
	ck_assert_int_eq(maru_hosts(a, NULL, 0), 0);
	test_close(a);
}
END_TEST

START_TEST(a_child_has_no_part_in_its_parents_thread)
{
	struct maru_pool *p;
	int status;
	pid_t pid;

	host_format(SHORT);
	p = test_open(0);
	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	pid = fork();
	if (!pid) {
		test_is_child = true;
		ck_assert_int_eq(maru_tick(p), MARU_E_CLOSED);
		ck_assert_int_eq(maru_hosts(p, NULL, 0), MARU_E_CLOSED);
		ck_assert_int_eq(maru_host_confirm(p, 0), MARU_E_CLOSED);
		ck_assert_int_eq(maru_close(p, 0), 0);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	hear(p, 0, 2);
	ck_assert_int_eq(test_get(p, 1, LEN), 0);
	ck_assert_uint_eq(test_stats(p).clients, 1);
}
END_TEST

/* A host with a thread, killed: whoever is there with one sees to it. */
START_TEST(threads_of_the_living_clean_up_after_a_host_that_is_gone)
{
	const struct timespec t = { 0, 1000000 };
	struct maru_pool *p;
	unsigned tries;
	pid_t pid;

	host_format(SHORT);
	pid = staying(HOST_ID(2, 1));
	host_be(HOST_ID(1, 1));
	p = test_open(0);
	test_kill(pid);
	for (tries = 0; host_of(p, 0).state != MARU_HOST_FENCED; tries++) {
		ck_assert_uint_lt(tries, 5000);
		nanosleep(&t, NULL);
	}
	ck_assert_uint_eq(test_stats(p).total.fenced, 1);
	ck_assert_int_eq(maru_host_confirm(p, 0), 0);
	for (tries = 0; maru_hosts(p, NULL, 0) != 1; tries++) {
		ck_assert_uint_lt(tries, 5000);
		nanosleep(&t, NULL);
	}
	ck_assert_uint_eq(test_stats(p).clients, 1);
	ck_assert_int_eq(test_get(p, 1, LEN), 0);
	test_sound(p);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_pool_whose_last_host_went_down_is_not_opened,
		the_same_kernel_has_lost_nothing_and_goes_on,
		a_machine_that_was_restarted_repairs_what_it_left,
		another_machine_repairs_only_when_told_that_the_last_is_down,
		a_claim_of_the_same_kernel_does_not_hold_up_a_repair,
		another_machine_does_not_format_over_a_silent_host,
		nobody_repairs_or_formats_while_another_host_beats,
		nobody_enters_a_pool_that_is_about_to_be_formatted,
		takeover_is_for_a_repair,
		a_memory_that_is_not_one_is_refused,
		a_handle_of_a_fabric_pool_has_a_thread_that_beats,
		a_pool_of_one_host_needs_no_thread,
		the_thread_beats_under_the_guard_too,
		one_of_two_handles_leaves_and_its_host_stays,
		a_child_has_no_part_in_its_parents_thread,
		threads_of_the_living_clean_up_after_a_host_that_is_gone,
	};

	if (!host_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return test_run("host_last", TEST_TMPFS, tests, TEST_LEN(tests));
}
