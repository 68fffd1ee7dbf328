// SPDX-License-Identifier: BSD-3-Clause
/* Writing: alloc or reserve, commit or abort; store is all of it at once. */
#include "cache/pool.h"

#include "arch/copy.h"
#include "base/err.h"
#include "cache/guarded.h"
#include "cache/value.h"

#include <string.h>

int pool_alloc(struct maru_pool *p, uint64_t need, uint32_t *idx)
{
	uint64_t unit = 1ull << p->slab.region[0].unit_shift;
	uint64_t units = bits_max(bits_div_up(need, unit), 1);
	int rc;

	client_tick(&p->client);
	if (need > BLOCK_LEN_MAX || units > p->slab.large->unit_nr)
		return -EFBIG;
	rc = slab_alloc(&p->slab, (uint32_t)units, client_lane(&p->client),
			idx);
	if (rc == -ENOSPC)
		rc = pool_make_room(p, (uint32_t)units, idx);
	if (rc == -ENOSPC)
		pool_count(p, COUNT_no_room, 1);
	return rc;
}

void pool_buf(const struct maru_pool *p, uint32_t idx, size_t len,
	      struct maru_buf *buf)
{
	buf->data = slab_data(&p->slab, idx);
	buf->len = len;
	buf->ref = pool_ref(idx, block_load(slab_block(&p->slab, idx)));
}

/* The word of a buffer if it is this client's and not yet consumed. */
static int buf_word(struct maru_pool *p, const struct maru_buf *buf,
		    uint32_t *idx, uint64_t *word)
{
	if (!pool_idx(p, &buf->ref, idx))
		return MARU_E_STALE;
	*word = block_load(slab_block(&p->slab, *idx));
	if (block_version(*word) != buf->ref.version ||
	    block_state(*word) != BLOCK_OWNED || (*word & BLOCK_SEALED) ||
	    !block_owned_by(*word, p->slab.self, p->slab.self_inc))
		return MARU_E_STALE;
	return 0;
}

/* Whoever seals the word consumes the buffer, be it one of many threads. */
static bool seal(struct maru_pool *p, uint32_t idx, uint64_t *word)
{
	if (!block_cas(slab_block(&p->slab, idx), word, *word | BLOCK_SEALED))
		return false;
	*word |= BLOCK_SEALED;
	return true;
}

static void withdraw(struct maru_pool *p, uint32_t idx)
{
	dir_withdraw(&p->dir, idx, block_load(slab_block(&p->slab, idx)));
}

/* A block that will not be an entry after all, for the reason @rc. */
static int give_up(struct maru_pool *p, uint32_t idx, int rc)
{
	if (rc == -EIO)
		value_retire(p, idx);
	else
		withdraw(p, idx);
	return rc;
}

/*
 * A sealed block with its value in place becomes the entry, or is given back.
 * @other: who has the key in the end, pinned @pins times
 */
static int finish(struct maru_pool *p, uint32_t idx, const struct dir_key *k,
		  uint64_t len, uint32_t pins, struct dir_hit *other)
{
	struct media_block *b = slab_block(&p->slab, idx);
	uint64_t w = block_load(b), ready;
	int rc;

	copy_fence(); /* the caller may have used streaming stores */
	rc = value_seal(p, idx, len);
	if (!rc)
		rc = entry_write(&p->dir, idx, k, len);
	if (rc)
		return give_up(p, idx, rc);
	entry_persist(&p->dir, idx);
	ready = block_word(BLOCK_READY, w & BLOCK_CLAIMED, p->slab.self,
			   p->slab.self_inc, block_version(w));
	/* B1 release; ours alone, so it cannot fail but by our being dead */
	if (!block_cas(b, &w, ready))
		return MARU_E_STALE;
	rc = dir_publish(&p->dir, idx, k, DIR_INSERT, pins, other);
	if (rc) {
		withdraw(p, idx);
		pool_count(p, COUNT_existed, rc == MARU_EXISTED);
		return rc;
	}
	other->idx = idx;
	other->word = block_unowned(ready, BLOCK_LIVE);
	slab_disown(&p->slab, idx);
	pool_count(p, COUNT_stores, 1);
	pool_count(p, COUNT_store_bytes, len);
	return 0;
}

int maru_alloc(struct maru_pool *pool, size_t len, struct maru_buf *buf)
{
	int rc = pool_enter_rw(pool);
	uint32_t idx;

	if (unlikely(rc == POOL_GUARDED))
		return guarded_alloc(pool, len, buf);
	if (!buf)
		return -EINVAL;
	memset(buf, 0, sizeof(*buf));
	if (!rc)
		rc = pool_alloc(pool, len, &idx);
	if (!rc)
		pool_buf(pool, idx, len, buf);
	return rc;
}

