// SPDX-License-Identifier: BSD-3-Clause
/* What is stored under a key is what is read under it, by anybody. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

static void expect(struct maru_pool *pool, const void *key, size_t klen,
		   const char *val)
{
	char buf[64];
	size_t len = 0;

	ck_assert_int_eq(maru_read(pool, key, klen, buf, sizeof(buf), &len), 0);
	ck_assert_uint_eq(len, strlen(val));
	ck_assert_mem_eq(buf, val, len);
}

START_TEST(what_was_stored_is_read_back)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_exists(pool, S("k")), 0);
	ck_assert_int_eq(maru_store(pool, S("k"), S("value")), 0);
	ck_assert_int_eq(maru_exists(pool, S("k")), 1);
	expect(pool, S("k"), "value");
}
END_TEST

START_TEST(the_first_writer_wins)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, S("k"), S("first")), 0);
	ck_assert_int_eq(maru_store(pool, S("k"), S("second one")),
			 MARU_EXISTED);
	expect(pool, S("k"), "first");
	ck_assert_uint_eq(test_stats(pool).entries, 1);
}
END_TEST

START_TEST(after_a_delete_the_next_writer_wins)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, S("k"), S("first")), 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), 0);
	ck_assert_int_eq(maru_exists(pool, S("k")), 0);
	ck_assert_int_eq(maru_store(pool, S("k"), S("second")), 0);
	expect(pool, S("k"), "second");
}
END_TEST

START_TEST(delete_of_what_is_not_there_says_so)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_delete(pool, S("k")), -ENOENT);
	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), 0);
	ck_assert_int_eq(maru_delete(pool, S("k")), -ENOENT);
}
END_TEST

START_TEST(keys_of_every_legal_length_are_kept)
{
	static const size_t len[] = { 1,   2,	7,   8,	  191,	192,
				      193, 255, 256, 257, 1023, 1024 };
	struct maru_pool *pool = test_pool(NULL);
	unsigned char key[MARU_KEY_MAX];

	memset(key, 'x', sizeof(key));
	for (size_t i = 0; i < TEST_LEN(len); i++)
		ck_assert_int_eq(maru_store(pool, key, len[i], &len[i],
					    sizeof(len[i])),
				 0);
	for (size_t i = 0; i < TEST_LEN(len); i++) {
		size_t val = 0, vlen;

		ck_assert_int_eq(maru_read(pool, key, len[i], &val, sizeof(val),
					   &vlen),
				 0);
		ck_assert_uint_eq(val, len[i]);
	}
	for (size_t i = 0; i < TEST_LEN(len); i++)
		ck_assert_int_eq(maru_delete(pool, key, len[i]), 0);
}
END_TEST

START_TEST(keys_with_a_large_value_keep_both)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t unit = test_unit(pool), vlen = 2 * unit, got;
	unsigned char key[MARU_KEY_MAX], *val = malloc(vlen);

	/* A long key beside a value that fills its block to the last byte. */
	test_fill(key, sizeof(key), 1);
	test_fill(val, vlen, 2);
	for (size_t less = 0; less < 3; less++) {
		ck_assert_int_eq(maru_store(pool, key, sizeof(key) - less, val,
					    vlen - less),
				 0);
		memset(val, 0, vlen);
		ck_assert_int_eq(maru_read(pool, key, sizeof(key) - less, val,
					   vlen, &got),
				 0);
		ck_assert_uint_eq(got, vlen - less);
		ck_assert(test_verify(val, got, 2));
		test_fill(val, vlen, 2);
	}
	free(val);
}
END_TEST

START_TEST(keys_empty_or_too_long_are_refused_by_every_call)
{
	static const size_t wrong[] = { 0, MARU_KEY_MAX + 1 };
	static const char key[MARU_KEY_MAX + 1];
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;
	struct maru_buf buf;
	size_t len;

	for (size_t i = 0; i < TEST_LEN(wrong); i++) {
		size_t n = wrong[i];

		ck_assert_int_eq(maru_store(pool, key, n, "v", 1), -EINVAL);
		ck_assert_int_eq(maru_read(pool, key, n, NULL, 0, &len),
				 -EINVAL);
		ck_assert_int_eq(maru_retrieve(pool, key, n, &view), -EINVAL);
		ck_assert_int_eq(maru_exists(pool, key, n), -EINVAL);
		ck_assert_int_eq(maru_touch(pool, key, n), -EINVAL);
		ck_assert_int_eq(maru_pin(pool, key, n, 1), -EINVAL);
		ck_assert_int_eq(maru_unpin(pool, key, n, 1), -EINVAL);
		ck_assert_int_eq(maru_delete(pool, key, n), -EINVAL);
		ck_assert_int_eq(maru_wait(pool, key, n, 0), -EINVAL);
		ck_assert_int_eq(maru_reserve(pool, key, n, 1, &buf), -EINVAL);
	}
	ck_assert_uint_eq(test_stats(pool).entries, 0);
}
END_TEST

