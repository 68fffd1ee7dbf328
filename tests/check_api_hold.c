// SPDX-License-Identifier: BSD-3-Clause
/* Views, pins and references: what is held stays, what is given back is free. */
#include "common.h"

#include <pthread.h>
#include <string.h>

START_TEST(a_view_shows_the_value_until_it_is_released)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;

	ck_assert_int_eq(test_put(pool, 1, 10000), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	ck_assert_uint_eq(view.len, 10000);
	ck_assert_uint_ne(view.ref.version, 0);
	ck_assert(test_verify(view.data, view.len, 1));
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_uint_eq(view.ref.version, 0);
}
END_TEST

START_TEST(a_miss_leaves_a_clear_view)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;

	memset(&view, 0x5a, sizeof(view));
	ck_assert_int_eq(test_hold(pool, 1, &view), -ENOENT);
	ck_assert_uint_eq(view.ref.version, 0);
	ck_assert_int_eq(maru_release(pool, &view), MARU_E_STALE);
}
END_TEST

START_TEST(a_held_entry_is_busy_to_a_deleter_until_released)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	ck_assert_int_eq(test_has(pool, 1), 1);
	ck_assert(test_verify(view.data, view.len, 1));
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(test_drop(pool, 1), 0);
	ck_assert_int_eq(test_has(pool, 1), 0);
}
END_TEST

static void hold_and_stay(struct maru_pool *pool, unsigned no)
{
	struct maru_view view;

	ck_assert_int_eq(test_hold(pool, no, &view), 0);
	test_stay();
	ck_assert(test_verify(view.data, view.len, no));
	ck_assert_int_eq(maru_release(pool, &view), 0);
}

START_TEST(a_hold_of_another_process_keeps_the_deleter_away)
{
	struct maru_pool *pool = test_pool(NULL);
	pid_t holder;

	ck_assert_int_eq(test_put(pool, 1, 5000), 0);
	holder = test_staying(hold_and_stay, 1);
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	test_post(&test_scene->go);
	test_ended(holder);
	ck_assert_int_eq(test_drop(pool, 1), 0);
}
END_TEST

START_TEST(a_view_is_released_once)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view, copy;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	copy = view;
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(maru_release(pool, &view), MARU_E_STALE);
	ck_assert_int_eq(maru_release(pool, &copy), MARU_E_STALE);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
	ck_assert_uint_eq(test_stats(pool).total.stale, 2);
}
END_TEST

START_TEST(a_stale_view_does_not_release_the_blocks_next_entry)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view old, view;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	old = view;
	ck_assert_int_eq(maru_release(pool, &view), 0);
	/* Whichever block the next entries get, theirs is another version. */
	for (unsigned i = 0; i < 64; i++) {
		ck_assert_int_eq(test_drop(pool, 1), 0);
		ck_assert_int_eq(test_put(pool, 1, 100), 0);
		ck_assert_int_eq(test_hold(pool, 1, &view), 0);
		ck_assert_int_eq(maru_release(pool, &old), MARU_E_STALE);
		old = view;
		old.ref.version++;
		ck_assert_int_eq(maru_release(pool, &old), MARU_E_STALE);
		ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
		old = view;
		ck_assert_int_eq(maru_release(pool, &view), 0);
	}
}
END_TEST

START_TEST(several_views_of_one_entry_overlap)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view[5];

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	for (unsigned i = 0; i < TEST_LEN(view); i++)
		ck_assert_int_eq(test_hold(pool, 1, &view[i]), 0);
	ck_assert_uint_eq(test_stats(pool).pins, TEST_LEN(view));
	ck_assert_uint_eq(test_stats(pool).pinned_entries, 1);
	for (unsigned i = 0; i < TEST_LEN(view); i++) {
		ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
		ck_assert(test_verify(view[i].data, view[i].len, 1));
		ck_assert_int_eq(maru_release(pool, &view[i]), 0);
	}
	ck_assert_int_eq(test_drop(pool, 1), 0);
}
END_TEST

struct handover {
	struct maru_pool *pool;
	struct maru_view view;
	int rc;
};

