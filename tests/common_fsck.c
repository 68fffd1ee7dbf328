// SPDX-License-Identifier: BSD-3-Clause
/* A planted fault: named, mended, gone; nothing else is lost. */
#include "common_fsck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct fsck_scene fsck;

static const char long_key[300] = "a key that is longer than a descriptor's";

static size_t len_of(unsigned no)
{
	return no < FSCK_THREE ? 100 :
	       no < FSCK_WIDE  ? 12000 :
	       no < FSCK_HUGE  ? 160000 :
	       no < FSCK_LONG  ? 280000 :
				 3000;
}

static void key_of(unsigned no, char *key, size_t *klen)
{
	*klen = sizeof(long_key);
	if (no == FSCK_LONG)
		memcpy(key, long_key, sizeof(long_key));
	else
		*klen = test_key(key, no);
}

static void store(struct maru_pool *p, unsigned no)
{
	static char value[300000];
	char key[sizeof(long_key)];
	size_t klen;

	key_of(no, key, &klen);
	test_fill(value, len_of(no), no);
	ck_assert_int_eq(maru_store(p, key, klen, value, len_of(no)), 0);
}

static bool reads(struct maru_pool *p, unsigned no)
{
	static char value[300000];
	char key[sizeof(long_key)];
	size_t klen, len;

	key_of(no, key, &klen);
	if (maru_read(p, key, klen, value, sizeof(value), &len))
		return false;
	ck_assert_uint_eq(len, len_of(no));
	ck_assert_int_eq(test_verify(value, len, no), 1);
	return true;
}

void fsck_locks(void)
{
	mkdir(test_path("locks"), 0777);
	ck_assert_int_eq(setenv("MARU_LOCK_DIR", test_path("locks"), 1), 0);
}

static void populate(uint32_t flags, uint32_t share)
{
	struct maru_create_opts o = test_opts();
	struct maru_pool *p;

	o.flags |= flags;
	o.share = share;
	o.host_ms = share ? 100 : 0;
	if (share)
		fsck_locks();
	p = test_pool(&o);
	for (unsigned no = 0; no < FSCK_NR; no++)
		store(p, no);
	test_close(p);
}

void fsck_populate(uint32_t flags)
{
	populate(flags, MARU_SHARE_HOST);
}

static void find(void)
{
	struct extent e;

	for (unsigned no = 0; no < FSCK_NR; no++) {
		char key[sizeof(long_key)];
		struct dir_hit hit;
		struct dir_key k;
		size_t klen;

		key_of(no, key, &klen);
		dir_key_init(&fsck.p->dir, &k, key, klen);
		ck_assert_int_eq(dir_peek(&fsck.p->dir, &k, &hit), 0);
		fsck.idx[no] = hit.idx;
	}
	ck_assert(extent_of(&fsck.p->slab, fsck.idx[0], &e));
	fsck.free = extent_idx(&e, e.blocks - 1);
	ck_assert_int_eq(room_state(fsck.p, fsck.free), BLOCK_FREE);
}

void fsck_open(void)
{
	struct maru_fsck_opts o = { .flags = MARU_FSCK_REPAIR };
	int rc = pool_open_alone(test_target(), &o, &fsck.p);

	ck_assert_msg(rc == 0, "%s", maru_errmsg());
	fsck.at = FAULT_NOWHERE;
}

void fsck_close(void)
{
	ck_assert_int_eq(maru_close(fsck.p, 0), 0);
}

void fsck_at(uint32_t idx)
{
	fsck.at = slab_addr(idx);
}

struct media_block *fsck_block(unsigned no)
{
	return slab_block(&fsck.p->slab, fsck.idx[no]);
}

uint32_t fsck_head(unsigned no)
{
	struct extent e;

	ck_assert(extent_of(&fsck.p->slab, fsck.idx[no], &e));
	return e.head;
}

a64 *fsck_slot(unsigned no)
{
	struct dir *d = &fsck.p->dir;
	uint64_t h0 = a64_load_rlx(&fsck_block(no)->h0);
	uint64_t word =
		slot_make(h0, block_version(room_word(fsck.p, fsck.idx[no])),
			  fsck.idx[no]);

	for (unsigned way = 0; way < BUCKET_WAYS; way++)
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t no_ = dir_way(d, dir_home(d, h0), way);
			a64 *slot = &d->buckets[no_].slot[i];

			if (slot_load(slot) == word)
				return slot;
		}
	ck_abort_msg("entry %u has no slot", no);
	return NULL;
}

