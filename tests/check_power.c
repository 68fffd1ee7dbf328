// SPDX-License-Identifier: BSD-3-Clause
/* Loss of power at every store of what clients do to a durable pool. */
#include "common.h"
#include "common_power.h"

#include <stdlib.h>

static const struct power_plan plan = {
	.subsets = 5,
	.singles = 6,
	.randoms = 3,
	.stride = 16,
	.usable = 40,
	.seed = 1,
};

static struct maru_create_opts small_pool(void)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = 8 << 20,
				      .unit = 4096,
				      .max_clients = 4,
				      .flags = MARU_CREATE_DURABLE };

	return o;
}

static void cut_by(const struct power_plan *by)
{
	struct power_count n = { 0 };

	power_cut(by, &n);
	fprintf(stderr,
		"%u entries, %llu cuts, %llu images, %llu distinct, %llu opened as they were, %llu refused, %llu bad\n",
		record->nr, (unsigned long long)n.cuts,
		(unsigned long long)n.images, (unsigned long long)n.distinct,
		(unsigned long long)n.accepted, (unsigned long long)n.refused,
		(unsigned long long)n.bad);
	ck_assert_uint_eq(n.bad, 0);
	ck_assert_uint_gt(n.distinct, 0);
}

static void cut_it(void)
{
	cut_by(&plan);
}

/* Few stores, and nothing that is not believed if the pool is opened as is. */
static void cut_closely(void)
{
	struct power_plan by = plan;

	by.stride = 1;
	cut_by(&by);
}

START_TEST(what_was_stored_and_deleted_is_as_was_told)
{
	struct maru_create_opts o = small_pool();
	struct maru_pool *pool;

	power_begin(&o);
	pool = power_open();
	for (unsigned key = 0; key < 6; key++)
		ck_assert_int_eq(power_store(pool, key, key * 37), 0);
	ck_assert_int_eq(power_delete(pool, 1), 0);
	ck_assert_int_eq(power_store(pool, 1, 500), 0);
	ck_assert_int_eq(power_delete(pool, 4), 0);
	ck_assert_int_eq(power_write(pool, 4, 77, true), 0);
	ck_assert_int_eq(power_write(pool, 6, 200, false), 0);
	power_close(pool);
	cut_it();
}
END_TEST

/* All but @slabs slabs are taken by one buffer that nobody writes to. */
static struct maru_buf leave_slabs(struct maru_pool *pool, unsigned slabs)
{
	struct maru_super sb;
	struct maru_buf hog;

	ck_assert_int_eq(maru_inspect_super(pool, &sb), 0);
	ck_assert_int_eq(
		maru_alloc(pool,
			   (sb.slabs - slabs) * sb.slab_pages * (size_t)sb.unit,
			   &hog),
		0);
	return hog;
}

/* Blocks of one unit, of three, and of one again, in the same slab. */
START_TEST(a_slab_that_changes_its_class_brings_nothing_back)
{
	struct maru_create_opts o = small_pool();
	struct maru_pool *pool;
	struct maru_buf hog;

	power_begin(&o);
	pool = power_open();
	hog = leave_slabs(pool, 1);
	for (unsigned key = 0; key < 6; key++)
		ck_assert_int_eq(power_store(pool, key, 100 + key), 0);
	power_clear(pool);
	for (unsigned key = 6; key < 8; key++)
		ck_assert_int_eq(power_store(pool, key, 9000 + key), 0);
	power_clear(pool);
	ck_assert_int_eq(power_store(pool, 0, 300), 0);
	ck_assert_int_eq(power_delete(pool, 0), 0);
	ck_assert_int_eq(power_store(pool, 8, 16000), 0);
	ck_assert_int_eq(maru_abort(pool, &hog), 0);
	power_close(pool);
	cut_it();
}
END_TEST

/*
 * The old value lies in a block that had more lives than that of the new one,
 * and is not the first to be used again.
 */
START_TEST(a_key_that_is_stored_anew_has_its_new_value)
{
	struct maru_create_opts o = small_pool();
	struct maru_pool *pool;

	power_begin(&o);
	pool = power_open();
	for (unsigned key = 0; key < 4; key++)
		ck_assert_int_eq(power_store(pool, key, 50), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(power_delete(pool, 3), 0);
		ck_assert_int_eq(power_store(pool, 3, 60 + i), 0);
	}
	ck_assert_int_eq(power_delete(pool, 0), 0);
	ck_assert_int_eq(power_delete(pool, 3), 0);
	ck_assert_int_eq(power_store(pool, 3, 70), 0);
	ck_assert_int_eq(power_store(pool, 5, 10), 0);
	cut_it();
	power_close(pool);
}
END_TEST

