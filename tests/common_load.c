// SPDX-License-Identifier: BSD-3-Clause
/* A mixed load on a pool that checks what it is told at every step. */
#include "common_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 8

/* Name and how often of all of them. */
#define OPS(X)              \
	X(hold, 24)         \
	X(release, 20)      \
	X(store, 14)        \
	X(commit, 8)        \
	X(claim, 8)         \
	X(read, 4)          \
	X(exists, 4)        \
	X(pin, 5)           \
	X(delete, 5)        \
	X(touch, 2)         \
	X(wait, 2)          \
	X(prefix, 4)        \
	X(store_batch, 3)   \
	X(reserve_batch, 2) \
	X(pin_batch, 2)     \
	X(alloc_batch, 2)   \
	X(reference, 2)     \
	X(walk, 1)          \
	X(evict, 1)         \
	X(reap, 1)

enum load_op {
#define OP(name, weight) OP_##name,
	OPS(OP)
#undef OP
};

static const struct {
	const char *name;
	unsigned weight;
} ops[] = {
#define OP(name, weight) { #name, weight },
	OPS(OP)
#undef OP
};

const char *load_op_name(uint64_t op)
{
	return op < TEST_LEN(ops) ? ops[op].name : "nothing";
}

static void count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

uint64_t load_count(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void load_bad(struct load_board *board, const char *what, int rc, uint64_t no)
{
	if (board->bad + board->wrong == 0)
		snprintf(board->text, sizeof(board->text),
			 "%s of number %llu in %s: %d, %s", what,
			 (unsigned long long)no, load_op_name(board->op), rc,
			 maru_strerror(rc));
	count(&board->bad);
}

void load_wrong(struct load_board *board, const char *what, uint64_t no)
{
	if (board->bad + board->wrong == 0)
		snprintf(board->text, sizeof(board->text),
			 "%s of number %llu in %s: wrong bytes", what,
			 (unsigned long long)no, load_op_name(board->op));
	count(&board->wrong);
}

/* Is @rc zero or one of those that may be? -ENOSPC is counted. */
static int may(struct load *l, const char *what, uint64_t no, int rc,
	       const int *others)
{
	if (rc == 0)
		return 1;
	if (rc == -ENOSPC)
		count(&l->board->no_room);
	for (; *others != 0; others++)
		if (rc == *others)
			return 0;
	load_bad(l->board, what, rc, no);
	return 0;
}

#define MAY(l, what, no, rc, ...) \
	may(l, what, no, rc, (const int[]){ __VA_ARGS__, 0 })

size_t load_len(const struct load *l, uint64_t no)
{
	uint64_t r = test_mix(no ^ 0x6c656e);

	switch (r % 32) {
	case 0:
		return 0;
	case 1:
		return (r >> 32) % l->len_max;
	default:
		return (r >> 32) % 9000;
	}
}

static uint64_t any(struct load *l)
{
	uint64_t r = test_random(&l->rnd);

	/* A quarter goes to a few hot numbers. */
	return (r & 3) == 0 ? (r >> 8) % 16 : (r >> 8) % l->keys;
}

void load_start(struct load *l, struct maru_pool *pool,
		struct load_board *board, uint64_t seed)
{
	memset(l, 0, sizeof(*l));
	l->pool = pool;
	l->board = board;
	l->rnd = test_mix(seed);
	l->keys = 20000;
	l->len_max = 100000;
	l->pinned = UINT64_MAX;
}

static void verify(struct load *l, const struct maru_view *view, uint64_t no)
{
	if (view->len != load_len(l, no) ||
	    !test_verify(view->data, view->len, no))
		load_wrong(l->board, "value", no);
}

static void let_go(struct load *l, struct load_view *h)
{
	if (h->view.ref.version == 0)
		return;
	verify(l, &h->view, h->no);
	MAY(l, "release", h->no, maru_release(l->pool, &h->view), 0);
	memset(h, 0, sizeof(*h));
}

static void release(struct load *l)
{
	let_go(l, &l->held[test_random(&l->rnd) % LOAD_HELD]);
}

static void hold(struct load *l)
{
	struct load_view *h = &l->held[test_random(&l->rnd) % LOAD_HELD];

	let_go(l, h);
	h->no = any(l);
	if (MAY(l, "retrieve", h->no, test_hold(l->pool, h->no, &h->view),
		-ENOENT))
		verify(l, &h->view, h->no);
}

static void store(struct load *l)
{
	uint64_t no = any(l);

	MAY(l, "store", no, test_put(l->pool, no, load_len(l, no)),
	    MARU_EXISTED, -ENOSPC);
}

static void commit(struct load *l)
{
	uint64_t no = any(l);
	char key[TEST_KEY];
	struct maru_view view;
	struct maru_commit_opts o = { .size = sizeof(o), .view = &view };
	struct maru_buf buf;
	int rc;

	if (!MAY(l, "alloc", no, maru_alloc(l->pool, load_len(l, no), &buf),
		 -ENOSPC))
		return;
	test_fill(buf.data, buf.len, no);
	if ((test_random(&l->rnd) & 7) == 0) {
		MAY(l, "abort", no, maru_abort(l->pool, &buf), 0);
		return;
	}
	rc = maru_commit(l->pool, &buf, key, test_key(key, no), &o);
	MAY(l, "commit", no, rc, MARU_EXISTED);
	if (rc >= 0) {
		verify(l, &view, no);
		MAY(l, "release", no, maru_release(l->pool, &view), 0);
	}
}

static void finish_claim(struct load *l)
{
	if (l->claim.ref.version == 0)
		return;
	if (test_random(&l->rnd) & 1)
		MAY(l, "commit", l->claim_no,
		    maru_commit(l->pool, &l->claim, NULL, 0, NULL),
		    MARU_EXISTED);
	else
		MAY(l, "abort", l->claim_no, maru_abort(l->pool, &l->claim), 0);
	memset(&l->claim, 0, sizeof(l->claim));
}

static void claim(struct load *l)
{
	uint64_t no = any(l);
	char key[TEST_KEY];

	finish_claim(l);
	l->claim_no = no;
	if (MAY(l, "reserve", no,
		maru_reserve(l->pool, key, test_key(key, no), load_len(l, no),
			     &l->claim),
		MARU_EXISTED, -EINPROGRESS, -ENOSPC))
		test_fill(l->claim.data, l->claim.len, no);
	else
		memset(&l->claim, 0, sizeof(l->claim));
}

static void read(struct load *l)
{
	uint64_t no = any(l);
	int rc = test_get(l->pool, no, load_len(l, no));

	if (rc == -EILSEQ)
		load_wrong(l->board, "read", no);
	else
		MAY(l, "read", no, rc, -ENOENT);
}

static void exists(struct load *l)
{
	uint64_t no = any(l);

	MAY(l, "exists", no, test_has(l->pool, no), 1);
}

static void unpin(struct load *l)
{
	char key[TEST_KEY];

	if (l->pinned == UINT64_MAX)
		return;
	MAY(l, "unpin", l->pinned,
	    maru_unpin(l->pool, key, test_key(key, l->pinned), 2), 0);
	l->pinned = UINT64_MAX;
}

static void pin(struct load *l)
{
	uint64_t no = any(l);
	char key[TEST_KEY];

	unpin(l);
	if (MAY(l, "pin", no, maru_pin(l->pool, key, test_key(key, no), 2),
		-ENOENT))
		l->pinned = no;
}

static void delete (struct load *l)
{
	uint64_t no = any(l);

	MAY(l, "delete", no, test_drop(l->pool, no), -ENOENT, -EBUSY,
	    -EINPROGRESS);
}

static void touch(struct load *l)
{
	uint64_t no = any(l);
	char key[TEST_KEY];

	MAY(l, "touch", no, maru_touch(l->pool, key, test_key(key, no)),
	    -ENOENT);
}

static void wait(struct load *l)
{
	uint64_t no = any(l);
	char key[TEST_KEY];

	MAY(l, "wait", no, maru_wait(l->pool, key, test_key(key, no), 1),
	    -ENOENT, -ETIMEDOUT);
}

/* A few numbers that follow each other, packed. */
struct few {
	char blob[BATCH * TEST_KEY];
	uint64_t off[BATCH + 1], no[BATCH];
	size_t lens[BATCH];
	struct maru_keys keys;
	int res[BATCH];
};

static void pick(struct load *l, struct few *f, uint32_t flags)
{
	uint64_t first = any(l);

	f->off[0] = 0;
	for (unsigned i = 0; i < BATCH; i++) {
		/* Now and then one twice. */
		f->no[i] = first + (i == 5 ? 2 : i);
		f->lens[i] = load_len(l, f->no[i]);
		f->off[i + 1] =
			f->off[i] + test_key(f->blob + f->off[i], f->no[i]);
		f->res[i] = 12345;
	}
	f->keys = (struct maru_keys){ f->blob, f->off, BATCH, flags };
}

static void prefix(struct load *l)
{
	struct maru_view view[BATCH];
	struct few f;
	int n;

	pick(l, &f, MARU_PREFIX);
	n = maru_retrieve_batch(l->pool, &f.keys, view, f.res);
	if (n < 0 || n > BATCH) {
		load_bad(l->board, "retrieve batch", n, f.no[0]);
		return;
	}
	for (int i = 0; i < BATCH; i++) {
		int want = i < n ? 0 : i == n ? -ENOENT : -ECANCELED;

		if (f.res[i] != want)
			load_bad(l->board, "prefix", f.res[i], f.no[i]);
		if (i < n)
			verify(l, &view[i], f.no[i]);
	}
	if (maru_release_batch(l->pool, view, BATCH, f.res) != n)
		load_bad(l->board, "release batch", n, f.no[0]);
}

static void store_batch(struct load *l)
{
	struct maru_value val[BATCH];
	struct few f;
	int n;

	pick(l, &f, 0);
	for (unsigned i = 0; i < BATCH; i++) {
		void *data = malloc(f.lens[i] + 1);

		test_fill(data, f.lens[i], f.no[i]);
		val[i] = (struct maru_value){ data, f.lens[i] };
	}
	n = maru_store_batch(l->pool, &f.keys, val, f.res);
	for (unsigned i = 0; i < BATCH; i++) {
		MAY(l, "store batch", f.no[i], f.res[i], MARU_EXISTED, -ENOSPC);
		n -= f.res[i] >= 0;
		free((void *)(uintptr_t)val[i].data);
	}
	if (n != 0)
		load_bad(l->board, "store batch's count", n, f.no[0]);
}

static void end_batch(struct load *l, struct few *f, struct maru_buf *buf)
{
	for (unsigned i = 0; i < BATCH; i++)
		if (buf[i].ref.version != 0)
			test_fill(buf[i].data, buf[i].len, f->no[i]);
	maru_commit_batch(l->pool, &f->keys, buf, f->res);
}

static void reserve_batch(struct load *l)
{
	struct maru_buf buf[BATCH], copy[BATCH];
	struct few f;
	int n;

	pick(l, &f, 0);
	n = maru_reserve_batch(l->pool, &f.keys, f.lens, buf, f.res);
	if (n == -ENOSPC) {
		count(&l->board->no_room);
		return;
	}
	if (n < 0) {
		load_bad(l->board, "reserve batch", n, f.no[0]);
		return;
	}
	for (unsigned i = 0; i < BATCH; i++)
		MAY(l, "reserve batch", f.no[i], f.res[i], MARU_EXISTED,
		    -EINPROGRESS);
	memcpy(copy, buf, sizeof(copy));
	end_batch(l, &f, buf);
	for (unsigned i = 0; i < BATCH; i++)
		if (copy[i].ref.version != 0)
			MAY(l, "commit batch", f.no[i], f.res[i], MARU_EXISTED);
}

static void alloc_batch(struct load *l)
{
	struct maru_buf buf[BATCH];
	struct few f;
	int n;

	pick(l, &f, 0);
	n = maru_alloc_batch(l->pool, f.lens, BATCH, buf);
	if (n == -ENOSPC) {
		count(&l->board->no_room);
		return;
	}
	if (n != BATCH) {
		load_bad(l->board, "alloc batch", n, f.no[0]);
		return;
	}
	end_batch(l, &f, buf);
	for (unsigned i = 0; i < BATCH; i++)
		MAY(l, "commit batch", f.no[i], f.res[i], MARU_EXISTED);
}

static void pin_batch(struct load *l)
{
	struct few f;
	int n;

	pick(l, &f, MARU_PREFIX);
	n = maru_pin_batch(l->pool, &f.keys, f.res);
	f.keys.flags = 0;
	f.keys.nr = n > 0 ? (uint32_t)n : 0;
	if (n < 0 || maru_unpin_batch(l->pool, &f.keys, f.res) != n)
		load_bad(l->board, "pin batch", n, f.no[0]);
}

/*
 * By reference what is held by a view.  A delete that had looked for pins just
 * before the view was taken may have ended the entry: then it can be read, but
 * not be pinned anew.
 */
static void reference(struct load *l)
{
	struct load_view *h = &l->held[test_random(&l->rnd) % LOAD_HELD];
	struct maru_view view;
	int rc;

	if (h->view.ref.version == 0)
		return;
	rc = maru_ref_pin(l->pool, &h->view.ref, 1);
	if (!MAY(l, "pin by reference", h->no, rc, MARU_E_STALE))
		return;
	rc = maru_ref_data(l->pool, &h->view.ref, &view.data, &view.len);
	if (MAY(l, "data by reference", h->no, rc, 0))
		verify(l, &view, h->no);
	rc = maru_ref_unpin(l->pool, &h->view.ref, 1);
	MAY(l, "unpin by reference", h->no, rc, 0);
}

static void walk(struct load *l)
{
	struct maru_iter it = { test_random(&l->rnd) % 1000 };
	struct maru_entry e;
	int rc = 1;

	for (unsigned i = 0; i < 20 && rc == 1; i++)
		rc = maru_iter_next(l->pool, &it, &e);
	MAY(l, "walk", 0, rc, 1);
}

static void evict(struct load *l)
{
	MAY(l, "evict", 0, maru_evict(l->pool, 20000, NULL), -ENOSPC);
}

static void reap(struct load *l)
{
	int rc = maru_reap(l->pool);

	if (rc < 0)
		load_bad(l->board, "reap", rc, 0);
}

static void do_op(struct load *l, enum load_op op)
{
	__atomic_store_n(&l->board->op, op, __ATOMIC_RELAXED);
	switch (op) {
#define OP(name, weight) \
	case OP_##name:  \
		name(l); \
		break;
		OPS(OP)
#undef OP
	}
	count(&l->board->ops);
}

void load_step(struct load *l)
{
	unsigned sum = 0, r;

	for (unsigned i = 0; i < TEST_LEN(ops); i++)
		sum += ops[i].weight;
	r = (unsigned)(test_random(&l->rnd) % sum);
	for (unsigned i = 0; i < TEST_LEN(ops); i++) {
		if (r < ops[i].weight) {
			do_op(l, i);
			return;
		}
		r -= ops[i].weight;
	}
}

void load_end(struct load *l)
{
	for (unsigned i = 0; i < LOAD_HELD; i++)
		let_go(l, &l->held[i]);
	finish_claim(l);
	unpin(l);
}
