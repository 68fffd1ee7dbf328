// SPDX-License-Identifier: BSD-3-Clause
/* Hosts of a fabric pool: coming, silence, fencing, and what is kept back. */
#include "common_host.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LEN 3000

/* Places in the scene. */
enum { IDX, STATE, RC };

static void nothing(struct maru_pool *p, unsigned id)
{
	(void)p, (void)id;
	test_stay();
}

START_TEST(a_second_host_sees_what_the_first_has_stored)
{
	struct maru_pool *p = host_start();
	pid_t pid;

	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	pid = host_staying(p, nothing, HOST_ID(2, 1));
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 2);
	ck_assert_int_eq(host_of(p, 0).self, 1);
	ck_assert_str_eq(host_of(p, 1).name, "host-2");
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_ACTIVE);
	ck_assert_uint_eq(host_of(p, 1).clients, 1);
	test_post(&test_scene->go);
	host_ended(p, pid);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
}
END_TEST

/* One pin, one buffer, one key reserved; then it is silent. */
static void hold_things(struct maru_pool *p, unsigned id)
{
	struct maru_view view;
	struct maru_buf buf, claim;

	(void)id;
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	ck_assert_int_eq(maru_alloc(p, LEN, &buf), 0);
	ck_assert_int_eq(maru_reserve(p, S("claimed"), LEN, &claim), 0);
	memset(buf.data, 'x', LEN);
	test_scene->no[IDX] = (int64_t)buf.ref.addr;
	test_stay();
	/* what it was doing when it fell silent ends in nothing */
	ck_assert_int_eq(maru_commit(p, &buf, S("late"), NULL), MARU_E_CLOSED);
	ck_assert_int_lt(maru_release(p, &view), 0);
	ck_assert_int_eq(maru_abort(p, &claim), MARU_E_CLOSED);
	ck_assert_int_eq(test_put(p, 5, LEN), MARU_E_CLOSED);
	ck_assert_int_eq(test_drop(p, 1), MARU_E_CLOSED);
	ck_assert_int_eq(maru_tick(p), MARU_E_CLOSED);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "declared"));
}

/* Host 2 holds things and is silent for too long; entry 1. */
static struct maru_pool *fence_one(pid_t *pid)
{
	struct maru_pool *p = host_start();

	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	*pid = host_staying(p, hold_things, HOST_ID(2, 1));
	host_pass_time(p);
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_FENCED);
	ck_assert_uint_eq(host_of(p, 1).recoverer, 0);
	return p;
}

/* All that was kept back is free again. */
static void all_is_back(struct maru_pool *p)
{
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
	ck_assert_uint_eq(test_stats(p).quarantined, 0);
	ck_assert_uint_eq(test_stats(p).clients, 1);
	test_sound(p);
}

START_TEST(pins_of_another_host_hold_off_a_delete)
{
	struct maru_pool *p = host_start();
	pid_t pid;

	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	pid = host_staying(p, hold_things, HOST_ID(2, 1));
	ck_assert_int_eq(test_drop(p, 1), -EBUSY);
	test_kill(pid);
	/* we cannot know that it is dead */
	ck_assert_int_eq(maru_reap(p), 0);
	ck_assert_int_eq(test_drop(p, 1), -EBUSY);
	host_pass_time(p);
	ck_assert_int_eq(test_drop(p, 1), 0);
	ck_assert_int_eq(maru_host_confirm(p, 1), 0);
	host_pass_time(p);
	all_is_back(p);
}
END_TEST

START_TEST(what_a_silent_host_was_writing_is_kept_back)
{
	pid_t pid;
	struct maru_pool *p = fence_one(&pid);
	uint32_t idx = (uint32_t)test_scene->no[IDX];

	ck_assert_uint_eq(test_stats(p).quarantined, 2);
	ck_assert_int_eq(room_state(p, idx), BLOCK_QUARANTINED);
	/* a claim of it is none any more */
	ck_assert_int_eq(maru_store(p, S("claimed"), S("by us")), 0);
	ck_assert_int_ge(maru_reap(p), 0);
	host_pass_time(p);
	host_pass_time(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_QUARANTINED);
	ck_assert_uint_eq(host_of(p, 1).clients, 1);
	test_sound(p);
	test_kill(pid);
	ck_assert_int_eq(maru_host_confirm(p, 1), 0);
	host_pass_time(p);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
	all_is_back(p);
}
END_TEST

