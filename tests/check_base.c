// SPDX-License-Identifier: BSD-3-Clause
/* Errors, faults, hashes and checksums; copying into the pool. */
#include "base/bits.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/hash.h"
#include "common_plain.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/copy.h"

static const uint64_t no_secret[2];

START_TEST(crc32c_is_the_standard_one)
{
	unsigned char buf[32];

	ck_assert_uint_eq(hash_crc32c(0, "123456789", 9), 0xe3069283);
	memset(buf, 0, sizeof(buf));
	ck_assert_uint_eq(hash_crc32c(0, buf, 32), 0x8a9136aa);
	memset(buf, 0xff, sizeof(buf));
	ck_assert_uint_eq(hash_crc32c(0, buf, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		buf[i] = (unsigned char)i;
	ck_assert_uint_eq(hash_crc32c(0, buf, 32), 0x46dd794e);
}
END_TEST

START_TEST(crc32c_of_nothing_changes_nothing)
{
	ck_assert_uint_eq(hash_crc32c(0, "", 0), 0);
	ck_assert_uint_eq(hash_crc32c(0x12345678, "", 0), 0x12345678);
}
END_TEST

START_TEST(crc32c_continues_where_it_stopped)
{
	unsigned char buf[4099];
	uint32_t whole, part;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * 7 + i / 256);
	whole = hash_crc32c(0, buf, sizeof(buf));
	for (size_t cut = 0; cut <= sizeof(buf); cut += 13) {
		part = hash_crc32c(0, buf, cut);
		part = hash_crc32c(part, buf + cut, sizeof(buf) - cut);
		ck_assert_uint_eq(part, whole);
	}
}
END_TEST

/* The library under it takes an int. */
START_TEST(crc32c_counts_beyond_four_gibibytes)
{
	const size_t chunk = 1u << 20, nr = 4097;
	uint32_t crc = 0;
	void *zeroes;

	zeroes = mmap(NULL, chunk * nr, PROT_READ,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(zeroes, MAP_FAILED);
	for (size_t i = 0; i < nr; i++)
		crc = hash_crc32c(crc, zeroes, chunk);
	ck_assert_uint_eq(hash_crc32c(0, zeroes, chunk * nr), crc);
	munmap(zeroes, chunk * nr);
}
END_TEST

START_TEST(siphash_is_the_published_one)
{
	const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	struct hash128 h = hash_key(HASH_SIPHASH, key, "", 0);

	ck_assert_uint_eq(h.h0, 0xe6a825ba047f81a3);
	ck_assert_uint_eq(h.h1, 0x930255c71472f66d);
}
END_TEST

/* Pools on media hold these hashes: a new xxHash must give the same. */
START_TEST(xxh3_stays_what_it_was)
{
	const uint64_t secret[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
	static const struct {
		size_t len;
		uint64_t h0, h1;
	} golden[] = {
		{ 1, 0xcb1790ee862d9be5, 0x757e6b2def976515 },
		{ 16, 0x6c6ff32edcf7132e, 0x04cab8a3926b5675 },
		{ 64, 0x9d704c5a80700e24, 0x25ff4496fb9415da },
		{ 200, 0x0a1e58aa957fddbd, 0x5ab4c8d138bca8b1 },
		{ 1024, 0x705c28bcf12c6e0d, 0x63a4534862d9acbb },
	};
	unsigned char buf[1024];
	struct hash128 h;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * 131 + i / 251);
	for (size_t i = 0; i < PLAIN_LEN(golden); i++) {
		h = hash_key(HASH_XXH3, secret, buf, golden[i].len);
		ck_assert_uint_eq(h.h0, golden[i].h0);
		ck_assert_uint_eq(h.h1, golden[i].h1);
	}
}
END_TEST

START_TEST(xxh3_without_a_secret_is_the_published_one)
{
	struct hash128 h = hash_key(HASH_XXH3, no_secret, "", 0);

	ck_assert_uint_eq(h.h0, 0x6001c324468d497f);
	ck_assert_uint_eq(h.h1, 0x99aa06d3014798d8);
}
END_TEST

START_TEST(every_bit_of_the_secret_changes_the_hash)
{
	static const enum hash_alg algs[] = { HASH_XXH3, HASH_SIPHASH };
	struct hash128 plain, h;

	for (size_t a = 0; a < PLAIN_LEN(algs); a++) {
		plain = hash_key(algs[a], no_secret, "some key", 8);
		for (int bit = 0; bit < 128; bit++) {
			uint64_t secret[2] = { 0 };

			secret[bit / 64] = UINT64_C(1) << bit % 64;
			h = hash_key(algs[a], secret, "some key", 8);
			ck_assert(h.h0 != plain.h0 && h.h1 != plain.h1);
		}
	}
}
END_TEST

START_TEST(random_bytes_differ_each_time)
{
	uint64_t a[4] = { 0 }, b[4] = { 0 };

	ck_assert_int_eq(hash_random(a, sizeof(a)), 0);
	ck_assert_int_eq(hash_random(b, sizeof(b)), 0);
	for (int i = 0; i < 4; i++)
		ck_assert(a[i] != 0 && a[i] != b[i]);
}
END_TEST

static void *fail_elsewhere(void *seen)
{
	*(char *)seen = maru_errmsg()[0];
	err_set(-EINVAL, "the other thread's");
	return NULL;
}

START_TEST(each_thread_has_its_own_message)
{
	pthread_t thread;
	char seen = '?';

	ck_assert_int_eq(err_set(-EBUSY, "mine is %d", 7), -EBUSY);
	ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, &seen),
			 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(seen, '\0');
	ck_assert_str_eq(maru_errmsg(), "mine is 7");
	err_clear();
	ck_assert_str_eq(maru_errmsg(), "");
}
END_TEST

START_TEST(a_system_error_is_spelled_out)
{
	errno = EACCES;
	ck_assert_int_eq(err_sys("/some/%s", "file"), -EACCES);
	ck_assert_str_eq(maru_errmsg(), "/some/file: Permission denied");
}
END_TEST

START_TEST(a_long_message_is_cut_not_overrun)
{
	char text[2000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	errno = EIO;
	ck_assert_int_eq(err_sys("%s", text), -EIO);
	ck_assert_uint_lt(strlen(maru_errmsg()), 600);
}
END_TEST

START_TEST(every_code_has_a_sentence)
{
	for (int err = MARU_EXISTED; err > -200; err--) {
		ck_assert_ptr_nonnull(maru_strerror(err));
		ck_assert_uint_gt(strlen(maru_strerror(err)), 3);
	}
}
END_TEST

START_TEST(rounding_goes_both_ways)
{
	ck_assert_uint_eq(bits_round_up(4097, 4096), 8192);
	ck_assert_uint_eq(bits_round_up(4096, 4096), 4096);
	ck_assert_uint_eq(bits_round_down(8191, 4096), 4096);
	ck_assert_uint_eq(bits_div_up(9, 4), 3);
	ck_assert_uint_eq(bits_div_up(8, 4), 2);
	ck_assert_uint_eq(bits_log2(1), 0);
	ck_assert_uint_eq(bits_log2(UINT64_MAX), 63);
	ck_assert(bits_is_pow2(64) && !bits_is_pow2(0) && !bits_is_pow2(65));
}
END_TEST

/* Bytes before and after the copy keep their fill. */
static void copy_one(unsigned char *dst, size_t room, const unsigned char *src,
		     size_t at, size_t len)
{
	memset(dst, 0xee, room);
	copy_in(dst + at, src, len);
	ck_assert_mem_eq(dst + at, src, len);
	for (size_t i = 0; i < at; i++)
		ck_assert_uint_eq(dst[i], 0xee);
	for (size_t i = at + len; i < at + len + 64; i++)
		ck_assert_uint_eq(dst[i], 0xee);
}

START_TEST(copies_are_exact_at_any_alignment)
{
	static const int near[] = { -129, -65, -64, -63, -1, 0,
				    1,	  63,  64,  65,	 129 };
	const size_t room = COPY_STREAM_MIN + 1024;
	unsigned char *src = malloc(room), *dst = malloc(room);

	ck_assert(src && dst);
	for (size_t i = 0; i < room; i++)
		src[i] = (unsigned char)(i * 31 + i / 256);
	for (size_t n = 0; n < PLAIN_LEN(near); n++)
		for (size_t at = 0; at < 64; at += at < 4 ? 1 : 15)
			for (size_t from = 0; from < 64; from += 21)
				copy_one(dst, room, src + from, at,
					 COPY_STREAM_MIN + near[n]);
	for (size_t len = 0; len < 300; len++)
		copy_one(dst, room, src + 3, 5, len);
	free(src);
	free(dst);
}
END_TEST

static struct {
	unsigned faults, notices;
} told;

static void count_told(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	told.faults += fault->invariant != 0;
	told.notices += fault->invariant == 0;
}

/* As many findings held back as that, and then told. */
static void hold_back(unsigned nr, bool live)
{
	static struct fault_list list;
	struct fault_sink sink = { .fn = count_told,
				   .list = &list,
				   .live = live };
	unsigned i;

	memset(&told, 0, sizeof(told));
	memset(&list, 0, sizeof(list));
	for (i = 0; i < nr; i++)
		fault_report(&sink, 2, i, "finding %u", i);
	fault_flush(&sink);
	ck_assert_uint_eq(sink.faults, told.faults);
}

START_TEST(findings_that_cannot_be_kept_are_not_passed_over_in_silence)
{
	hold_back(FAULT_KEPT, true);
	ck_assert_uint_eq(told.faults, FAULT_KEPT);
	ck_assert_uint_eq(told.notices, 0);
	hold_back(FAULT_KEPT + 1, true);
	ck_assert_uint_eq(told.faults, FAULT_KEPT);
	ck_assert_uint_eq(told.notices, 1);
	/* nothing has to be confirmed then */
	hold_back(FAULT_KEPT + 1, false);
	ck_assert_uint_eq(told.faults, FAULT_KEPT + 1);
	ck_assert_uint_eq(told.notices, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		crc32c_is_the_standard_one,
		crc32c_of_nothing_changes_nothing,
		crc32c_continues_where_it_stopped,
		crc32c_counts_beyond_four_gibibytes,
		siphash_is_the_published_one,
		xxh3_stays_what_it_was,
		xxh3_without_a_secret_is_the_published_one,
		every_bit_of_the_secret_changes_the_hash,
		random_bytes_differ_each_time,
		each_thread_has_its_own_message,
		a_system_error_is_spelled_out,
		a_long_message_is_cut_not_overrun,
		every_code_has_a_sentence,
		rounding_goes_both_ways,
		copies_are_exact_at_any_alignment,
		findings_that_cannot_be_kept_are_not_passed_over_in_silence,
	};

	return plain_run("base", tests, PLAIN_LEN(tests));
}
