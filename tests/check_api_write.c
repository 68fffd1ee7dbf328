// SPDX-License-Identifier: BSD-3-Clause
/* Writing in place: a buffer is committed or aborted, and that once. */
#include "common.h"

#include <pthread.h>
#include <string.h>

static struct maru_buf written(struct maru_pool *pool, uint64_t no, size_t len)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(pool, len, &buf), 0);
	ck_assert_uint_eq(buf.len, len);
	test_fill(buf.data, len, no);
	return buf;
}

static int commit(struct maru_pool *pool, struct maru_buf *buf, uint64_t no)
{
	char key[TEST_KEY];

	return maru_commit(pool, buf, key, test_key(key, no), NULL);
}

static struct maru_buf reserved(struct maru_pool *pool, uint64_t no, size_t len)
{
	char key[TEST_KEY];
	struct maru_buf buf;

	ck_assert_int_eq(maru_reserve(pool, key, test_key(key, no), len, &buf),
			 0);
	test_fill(buf.data, len, no);
	return buf;
}

static int reserve(struct maru_pool *pool, uint64_t no, struct maru_buf *buf)
{
	char key[TEST_KEY];

	return maru_reserve(pool, key, test_key(key, no), 100, buf);
}

static int await(struct maru_pool *pool, uint64_t no, int timeout_ms)
{
	char key[TEST_KEY];

	return maru_wait(pool, key, test_key(key, no), timeout_ms);
}

START_TEST(a_committed_buffer_is_the_value)
{
	static const size_t len[] = { 0, 1, 4095, 4096, 4097, 1u << 20 };
	struct maru_pool *pool = test_pool(NULL);

	for (size_t i = 0; i < TEST_LEN(len); i++) {
		struct maru_buf buf = written(pool, i, len[i]);

		ck_assert_int_eq(test_has(pool, i), 0);
		ck_assert_uint_eq(test_stats(pool).buffers, 1);
		ck_assert_int_eq(commit(pool, &buf, i), 0);
		ck_assert_uint_eq(test_stats(pool).buffers, 0);
		ck_assert_int_eq(test_get(pool, i, len[i]), 0);
	}
}
END_TEST

START_TEST(a_buffer_is_aligned_to_the_unit)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf[4];

	for (size_t i = 0; i < TEST_LEN(buf); i++) {
		ck_assert_int_eq(maru_alloc(pool, 1 + i * 5000, &buf[i]), 0);
		ck_assert_uint_eq((uintptr_t)buf[i].data % test_unit(pool), 0);
	}
	for (size_t i = 0; i < TEST_LEN(buf); i++)
		ck_assert_int_eq(maru_abort(pool, &buf[i]), 0);
}
END_TEST

START_TEST(a_full_buffer_takes_the_longest_key)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, test_unit(pool));
	unsigned char key[MARU_KEY_MAX];
	struct maru_view view;

	test_fill(key, sizeof(key), 2);
	ck_assert_int_eq(maru_commit(pool, &buf, key, sizeof(key), NULL), 0);
	ck_assert_int_eq(maru_retrieve(pool, key, sizeof(key), &view), 0);
	ck_assert(test_verify(view.data, view.len, 1));
	ck_assert_int_eq(maru_release(pool, &view), 0);
}
END_TEST

START_TEST(an_aborted_buffer_leaves_nothing)
{
	struct maru_pool *pool = test_pool(NULL);
	uint64_t before = test_stats(pool).used_bytes;
	struct maru_buf buf = written(pool, 1, 100000);

	ck_assert_uint_gt(test_stats(pool).used_bytes, before);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, before);
	ck_assert_uint_eq(test_stats(pool).total.aborts, 1);
}
END_TEST

START_TEST(a_buffer_is_committed_once)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, 100), copy = buf;

	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(commit(pool, &buf, 1), MARU_E_STALE);
	ck_assert_int_eq(commit(pool, &copy, 1), MARU_E_STALE);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_uint_eq(test_stats(pool).entries, 1);
	test_sound(pool);
}
END_TEST

START_TEST(a_committed_buffer_does_not_serve_another_key)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, 100), copy = buf;

	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(commit(pool, &copy, 2), MARU_E_STALE);
	ck_assert_int_eq(test_has(pool, 2), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_uint_eq(test_stats(pool).entries, 1);
}
END_TEST

START_TEST(a_committed_buffer_is_not_aborted)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, 100), copy = buf;

	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(maru_abort(pool, &buf), MARU_E_STALE);
	ck_assert_int_eq(maru_abort(pool, &copy), MARU_E_STALE);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_uint_eq(test_stats(pool).total.stale, 2);
}
END_TEST

