// SPDX-License-Identifier: BSD-3-Clause
/* Who may share a pool: of one host, of several, of those not coherent. */
#include "common_host.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LEN 3000

/* Pools of one host -------------------------------------------------------- */

static void format_one(uint32_t flags)
{
	struct maru_create_opts o = test_opts();

	o.flags |= flags;
	test_format(&o);
}

/* A client with a value in the pool; to be killed, or told to go. */
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

/* Left as by a crash of the host. */
static void killed(unsigned id)
{
	test_kill(staying(id));
}

START_TEST(another_machine_is_refused_a_pool_of_one_host_that_is_in_use)
{
	pid_t pid;

	format_one(MARU_CREATE_CRC);
	pid = staying(HOST_ID(1, 1));
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_try(0), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-1"));
	ck_assert_int_eq(host_try(MARU_OPEN_RDONLY), 0);
	test_post(&test_scene->go);
	test_ended(pid);
}
END_TEST

START_TEST(a_restarted_machine_repairs_its_own_pool)
{
	struct maru_fsck_result res;

	format_one(MARU_CREATE_CRC);
	killed(HOST_ID(1, 1));
	host_be(HOST_ID(1, 2));
	ck_assert_int_eq(host_try(0), MARU_E_CORRUPT);
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR, &res), 0);
	ck_assert_uint_eq(res.kept, 1);
	ck_assert_int_eq(host_try(0), 0);
}
END_TEST

START_TEST(another_machine_does_not_repair_what_may_be_in_use)
{
	struct maru_fsck_result res;

	format_one(MARU_CREATE_CRC);
	killed(HOST_ID(1, 1));
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR, &res), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-1"));
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "--takeover"));
	/* it looks, and leaves it as it was */
	ck_assert_int_eq(host_fsck(0, &res), 0);
	ck_assert_int_eq(host_try(0), -EBUSY);
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR | MARU_FSCK_TAKEOVER, &res),
			 0);
	ck_assert_uint_eq(res.kept, 1);
	ck_assert_int_eq(host_try(0), 0);
}
END_TEST

START_TEST(another_machine_does_not_format_over_what_may_be_in_use)
{
	format_one(0);
	killed(HOST_ID(1, 1));
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_force(), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host-1"));
	ck_assert_int_eq(host_try(0), -EBUSY); /* it is still that pool */
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR | MARU_FSCK_TAKEOVER, NULL),
			 0);
	ck_assert_int_eq(host_force(), 0);
}
END_TEST

START_TEST(a_pool_that_was_left_in_order_goes_to_any_machine)
{
	pid_t pid;

	format_one(MARU_CREATE_DURABLE);
	pid = staying(HOST_ID(1, 1));
	test_post(&test_scene->go);
	test_ended(pid);
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_try(0), 0);
	ck_assert_int_eq(host_force(), 0);
}
END_TEST

/* As a library that knows nothing of the note leaves it. */
static void forget(struct maru_pool *none, unsigned id)
{
	struct maru_pool *p = test_open(0);
	struct media_control *c =
		media_at(media_region(&p->media, 0), SECTION_CONTROL);
	const uint64_t earlier[2] = { 7, 7 };

	(void)none, (void)id;
	media_note_opener(c, earlier);
	test_stay();
}

START_TEST(a_note_of_an_earlier_opener_is_not_believed)
{
	pid_t pid;

	format_one(MARU_CREATE_CRC);
	pid = host_fork(forget, HOST_ID(1, 1));
	test_pass(&test_scene->ready);
	test_kill(pid);
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_try(0), MARU_E_CORRUPT);
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR, NULL), 0);
	ck_assert_int_eq(host_try(0), 0);
}
END_TEST

/* How a pool may be shared ------------------------------------------------- */

static int create_shared(uint32_t share, uint32_t host_ms)
{
	struct maru_create_opts o = test_opts();

	o.share = share;
	o.host_ms = host_ms;
	o.flags |= MARU_CREATE_FORCE;
	return maru_create(test_target(), &o);
}

