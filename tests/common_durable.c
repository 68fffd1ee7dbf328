// SPDX-License-Identifier: BSD-3-Clause
/* Keys that must be there, whoever was killed. */
#include "common_durable.h"

#include <string.h>

#define LEN_MAX 12000

/* What a worker knows of its key. */
enum fate { ABSENT, STORING, STORED, DELETING };

static enum fate fate_of(uint32_t note)
{
	return (enum fate)(note & 3);
}

static uint32_t note_of(const struct durable *d, unsigned worker, unsigned i)
{
	return __atomic_load_n(&d->note[worker][i], __ATOMIC_SEQ_CST);
}

static void note(struct durable_worker *w, unsigned i, uint32_t version,
		 enum fate f)
{
	__atomic_store_n(&w->keys->note[w->me][i], version << 2 | f,
			 __ATOMIC_SEQ_CST);
}

static uint64_t key_no(unsigned worker, unsigned i)
{
	return DURABLE_FIRST + (uint64_t)worker * DURABLE_KEYS + i;
}

/* The number that the value of this version of a key follows from. */
static uint64_t value_no(unsigned worker, unsigned i, uint32_t version)
{
	return test_mix(key_no(worker, i) << 32 | version);
}

static size_t value_len(uint64_t no)
{
	return no % LEN_MAX;
}

static int put(struct maru_pool *pool, unsigned worker, unsigned i,
	       uint32_t version)
{
	uint64_t no = value_no(worker, i, version);
	char key[TEST_KEY], val[LEN_MAX];
	size_t klen = test_key(key, key_no(worker, i)), len = value_len(no);
	struct maru_buf buf;
	int rc;

	if (no >> 62 == 0) {
		test_fill(val, len, no);
		return maru_store(pool, key, klen, val, len);
	}
	if (no >> 62 == 1)
		rc = maru_alloc(pool, len, &buf);
	else
		rc = maru_reserve(pool, key, klen, len, &buf);
	if (rc != 0)
		return rc;
	test_fill(buf.data, len, no);
	return maru_commit(pool, &buf, key, klen, NULL);
}

/* 0 and it is that version; -ENOENT; -EILSEQ it is something else. */
static int get(struct maru_pool *pool, unsigned worker, unsigned i,
	       uint32_t version)
{
	uint64_t no = value_no(worker, i, version);
	struct maru_view view;
	int rc = test_hold(pool, key_no(worker, i), &view), right;

	if (rc != 0)
		return rc;
	right = view.len == value_len(no) &&
		test_verify(view.data, view.len, no);
	rc = maru_release(pool, &view);
	return rc != 0 ? rc : right ? 0 : -EILSEQ;
}

static void store(struct durable_worker *w, unsigned i, uint32_t version)
{
	int again = fate_of(note_of(w->keys, w->me, i)) == STORING, rc;

	note(w, i, version, STORING);
	rc = put(w->pool, w->me, i, version);
	/* A predecessor may have got as far as to store it, or to claim it. */
	if (rc == 0 || (again && rc == MARU_EXISTED))
		note(w, i, version, STORED);
	else if (!(again && rc == -EINPROGRESS))
		load_bad(w->board, "durable store", rc, key_no(w->me, i));
}

static void drop(struct durable_worker *w, unsigned i, uint32_t version)
{
	int again = fate_of(note_of(w->keys, w->me, i)) == DELETING, rc;

	note(w, i, version, DELETING);
	rc = test_drop(w->pool, key_no(w->me, i));
	if (rc == 0 || (again && rc == -ENOENT))
		note(w, i, version, ABSENT);
	else if (rc == -EBUSY)
		note(w, i, version, STORED);
	else
		load_bad(w->board, "lost: durable delete", rc,
			 key_no(w->me, i));
}

/* Somebody's key, whose note says before and after that it is there. */
static void look(struct durable_worker *w, unsigned worker, unsigned i)
{
	uint32_t before = note_of(w->keys, worker, i);
	int rc = get(w->pool, worker, i, before >> 2);

	if (fate_of(before) != STORED || note_of(w->keys, worker, i) != before)
		return;
	if (rc == -EILSEQ)
		load_wrong(w->board, "durable value", key_no(worker, i));
	else if (rc != 0)
		load_bad(w->board, "lost: durable value", rc,
			 key_no(worker, i));
}

void durable_step(struct durable_worker *w, uint64_t random)
{
	unsigned i = (unsigned)(random >> 8) % DURABLE_KEYS;
	uint32_t is = note_of(w->keys, w->me, i);

	switch (fate_of(is)) {
	case ABSENT:
		store(w, i, (is >> 2) + 1);
		break;
	case STORING:
		store(w, i, is >> 2);
		break;
	case DELETING:
		drop(w, i, is >> 2);
		break;
	case STORED:
		if ((random & 3) == 0)
			drop(w, i, is >> 2);
		else
			look(w, (unsigned)(random >> 32) % w->nr, i);
	}
}

struct durable_count durable_count(struct durable *keys, struct maru_pool *pool,
				   unsigned workers)
{
	struct durable_count n = { 0, 0, 0, 0 };

	for (unsigned w = 0; w < workers; w++) {
		for (unsigned i = 0; i < DURABLE_KEYS; i++) {
			uint32_t is = note_of(keys, w, i);
			int rc = get(pool, w, i, is >> 2);

			n.there += rc == 0;
			n.wrong += rc != 0 && rc != -ENOENT;
			n.lost += rc == -ENOENT && fate_of(is) == STORED;
			n.back += rc != -ENOENT && fate_of(is) == ABSENT;
		}
	}
	return n;
}