START_TEST(keys_may_be_any_bytes)
{
	static const char *const val[] = { "a", "a0", "a00", "ff", "0" };
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(maru_store(pool, "a", 1, S("a")), 0);
	ck_assert_int_eq(maru_store(pool, "a\0", 2, S("a0")), 0);
	ck_assert_int_eq(maru_store(pool, "a\0\0", 3, S("a00")), 0);
	ck_assert_int_eq(maru_store(pool, "\xff\n\xff", 3, S("ff")), 0);
	ck_assert_int_eq(maru_store(pool, "\0", 1, S("0")), 0);
	expect(pool, "a", 1, val[0]);
	expect(pool, "a\0", 2, val[1]);
	expect(pool, "a\0\0", 3, val[2]);
	expect(pool, "\xff\n\xff", 3, val[3]);
	expect(pool, "\0", 1, val[4]);
}
END_TEST

START_TEST(keys_that_differ_in_one_byte_differ)
{
	static const size_t len[] = { 1, 16, 192, 193, 1024 };
	struct maru_pool *pool = test_pool(NULL);
	unsigned char key[MARU_KEY_MAX] = { 0 };

	for (size_t i = 0; i < TEST_LEN(len); i++) {
		for (unsigned last = 0; last < 256; last += 5) {
			key[len[i] - 1] = (unsigned char)last;
			ck_assert_int_eq(maru_store(pool, key, len[i], &last,
						    sizeof(last)),
					 0);
		}
		for (unsigned last = 0; last < 256; last += 5) {
			unsigned is = ~0u;
			size_t n;

			key[len[i] - 1] = (unsigned char)last;
			ck_assert_int_eq(maru_read(pool, key, len[i], &is,
						   sizeof(is), &n),
					 0);
			ck_assert_uint_eq(is, last);
		}
		key[len[i] - 1] = 1;
		ck_assert_int_eq(maru_exists(pool, key, len[i]), 0);
		key[len[i] - 1] = 0;
	}
}
END_TEST

START_TEST(values_of_every_size_come_back)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t unit = test_unit(pool);
	const size_t len[] = { 0,	 1,	   7,	 63,	   64,
			       65,	 unit - 1, unit, unit + 1, 3 * unit + 5,
			       1u << 20, 5000000 };

	for (size_t i = 0; i < TEST_LEN(len); i++)
		ck_assert_int_eq(test_put(pool, i, len[i]), 0);
	for (size_t i = 0; i < TEST_LEN(len); i++)
		ck_assert_int_eq(test_get(pool, i, len[i]), 0);
}
END_TEST

START_TEST(views_of_every_size_are_right)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t unit = test_unit(pool);
	const size_t len[] = { 0, 1, unit - 1, unit, unit + 1, 1u << 20 };
	struct maru_view view;

	for (size_t i = 0; i < TEST_LEN(len); i++) {
		ck_assert_int_eq(test_put(pool, i, len[i]), 0);
		ck_assert_int_eq(test_hold(pool, i, &view), 0);
		ck_assert_uint_eq(view.len, len[i]);
		ck_assert(test_verify(view.data, view.len, i));
		ck_assert_int_eq(maru_release(pool, &view), 0);
	}
}
END_TEST