static void *release_it(void *arg)
{
	struct handover *h = arg;

	h->rc = maru_release(h->pool, &h->view);
	return NULL;
}

START_TEST(another_thread_may_release_a_view)
{
	struct handover h = { .pool = test_pool(NULL) };
	pthread_t t;

	ck_assert_int_eq(test_put(h.pool, 1, 100), 0);
	ck_assert_int_eq(test_hold(h.pool, 1, &h.view), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, release_it, &h), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_int_eq(h.rc, 0);
	ck_assert_int_eq(test_drop(h.pool, 1), 0);
}
END_TEST

START_TEST(a_view_keeps_its_bytes_under_heavy_eviction)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t len = 60000, n = 3 * test_stats(pool).data_bytes / len;
	struct maru_view view[10];

	for (unsigned i = 0; i < TEST_LEN(view); i++) {
		ck_assert_int_eq(test_put(pool, i, len), 0);
		ck_assert_int_eq(test_hold(pool, i, &view[i]), 0);
	}
	for (unsigned i = 100; i < 100 + n; i++)
		ck_assert_int_eq(test_put(pool, i, len), 0);
	ck_assert_uint_gt(test_stats(pool).total.evictions, n / 2);
	for (unsigned i = 0; i < TEST_LEN(view); i++) {
		ck_assert(test_verify(view[i].data, view[i].len, i));
		ck_assert_int_eq(maru_release(pool, &view[i]), 0);
		ck_assert_int_eq(test_get(pool, i, len), 0);
	}
}
END_TEST

START_TEST(a_view_of_another_handle_is_refused)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);
	struct maru_view view;

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	ck_assert_int_eq(maru_release(other,
				      &(struct maru_view){ view.data, view.len,
							   view.ref }),
			 MARU_E_STALE);
	ck_assert_int_eq(test_drop(other, 1), -EBUSY);
	ck_assert_int_eq(maru_release(pool, &view), 0);
}
END_TEST

START_TEST(pins_are_counted)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 1), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 4), 0);
	ck_assert_uint_eq(test_stats(pool).pins, 5);
	ck_assert_uint_eq(test_stats(pool).pinned_entries, 1);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 3), 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), -EBUSY);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 2), 0);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), 0);
}
END_TEST

START_TEST(unpin_of_more_than_is_held_takes_nothing)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 1), -EINVAL);
	ck_assert_int_eq(maru_pin(pool, S("k"), 3), 0);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 4), -EINVAL);
	ck_assert_uint_eq(test_stats(pool).pins, 3);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 3), 0);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 1), -EINVAL);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 0xffffffffu), -EINVAL);
}
END_TEST

START_TEST(a_count_of_no_pins_is_refused)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 0), -EINVAL);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 0), -EINVAL);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
}
END_TEST

START_TEST(pins_of_another_client_cannot_be_taken)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 2), 0);
	ck_assert_int_eq(maru_unpin(other, S("k"), 1), -EINVAL);
	ck_assert_int_eq(maru_pin(other, S("k"), 1), 0);
	ck_assert_int_eq(maru_unpin(other, S("k"), 2), -EINVAL);
	ck_assert_int_eq(maru_unpin(other, S("k"), 1), 0);
	ck_assert_int_eq(maru_delete(other, S("k")), -EBUSY);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 2), 0);
}
END_TEST

static void try_to_unpin(struct maru_pool *pool, unsigned no)
{
	(void)no;
	ck_assert_int_eq(maru_unpin(pool, S("k"), 1), -EINVAL);
	ck_assert_int_eq(maru_delete(pool, S("k")), -EBUSY);
}

START_TEST(pins_of_another_process_cannot_be_taken)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 1), 0);
	test_ended(test_client(try_to_unpin, 0));
	ck_assert_uint_eq(test_stats(pool).pins, 1);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 1), 0);
}
END_TEST

