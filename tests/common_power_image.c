// SPDX-License-Identifier: BSD-3-Clause
/* An image of a pool after loss of power: repaired, read, judged, used. */
#include "common.h"
#include "common_power.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool bad(const char *what, int rc)
{
	fprintf(stderr, "power: %s: %d, %s\n", what, rc, maru_errmsg());
	return false;
}

/* The versions of the key that these bytes could be. */
static uint64_t versions_of(unsigned key, const void *val, size_t len)
{
	uint64_t fit = 0;

	for (unsigned v = 1; v <= power_story->version[key]; v++)
		if (power_story->len[key][v] == len &&
		    test_verify(val, len, key * 1000u + v))
			fit |= 1ull << v;
	return fit;
}

static bool read_key(struct maru_pool *pool, unsigned no, uint64_t *fit)
{
	static unsigned char val[1 << 20];
	char key[MARU_KEY_MAX];
	size_t len, klen = power_key(key, no);
	int rc = maru_read(pool, key, klen, val, sizeof(val), &len);

	*fit = 0;
	if (rc == -ENOENT)
		return true;
	if (rc)
		return bad("an entry cannot be read", rc);
	*fit = versions_of(no, val, len);
	return *fit ||
	       bad("an entry's bytes were never stored for its key", (int)no);
}

bool power_read(struct maru_pool *pool, struct power_found *found)
{
	struct maru_iter it = { 0 };
	struct maru_entry e;
	unsigned keys = 0, entries = 0;

	memset(found, 0, sizeof(*found));
	for (unsigned no = 0; no < POWER_KEYS; no++) {
		if (!read_key(pool, no, &found->version[no]))
			return false;
		keys += found->version[no] != 0;
	}
	while (maru_iter_next(pool, &it, &e) == 1)
		entries++;
	return keys == entries ||
	       bad("entries that no key finds", (int)(entries - keys));
}

/* What of a key is promised, and what possible. */
struct fate {
	uint64_t may; /* versions */
	uint8_t must; /* version, 0 none */
};

static void follow(struct fate *f, const struct power_op *op, unsigned key,
		   uint32_t at)
{
	bool over = op->end <= at;

	if (op->kind == POWER_STORE && op->key == key) {
		f->may |= 1ull << op->version;
		if (over && !op->rc)
			f->must = op->version;
		if (over && op->rc)
			f->may &= ~(1ull << op->version);
	}
	if (op->kind == POWER_DELETE && op->key == key) {
		f->must = 0;
		if (over && !op->rc)
			f->may = 0; /* what was deleted does not come back */
	}
	if (op->sweeps && (!over || !(op->seen >> key & 1)) &&
	    !(op->kind == POWER_STORE && op->key == key && over && !op->rc))
		f->must = 0;
	/* one version is there, and what is there is durable now */
	if (op->kind == POWER_SYNC && over && op->seen >> key & 1 &&
	    !(f->may & (f->may - 1)) && f->may)
		f->must = (uint8_t)__builtin_ctzll(f->may);
}

bool power_judge(const struct power_found *found, uint32_t at)
{
	const struct power_story *s = power_story;

	for (unsigned key = 0; key < POWER_KEYS; key++) {
		struct fate f = { 0 };
		uint64_t is = found->version[key];

		for (uint32_t i = 0; i < s->op_nr; i++)
			if (s->op[i].begin <= at)
				follow(&f, &s->op[i], key, at);
		if (s->weak)
			f = (struct fate){ .may = ~0ull };
		if ((f.must && !(is >> f.must & 1)) || (is && !(is & f.may))) {
			fprintf(stderr,
				"power: at entry %u key %u: versions 0x%llx, may 0x%llx, must %u\n",
				at, key, (unsigned long long)is,
				(unsigned long long)f.may, f.must);
			return false;
		}
	}
	return true;
}

/* One by one, so that none is missing. */
static int take_all(struct maru_pool *pool)
{
	static struct maru_buf buf[4096];
	struct maru_super sb;
	unsigned nr = 0, i;
	int rc = maru_inspect_super(pool, &sb);

	while (!rc && nr < TEST_LEN(buf) && !maru_alloc(pool, 1, &buf[nr]))
		nr++;
	for (i = 0; i < nr; i++)
		rc |= maru_abort(pool, &buf[i]);
	return !rc && nr != sb.pages ? -ENOSPC : rc;
}

bool power_use(struct maru_pool *pool)
{
	int rc = maru_clear(pool, NULL);

	if (!rc)
		rc = test_put(pool, 1, 5000);
	if (!rc)
		rc = test_get(pool, 1, 5000);
	if (!rc)
		rc = test_drop(pool, 1);
	if (!rc)
		rc = take_all(pool);
	if (!rc)
		rc = maru_check(pool, NULL, NULL);
	return !rc || bad("use", rc);
}

static bool use_it(const char *path)
{
	struct maru_pool *pool;
	int rc = maru_open(path, NULL, &pool);
	bool good;

	if (rc)
		return bad("open after the repair", rc);
	good = power_use(pool);
	maru_close(pool, MARU_CLOSE_FORCE);
	return good;
}

static void tell(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	fprintf(stderr, "power: invariant %u at %#llx: %s\n", fault->invariant,
		(unsigned long long)fault->addr, fault->what);
}

/* A superblock copy that is missing is no fault until a repair. */
static void count(void *ctx, const struct maru_fault *fault)
{
	if (fault->invariant == 1)
		return;
	tell(NULL, fault);
	++*(int *)ctx;
}

bool power_check(struct maru_pool *pool)
{
	int rc = 0;

	if (maru_check(pool, count, &rc) < 0)
		return bad("check", 0);
	return !rc || bad("the pool has faults", rc);
}

static bool read_all(struct maru_pool *pool, struct power_found *found)
{
	return power_check(pool) && power_read(pool, found);
}

static bool is_refusal(int rc)
{
	return rc == MARU_E_CORRUPT || rc == MARU_E_FORMAT;
}

int power_as_is(const char *path, struct power_found *found)
{
	struct maru_pool *pool;
	int rc = maru_open(path, NULL, &pool);
	bool good;

	if (is_refusal(rc))
		return 0;
	if (rc)
		return bad("open", rc) - 1;
	good = read_all(pool, found);
	maru_close(pool, 0);
	return good ? 1 : -1;
}

int power_repair(const char *path, uint32_t flags, bool use,
		 struct power_found *found)
{
	struct maru_fsck_opts o = { .size = sizeof(o),
				    .flags = MARU_FSCK_REPAIR | flags };
	struct maru_fsck_result res;
	int rc = maru_fsck(path, &o, &res), as_is;

	memset(found, 0, sizeof(*found));
	if (is_refusal(rc))
		return 0; /* for who judges: there may never have been one */
	o.fn = tell;
	if (!rc)
		rc = maru_fsck(path, &o, &res);
	if (rc)
		return bad("fsck", rc) - 1;
	if (res.faults || res.freed || res.dropped)
		return bad("a second repair found something", 0) - 1;
	as_is = power_as_is(path, found);
	if (as_is < 1)
		return as_is ? -1 : bad("refused after a repair", 0) - 1;
	return !use || use_it(path) ? 1 : -1;
}