START_TEST(an_aborted_buffer_is_gone)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, 100), copy = buf;

	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	ck_assert_int_eq(maru_abort(pool, &copy), MARU_E_STALE);
	ck_assert_int_eq(commit(pool, &copy, 1), MARU_E_STALE);
	ck_assert_int_eq(test_has(pool, 1), 0);
}
END_TEST

START_TEST(a_stale_buffer_harms_no_one_who_has_its_block_now)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf old = written(pool, 1, 100), copy = old;
	struct maru_buf buf;

	ck_assert_int_eq(maru_abort(pool, &copy), 0);
	for (unsigned i = 0; i < 64; i++) {
		buf = written(pool, i, 100);
		ck_assert_int_eq(
			maru_abort(pool, &(struct maru_buf){ old.data, old.len,
							     old.ref }),
			MARU_E_STALE);
		copy = old;
		ck_assert_int_eq(commit(pool, &copy, 1000), MARU_E_STALE);
		old = buf;
		ck_assert_int_eq(commit(pool, &buf, i), 0);
		ck_assert_int_eq(test_get(pool, i, 100), 0);
		ck_assert_int_eq(test_drop(pool, i), 0);
	}
	ck_assert_int_eq(test_has(pool, 1000), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, 0);
}
END_TEST

START_TEST(a_buffer_of_another_handle_is_refused)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf = written(pool, 1, 100), copy = buf;

	ck_assert_int_eq(commit(other, &copy, 1), MARU_E_STALE);
	copy = buf;
	ck_assert_int_eq(maru_abort(other, &copy), MARU_E_STALE);
	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(test_get(other, 1, 100), 0);
}
END_TEST

START_TEST(a_made_up_buffer_is_refused)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = { NULL, 10, { 0, 0 } };

	ck_assert_int_eq(commit(pool, &buf, 1), MARU_E_STALE);
	buf = (struct maru_buf){ NULL, 10, { UINT64_MAX, 7 } };
	ck_assert_int_eq(commit(pool, &buf, 1), MARU_E_STALE);
	buf = (struct maru_buf){ NULL, 10, { 3, 1 } };
	ck_assert_int_eq(maru_abort(pool, &buf), MARU_E_STALE);
}
END_TEST

START_TEST(the_length_may_be_lowered_before_commit)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, 5000);

	buf.len = 777;
	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(test_get(pool, 1, 777), 0);
	buf = written(pool, 2, 5000);
	buf.len = 0;
	ck_assert_int_eq(commit(pool, &buf, 2), 0);
	ck_assert_int_eq(test_get(pool, 2, 0), 0);
}
END_TEST

START_TEST(a_length_beyond_the_block_is_refused_and_the_buffer_still_good)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, 5000);

	buf.len = test_stats(pool).used_bytes + 1;
	ck_assert_int_eq(commit(pool, &buf, 1), -EINVAL);
	buf.len = SIZE_MAX;
	ck_assert_int_eq(commit(pool, &buf, 1), -EINVAL);
	ck_assert_int_eq(test_has(pool, 1), 0);
	buf.len = 5000;
	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(test_get(pool, 1, 5000), 0);
}
END_TEST

START_TEST(a_bad_key_is_refused_and_the_buffer_still_good)
{
	static const char key[MARU_KEY_MAX + 1];
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = written(pool, 1, 100);

	ck_assert_int_eq(maru_commit(pool, &buf, key, 0, NULL), -EINVAL);
	ck_assert_int_eq(maru_commit(pool, &buf, key, sizeof(key), NULL),
			 -EINVAL);
	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), -EINVAL);
	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

START_TEST(a_late_commit_gives_its_block_back)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf;
	uint64_t used;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	used = test_stats(pool).used_bytes;
	buf = written(pool, 99, 50000);
	ck_assert_int_eq(commit(pool, &buf, 1), MARU_EXISTED);
	ck_assert_uint_eq(test_stats(pool).used_bytes, used);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_int_eq(maru_abort(pool, &buf), MARU_E_STALE);
}
END_TEST

START_TEST(a_commit_can_bring_pins_and_a_view)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;
	struct maru_commit_opts o = { .size = sizeof(o),
				      .pins = 3,
				      .view = &view };
	struct maru_buf buf = written(pool, 1, 5000);

	ck_assert_int_eq(maru_commit(pool, &buf, S("k"), &o), 0);
	ck_assert_uint_eq(view.len, 5000);
	ck_assert(test_verify(view.data, view.len, 1));
	ck_assert_uint_eq(test_stats(pool).pins, 4);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), -EBUSY);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 3), 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), 0);
}
END_TEST