START_TEST(pins_beyond_the_cap_are_refused_and_none_is_added)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), MARU_PIN_MAX + 1), -EOVERFLOW);
	ck_assert_int_eq(maru_pin(pool, S("k"), 0xffffffffu), -EOVERFLOW);
	ck_assert_uint_eq(test_stats(pool).pins, 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), MARU_PIN_MAX - 1), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 2), -EOVERFLOW);
	ck_assert_int_eq(maru_pin(pool, S("k"), 1), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), 1), -EOVERFLOW);
	ck_assert_int_eq(maru_retrieve(pool, S("k"), &view), -EOVERFLOW);
	ck_assert_uint_eq(test_stats(pool).pins, MARU_PIN_MAX);
	test_sound(pool);
	ck_assert_int_eq(maru_unpin(pool, S("k"), MARU_PIN_MAX), 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), 0);
}
END_TEST

START_TEST(a_copy_can_be_read_at_the_cap)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(maru_pin(pool, S("number 1"), MARU_PIN_MAX), 0);
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
	ck_assert_int_eq(maru_unpin(pool, S("number 1"), MARU_PIN_MAX), 0);
}
END_TEST

START_TEST(the_cap_is_each_clients_own)
{
	struct maru_pool *pool = test_pool(NULL), *other = test_open(0);

	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_pin(pool, S("k"), MARU_PIN_MAX), 0);
	ck_assert_int_eq(maru_pin(other, S("k"), MARU_PIN_MAX), 0);
	ck_assert_uint_eq(test_stats(pool).pins, 2 * MARU_PIN_MAX);
	ck_assert_int_eq(maru_unpin(pool, S("k"), MARU_PIN_MAX), 0);
	ck_assert_int_eq(maru_unpin(other, S("k"), MARU_PIN_MAX), 0);
}
END_TEST

static struct maru_ref ref_of(struct maru_pool *pool, uint64_t no)
{
	struct maru_view view;
	struct maru_ref ref;

	ck_assert_int_eq(test_hold(pool, no, &view), 0);
	ref = view.ref;
	ck_assert_int_eq(maru_release(pool, &view), 0);
	return ref;
}

START_TEST(a_reference_pins_and_shows_the_value)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_ref ref;
	const void *data;
	size_t len;

	ck_assert_int_eq(test_put(pool, 1, 9000), 0);
	ref = ref_of(pool, 1);
	ck_assert_int_eq(maru_ref_pin(pool, &ref, 2), 0);
	ck_assert_int_eq(maru_ref_data(pool, &ref, &data, &len), 0);
	ck_assert_uint_eq(len, 9000);
	ck_assert(test_verify(data, len, 1));
	ck_assert_int_eq(test_drop(pool, 1), -EBUSY);
	ck_assert_int_eq(maru_ref_unpin(pool, &ref, 3), -EINVAL);
	ck_assert_int_eq(maru_ref_unpin(pool, &ref, 2), 0);
	ck_assert_int_eq(maru_ref_unpin(pool, &ref, 1), -EINVAL);
	ck_assert_int_eq(test_drop(pool, 1), 0);
}
END_TEST

START_TEST(a_reference_shows_nothing_without_a_pin)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_ref ref;
	const void *data;
	size_t len;

	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ref = ref_of(pool, 1);
	ck_assert_int_eq(maru_ref_data(pool, &ref, &data, &len), -EINVAL);
}
END_TEST

START_TEST(a_reference_to_something_gone_is_stale)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_ref ref;
	const void *data;
	size_t len;

	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ref = ref_of(pool, 1);
	ck_assert_int_eq(test_drop(pool, 1), 0);
	for (unsigned again = 0; again < 2; again++) {
		ck_assert_int_eq(maru_ref_pin(pool, &ref, 1), MARU_E_STALE);
		ck_assert_int_eq(maru_ref_unpin(pool, &ref, 1), MARU_E_STALE);
		ck_assert_int_eq(maru_ref_data(pool, &ref, &data, &len),
				 MARU_E_STALE);
		/* The same key again, most likely in the same block. */
		ck_assert_int_eq(test_put(pool, 1, 10), again);
	}
	ck_assert_uint_eq(test_stats(pool).pins, 0);
}
END_TEST

