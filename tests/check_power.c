// SPDX-License-Identifier: BSD-3-Clause
/* Loss of power at every store of what clients do to a durable pool. */
#include "common.h"
#include "common_power.h"

#include <string.h>

/* Bounded: stress_power has the time to do more. */
static const struct power_plan plan = {
	.subsets = 2,
	.singles = 2,
	.randoms = 1,
	.stride = 64,
	.cuts = 36,
	.usable = 50,
	.seed = 1,
};

static const struct power_scene *scene(const char *name)
{
	for (unsigned i = 0; i < power_scene_nr; i++)
		if (!strcmp(power_scenes[i].name, name))
			return &power_scenes[i];
	ck_abort_msg("no scene %s", name);
	return NULL;
}

static void tell(const char *name, const struct power_count *n)
{
	printf("  %s: %llu cuts, %llu images, %llu of them different; %llu were opened as they were; %llu entries kept\n",
	       name, (unsigned long long)n->cuts, (unsigned long long)n->images,
	       (unsigned long long)n->distinct, (unsigned long long)n->accepted,
	       (unsigned long long)n->kept);
}

static void cut(const char *name)
{
	const struct power_scene *s = scene(name);
	struct power_plan by = plan;
	struct power_count n = { 0 };

	if (s->closely)
		by.stride = s->closely;
	s->run(0);
	power_cut(&by, &n);
	tell(name, &n);
	ck_assert_uint_eq(n.bad, 0);
	ck_assert_uint_gt(n.distinct, 10);
	ck_assert_uint_gt(n.kept, 0);
}

/* The client dies at every @every-th store, and later the power is lost. */
static void cut_after_death(const char *name, unsigned every)
{
	const struct power_scene *s = scene(name);
	struct power_plan by = plan;
	struct power_count n = { 0 };
	unsigned variant = 1;

	by.singles = 0;
	by.subsets = 0;
	by.cuts = 6;
	by.stride = 1000;
	while (s->run(variant)) {
		by.from = record_first(1);
		by.seed = variant;
		power_cut(&by, &n);
		ck_assert_msg(!n.bad, "the client died at store %u", variant);
		/* first it makes the extent */
		variant += variant < 12 ? 1 : every;
	}
	tell(name, &n);
	ck_assert_uint_gt(variant, 20);
}

START_TEST(what_was_stored_or_deleted_is_as_was_told)
{
	cut("all verbs");
}
END_TEST

START_TEST(a_slab_that_changes_its_class_brings_nothing_back)
{
	cut("classes");
}
END_TEST

START_TEST(a_key_that_is_stored_anew_has_its_new_value)
{
	cut("stored anew");
}
END_TEST

START_TEST(a_block_that_is_evicted_and_used_again_is_one_or_the_other)
{
	cut("evicting");
}
END_TEST

START_TEST(a_large_value_is_there_completely)
{
	cut("large");
}
END_TEST

START_TEST(a_checksum_proves_a_value_that_nobody_flushed)
{
	cut("proven");
}
END_TEST

START_TEST(a_repair_may_be_cut_short)
{
	cut("repair");
}
END_TEST

START_TEST(a_repair_after_loss_of_power_may_be_cut_short)
{
	cut("repair after loss");
}
END_TEST

START_TEST(a_pool_that_is_half_made_is_not_the_one_before)
{
	cut("made over another");
}
END_TEST

START_TEST(what_a_dead_writer_left_is_whole_or_not_there)
{
	cut_after_death("after a dead writer", 6);
}
END_TEST

START_TEST(what_a_dead_remover_left_does_not_come_back)
{
	cut_after_death("after a dead remover", 6);
}
END_TEST

START_TEST(an_extent_that_a_dead_client_made_keeps_its_entries)
{
	cut_after_death("after a dead maker", 9);
}
END_TEST

static void drains(const char *what, unsigned nr)
{
	ck_assert_msg(power_drains() == nr, "%s drains %u times, not %u", what,
		      power_drains(), nr);
}

START_TEST(nothing_drains_more_often_than_it_must)
{
	struct maru_create_opts o = power_opts();
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
	hog = power_leave(pool, 1);
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
		what_was_stored_or_deleted_is_as_was_told,
		a_slab_that_changes_its_class_brings_nothing_back,
		a_key_that_is_stored_anew_has_its_new_value,
		a_block_that_is_evicted_and_used_again_is_one_or_the_other,
		a_large_value_is_there_completely,
		a_checksum_proves_a_value_that_nobody_flushed,
		a_repair_may_be_cut_short,
		a_repair_after_loss_of_power_may_be_cut_short,
		a_pool_that_is_half_made_is_not_the_one_before,
		what_a_dead_writer_left_is_whole_or_not_there,
		what_a_dead_remover_left_does_not_come_back,
		an_extent_that_a_dead_client_made_keeps_its_entries,
		nothing_drains_more_often_than_it_must,
	};
	int rc = power_ready(argv);

	(void)argc;
	return rc ? rc :
		    test_run("loss of power", TEST_MEM, tests, TEST_LEN(tests));
}
