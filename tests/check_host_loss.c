// SPDX-License-Identifier: BSD-3-Clause
/* A host is lost at every store of what its clients do; others go on. */
#include "common.h"
#include "common_power.h"

#include "cache/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounded: stress_power has the time to do more. */
static const struct power_plan plan = {
	.subsets = 2,
	.singles = 3,
	.randoms = 2,
	.cuts = 12,
	.seed = 1,
};

static void tell(const char *name, const struct power_count *n)
{
	printf("  %s: %llu cuts, %llu images, %llu of them different; %llu entries kept\n",
	       name, (unsigned long long)n->cuts, (unsigned long long)n->images,
	       (unsigned long long)n->distinct, (unsigned long long)n->kept);
}

static void lose(const char *name)
{
	const struct power_scene *s = power_scene(name);
	struct power_count n = { 0 };

	ck_assert_ptr_nonnull(s);
	s->run(2);
	power_cut_host(&plan, &n);
	tell(name, &n);
	ck_assert_uint_eq(n.bad, 0);
	ck_assert_uint_gt(n.distinct, 10);
	ck_assert_uint_gt(n.kept, 0);
}

/* One process dies at every @every-th store, others of its host go on. */
static void lose_after_death(const char *name, unsigned every)
{
	const struct power_scene *s = power_scene(name);
	struct power_plan by = plan;
	struct power_count n = { 0 };
	unsigned variant = 1;

	by.subsets = 1;
	by.singles = 1;
	by.randoms = 1;
	by.cuts = 2;
	while (s->run(variant)) {
		by.from = record_first(2);
		by.seed = variant;
		power_cut_host(&by, &n);
		ck_assert_msg(!n.bad, "the client died at store %u", variant);
		variant += variant < 12 ? 1 : every;
	}
	tell(name, &n);
	ck_assert_uint_gt(variant, 20);
}

START_TEST(what_was_stored_or_deleted_is_as_was_told)
{
	lose("all verbs");
}
END_TEST

START_TEST(a_slab_that_changes_its_class_brings_nothing_back)
{
	lose("classes");
}
END_TEST

START_TEST(a_key_that_is_stored_anew_has_its_new_value)
{
	lose("stored anew");
}
END_TEST

START_TEST(a_block_that_is_evicted_and_used_again_is_one_or_the_other)
{
	lose("evicting");
}
END_TEST

START_TEST(a_large_value_is_there_completely)
{
	lose("large");
}
END_TEST

START_TEST(an_entry_outside_its_home_is_found)
{
	lose("overflow");
}
END_TEST

START_TEST(no_two_extents_overlap)
{
	lose("runs");
}
END_TEST

START_TEST(what_was_being_written_is_given_back)
{
	lose("buffers");
}
END_TEST

START_TEST(what_the_survivor_has_seen_is_not_lost)
{
	lose("in turn");
}
END_TEST

START_TEST(a_host_that_has_left_leaves_nothing)
{
	lose("left");
}
END_TEST

START_TEST(what_a_dead_writer_left_is_whole_or_not_there)
{
	lose_after_death("after a dead writer", 30);
}
END_TEST

START_TEST(what_a_dead_remover_left_does_not_come_back)
{
	lose_after_death("after a dead remover", 30);
}
END_TEST

START_TEST(an_extent_that_a_dead_client_made_keeps_its_entries)
{
	lose_after_death("after a dead maker", 30);
}
END_TEST

/* The first word of a slab that a child has made ACTIVE; by @stores of it. */
static uint32_t stores_to_active(const struct media_super *sb)
{
	const struct media_section *slabs = &sb->section[SECTION_SLABS];
	uint32_t i;

	for (i = power_story->child; i < record->nr; i++) {
		const struct record_entry *e = &record->log[i];

		if (e->who == 2 && e->kind == RECORD_STORE &&
		    e->off - slabs->off < slabs->len && e->off % 256 == 0 &&
		    slab_word_state(e->word) == SLAB_ACTIVE)
			break;
	}
	ck_assert_uint_lt(i, record->nr);
	return i + 1 - power_story->child;
}

START_TEST(an_extent_that_is_in_use_is_not_given_back)
{
	const struct power_scene *s = power_scene("after a dead maker");
	struct power_count n = { 0 };
	struct power_plan by = plan;
	struct media_super sb;

	ck_assert(!s->run(100000));
	memcpy(&sb, record_base, sizeof(sb));
	/* between ACTIVE and its flush */
	ck_assert(s->run(stores_to_active(&sb)));
	by.from = power_story->child;
	power_cut_host(&by, &n);
	tell(s->name, &n);
	ck_assert_uint_eq(n.bad, 0);
	ck_assert_uint_gt(n.kept, 0);
}
END_TEST

/* Else one that has read it before, and looked for the key, would go on. */
START_TEST(a_late_insert_finds_the_head_changed)
{
	struct maru_create_opts o = power_opts();
	struct maru_pool *pool;
	char name[MARU_KEY_MAX];
	struct dir_key k;
	uint64_t before;
	a64 *head;

	power_begin(&o);
	pool = power_open();
	dir_key_init(&pool->dir, &k, name, power_key(name, 0));
	head = &pool->dir.buckets[dir_home(&pool->dir, k.h.h0)].head;
	before = a64_load_rlx(head); /* relaxed, here and below: one thread */
	ck_assert_int_eq(power_store(pool, 0, 100), 0);
	power_lose(record->nr); /* all that need not be there */
	ck_assert_uint_ne(a64_load_rlx(head), before);
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

	power_begin(&o);
	pool = power_open();
	ck_assert_int_eq(power_store(pool, 0, 300), 0);
	drains("the first store of a class", 6);
	ck_assert_int_eq(power_store(pool, 1, 300), 0);
	drains("a store", 4);
	ck_assert_int_eq(power_write(pool, 2, 300, true), 0);
	drains("reserve and commit", 5);
	ck_assert_int_eq(power_store(pool, 2, 300), MARU_EXISTED);
	drains("a store of what exists", 0);
	ck_assert_int_eq(power_delete(pool, 2), 0);
	drains("delete", 1);
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
		an_entry_outside_its_home_is_found,
		no_two_extents_overlap,
		what_was_being_written_is_given_back,
		what_the_survivor_has_seen_is_not_lost,
		a_host_that_has_left_leaves_nothing,
		what_a_dead_writer_left_is_whole_or_not_there,
		what_a_dead_remover_left_does_not_come_back,
		an_extent_that_a_dead_client_made_keeps_its_entries,
		an_extent_that_is_in_use_is_not_given_back,
		a_late_insert_finds_the_head_changed,
		nothing_drains_more_often_than_it_must,
	};
	int rc = power_ready(argv);

	(void)argc;
	if (rc)
		return rc;
	setenv("CK_DEFAULT_TIMEOUT", "120", 0);
	if (!loss_ready())
		return 1;
	rc = test_run("loss of a host", TEST_MEM, tests, TEST_LEN(tests));
	loss_over();
	return rc;
}