START_TEST(an_empty_value_needs_no_bytes)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t len = 1;

	ck_assert_int_eq(maru_store(pool, S("k"), NULL, 0), 0);
	ck_assert_int_eq(maru_exists(pool, S("k")), 1);
	ck_assert_int_eq(maru_read(pool, S("k"), NULL, 0, &len), 0);
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(a_value_may_fill_the_whole_data_area)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t all = test_stats(pool).data_bytes;

	ck_assert_int_eq(test_put(pool, 1, all), 0);
	ck_assert_int_eq(test_get(pool, 1, all), 0);
	ck_assert_uint_eq(test_stats(pool).used_bytes, all);
	ck_assert_int_eq(test_drop(pool, 1), 0);
	ck_assert_int_eq(test_put(pool, 2, 1), 0);
}
END_TEST

START_TEST(a_value_larger_than_the_data_area_is_refused)
{
	struct maru_pool *pool = test_pool(NULL);
	size_t all = test_stats(pool).data_bytes;
	struct maru_buf buf;

	ck_assert_int_eq(test_put(pool, 1, all + 1), -EFBIG);
	ck_assert_int_eq(maru_alloc(pool, all + 1, &buf), -EFBIG);
	ck_assert_int_eq(maru_alloc(pool, SIZE_MAX, &buf), -EFBIG);
	ck_assert_int_eq(maru_reserve(pool, S("k"), SIZE_MAX - 4096, &buf),
			 -EFBIG);
	ck_assert_int_eq(maru_exists(pool, S("k")), 0);
	ck_assert_int_eq(maru_wait(pool, S("k"), 0), -ENOENT);
}
END_TEST

START_TEST(a_read_into_too_small_a_buffer_tells_the_length)
{
	struct maru_pool *pool = test_pool(NULL);
	char buf[8] = "before";
	size_t len = 0;

	ck_assert_int_eq(maru_store(pool, S("k"), S("0123456789")), 0);
	ck_assert_int_eq(maru_read(pool, S("k"), buf, sizeof(buf), &len),
			 -ENOBUFS);
	ck_assert_uint_eq(len, 10);
	ck_assert_str_eq(buf, "before");
	len = 0;
	ck_assert_int_eq(maru_read(pool, S("k"), NULL, 0, &len), -ENOBUFS);
	ck_assert_uint_eq(len, 10);
}
END_TEST

START_TEST(a_read_of_nothing_is_a_miss)
{
	struct maru_pool *pool = test_pool(NULL);
	struct maru_view view;
	char buf[8];
	size_t len;

	ck_assert_int_eq(maru_read(pool, S("k"), buf, sizeof(buf), &len),
			 -ENOENT);
	ck_assert_int_eq(maru_retrieve(pool, S("k"), &view), -ENOENT);
	ck_assert_int_eq(maru_touch(pool, S("k")), -ENOENT);
	ck_assert_int_eq(maru_pin(pool, S("k"), 1), -ENOENT);
	ck_assert_int_eq(maru_unpin(pool, S("k"), 1), -ENOENT);
}
END_TEST

START_TEST(many_keys_do_not_get_in_each_others_way)
{
	struct maru_pool *pool = test_pool(NULL);
	unsigned n = TEST_ROUNDS(4000);

	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(test_put(pool, i, 1 + i % 3000), 0);
	ck_assert_uint_eq(test_stats(pool).entries, n);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(test_get(pool, i, 1 + i % 3000), 0);
	for (unsigned i = 0; i < n; i += 2)
		ck_assert_int_eq(test_drop(pool, i), 0);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(test_has(pool, i), i % 2);
}
END_TEST

static void keeps_values(const struct maru_create_opts *opts, unsigned flags)
{
	struct maru_pool *pool;
	size_t unit;

	test_format(opts);
	pool = test_open(flags);
	unit = test_unit(pool);
	for (unsigned i = 0; i < 8; i++) {
		struct maru_view view;
		size_t len = i * unit / 3 + i;

		ck_assert_int_eq(test_put(pool, i, len), 0);
		ck_assert_int_eq(test_get(pool, i, len), 0);
		ck_assert_int_eq(test_hold(pool, i, &view), 0);
		ck_assert(test_verify(view.data, len, i));
		ck_assert_int_eq(maru_release(pool, &view), 0);
	}
	test_sound(pool);
	ck_assert_int_eq(maru_sync(pool), 0);
	ck_assert_int_eq(maru_clear(pool, NULL), 0);
	test_close(pool);
}

