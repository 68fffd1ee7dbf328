// SPDX-License-Identifier: BSD-3-Clause
/* Keys by number, and values that follow from a number. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <stdlib.h>
#include <string.h>

bool test_slow(void)
{
	return TEST_SLOW || getenv("MARU_TEST_SLOW") != NULL;
}

uint64_t test_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint64_t test_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return test_mix(*state);
}

size_t test_key(char key[TEST_KEY], uint64_t no)
{
	return (size_t)snprintf(key, TEST_KEY, "number %llu",
				(unsigned long long)no);
}

/* The eight bytes from @off of the value of number @no. */
static uint64_t word(uint64_t no, size_t off)
{
	return (test_mix(no) + off) * 0xbf58476d1ce4e5b9u ^ off << 32;
}

void test_fill(void *buf, size_t len, uint64_t no)
{
	unsigned char *to = buf;
	uint64_t w;
	size_t off;

	for (off = 0; off + sizeof(w) <= len; off += sizeof(w)) {
		w = word(no, off);
		memcpy(to + off, &w, sizeof(w));
	}
	w = word(no, off);
	if (len > off)
		memcpy(to + off, &w, len - off);
}

int test_verify(const void *buf, size_t len, uint64_t no)
{
	const unsigned char *from = buf;
	uint64_t w, is;
	size_t off;

	for (off = 0; off + sizeof(w) <= len; off += sizeof(w)) {
		memcpy(&is, from + off, sizeof(is));
		if (is != word(no, off))
			return 0;
	}
	w = word(no, off);
	return len == off || memcmp(from + off, &w, len - off) == 0;
}

int test_put(struct maru_pool *pool, uint64_t no, size_t len)
{
	char key[TEST_KEY];
	size_t klen = test_key(key, no);
	void *val = malloc(len + 1);
	int rc = -ENOMEM;

	if (val != NULL) {
		test_fill(val, len, no);
		rc = maru_store(pool, key, klen, val, len);
	}
	free(val);
	return rc;
}

int test_get(struct maru_pool *pool, uint64_t no, size_t len)
{
	char key[TEST_KEY];
	size_t klen = test_key(key, no), got = 0;
	void *val = malloc(len + 1);
	int rc = -ENOMEM;

	if (val != NULL)
		rc = maru_read(pool, key, klen, val, len + 1, &got);
	if (rc == 0 && (got != len || !test_verify(val, len, no)))
		rc = -EILSEQ;
	free(val);
	return rc;
}

int test_hold(struct maru_pool *pool, uint64_t no, struct maru_view *view)
{
	char key[TEST_KEY];

	return maru_retrieve(pool, key, test_key(key, no), view);
}

int test_has(struct maru_pool *pool, uint64_t no)
{
	char key[TEST_KEY];

	return maru_exists(pool, key, test_key(key, no));
}

int test_drop(struct maru_pool *pool, uint64_t no)
{
	char key[TEST_KEY];

	return maru_delete(pool, key, test_key(key, no));
}