START_TEST(hosts_that_are_not_coherent_get_no_pool)
{
	format_one(0);
	ck_assert_int_eq(create_shared(MARU_SHARE_NONCOHERENT, 0), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "compare-and-swap"));
	ck_assert_int_eq(host_try(0), 0); /* the old one is still there */
}
END_TEST

START_TEST(a_way_of_sharing_that_is_none_is_refused)
{
	format_one(0);
	ck_assert_int_eq(create_shared(MARU_SHARE_NONCOHERENT + 1, 0), -EINVAL);
	ck_assert_int_eq(create_shared(MARU_SHARE_FABRIC, 99), -EINVAL);
	ck_assert_int_eq(create_shared(MARU_SHARE_FABRIC, 3600001), -EINVAL);
	ck_assert_int_eq(create_shared(MARU_SHARE_HOST, 10000), -EINVAL);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "host_ms"));
	ck_assert_int_eq(host_try(0), 0);
}
END_TEST

/* What the superblock says of sharing, sealed as if it were right. */
static void say(struct maru_pool *p, uint32_t share, uint32_t host_ms,
		uint64_t incompat)
{
	struct media_region *r = media_region(&p->media, 0);
	struct media_super sb = r->sb;

	sb.share = share;
	sb.host_ms = host_ms;
	sb.incompat = incompat;
	media_super_write(r, &sb);
}

START_TEST(a_superblock_that_is_wrong_of_sharing_is_not_believed)
{
	struct maru_pool *p = host_start();
	const struct media_super was = media_region(&p->media, 0)->sb;
	const struct {
		uint32_t share, host_ms;
		uint64_t incompat;
	} wrong[] = {
		{ 3, HOST_MS, was.incompat },
		{ 1, 99, was.incompat },
		{ 1, 3600001, was.incompat },
		{ 1, HOST_MS, was.incompat & ~MEDIA_INCOMPAT_HOSTS },
		{ 0, 0, was.incompat },
	};
	unsigned i;

	for (i = 0; i < TEST_LEN(wrong); i++) {
		say(p, wrong[i].share, wrong[i].host_ms, wrong[i].incompat);
		ck_assert_int_eq(host_try(MARU_OPEN_NO_BEAT), MARU_E_CORRUPT);
		ck_assert_int_eq(host_try(MARU_OPEN_RDONLY), MARU_E_CORRUPT);
	}
	say(p, was.share, was.host_ms, was.incompat);
	ck_assert_int_eq(host_try(MARU_OPEN_NO_BEAT), 0);
}
END_TEST

START_TEST(a_pool_of_hosts_that_are_not_coherent_can_only_be_read)
{
	struct maru_open_opts ro = { .size = sizeof(ro),
				     .flags = MARU_OPEN_RDONLY };
	struct maru_pool *p = host_start(), *look;
	const struct media_super was = media_region(&p->media, 0)->sb;
	char value[LEN];
	size_t len;

	ck_assert_int_eq(maru_store(p, S("key"), S("value")), 0);
	say(p, MARU_SHARE_NONCOHERENT, was.host_ms, was.incompat);
	ck_assert_int_eq(host_try(0), -ENOTSUP);
	ck_assert_int_eq(host_fsck(MARU_FSCK_REPAIR, NULL), -ENOTSUP);
	ck_assert_int_eq(maru_open(test_target(), &ro, &look), 0);
	ck_assert_int_eq(maru_read(look, S("key"), value, LEN, &len), 0);
	ck_assert_int_eq(maru_store(look, S("other"), S("value")), -EROFS);
	ck_assert_int_eq(maru_hosts(look, NULL, 0), 0);
	ck_assert_int_eq(maru_close(look, 0), 0);
	say(p, was.share, was.host_ms, was.incompat);
}
END_TEST

START_TEST(a_pool_of_one_host_has_no_table_of_hosts)
{
	struct maru_pool *p;

	format_one(0);
	p = test_open(0);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 0);
	ck_assert_int_eq(maru_host_confirm(p, 0), -ENOENT);
	ck_assert_int_eq(maru_tick(p), 0);
}
END_TEST

/* Entries ------------------------------------------------------------------ */

