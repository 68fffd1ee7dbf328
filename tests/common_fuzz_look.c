// SPDX-License-Identifier: BSD-3-Clause
/* What has to hold of every call on a pool whose bytes say anything. */
#include "common_fuzz.h"

#include "base/err.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSED "ESHUTDOWN "

static bool live;

void fuzz_live(bool on)
{
	live = on;
}

int fuzz_rc(const char *call, int rc, const char *errors)
{
	const char *name = rc < 0 ? strerrorname_np(-rc) : "0", *at;
	size_t len = name != NULL ? strlen(name) : 0;

	if (rc >= 0)
		return rc;
	for (at = errors; len != 0 && (at = strstr(at, name)) != NULL; at++)
		if ((at == errors || at[-1] == ' ') &&
		    (at[len] == ' ' || at[len] == '\0'))
			break;
	if (len == 0 || at == NULL)
		fuzz_fail("%s: %s (%d) is none of its errors, %s; %s", call,
			  name, rc, errors, maru_errmsg());
	return rc;
}

/* The message is of this call. */
#define CALL(call, errors) (err_clear(), fuzz_rc(#call, call, errors))

static bool in_data(struct maru_pool *pool, const void *data, size_t len)
{
	const unsigned char *p = data, *from, *to;
	struct maru_region r;

	if (maru_region(pool, 0, &r) != 0)
		return true; /* fenced: its views are void */
	from = (const unsigned char *)r.base + r.data_off;
	to = (const unsigned char *)r.base + r.bytes;
	return p >= from && p <= to && len <= (size_t)(to - p);
}

void fuzz_inside(struct maru_pool *pool, const void *data, size_t len)
{
	volatile unsigned char sink = 0;
	const unsigned char *p = data;

	if (!in_data(pool, data, len))
		fuzz_fail("%zu bytes at %p are not in the pool", len, data);
	for (size_t i = 0; i < len; i += 64)
		sink ^= p[i];
	if (len)
		sink ^= p[len - 1];
	(void)sink;
}

struct maru_pool *fuzz_open(uint32_t flags)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = flags,
				    .name = "fuzz" };
	struct maru_pool *p;
	int rc = CALL(maru_open(fuzz_target(), &o, &p),
		      "EMEDIUMTYPE EUCLEAN EUSERS EBUSY EINVAL ENOSPC");

	if (rc == 0)
		return p;
	FUZZ_MUST(p == NULL);
	FUZZ_MUST(maru_errmsg()[0] != '\0');
	return NULL;
}

static void look_at_super(struct maru_pool *p)
{
	struct maru_super sb;
	struct maru_section sec;
	uint32_t no = 0;

	CALL(maru_inspect_super(p, &sb), CLOSED);
	FUZZ_MUST(memchr(sb.label, 0, sizeof(sb.label)) != NULL);
	while (CALL(maru_inspect_section(p, no, &sec), CLOSED "ENOENT") == 0) {
		FUZZ_MUST(memchr(sec.name, 0, sizeof(sec.name)) != NULL);
		no++;
	}
	FUZZ_MUST(no <= 32);
}

static void look_at_slabs(struct maru_pool *p)
{
	const char *errors = CLOSED "ENOENT EUCLEAN";
	struct maru_class c;
	struct maru_slab s;
	uint32_t no;

	for (no = 0; CALL(maru_inspect_class(p, no, &c), errors) == 0; no++)
		FUZZ_MUST(c.used <= c.blocks);
	FUZZ_MUST(no <= 64);
	for (no = 0; CALL(maru_inspect_slab(p, 0, no, &s), errors) == 0; no++)
		FUZZ_MUST(s.used <= s.blocks && s.live <= s.used);
	FUZZ_MUST(no <= 65535);
	FUZZ_MUST(maru_inspect_slab(p, 1, 0, &s) < 0);
}

static void look_at_blocks(struct maru_pool *p)
{
	struct maru_block b;
	uint64_t page = 0;
	int rc;

	for (;; page++) {
		rc = CALL(maru_inspect_block(p, page, &b),
			  CLOSED "ENOENT ENXIO EUCLEAN");
		if (rc != 0 && rc != -ENXIO)
			break;
		FUZZ_MUST(rc != 0 || b.klen <= MARU_KEY_MAX);
	}
	FUZZ_MUST(page <= 1u << 26);
}

static void look_at_entries(struct maru_pool *p)
{
	struct maru_iter it = { 0 };
	struct maru_entry e;
	struct maru_super sb;
	uint64_t nr = 0;

	if (maru_inspect_super(p, &sb) != 0)
		return;
	while (CALL(maru_iter_next(p, &it, &e), CLOSED) == 1) {
		FUZZ_MUST(e.klen >= 1 && e.klen <= MARU_KEY_MAX);
		CALL(maru_exists(p, e.key, e.klen), CLOSED);
		nr++;
	}
	FUZZ_MUST(live || nr <= sb.pages);
}