START_TEST(a_reference_from_nowhere_is_stale)
{
	static const uint64_t addr[] = { 0,	   1,	       12345,
					 1u << 26, 1ull << 32, UINT64_MAX };
	struct maru_pool *pool = test_pool(NULL);

	for (size_t i = 0; i < TEST_LEN(addr); i++) {
		for (uint64_t version = 0; version < 3; version++) {
			struct maru_ref ref = { addr[i], version };

			ck_assert_int_eq(maru_ref_pin(pool, &ref, 1),
					 MARU_E_STALE);
		}
	}
}
END_TEST

static void pin_by_reference(struct maru_pool *pool, unsigned no)
{
	struct maru_ref ref = { (uint64_t)test_scene->no[0],
				(uint64_t)test_scene->no[1] };
	const void *data;
	size_t len;

	ck_assert_int_eq(maru_ref_pin(pool, &ref, 1), 0);
	ck_assert_int_eq(maru_ref_data(pool, &ref, &data, &len), 0);
	ck_assert(test_verify(data, len, no));
	ck_assert_int_eq(maru_ref_unpin(pool, &ref, 1), 0);
}

START_TEST(a_reference_means_the_same_in_another_process)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_ref ref;

	ck_assert_int_eq(test_put(pool, 1, 9000), 0);
	ref = ref_of(pool, 1);
	test_scene->no[0] = (int64_t)ref.addr;
	test_scene->no[1] = (int64_t)ref.version;
	test_ended(test_client(pin_by_reference, 1));
}
END_TEST

START_TEST(an_address_is_region_and_page)
{
	ck_assert_uint_eq(maru_addr(0, 0), 0);
	ck_assert_uint_eq(maru_addr(3, 17), (uint64_t)3 << 32 | 17);
	ck_assert_uint_eq(maru_addr_region((uint64_t)3 << 32 | 17), 3);
	ck_assert_uint_eq(maru_addr_page((uint64_t)3 << 32 | 17), 17);
	ck_assert_uint_eq(maru_addr_page(maru_addr(63, UINT32_MAX)),
			  UINT32_MAX);
}
END_TEST

START_TEST(an_address_is_where_the_value_lies_in_its_region)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_region region;
	struct maru_view view;

	ck_assert_int_eq(test_put(pool, 1, 10), 0);
	ck_assert_int_eq(test_hold(pool, 1, &view), 0);
	ck_assert_int_eq(
		maru_region(pool, maru_addr_region(view.ref.addr), &region), 0);
	ck_assert_ptr_eq(view.data,
			 (const char *)region.base + region.data_off +
				 (uint64_t)maru_addr_page(view.ref.addr) *
					 region.unit);
	ck_assert_int_eq(maru_release(pool, &view), 0);
	ck_assert_int_eq(maru_region(pool, 1, &region), -ENOENT);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_view_shows_the_value_until_it_is_released,
		a_miss_leaves_a_clear_view,
		a_held_entry_is_busy_to_a_deleter_until_released,
		a_hold_of_another_process_keeps_the_deleter_away,
		a_view_is_released_once,
		a_stale_view_does_not_release_the_blocks_next_entry,
		several_views_of_one_entry_overlap,
		another_thread_may_release_a_view,
		a_view_keeps_its_bytes_under_heavy_eviction,
		a_view_of_another_handle_is_refused,
		pins_are_counted,
		unpin_of_more_than_is_held_takes_nothing,
		a_count_of_no_pins_is_refused,
		pins_of_another_client_cannot_be_taken,
		pins_of_another_process_cannot_be_taken,
		pins_beyond_the_cap_are_refused_and_none_is_added,
		a_copy_can_be_read_at_the_cap,
		the_cap_is_each_clients_own,
		a_reference_pins_and_shows_the_value,
		a_reference_shows_nothing_without_a_pin,
		a_reference_to_something_gone_is_stale,
		a_reference_from_nowhere_is_stale,
		a_reference_means_the_same_in_another_process,
		an_address_is_region_and_page,
		an_address_is_where_the_value_lies_in_its_region,
	};

	return test_run("views, pins, references", TEST_MEDIA, tests,
			TEST_LEN(tests));
}