START_TEST(a_table_that_is_full_takes_no_further_host)
{
	struct maru_pool *p = host_start();
	uint32_t no;

	for (no = 1; no < HOST_NR; no++)
		a64_store_full(host_entry(p, no),
			       host_make(HOST_FENCED, 0, 0, no));
	test_close(host_open()); /* of a host that has one */
	host_be(HOST_ID(2, 1));
	ck_assert_int_eq(host_try(MARU_OPEN_NO_BEAT), -EUSERS);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "64"));
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "maru-fence"));
	for (no = 1; no < HOST_NR; no++)
		a64_store_full(host_entry(p, no),
			       host_make(HOST_FREE, HOST_NONE, 1, 0));
}
END_TEST

/* What this host would write into an entry that it is about to describe. */
static uint64_t claimed_here(const struct maru_pool *p)
{
	const uint64_t *boot = p->client.me.boot;
	uint64_t tag = (boot[0] ^ boot[1]) * 0x9e3779b97f4a7c15ull >> 32;

	return host_make(HOST_CLAIMED, HOST_NONE, 5, (uint32_t)tag);
}

static void nothing(struct maru_pool *p, unsigned id)
{
	(void)p, (void)id;
	test_stay();
}

/* Enters an entry that a process of its host died in, and no other. */
static void find_claimed(struct maru_pool *p, unsigned id)
{
	(void)id;
	a64_store_full(host_entry(p, 7), claimed_here(p));
	test_stay();
}

START_TEST(a_claim_whose_process_died_is_completed_by_the_next_of_its_host)
{
	struct maru_pool *p = host_start();
	pid_t pid = host_staying(p, find_claimed, HOST_ID(2, 1));

	test_post(&test_scene->go);
	host_ended(p, pid);
	ck_assert_int_eq(host_of(p, 7).state, MARU_HOST_CLAIMED);
	ck_assert_uint_eq(host_of(p, 7).beats, 0);
	pid = host_staying(p, nothing, HOST_ID(2, 1));
	ck_assert_int_eq(host_of(p, 1).state, MARU_HOST_FREE);
	ck_assert_int_eq(host_of(p, 7).state, MARU_HOST_ACTIVE);
	ck_assert_str_eq(host_of(p, 7).name, "host-2");
	test_post(&test_scene->go);
	host_ended(p, pid);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
}
END_TEST

START_TEST(a_claim_of_a_host_that_is_gone_is_no_other_hosts)
{
	struct maru_pool *p = host_start();
	pid_t pid = host_staying(p, find_claimed, HOST_ID(2, 1));

	test_post(&test_scene->go);
	host_ended(p, pid);
	pid = host_staying(p, nothing, HOST_ID(3, 1));
	ck_assert_int_eq(host_of(p, 7).state, MARU_HOST_CLAIMED);
	ck_assert_str_eq(host_of(p, 1).name, "host-3");
	test_post(&test_scene->go);
	host_ended(p, pid);
	host_pass_time(p);
	ck_assert_int_eq(host_of(p, 7).state, MARU_HOST_FENCED);
	ck_assert_int_eq(maru_host_confirm(p, 7), 0);
	host_pass_time(p);
	ck_assert_int_eq(maru_hosts(p, NULL, 0), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		another_machine_is_refused_a_pool_of_one_host_that_is_in_use,
		a_restarted_machine_repairs_its_own_pool,
		another_machine_does_not_repair_what_may_be_in_use,
		another_machine_does_not_format_over_what_may_be_in_use,
		a_pool_that_was_left_in_order_goes_to_any_machine,
		a_note_of_an_earlier_opener_is_not_believed,
		hosts_that_are_not_coherent_get_no_pool,
		a_way_of_sharing_that_is_none_is_refused,
		a_superblock_that_is_wrong_of_sharing_is_not_believed,
		a_pool_of_hosts_that_are_not_coherent_can_only_be_read,
		a_pool_of_one_host_has_no_table_of_hosts,
		a_table_that_is_full_takes_no_further_host,
		a_claim_whose_process_died_is_completed_by_the_next_of_its_host,
		a_claim_of_a_host_that_is_gone_is_no_other_hosts,
	};

	if (!host_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return test_run("host_open", TEST_TMPFS, tests, TEST_LEN(tests));
}