static void look_at_stats(struct maru_pool *p)
{
	struct maru_stats st = { .size = sizeof(st) };
	int len = CALL(maru_stats_json(p, NULL, 0), CLOSED);
	char *text;
	json_t *json;

	CALL(maru_stats(p, &st), CLOSED);
	if (len < 0)
		return;
	text = malloc((size_t)len + 1);
	FUZZ_MUST(text != NULL);
	len -= maru_stats_json(p, text, (size_t)len + 1);
	FUZZ_MUST(live || len == 0);
	if (len != 0) { /* the numbers have changed, and their length */
		free(text);
		return;
	}
	/* counters may have more than 63 bits, which this reader has not */
	json = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
	FUZZ_MUST(json != NULL);
	json_decref(json);
	free(text);
}

static void look_at_clients(struct maru_pool *p)
{
	struct maru_client c[16];
	struct maru_hold h;
	int nr = CALL(maru_clients(p, c, TEST_LEN(c)), CLOSED);
	uint32_t slot;

	for (int i = 0; i < nr && i < (int)TEST_LEN(c); i++)
		FUZZ_MUST(memchr(c[i].name, 0, sizeof(c[i].name)) != NULL);
	for (slot = 0; slot < MARU_CLIENTS_MAX; slot++) {
		uint64_t pos = 0, held = 0;
		int rc;

		while ((rc = CALL(maru_inspect_hold(p, slot, &pos, &h),
				  CLOSED "ENOENT")) == 1)
			held++;
		FUZZ_MUST(held <= 1u << 26);
		if (rc < 0)
			break;
	}
}

void fuzz_look(struct maru_pool *p, unsigned what)
{
	struct maru_region r;

	if (what & 0x01)
		look_at_super(p);
	if (what & 0x02)
		look_at_slabs(p);
	if (what & 0x04)
		look_at_blocks(p);
	if (what & 0x08)
		look_at_entries(p);
	if (what & 0x10)
		look_at_stats(p);
	if (what & 0x20)
		look_at_clients(p);
	CALL(maru_region(p, 0, &r), CLOSED);
}

static bool untouched(const unsigned char *p, size_t len)
{
	return len == 0 || (p[0] == 0xa5 && memcmp(p, p + 1, len - 1) == 0);
}

/* Exactly @cap bytes, so that one more is noticed. */
static void read_into(struct maru_pool *p, const void *key, size_t klen,
		      size_t cap)
{
	unsigned char *buf = malloc(cap);
	size_t len = 0, from;
	int rc;

	FUZZ_MUST(buf != NULL);
	memset(buf, 0xa5, cap);
	rc = CALL(maru_read(p, key, klen, buf, cap, &len),
		  CLOSED "ENOENT ENOBUFS EAGAIN EUCLEAN");
	FUZZ_MUST(rc <= 0);
	FUZZ_MUST(rc != 0 || len <= cap);
	FUZZ_MUST(rc != -ENOBUFS || len > cap);
	FUZZ_MUST(rc != MARU_E_CORRUPT || maru_errmsg()[0] != '\0');
	/* what is behind the value, or all if it did not fit, is untouched */
	from = rc == 0 ? len : rc == -ENOBUFS ? 0 : cap;
	FUZZ_MUST(live || untouched(buf + from, cap - from));
	free(buf);
}

void fuzz_read_key(struct maru_pool *p, unsigned no, size_t cap)
{
	unsigned char key[MARU_KEY_MAX];
	size_t klen = fuzz_key(key, no), len;

	FUZZ_MUST(CALL(maru_exists(p, key, klen), CLOSED) <= 1);
	CALL(maru_read(p, key, klen, NULL, 0, &len),
	     CLOSED "ENOENT ENOBUFS EAGAIN EUCLEAN");
	read_into(p, key, klen, cap);
}

void fuzz_read_all(struct maru_pool *p)
{
	static unsigned char buf[FUZZ_BYTES];
	unsigned char key[MARU_KEY_MAX];
	size_t len;

	for (unsigned no = 0; no < FUZZ_KEYS; no++) {
		size_t klen = fuzz_key(key, no);
		int rc = CALL(maru_read(p, key, klen, buf, sizeof(buf), &len),
			      CLOSED "ENOENT EAGAIN EUCLEAN");

		FUZZ_MUST(rc != 0 || len <= sizeof(buf));
	}
}

void fuzz_hold_all(struct maru_pool *p)
{
	unsigned char key[MARU_KEY_MAX];
	struct maru_view view;

	for (unsigned no = 0; no < FUZZ_KEYS; no++) {
		size_t klen = fuzz_key(key, no);

		if (CALL(maru_retrieve(p, key, klen, &view),
			 CLOSED "ENOENT EOVERFLOW EUCLEAN") != 0)
			continue;
		fuzz_inside(p, view.data, view.len);
		CALL(maru_release(p, &view), CLOSED "ESTALE");
	}
}