/* An OWNED block asks for the claim on its key, or is given back. */
static int claim(struct maru_pool *p, uint32_t idx, const struct dir_key *k,
		 size_t len)
{
	struct media_block *b = slab_block(&p->slab, idx);
	struct dir_hit other;
	uint64_t w = block_load(b);
	int rc = entry_write(&p->dir, idx, k, len), tries;

	/* B1 release */
	if (!rc && !block_cas(b, &w, w | BLOCK_ASKING))
		return MARU_E_STALE;
	for (tries = 0; !rc && tries < 8; tries++) {
		rc = dir_publish(&p->dir, idx, k, DIR_CLAIM, 0, &other);
		if (!rc)
			return 0;
		/* a dead client's claim is none */
		if (rc == -EINPROGRESS && pool_drop_claim(p, &other))
			rc = 0;
	}
	return give_up(p, idx, rc ? rc : -EINPROGRESS);
}

int pool_reserve(struct maru_pool *p, const struct dir_key *k, size_t len,
		 struct maru_buf *buf)
{
	struct dir_hit hit;
	uint32_t idx;
	int rc;

	memset(buf, 0, sizeof(*buf));
	/* looks that spare an eviction; the claim itself decides */
	if (!dir_peek(&p->dir, k, &hit))
		return MARU_EXISTED;
	if (!dir_peek_claim(&p->dir, k, &hit) &&
	    client_alive(&p->client, block_owner(hit.word))) {
		pool_count(p, COUNT_in_progress, 1);
		return -EINPROGRESS;
	}
	rc = pool_alloc(p, entry_room(len, k->len), &idx);
	if (rc)
		return rc;
	rc = claim(p, idx, k, len);
	if (!rc)
		pool_buf(p, idx, len, buf);
	if (rc == -EINPROGRESS)
		pool_count(p, COUNT_in_progress, 1);
	pool_count(p, COUNT_reserves, !rc);
	return rc;
}

int maru_reserve(struct maru_pool *pool, const void *key, size_t klen,
		 size_t len, struct maru_buf *buf)
{
	struct dir_key k;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_reserve(pool, key, klen, len, buf);
	if (!buf)
		return -EINVAL;
	memset(buf, 0, sizeof(*buf));
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	return rc ? rc : pool_reserve(pool, &k, len, buf);
}

/* The key a reserved block claimed, if the caller named none. */
static int claimed_key(struct maru_pool *p, uint32_t idx, uint64_t word,
		       const struct dir_key *given, struct dir_key *k,
		       void *room)
{
	if (!(word & BLOCK_CLAIMED)) {
		if (!given->data)
			return err_set(
				-EINVAL,
				"key: NULL for a buffer that claimed none");
		*k = *given;
		return 0;
	}
	if (given->data && !entry_is(&p->dir, idx, given))
		return MARU_E_STALE;
	if (given->data) {
		*k = *given;
		return 0;
	}
	k->len = entry_key(&p->dir, idx, room);
	k->data = room;
	/* relaxed: our own */
	k->h.h0 = a64_load_rlx(&slab_block(&p->slab, idx)->h0);
	k->h.h1 = a64_load_rlx(&slab_block(&p->slab, idx)->h1);
	return k->len ? 0 : MARU_E_CORRUPT;
}

/* Pins of the caller's and one for its view. */
static uint32_t wanted_pins(const struct maru_commit_opts *o)
{
	return o->pins + (o->view != NULL);
}

/*
 * A long key lies behind the value, and here the value fills the block: move
 * both to a larger one.  Who reserves by key, or stores, never comes here.
 */
static int make_key_room(struct maru_pool *p, uint32_t *idx,
			 const struct dir_key *k, uint64_t len)
{
	uint32_t larger;
	int rc = pool_alloc(p, entry_room(len, k->len), &larger);

	if (rc) {
		withdraw(p, *idx);
		return rc;
	}
	/* touched first, so that it is known which of the two has failed */
	rc = value_touch(p, *idx, len);
	if (rc) {
		withdraw(p, larger);
		return give_up(p, *idx, rc);
	}
	rc = value_put(p, larger, slab_data(&p->slab, *idx), len);
	withdraw(p, *idx);
	*idx = larger;
	return rc ? give_up(p, larger, rc) : 0;
}