START_TEST(a_late_commit_brings_pins_and_a_view_of_the_winner)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;
	struct maru_commit_opts o = { .size = sizeof(o),
				      .pins = 2,
				      .view = &view };
	struct maru_buf buf = written(pool, 99, 5000);

	ck_assert_int_eq(maru_store(pool, S("k"), S("winner")), 0);
	ck_assert_int_eq(maru_commit(pool, &buf, S("k"), &o), MARU_EXISTED);
	ck_assert_uint_eq(view.len, 6);
	ck_assert_mem_eq(view.data, "winner", 6);
	ck_assert_uint_eq(test_stats(pool).pins, 3);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 2), 0);
}
END_TEST

START_TEST(commit_options_of_a_wrong_size_are_refused)
{
	struct maru_pool *pool = test_pool(NULL);
	struct {
		struct maru_commit_opts o;
		uint64_t more;
	} big = { .o.size = sizeof(big) };
	struct maru_commit_opts o = { .size = 0 };
	struct maru_buf buf = written(pool, 1, 10);

	ck_assert_int_eq(maru_commit(pool, &buf, S("k"), &o), -EINVAL);
	o = (struct maru_commit_opts){ .size = sizeof(o), .flags = 0x80 };
	ck_assert_int_eq(maru_commit(pool, &buf, S("k"), &o), -EINVAL);
	big.more = 1;
	ck_assert_int_lt(maru_commit(pool, &buf, S("k"), &big.o), 0);
	big.more = 0;
	ck_assert_int_eq(maru_commit(pool, &buf, S("k"), &big.o), 0);
}
END_TEST

START_TEST(a_reserved_key_is_in_progress_to_others)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf = reserved(pool, 1, 100), no;

	ck_assert_int_eq(reserve(other, 1, &no), -EINPROGRESS);
	ck_assert_int_eq(reserve(pool, 1, &no), -EINPROGRESS);
	ck_assert_int_eq(test_has(other, 1), 0);
	ck_assert_int_eq(test_get(other, 1, 100), -ENOENT);
	ck_assert_int_eq(test_drop(other, 1), -EINPROGRESS);
	ck_assert_uint_eq(test_stats(pool).claims, 1);
	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), 0);
	ck_assert_uint_eq(test_stats(pool).claims, 0);
	ck_assert_int_eq(test_get(other, 1, 100), 0);
	ck_assert_int_eq(reserve(other, 1, &no), MARU_EXISTED);
}
END_TEST

START_TEST(a_claimed_key_may_be_named_at_commit)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = reserved(pool, 1, 100);

	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

START_TEST(a_claim_is_not_committed_under_another_key)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = reserved(pool, 1, 100), copy = buf;

	ck_assert_int_eq(commit(pool, &copy, 2), MARU_E_STALE);
	ck_assert_int_eq(test_has(pool, 1), 0);
	ck_assert_int_eq(test_has(pool, 2), 0);
	test_sound(pool);
	/* Nothing happened to anybody: the claim is as good as before. */
	ck_assert_uint_eq(test_stats(pool).claims, 1);
	ck_assert_int_eq(commit(pool, &buf, 1), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

START_TEST(an_aborted_claim_frees_the_key)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf = reserved(pool, 1, 100);

	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	ck_assert_uint_eq(test_stats(pool).claims, 0);
	buf = reserved(other, 1, 100);
	ck_assert_int_eq(maru_commit(other, &buf, NULL, 0, NULL), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

START_TEST(a_complete_value_wins_over_a_claim)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf = reserved(pool, 1, 5000);

	test_fill(buf.data, buf.len, 99);
	ck_assert_int_eq(test_put(other, 1, 100), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), MARU_EXISTED);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
	ck_assert_uint_eq(test_stats(pool).entries, 1);
}
END_TEST

START_TEST(a_claim_that_lost_can_be_aborted)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf = reserved(pool, 1, 5000);

	ck_assert_int_eq(test_put(other, 1, 100), 0);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_uint_eq(test_stats(pool).buffers, 0);
}
END_TEST

START_TEST(a_claim_commits_after_the_winner_was_deleted)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf = reserved(pool, 1, 5000);
	int rc;

	ck_assert_int_eq(test_put(other, 1, 100), 0);
	ck_assert_int_eq(test_drop(other, 1), 0);
	rc = maru_commit(pool, &buf, NULL, 0, NULL);
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(test_get(other, 1, 5000), 0);
}
END_TEST

