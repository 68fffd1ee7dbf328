// SPDX-License-Identifier: BSD-3-Clause
/* The part of a descriptor that says which key and how many bytes. */
#include "dir/dir.h"

#include "base/err.h"
#include "dev/guard.h"

#include <string.h>
#include <time.h>

/* A key behind a value lies where the memory may fail. */
struct words {
	a64 *w;
	unsigned char *p; /* const where it is stored from or compared */
	uint32_t len;
	bool equal;
};

/* Inline, as are the likely ones of @fn: a lookup's compare is no call. */
static inline bool words_run(const struct dir *d, uint32_t idx,
			     struct words *ws, void (*fn)(void *ctx))
{
	const struct slab_region *r = slab_region(d->slab, idx);
	uint64_t off;

	if (likely(ws->len <= BLOCK_KEY_INLINE) || !guard_inside()) {
		fn(ws);
		return true;
	}
	return guard_run(&r->media->map, fn, ws, &off);
}

/* A key behind its value; bounded by the region. */
static a64 *long_key_words(const struct dir *d, uint32_t idx, uint32_t klen)
{
	uint64_t room = slab_block_bytes(d->slab, idx);
	uint64_t need = bits_round_up(klen, 8);

	if (need > room)
		return NULL;
	return (a64 *)(void *)(slab_data(d->slab, idx) + room - need);
}

/* Where a key of @klen bytes lies, in whole words. */
static inline a64 *key_words(const struct dir *d, uint32_t idx, uint32_t klen)
{
	if (likely(klen <= BLOCK_KEY_INLINE))
		return slab_block(d->slab, idx)->key;
	return long_key_words(d, idx, klen);
}

static uint64_t tail_word(const unsigned char *p, uint32_t len)
{
	uint64_t w = 0;

	memcpy(&w, p, len);
	return w;
}

static inline void words_store(void *ctx)
{
	const struct words *ws = ctx;
	const unsigned char *p = ws->p;
	uint32_t len = ws->len;
	a64 *w = ws->w;
	uint64_t v;

	/* relaxed: B1 or B2 orders them for who may believe them */
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&v, p, 8);
		a64_store_rlx(w++, v);
	}
	if (len)
		a64_store_rlx(w, tail_word(p, len));
}

static inline void words_equal(void *ctx)
{
	struct words *ws = ctx;
	const unsigned char *p = ws->p;
	const a64 *w = ws->w;
	uint32_t len = ws->len;
	uint64_t v;

	ws->equal = false;
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&v, p, 8);
		if (a64_load_rlx(w++) != v) /* racy: see entry_is() */
			return;
	}
	ws->equal = !len || a64_load_rlx(w) == tail_word(p, len);
}

static void words_load(void *ctx)
{
	const struct words *ws = ctx;
	unsigned char *p = ws->p;
	const a64 *w = ws->w;
	uint32_t len = ws->len;
	uint64_t v;

	for (; len >= 8; len -= 8, p += 8) {
		v = a64_load_rlx(w++); /* racy: see entry_is() */
		memcpy(p, &v, 8);
	}
	if (len) {
		v = a64_load_rlx(w);
		memcpy(p, &v, len);
	}
}

static uint32_t age(const struct dir *d)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint32_t)((uint64_t)now.tv_sec - d->created_ns / 1000000000);
}

int entry_write(const struct dir *d, uint32_t idx, const struct dir_key *k,
		uint64_t len)
{
	struct media_block *b = slab_block(d->slab, idx);
	a64 *w = key_words(d, idx, k->len);
	struct words ws = { w, (void *)(uintptr_t)k->data, k->len, false };

	if (!w || entry_room(len, k->len) > slab_block_bytes(d->slab, idx))
		return -EFBIG;
	/* relaxed: B1 orders them */
	a64_store_rlx(&b->h0, k->h.h0);
	a64_store_rlx(&b->h1, k->h.h1);
	a64_store_rlx(&b->size, len | (uint64_t)k->len << 48);
	a32_store_rlx(&b->birth, age(d));
	if (!words_run(d, idx, &ws, words_store))
		return err_set(
			-EIO,
			"key at address 0x%llx: memory error behind its value",
			(unsigned long long)slab_addr(idx));
	if (!d->slab->durable)
		return 0;
	a32_store_rlx(&b->crc_desc, entry_desc_crc(d, idx));
	return 0;
}

void entry_persist(const struct dir *d, uint32_t idx)
{
	const struct media_block *b = slab_block(d->slab, idx);
	uint32_t klen = block_klen(b);
	const a64 *w;

	if (likely(!d->slab->durable))
		return;
	w = key_words(d, idx, klen);
	/* the rest is on the word's line, and goes with LIVE or before it; if
	 * that line tears its checksum tells */
	if (w)
		slab_flush(d->slab, w, bits_round_up(klen, 8));
	/* one drain for all: nobody believes any of it before LIVE */
	slab_drain(d->slab);
}

bool entry_is(const struct dir *d, uint32_t idx, const struct dir_key *k)
{
	const struct media_block *b = slab_block(d->slab, idx);
	struct words ws;

	/* relaxed: stable if pinned, else the caller re-reads the word */
	if (a64_load_rlx(&b->h0) != k->h.h0 || a64_load_rlx(&b->h1) != k->h.h1)
		return false;
	if (block_klen(b) != k->len)
		return false;
	ws = (struct words){ key_words(d, idx, k->len),
			     (void *)(uintptr_t)k->data, k->len, false };
	return ws.w && words_run(d, idx, &ws, words_equal) && ws.equal;
}

uint32_t entry_key(const struct dir *d, uint32_t idx, void *out)
{
	uint32_t klen = block_klen(slab_block(d->slab, idx));
	struct words ws = { NULL, out, klen, false };

	if (klen > MARU_KEY_MAX)
		return 0;
	ws.w = key_words(d, idx, klen);
	return ws.w && words_run(d, idx, &ws, words_load) ? klen : 0;
}

uint32_t entry_desc_crc(const struct dir *d, uint32_t idx)
{
	const struct media_block *b = slab_block(d->slab, idx);
	unsigned char key[MARU_KEY_MAX];
	uint32_t klen = entry_key(d, idx, key);
	uint64_t v[5] = {
		a64_load_rlx(&b->h0),	      a64_load_rlx(&b->h1),
		a64_load_rlx(&b->size),	      a32_load_rlx(&b->units),
		block_version(block_load(b)), /* relaxed: as in entry_is() */
	};

	return hash_crc32c(hash_crc32c(0, v, sizeof(v)), key, klen);
}