START_TEST(a_fenced_client_that_wakes_changes_nothing_and_hears_of_it)
{
	pid_t pid;
	struct maru_pool *p = fence_one(&pid);
	uint64_t word = room_word(p, (uint32_t)test_scene->no[IDX]);

	test_post(&test_scene->go);
	host_ended(p, pid);
	ck_assert_uint_eq(room_word(p, (uint32_t)test_scene->no[IDX]), word);
	ck_assert_int_eq(test_has(p, 1), 1);
	ck_assert_int_eq(test_has(p, 5), 0);
	ck_assert_int_eq(maru_exists(p, S("late")), 0);
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_FENCED);
	ck_assert_int_eq(maru_host_confirm(p, 1), 0);
	host_pass_time(p);
	all_is_back(p);
}
END_TEST

START_TEST(a_host_that_beats_is_never_declared_gone)
{
	struct maru_pool *p = host_start();
	pid_t pid = host_staying(p, nothing, HOST_ID(2, 1));
	struct host_self *h = &p->client.host;
	unsigned i;

	for (i = 0; i < 100; i++) {
		HOST_CLOCK += HOST_NS / 10;
		if (i % 8 == 0) /* at least so often */
			a64_add_full(&h->all[1].word, 1ull << 32);
		ck_assert_int_eq(maru_tick(p), 0);
		ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_ACTIVE);
	}
	test_post(&test_scene->go);
	host_ended(p, pid);
}
END_TEST

START_TEST(an_observer_that_slept_has_not_listened_meanwhile)
{
	struct maru_pool *p = host_start();
	pid_t pid = host_staying(p, nothing, HOST_ID(2, 1));
	unsigned i;

	ck_assert_int_eq(maru_tick(p), 0);
	for (i = 0; i < 7; i++) {
		HOST_CLOCK += 100 * HOST_NS;
		ck_assert_int_eq(maru_tick(p), 0);
	}
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_ACTIVE);
	ck_assert_uint_lt(host_of(p, 1).silent_ms, HOST_MS);
	test_post(&test_scene->go);
	host_ended(p, pid);
}
END_TEST

START_TEST(one_that_has_not_been_declared_gone_cannot_be_confirmed)
{
	struct maru_pool *p = host_start();
	pid_t pid = host_staying(p, nothing, HOST_ID(2, 1));

	ck_assert_int_eq(maru_host_confirm(p, 1), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-2"));
	ck_assert_int_eq(maru_host_confirm(p, 2), -ENOENT);
	ck_assert_int_eq(maru_host_confirm(p, 64), -ENOENT);
	test_post(&test_scene->go);
	host_ended(p, pid);
}
END_TEST

START_TEST(a_restart_of_the_host_confirms)
{
	pid_t pid;
	struct maru_pool *p = fence_one(&pid);

	/* all its processes go with it */
	test_kill(pid);
	pid = host_staying(p, nothing, HOST_ID(2, 2));
	ck_assert_uint_eq(host_of(p, 1).state, MARU_HOST_FREE);
	ck_assert_uint_eq(test_stats(p).quarantined, 0);
	test_post(&test_scene->go);
	host_ended(p, pid);
	all_is_back(p);
}
END_TEST

START_TEST(its_own_kernel_confirms_when_those_processes_are_gone)
{
	pid_t old, new;
	struct maru_pool *p = fence_one(&old);

	new = host_staying(p, nothing, HOST_ID(2, 1));
	/* it is stopped, not dead: so says its kernel */
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_FENCED);
	ck_assert_int_eq(host_of(p, 2).state, MARU_HOST_ACTIVE);
	test_kill(old);
	test_post(&test_scene->go);
	host_ended(p, new);
	host_pass_time(p);
	/* one more that looks about it once */
	new = host_client(nothing, HOST_ID(2, 1));
	test_post(&test_scene->go);
	host_ended(p, new);
	host_pass_time(p);
	all_is_back(p);
}
END_TEST

static void come_back(struct maru_pool *p, unsigned id)
{
	struct maru_pool *again;

	(void)id;
	ck_assert_int_eq(test_put(p, 2, LEN), 0);
	test_stay();
	ck_assert_int_eq(test_put(p, 3, LEN), MARU_E_CLOSED);
	ck_assert_int_eq(maru_close(p, 0), 0);
	again = host_open();
	/* confirmed when it opened, and perhaps recovered already */
	ck_assert_int_ge(maru_tick(again), 0);
	ck_assert_int_ne(host_of(again, 1).state, MARU_HOST_FENCED);
	test_close(again);
	_exit(0);
}

START_TEST(a_process_that_opens_anew_after_it_was_fenced_is_not_in_the_way)
{
	struct maru_pool *p = host_start();
	pid_t pid = host_staying(p, come_back, HOST_ID(2, 1));

	host_pass_time(p);
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_FENCED);
	test_post(&test_scene->go);
	host_ended(p, pid);
	host_pass_time(p);
	all_is_back(p);
}
END_TEST