static void fsck(const char *path, uint32_t flags)
{
	struct maru_fsck_opts o = { .size = sizeof(o), .flags = flags };

	ck_assert_int_eq(maru_fsck(path, &o, NULL), 0);
}

/*
 * Some entries, and a value that is still being written.
 * @lose: and then the power is lost, with all that was not made durable
 */
static const char *some_entries(uint32_t create_flags, bool lose)
{
	uint32_t at;
	struct maru_create_opts o = small_pool();
	const char *path;
	struct maru_pool *pool;
	struct maru_buf buf;

	o.flags |= create_flags;
	path = power_begin(&o);
	pool = power_open();
	for (unsigned key = 0; key < 8; key++)
		ck_assert_int_eq(power_store(pool, key, key * 700), 0);
	ck_assert_int_eq(power_delete(pool, 5), 0);
	ck_assert_int_eq(maru_alloc(pool, 50000, &buf), 0);
	at = record->nr;
	ck_assert_int_eq(maru_close(pool, MARU_CLOSE_FORCE), 0);
	if (lose)
		power_lose(path, at);
	return path;
}

START_TEST(a_repair_may_be_cut_short)
{
	const char *path = some_entries(0, false);

	power_watch(path, true);
	fsck(path, MARU_FSCK_REPAIR | MARU_FSCK_REBUILD);
	cut_closely();
}
END_TEST

START_TEST(a_repair_after_loss_of_power_may_be_cut_short)
{
	const char *path = some_entries(0, true);

	power_watch(path, true);
	fsck(path, MARU_FSCK_REPAIR);
	cut_closely();
}
END_TEST

static void format(const char *path)
{
	struct maru_create_opts o = small_pool();
	struct power_op *op = power_op(POWER_SWEEP, 0);
	int rc;

	o.flags |= MARU_CREATE_FORCE;
	rc = maru_create(path, &o);
	ck_assert_msg(!rc, "create: %d, %s", rc, maru_errmsg());
	power_done(NULL, op, rc);
	op->sweeps = true;
}

START_TEST(a_pool_that_is_half_made_is_none)
{
	const char *path = test_file("power", 8 << 20, 0);

	power_watch(path, false);
	format(path);
	cut_closely();
}
END_TEST

START_TEST(a_pool_that_is_half_made_is_not_the_one_before)
{
	const char *path = some_entries(0, false);

	power_watch(path, true);
	format(path);
	cut_closely();
}
END_TEST

static void drains(const char *what, unsigned at_most)
{
	unsigned nr = power_drains();

	ck_assert_msg(nr <= at_most, "%s drains %u times, %u will do", what, nr,
		      at_most);
	ck_assert_msg(nr == at_most, "%s drains only %u times: is %u right?",
		      what, nr, at_most);
}

START_TEST(nothing_drains_more_often_than_it_must)
{
	struct maru_create_opts o = small_pool();
	struct maru_pool *pool;
	struct maru_buf hog;

	power_begin(&o);
	pool = power_open();
	ck_assert_int_eq(power_store(pool, 0, 300), 0);
	drains("the first store of a class", 4);
	ck_assert_int_eq(power_store(pool, 1, 0), 0);
	drains("a store of nothing", 2);
	ck_assert_int_eq(power_store(pool, 2, 3000), 0);
	drains("a store", 2);
	ck_assert_int_eq(power_store(pool, 3, 300), 0);
	drains("a store with a long key", 2);
	ck_assert_int_eq(power_write(pool, 5, 300, true), 0);
	drains("reserve and commit", 2);
	ck_assert_int_eq(power_store(pool, 5, 300), MARU_EXISTED);
	drains("a store of what exists", 0);
	ck_assert_int_eq(power_delete(pool, 5), 0);
	drains("delete", 1);
	hog = leave_slabs(pool, 1);
	for (unsigned key = 6; !power_story->evicted; key++)
		ck_assert_int_eq(power_store(pool, key, 300), 0);
	drains("a store that evicts one", 3);
	ck_assert_int_eq(maru_abort(pool, &hog), 0);
	power_close(pool);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		what_was_stored_and_deleted_is_as_was_told,
		a_slab_that_changes_its_class_brings_nothing_back,
		a_key_that_is_stored_anew_has_its_new_value,
		a_repair_may_be_cut_short,
		a_repair_after_loss_of_power_may_be_cut_short,
		a_pool_that_is_half_made_is_none,
		a_pool_that_is_half_made_is_not_the_one_before,
		nothing_drains_more_often_than_it_must,
	};
	int rc = power_ready(argv);

	(void)argc;
	return rc ? rc :
		    test_run("loss of power", TEST_MEM, tests, TEST_LEN(tests));
}