a64 *fsck_home(unsigned no)
{
	struct dir *d = &fsck.p->dir;

	return &d->buckets[dir_home(d, a64_load_rlx(&fsck_block(no)->h0))].head;
}

struct judge {
	const struct planted *f;
	struct fsck_report *r;
};

static void judge(void *ctx, const struct maru_fault *fault)
{
	struct judge *j = ctx;
	struct fsck_report *r = j->r;

	if (!fault->invariant) {
		r->notices++;
		return;
	}
	if (!r->told++)
		snprintf(r->first, sizeof(r->first), "invariant %u, %#llx: %s",
			 fault->invariant, (unsigned long long)fault->addr,
			 fault->what);
	if (j->f && j->f->what && fault->invariant == j->f->invariant &&
	    strstr(fault->what, j->f->what) && fault->addr == fsck.at)
		r->matched++;
}

struct fsck_report fsck_check(uint32_t flags, const struct planted *f)
{
	struct fsck_report r = { 0 };
	struct judge j = { f, &r };
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = flags,
		.fn = judge,
		.ctx = &j,
	};
	int rc = maru_fsck(test_target(), &o, &r.res);

	ck_assert_msg(rc == 0, "%d, %s", rc, maru_errmsg());
	return r;
}

void fsck_kept(struct maru_pool *p, uint32_t lost)
{
	for (unsigned no = 0; no < FSCK_NR; no++)
		ck_assert_msg(reads(p, no) == !(lost >> no & 1), "entry %u",
			      no);
	ck_assert_uint_eq(test_stats(p).entries,
			  FSCK_NR - (unsigned)__builtin_popcount(lost));
}

void fsck_room(struct maru_pool *p, unsigned gone)
{
	struct maru_stats st;
	uint64_t nr = 0;
	struct maru_buf buf;

	ck_assert_int_eq(maru_clear(p, NULL), 0);
	st = test_stats(p);
	ck_assert_uint_eq(st.used_bytes, 0);
	while (!maru_alloc(p, 1, &buf))
		nr++;
	/* in an extent that cannot be given back, as a block in it is BAD */
	while (!maru_alloc(p, 12000, &buf))
		nr += 3;
	ck_assert_uint_eq(nr + gone, st.data_bytes / test_unit(p));
	ck_assert_int_eq(maru_close(p, MARU_CLOSE_FORCE), 0);
}

/* Named, in this way and at this place, and nothing else. */
static void is_named(const struct planted *f)
{
	unsigned nr = !f->what ? 0 : f->nr ? f->nr : 1;
	struct fsck_report r = fsck_check(f->check, f);

	ck_assert_msg(r.told == nr && r.res.faults == nr, "%u told; %s", r.told,
		      r.first);
	ck_assert_msg(!f->what || r.matched, "%s, not at %#llx", r.first,
		      (unsigned long long)fsck.at);
	ck_assert_uint_eq(r.res.fixed, 0);
}

static void is_mended(const struct planted *f)
{
	uint32_t lost = (uint32_t)__builtin_popcount(f->lost);
	struct fsck_report r;

	r = fsck_check(MARU_FSCK_REPAIR | MARU_FSCK_REBUILD | f->check, f);
	ck_assert_uint_eq(r.res.fixed, r.res.faults);
	ck_assert_uint_eq(r.res.kept, FSCK_NR - lost);
	r = fsck_check(MARU_FSCK_DATA, NULL);
	ck_assert_msg(r.told == 0, "%s", r.first);
	ck_assert_uint_eq(r.res.kept, FSCK_NR - lost);
	r = fsck_check(MARU_FSCK_REPAIR | MARU_FSCK_DATA, NULL);
	ck_assert_uint_eq(r.told + r.res.dropped + r.res.freed, 0);
}

void fsck_run(const struct planted *f)
{
	struct maru_pool *p;

	populate(f->pool, f->share);
	fsck_open();
	find();
	f->plant();
	fsck_close();
	is_named(f);
	if (!f->what) { /* then it can be used as it is */
		ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
		fsck_kept(p, f->lost);
		ck_assert_int_eq(maru_close(p, 0), 0);
	}
	is_mended(f);
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
	fsck_kept(p, f->lost);
	fsck_room(p, f->gone);
}