START_TEST(pools_of_every_kind_keep_values)
{
	static const unsigned kind[] = { MARU_CREATE_SIPHASH, MARU_CREATE_CRC,
					 MARU_CREATE_DURABLE,
					 MARU_CREATE_SIPHASH | MARU_CREATE_CRC |
						 MARU_CREATE_DURABLE };
	struct maru_create_opts o = test_opts();

	for (size_t i = 0; i < TEST_LEN(kind); i++) {
		o.flags = kind[i] | MARU_CREATE_SPARSE;
		keeps_values(&o, MARU_OPEN_VERIFY);
	}
}
END_TEST

START_TEST(pools_of_every_unit_keep_values)
{
	struct maru_create_opts o = test_opts();

	o.bytes = 128u << 20;
	for (o.unit = 4096; o.unit <= 2u << 20; o.unit *= 2)
		keeps_values(&o, 0);
}
END_TEST

START_TEST(pools_with_exact_classes_waste_nothing_on_them)
{
	static const uint64_t sizes[] = { 5 * 4096, 27 * 4096, 1234567 };
	struct maru_create_opts o = test_opts();
	struct maru_pool *pool;

	o.classes = sizes;
	o.class_nr = TEST_LEN(sizes);
	pool = test_pool(&o);
	for (unsigned i = 0; i < TEST_LEN(sizes); i++) {
		uint64_t before = test_stats(pool).used_bytes;
		uint64_t units = (sizes[i] + 4095) / 4096;

		ck_assert_int_eq(test_put(pool, i, sizes[i]), 0);
		ck_assert_uint_eq(test_stats(pool).used_bytes - before,
				  units * 4096);
		ck_assert_int_eq(test_get(pool, i, sizes[i]), 0);
	}
}
END_TEST

static void read_number_7(struct maru_pool *pool, unsigned len)
{
	ck_assert_int_eq(test_get(pool, 7, len), 0);
	ck_assert_int_eq(test_put(pool, 8, len), 0);
}

START_TEST(another_process_sees_the_value_and_its_own_is_seen)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(test_put(pool, 7, 9999), 0);
	test_ended(test_client(read_number_7, 9999));
	ck_assert_int_eq(test_get(pool, 8, 9999), 0);
}
END_TEST

START_TEST(every_error_has_a_sentence)
{
	static const int err[] = { 0,
				   MARU_EXISTED,
				   -ENOENT,
				   -EBUSY,
				   MARU_E_STALE,
				   -ENOSPC,
				   MARU_E_CORRUPT,
				   MARU_E_CLOSED,
				   MARU_E_FORMAT,
				   -EINPROGRESS,
				   -EFBIG,
				   -123456 };

	for (size_t i = 0; i < TEST_LEN(err); i++) {
		ck_assert_ptr_nonnull(maru_strerror(err[i]));
		ck_assert_str_ne(maru_strerror(err[i]), "");
	}
	ck_assert_str_ne(maru_strerror(MARU_E_STALE),
			 maru_strerror(MARU_E_CORRUPT));
}
END_TEST

START_TEST(the_library_is_of_the_version_of_its_header)
{
	ck_assert_str_eq(maru_version(), MARU_VERSION);
	ck_assert_int_eq(maru_abi_version(), MARU_ABI_VERSION);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_was_stored_is_read_back,
		the_first_writer_wins,
		after_a_delete_the_next_writer_wins,
		delete_of_what_is_not_there_says_so,
		keys_of_every_legal_length_are_kept,
		keys_with_a_large_value_keep_both,
		keys_empty_or_too_long_are_refused_by_every_call,
		keys_may_be_any_bytes,
		keys_that_differ_in_one_byte_differ,
		values_of_every_size_come_back,
		views_of_every_size_are_right,
		an_empty_value_needs_no_bytes,
		a_value_may_fill_the_whole_data_area,
		a_value_larger_than_the_data_area_is_refused,
		a_read_into_too_small_a_buffer_tells_the_length,
		a_read_of_nothing_is_a_miss,
		many_keys_do_not_get_in_each_others_way,
		pools_of_every_kind_keep_values,
		pools_of_every_unit_keep_values,
		pools_with_exact_classes_waste_nothing_on_them,
		another_process_sees_the_value_and_its_own_is_seen,
		every_error_has_a_sentence,
		the_library_is_of_the_version_of_its_header,
	};

	return test_run("store and read", TEST_MEDIA, tests, TEST_LEN(tests));
}