int pool_commit(struct maru_pool *p, struct maru_buf *buf,
		const struct dir_key *given,
		const struct maru_commit_opts *opts)
{
	unsigned char room[MARU_KEY_MAX];
	struct dir_hit other;
	struct dir_key k;
	uint64_t word;
	uint32_t idx;
	int rc = buf_word(p, buf, &idx, &word);

	if (!rc)
		rc = claimed_key(p, idx, word, given, &k, room);
	if (!rc && buf->len > slab_block_bytes(&p->slab, idx))
		rc = err_set(
			-EINVAL, "len: %zu bytes do not fit the block of %llu",
			buf->len,
			(unsigned long long)slab_block_bytes(&p->slab, idx));
	if (!rc && opts->pins >= MARU_PIN_MAX)
		rc = err_set(-EINVAL, "pins: %u is more than %u", opts->pins,
			     MARU_PIN_MAX - 1);
	if (!rc && !seal(p, idx, &word))
		rc = MARU_E_STALE;
	if (rc) {
		pool_count(p, COUNT_stale, rc == MARU_E_STALE);
		return rc;
	}
	if (entry_room(buf->len, k.len) > slab_block_bytes(&p->slab, idx))
		rc = make_key_room(p, &idx, &k, buf->len);
	if (!rc)
		rc = finish(p, idx, &k, buf->len, wanted_pins(opts), &other);
	memset(buf, 0, sizeof(*buf));
	if (rc >= 0 && opts->view && !pool_view(p, &other, opts->view)) {
		dir_drop(&p->dir, other.idx, wanted_pins(opts));
		return err_set(MARU_E_CORRUPT,
			       "entry with an impossible length");
	}
	if (rc >= 0)
		ledger_name(&p->slab, other.idx, opts->pins);
	return rc;
}

int maru_commit(struct maru_pool *pool, struct maru_buf *buf, const void *key,
		size_t klen, const struct maru_commit_opts *opts)
{
	struct maru_commit_opts o;
	struct dir_key k = { 0 };
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_commit(pool, buf, key, klen, opts);
	if (!buf)
		return -EINVAL;
	if (!rc)
		rc = opts_read(&o, sizeof(o), opts, "maru_commit_opts");
	if (!rc && o.flags)
		rc = err_set(-EINVAL, "flags: 0x%x is not known", o.flags);
	if (!rc && o.view)
		memset(o.view, 0, sizeof(*o.view));
	if (!rc && (key || klen))
		rc = pool_key(pool, &k, key, klen);
	return rc ? rc : pool_commit(pool, buf, &k, &o);
}

int pool_abort(struct maru_pool *p, struct maru_buf *buf)
{
	uint64_t word;
	uint32_t idx;
	int rc = buf_word(p, buf, &idx, &word);

	if (!rc && (!seal(p, idx, &word) || !dir_withdraw(&p->dir, idx, word)))
		rc = MARU_E_STALE;
	pool_count(p, rc ? COUNT_stale : COUNT_aborts, 1);
	memset(buf, 0, sizeof(*buf));
	return rc;
}

int maru_abort(struct maru_pool *pool, struct maru_buf *buf)
{
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_abort(pool, buf);
	if (!buf)
		return -EINVAL;
	return rc ? rc : pool_abort(pool, buf);
}

int pool_store(struct maru_pool *p, const struct dir_key *k, const void *val,
	       size_t vlen)
{
	struct dir_hit hit;
	uint32_t idx;
	int rc;

	/* a look that spares the copy; publishing decides */
	if (!dir_peek(&p->dir, k, &hit)) {
		pool_count(p, COUNT_existed, 1);
		return MARU_EXISTED;
	}
	rc = pool_alloc(p, entry_room(vlen, k->len), &idx);
	if (rc)
		return rc;
	rc = value_put(p, idx, val, vlen);
	if (rc)
		return give_up(p, idx, rc);
	return finish(p, idx, k, vlen, 0, &hit);
}

int maru_store(struct maru_pool *pool, const void *key, size_t klen,
	       const void *val, size_t vlen)
{
	struct dir_key k;
	int rc = pool_enter_rw(pool);

	if (unlikely(rc == POOL_GUARDED))
		return guarded_store(pool, key, klen, val, vlen);
	if (!rc && !val && vlen)
		rc = err_set(-EINVAL, "val: NULL for %zu bytes", vlen);
	if (!rc)
		rc = pool_key(pool, &k, key, klen);
	return rc ? rc : pool_store(pool, &k, val, vlen);
}
