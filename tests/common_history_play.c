// SPDX-License-Identifier: BSD-3-Clause
/* The calls that a player makes, and how each is noted. */
#include "common_history.h"

#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define LEN_MAX 9000
#define BATCH 3

/*
 * Not a counter that all share: taking its line would order the calls of
 * different processors by itself.  The time stamp counter is one for all of
 * them; it keeps loads of the call from being done before it is read, no more.
 */
uint64_t history_stamp(void)
{
#if defined(__x86_64__)
	unsigned cpu;
	uint64_t t = __rdtscp(&cpu);

	_mm_lfence();
	return t;
#else
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

int history_room(const struct history_player *p, unsigned nr)
{
	return p->line->nr + nr <= HISTORY_OPS;
}

struct history_op *history_begin(struct history_player *p, unsigned call,
				 unsigned key, uint64_t value)
{
	struct history_op *op = &p->line->op[p->line->nr];

	op->call = (uint16_t)call;
	op->key = (uint16_t)key;
	op->value = value;
	op->end = HISTORY_NEVER;
	op->begin = history_stamp();
	__atomic_store_n(&p->line->nr, p->line->nr + 1, __ATOMIC_RELEASE);
	return op;
}

void history_end(struct history_op *op, int rc)
{
	uint64_t end = history_stamp();

	op->rc = rc;
	__atomic_store_n(&op->end, end, __ATOMIC_RELEASE);
}

/* Number of the op in its line, + 1: what a later one goes back to. */
static uint16_t number(const struct history_player *p,
		       const struct history_op *op)
{
	return (uint16_t)(op - p->line->op + 1);
}

/* Keys and values: a value tells its number, and its length follows. --------- */

static size_t key_of(char key[TEST_KEY], unsigned no)
{
	return test_key(key, no);
}

static uint64_t new_value(struct history_player *p)
{
	return p->round << 16 | (uint64_t)p->me << 8 | ++p->values;
}

static size_t len_of(uint64_t value)
{
	uint64_t r = test_mix(value);

	return 8 + (r & 3 ? (r >> 8) % 300 : (r >> 8) % (LEN_MAX - 8));
}

static void fill(void *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
	test_fill((char *)to + 8, len_of(value) - 8, value);
}

/* Which value this is, whole, or HISTORY_TORN. */
static uint64_t seen(const void *data, size_t len)
{
	uint64_t value;

	if (len < sizeof(value))
		return HISTORY_TORN;
	memcpy(&value, data, sizeof(value));
	if (value == 0 || len != len_of(value) ||
	    !test_verify((const char *)data + 8, len - 8, value))
		return HISTORY_TORN;
	return value;
}

static unsigned any_key(struct history_player *p)
{
	return (unsigned)(test_random(&p->rnd) >> 16) % p->h->key_nr;
}

/* Calls by key ---------------------------------------------------------------- */

static void store(struct history_player *p)
{
	unsigned no = any_key(p);
	uint64_t value = new_value(p);
	char key[TEST_KEY], data[LEN_MAX];
	size_t klen = key_of(key, no);
	struct history_op *op;

	fill(data, value);
	op = history_begin(p, HISTORY_store, no, value);
	history_end(op, maru_store(p->pool, key, klen, data, len_of(value)));
}

static int free_hand(const struct history_player *p)
{
	for (int i = 0; i < 2; i++)
		if (p->held[i].from == 0)
			return i;
	return -1;
}

static void take(struct history_player *p, int hand, struct history_op *op,
		 const struct maru_view *view)
{
	p->held[hand].view = *view;
	p->held[hand].value = op->value;
	p->held[hand].key = op->key;
	p->held[hand].from = number(p, op);
}

/* @from: the op that claimed, or 0 */
static void commit_buf(struct history_player *p, struct maru_buf *buf,
		       unsigned no, uint64_t value, uint16_t from)
{
	int hand = test_random(&p->rnd) & 1 ? free_hand(p) : -1, rc;
	struct maru_view view;
	struct maru_commit_opts o = { .size = sizeof(o) };
	char key[TEST_KEY];
	size_t klen = key_of(key, no);
	struct history_op *op;

	buf->len = len_of(value);
	fill(buf->data, value);
	if (hand >= 0)
		o.view = &view;
	op = history_begin(p, HISTORY_commit, no, value);
	op->from = from;
	op->view = hand >= 0;
	rc = maru_commit(p->pool, buf, from ? NULL : key, from ? 0 : klen, &o);
	if (hand >= 0 && rc >= 0)
		op->value = seen(view.data, view.len);
	/* of its own value nobody has to tell: it must be that one */
	if (rc == 0 && op->value != value)
		op->value = HISTORY_TORN;
	history_end(op, rc);
	if (hand >= 0 && rc >= 0)
		take(p, hand, op, &view);
}

static void commit(struct history_player *p)
{
	uint64_t value = new_value(p);
	struct history_op *op;
	struct maru_buf buf;
	int rc;

	op = history_begin(p, HISTORY_evict, HISTORY_NO_KEY, 0);
	rc = maru_alloc(p->pool, len_of(value), &buf);
	history_end(op, rc);
	if (rc == 0)
		commit_buf(p, &buf, any_key(p), value, 0);
}

static void end_claim(struct history_player *p, int i)
{
	struct history_op *op;

	if (test_random(&p->rnd) % 3 > 0) {
		commit_buf(p, &p->claim[i].buf, p->claim[i].key,
			   p->claim[i].value, p->claim[i].from);
	} else {
		op = history_begin(p, HISTORY_abort, p->claim[i].key, 0);
		op->from = p->claim[i].from;
		history_end(op, maru_abort(p->pool, &p->claim[i].buf));
	}
	p->claim[i].from = 0;
}

static void claim(struct history_player *p)
{
	unsigned no = any_key(p);
	uint64_t value = new_value(p);
	char key[TEST_KEY];
	size_t klen = key_of(key, no);
	int i = p->claim[0].from ? 1 : 0, rc;
	struct history_op *op;

	if (p->claim[i].from) {
		end_claim(p, (int)(test_random(&p->rnd) & 1));
		return;
	}
	op = history_begin(p, HISTORY_reserve, no, 0);
	rc = maru_reserve(p->pool, key, klen, len_of(value), &p->claim[i].buf);
	history_end(op, rc);
	if (rc != 0)
		return;
	p->claim[i].value = value;
	p->claim[i].key = (uint16_t)no;
	p->claim[i].from = number(p, op);
}

static void finish(struct history_player *p)
{
	int i = (int)(test_random(&p->rnd) & 1);

	if (p->claim[i].from)
		end_claim(p, i);
}

static void let_go(struct history_player *p, int hand)
{
	struct history_op *op;
	uint64_t value;

	value = seen(p->held[hand].view.data, p->held[hand].view.len);
	op = history_begin(p, HISTORY_release, p->held[hand].key,
			   p->held[hand].value);
	op->from = p->held[hand].from;
	op->again = value != p->held[hand].value;
	history_end(op, maru_release(p->pool, &p->held[hand].view));
	p->held[hand].from = 0;
}

static void retrieve(struct history_player *p)
{
	unsigned no = any_key(p);
	char key[TEST_KEY];
	size_t klen = key_of(key, no);
	int hand = free_hand(p), rc;
	struct maru_view view;
	struct history_op *op;

	if (hand < 0) {
		let_go(p, (int)(test_random(&p->rnd) & 1));
		return;
	}
	op = history_begin(p, HISTORY_retrieve, no, 0);
	rc = maru_retrieve(p->pool, key, klen, &view);
	if (rc == 0)
		op->value = seen(view.data, view.len);
	history_end(op, rc);
	if (rc == 0)
		take(p, hand, op, &view);
}

static void release(struct history_player *p)
{
	int hand = (int)(test_random(&p->rnd) & 1);

	if (p->held[hand].from)
		let_go(p, hand);
}

void history_ask(struct history_player *p, unsigned no)
{
	char key[TEST_KEY], data[LEN_MAX];
	size_t klen = key_of(key, no), len = 0;
	struct history_op *op;
	int rc;

	op = history_begin(p, p->rdonly ? HISTORY_peek : HISTORY_read, no, 0);
	rc = maru_read(p->pool, key, klen, data, sizeof(data), &len);
	if (rc == 0)
		op->value = seen(data, len);
	history_end(op, rc);
}

static void read_key(struct history_player *p)
{
	history_ask(p, any_key(p));
}

/* Calls that take a key and tell no more than a number. */
static int plain(struct history_player *p, unsigned call, unsigned no)
{
	char key[TEST_KEY];
	size_t klen = key_of(key, no);
	struct history_op *op = history_begin(p, call, no, 0);
	int rc;

	switch (call) {
	case HISTORY_exists:
		rc = maru_exists(p->pool, key, klen);
		break;
	case HISTORY_touch:
		rc = maru_touch(p->pool, key, klen);
		break;
	case HISTORY_pin:
		rc = maru_pin(p->pool, key, klen, 1);
		break;
	case HISTORY_unpin:
		rc = maru_unpin(p->pool, key, klen, 1);
		break;
	case HISTORY_delete:
		rc = maru_delete(p->pool, key, klen);
		break;
	default:
		rc = maru_wait(p->pool, key, klen, 0);
	}
	history_end(op, rc);
	return rc;
}

static void exists(struct history_player *p)
{
	plain(p, HISTORY_exists, any_key(p));
}

static void touch(struct history_player *p)
{
	plain(p, HISTORY_touch, any_key(p));
}

static void wait(struct history_player *p)
{
	plain(p, HISTORY_wait, any_key(p));
}

static void delete (struct history_player *p)
{
	plain(p, HISTORY_delete, any_key(p));
}

static void pin(struct history_player *p)
{
	unsigned no = any_key(p);

	if (p->pin_from) {
		plain(p, HISTORY_unpin, p->pin_key);
		p->pin_from = 0;
	} else if (plain(p, HISTORY_pin, no) == 0) {
		p->pin_from = (uint16_t)p->line->nr;
		p->pin_key = (uint16_t)no;
	}
}

/* Batches: the keys of one are different, and each is an op of its own. ------- */

struct batch {
	char blob[BATCH * TEST_KEY], data[BATCH][LEN_MAX];
	uint64_t off[BATCH + 1], value[BATCH];
	size_t len[BATCH];
	struct maru_value val[BATCH];
	struct maru_buf buf[BATCH];
	struct maru_keys keys;
	struct history_op *op[BATCH];
	int res[BATCH];
};

static void pack(struct history_player *p, struct batch *b)
{
	unsigned first = any_key(p);
	unsigned nr = p->h->key_nr < BATCH ? p->h->key_nr : BATCH;

	memset(b->buf, 0, sizeof(b->buf));
	b->off[0] = 0;
	for (unsigned i = 0; i < nr; i++) {
		unsigned no = (first + i) % p->h->key_nr;

		b->value[i] = new_value(p);
		b->len[i] = len_of(b->value[i]);
		fill(b->data[i], b->value[i]);
		b->val[i] = (struct maru_value){ b->data[i], b->len[i] };
		b->off[i + 1] = b->off[i] + key_of(b->blob + b->off[i], no);
	}
	b->keys = (struct maru_keys){ b->blob, b->off, nr, 0 };
	b->val[0].len = b->len[0];
}

static void begin_all(struct history_player *p, struct batch *b, unsigned call)
{
	for (unsigned i = 0; i < b->keys.nr; i++) {
		unsigned no = (unsigned)(b->blob[b->off[i + 1] - 1] - '0');

		b->op[i] = history_begin(
			p, call, no, call == HISTORY_store ? b->value[i] : 0);
	}
}

static void end_all(struct batch *b)
{
	for (unsigned i = 0; i < b->keys.nr; i++)
		history_end(b->op[i], b->res[i]);
}

static void store_batch(struct history_player *p)
{
	struct batch b;

	pack(p, &b);
	begin_all(p, &b, HISTORY_store);
	maru_store_batch(p->pool, &b.keys, b.val, b.res);
	end_all(&b);
}

static void exists_batch(struct history_player *p)
{
	struct batch b;

	pack(p, &b);
	begin_all(p, &b, HISTORY_exists);
	maru_exists_batch(p->pool, &b.keys, b.res);
	end_all(&b);
}

static void delete_batch(struct history_player *p)
{
	struct batch b;

	pack(p, &b);
	begin_all(p, &b, HISTORY_delete);
	maru_delete_batch(p->pool, &b.keys, b.res);
	end_all(&b);
}

static void hold_batch(struct history_player *p)
{
	struct maru_view view[BATCH];
	struct batch b;

	/* with what is held already there must be room for all of them */
	if (p->held[0].from || p->held[1].from)
		return;
	pack(p, &b);
	b.keys.nr = b.keys.nr < 2 ? b.keys.nr : 2;
	begin_all(p, &b, HISTORY_retrieve);
	maru_retrieve_batch(p->pool, &b.keys, view, b.res);
	for (unsigned i = 0; i < b.keys.nr; i++)
		if (b.res[i] == 0)
			b.op[i]->value = seen(view[i].data, view[i].len);
	end_all(&b);
	for (unsigned i = 0; i < b.keys.nr; i++)
		if (b.res[i] == 0)
			take(p, (int)i, b.op[i], &view[i]);
}

/* Without room all or nothing is claimed; that is no order of single calls. */
static void claim_batch(struct history_player *p)
{
	struct batch b;

	if (p->h->pressure || p->claim[0].from || p->claim[1].from)
		return;
	pack(p, &b);
	b.keys.nr = b.keys.nr < 2 ? b.keys.nr : 2;
	begin_all(p, &b, HISTORY_reserve);
	maru_reserve_batch(p->pool, &b.keys, b.len, b.buf, b.res);
	end_all(&b);
	for (unsigned i = 0; i < b.keys.nr; i++) {
		if (b.res[i] != 0)
			continue;
		p->claim[i].buf = b.buf[i];
		p->claim[i].value = b.value[i];
		p->claim[i].key = b.op[i]->key;
		p->claim[i].from = number(p, b.op[i]);
	}
}

/* Whatever makes room, of whatever key. ---------------------------------------- */

static void evict(struct history_player *p)
{
	uint64_t r = test_random(&p->rnd);
	struct history_op *op;
	char key[TEST_KEY], data[LEN_MAX] = "";
	size_t klen = test_key(key, 100 + (r >> 8) % 100);
	int rc;

	if (!p->h->pressure)
		return;
	op = history_begin(p, HISTORY_evict, HISTORY_NO_KEY, 0);
	if ((r & 7) == 0)
		rc = maru_clear(p->pool, NULL);
	else if ((r & 7) < 4)
		rc = maru_evict(p->pool, 4096, NULL);
	else
		rc = maru_store(p->pool, key, klen, data, (r >> 32) % LEN_MAX);
	history_end(op, rc);
}

static void reap(struct history_player *p)
{
	struct history_op *op =
		history_begin(p, HISTORY_reap, HISTORY_NO_KEY, 0);

	history_end(op, maru_reap(p->pool));
}

/* What and how often of all of them. */
static const struct {
	void (*fn)(struct history_player *p);
	unsigned weight;
} moves[] = {
	{ store, 12 },	    { commit, 8 },	 { claim, 12 },
	{ finish, 6 },	    { retrieve, 12 },	 { release, 8 },
	{ read_key, 6 },    { exists, 3 },	 { touch, 1 },
	{ wait, 3 },	    { delete, 16 },	 { pin, 7 },
	{ store_batch, 2 }, { exists_batch, 1 }, { delete_batch, 3 },
	{ hold_batch, 2 },  { claim_batch, 2 },	 { evict, 8 },
	{ reap, 1 },
};

void history_move(struct history_player *p)
{
	unsigned sum = 0, r;

	if (p->rdonly) {
		(test_random(&p->rnd) & 1 ? read_key : exists)(p);
		return;
	}
	for (size_t i = 0; i < TEST_LEN(moves); i++)
		sum += moves[i].weight;
	r = (unsigned)(test_random(&p->rnd) % sum);
	for (size_t i = 0; i < TEST_LEN(moves); i++) {
		if (r < moves[i].weight) {
			moves[i].fn(p);
			return;
		}
		r -= moves[i].weight;
	}
}

void history_leave(struct history_player *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->claim[i].from)
			end_claim(p, i);
	}
	for (int i = 0; i < 2; i++)
		if (p->held[i].from)
			let_go(p, i);
	if (p->pin_from)
		plain(p, HISTORY_unpin, p->pin_key);
	p->pin_from = 0;
}