START_TEST(wait_looks_once_when_it_has_no_time)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf;

	ck_assert_int_eq(await(pool, 1, 0), -ENOENT);
	buf = reserved(pool, 1, 100);
	ck_assert_int_eq(await(other, 1, 0), -ETIMEDOUT);
	ck_assert_int_eq(await(other, 1, 20), -ETIMEDOUT);
	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), 0);
	ck_assert_int_eq(await(other, 1, 0), 0);
	ck_assert_int_eq(await(other, 1, -1), 0);
}
END_TEST

static void wait_for_1(struct maru_pool *pool, unsigned no)
{
	(void)no;
	test_post(&test_scene->ready);
	test_scene->no[0] = await(pool, 1, -1);
	test_scene->no[1] = test_has(pool, 1);
}

static pid_t waiting(void)
{
	return test_staying(wait_for_1, 0);
}

START_TEST(wait_sees_the_commit_of_another_process)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = reserved(pool, 1, 100);
	pid_t child = waiting();

	ck_assert_int_eq(maru_commit(pool, &buf, NULL, 0, NULL), 0);
	test_ended(child);
	ck_assert_int_eq(test_scene->no[0], 0);
	ck_assert_int_eq(test_scene->no[1], 1);
}
END_TEST

START_TEST(wait_sees_the_store_of_a_third)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_buf buf = reserved(pool, 1, 100);
	pid_t child = waiting();

	ck_assert_int_eq(test_put(other, 1, 100), 0);
	test_ended(child);
	ck_assert_int_eq(test_scene->no[0], 0);
	ck_assert_int_eq(maru_abort(pool, &buf), 0);
}
END_TEST

START_TEST(wait_ends_when_the_claim_is_given_up)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = reserved(pool, 1, 100);
	pid_t child = waiting();

	ck_assert_int_eq(maru_abort(pool, &buf), 0);
	test_ended(child);
	ck_assert_int_eq(test_scene->no[0], -ENOENT);
}
END_TEST

static void *commit_buffer(void *arg)
{
	struct maru_buf *buf = arg;
	struct maru_pool *pool;

	/* The handle comes where the value would go. */
	memcpy(&pool, buf->data, sizeof(pool));
	return maru_commit(pool, buf, NULL, 0, NULL) == 0 ? NULL : arg;
}

START_TEST(another_thread_may_commit_a_buffer)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_buf buf = reserved(pool, 1, 100);
	pthread_t t;
	void *bad;

	memcpy(buf.data, &pool, sizeof(pool));
	ck_assert_int_eq(pthread_create(&t, NULL, commit_buffer, &buf), 0);
	ck_assert_int_eq(await(pool, 1, -1), 0);
	ck_assert_int_eq(pthread_join(t, &bad), 0);
	ck_assert_ptr_null(bad);
	ck_assert_int_eq(test_has(pool, 1), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_committed_buffer_is_the_value,
		a_buffer_is_aligned_to_the_unit,
		a_full_buffer_takes_the_longest_key,
		an_aborted_buffer_leaves_nothing,
		a_buffer_is_committed_once,
		a_committed_buffer_does_not_serve_another_key,
		a_committed_buffer_is_not_aborted,
		an_aborted_buffer_is_gone,
		a_stale_buffer_harms_no_one_who_has_its_block_now,
		a_buffer_of_another_handle_is_refused,
		a_made_up_buffer_is_refused,
		the_length_may_be_lowered_before_commit,
		a_length_beyond_the_block_is_refused_and_the_buffer_still_good,
		a_bad_key_is_refused_and_the_buffer_still_good,
		a_late_commit_gives_its_block_back,
		a_commit_can_bring_pins_and_a_view,
		a_late_commit_brings_pins_and_a_view_of_the_winner,
		commit_options_of_a_wrong_size_are_refused,
		a_reserved_key_is_in_progress_to_others,
		a_claimed_key_may_be_named_at_commit,
		a_claim_is_not_committed_under_another_key,
		an_aborted_claim_frees_the_key,
		a_complete_value_wins_over_a_claim,
		a_claim_that_lost_can_be_aborted,
		a_claim_commits_after_the_winner_was_deleted,
		wait_looks_once_when_it_has_no_time,
		wait_sees_the_commit_of_another_process,
		wait_sees_the_store_of_a_third,
		wait_ends_when_the_claim_is_given_up,
		another_thread_may_commit_a_buffer,
	};

	return test_run("writing in place", TEST_MEDIA, tests, TEST_LEN(tests));
}