START_TEST(another_host_takes_over_from_a_recoverer_that_left)
{
	struct maru_pool *p = host_start();
	pid_t silent, other;

	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	silent = host_staying(p, hold_things, HOST_ID(2, 1));
	other = host_staying(p, nothing, HOST_ID(3, 1));
	test_kill(other);
	/* host 2 is recovered by host 3, which is silent, too */
	a64_store_full(&p->client.host.all[1].word,
		       host_make(HOST_FENCED, 2, 0, 0));
	host_pass_time(p);
	ck_assert_int_eq(host_of(p, 2).state, MARU_HOST_FENCED);
	ck_assert_int_ge(maru_tick(p), 0);
	ck_assert_uint_eq(host_of(p, 1).recoverer, 0);
	/* host 3 may yet store where it was cleaning up */
	ck_assert_int_eq(maru_host_confirm(p, 1), 0);
	host_pass_time(p);
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_CONFIRMED);
	ck_assert_uint_eq(test_stats(p).quarantined, 2);
	ck_assert_int_eq(maru_host_confirm(p, 2), 0);
	host_pass_time(p);
	test_kill(silent);
	all_is_back(p);
}
END_TEST

/* Killed at its work. */
static void write_and_wait(struct maru_pool *p, unsigned id)
{
	struct maru_buf a, b;

	(void)id;
	ck_assert_int_eq(maru_alloc(p, LEN, &a), 0);
	ck_assert_int_eq(maru_reserve(p, S("claimed"), LEN, &b), 0);
	test_post(&test_scene->go);
	pause();
}

/* Cleans up after one of its own, but not to the end, and stays. */
static void leave_the_dead(struct maru_pool *p, unsigned id)
{
	pid_t pid = host_client(write_and_wait, id);

	test_pass(&test_scene->go);
	test_kill(pid);
	ck_assert_int_eq(maru_reap(p), 1);
	test_stay();
}

START_TEST(who_leaves_hands_over_what_still_waits)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *p;
	pid_t pid;

	HOST_CLOCK = 1000 * HOST_NS;
	o.share = MARU_SHARE_FABRIC;
	o.quarantine_ms = 2000;
	host_be(HOST_ID(1, 1));
	test_format(&o);
	p = host_open();
	ck_assert_int_eq(test_put(p, 1, LEN), 0);
	pid = host_staying(p, leave_the_dead, HOST_ID(2, 1));
	ck_assert_uint_eq(test_stats(p).quarantined, 2);
	test_post(&test_scene->go);
	host_ended(p, pid);
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_CONFIRMED);
	ck_assert_uint_eq(test_stats(p).quarantined, 2);
	host_pass_time(p);
	all_is_back(p);
}
END_TEST

START_TEST(two_that_live_with_one_machine_id_have_none)
{
	struct maru_pool *p = host_start();
	pid_t pid = host_staying(p, nothing, HOST_ID(1, 2));
	struct host_self *h = &p->client.host;
	uint64_t a[2], b[2];

	/* whichever of them has noticed */
	maru_tick(p);
	a64_add_full(&h->all[1].word, 1ull << 32);
	maru_tick(p);
	host_machine(&h->all[0], a);
	host_machine(&h->all[1], b);
	ck_assert(!a[0] || !b[0]);
	test_kill(pid);
	host_pass_time(p);
	/* so no restart can be seen */
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_FENCED);
	ck_assert_int_eq(maru_host_confirm(p, 1), 0);
	host_pass_time(p);
	all_is_back(p);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_second_host_sees_what_the_first_has_stored,
		pins_of_another_host_hold_off_a_delete,
		what_a_silent_host_was_writing_is_kept_back,
		a_fenced_client_that_wakes_changes_nothing_and_hears_of_it,
		a_host_that_beats_is_never_declared_gone,
		an_observer_that_slept_has_not_listened_meanwhile,
		one_that_has_not_been_declared_gone_cannot_be_confirmed,
		a_restart_of_the_host_confirms,
		its_own_kernel_confirms_when_those_processes_are_gone,
		a_process_that_opens_anew_after_it_was_fenced_is_not_in_the_way,
		another_host_takes_over_from_a_recoverer_that_left,
		who_leaves_hands_over_what_still_waits,
		two_that_live_with_one_machine_id_have_none,
	};

	if (!host_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return test_run("host", TEST_TMPFS, tests, TEST_LEN(tests));
}
