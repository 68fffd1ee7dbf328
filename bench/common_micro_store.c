/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases that store, write in place, read by copying, and delete. */
#include "common.h"
#include "common_micro.h"

#define K64 65536u
#define M1 1048576u
#define READ_NR 1024u /* values that are read: more than a cache holds */

/* A new entry whose bytes are whatever was there. */
static void put(struct micro_worker *w, const struct micro_key *key, size_t len)
{
	struct maru_buf buf;
	int err = maru_alloc(w->p, len, &buf);

	if (!err)
		err = maru_commit(w->p, &buf, key, sizeof(*key), NULL);
	if (err)
		micro_fail(w, "%s: alloc and commit: %s", w->now->name,
			   bench_why(err));
}

static void remove_all(struct micro_worker *w)
{
	const int err = maru_clear(w->p, NULL);

	if (err < 0)
		micro_fail(w, "maru_clear: %s", bench_why(err));
}

static void enter_room(struct micro_worker *w)
{
	remove_all(w);
	w->left = w->data_bytes[w->now->pool] / w->now->bytes * 8 / 10 /
		  atomic_load(&w->shared->workers);
}

/* Twice what fits: nothing else is left in the pool. */
static void fill(struct micro_worker *w, size_t len)
{
	for (uint64_t i = 2 * w->data_bytes[w->now->pool] / len; i > 0; i--) {
		micro_new_keys(w, 1);
		put(w, w->key, len);
	}
	w->left = UINT64_MAX;
}

static void enter_full(struct micro_worker *w)
{
	fill(w, w->now->bytes);
}

static void enter_full_64k(struct micro_worker *w)
{
	fill(w, K64);
}

static uint64_t store(struct micro_worker *w, uint32_t nr)
{
	uint64_t start;
	int err;

	if (w->left < nr)
		return 0;
	w->left -= nr;
	micro_new_keys(w, nr);
	start = bench_now();
	for (uint32_t i = 0; i < nr; i++) {
		err = maru_store(w->p, &w->key[i], MICRO_KEY_LEN, w->value,
				 w->now->bytes);
		if (err)
			micro_fail(w, "maru_store: %s", bench_why(err));
	}
	return bench_now() - start;
}

static uint64_t commit(struct micro_worker *w, uint32_t nr)
{
	const size_t len = w->now->pool == POOL_64K ? K64 : 4096;
	uint64_t start;

	if (w->left < nr)
		return 0;
	w->left -= nr;
	micro_new_keys(w, nr);
	start = bench_now();
	for (uint32_t i = 0; i < nr; i++)
		put(w, &w->key[i], len);
	return bench_now() - start;
}

/* The pool of entries has room beside them for a slice. */
static void enter_spare(struct micro_worker *w)
{
	w->left = MICRO_SPARE;
}

static int drop(struct micro_worker *w, uint64_t no)
{
	struct micro_key key;

	micro_key(&key, 'n', ((uint64_t)w->no + 1) << 48 | no);
	return maru_delete(w->p, &key, sizeof(key));
}

static void leave_none(struct micro_worker *w)
{
	for (uint64_t no = w->first; no < w->next; no++)
		drop(w, no);
}

static void enter_delete(struct micro_worker *w)
{
	for (uint32_t i = 0; i < MICRO_SPARE; i++) {
		micro_new_keys(w, 1);
		put(w, w->key, 0);
	}
	w->left = MICRO_SPARE;
}

static uint64_t delete (struct micro_worker *w, uint32_t nr)
{
	const uint64_t no = w->first + MICRO_SPARE - w->left;
	uint64_t start;
	int err = 0;

	if (w->left < nr)
		return 0;
	w->left -= nr;
	start = bench_now();
	for (uint32_t i = 0; i < nr && !err; i++)
		err = drop(w, no + i);
	if (err && err != -ENOENT)
		micro_fail(w, "maru_delete: %s", bench_why(err));
	return bench_now() - start;
}

/* The last to clear stores all of them after that, whoever did before. */
static void enter_read(struct micro_worker *w)
{
	remove_all(w);
	for (uint32_t i = 0; i < READ_NR; i++) {
		struct micro_key key;
		int err;

		micro_key(&key, 'r', i);
		err = maru_store(w->p, &key, sizeof(key), w->value, K64);
		if (err < 0)
			micro_fail(w, "maru_store: %s", bench_why(err));
	}
}

static uint64_t read_out(struct micro_worker *w, uint32_t nr)
{
	uint64_t start;
	size_t len;
	int err;

	for (uint32_t i = 0; i < nr; i++)
		micro_key(&w->key[i], 'r', micro_random(w, READ_NR));
	start = bench_now();
	for (uint32_t i = 0; i < nr; i++) {
		err = maru_read(w->p, &w->key[i], MICRO_KEY_LEN, w->value, K64,
				&len);
		if (err)
			micro_fail(w, "maru_read: %s", bench_why(err));
	}
	return bench_now() - start;
}

#define STORE(name_, pool_, group_, bytes_, enter_, about_)             \
	{                                                               \
		.name = name_, .about = about_, .pool = pool_,          \
		.group = group_, .keys = 1, .bytes = bytes_,            \
		.workers = MICRO_WORKERS, .enter = enter_, .run = store \
	}

#define ENTRY(name_, pool_, enter_, run_, leave_, about_)                   \
	{                                                                   \
		.name = name_, .about = about_, .pool = pool_, .group = 64, \
		.keys = 1, .workers = MICRO_WORKERS, .enter = enter_,       \
		.run = run_, .leave = leave_                                \
	}

const struct micro_case micro_store_cases[] = {
	STORE("store_64k_room", POOL_64K, 8, K64, enter_room,
	      "into an empty pool"),
	STORE("store_64k_evict", POOL_64K, 8, K64, enter_full,
	      "into a full one: each evicts"),
	STORE("store_1m_room", POOL_1M, 1, M1, enter_room,
	      "into an empty pool"),
	STORE("store_1m_evict", POOL_1M, 1, M1, enter_full,
	      "into a full one: each evicts"),
	{ .name = "read_64k",
	  .about = "copied out",
	  .pool = POOL_64K,
	  .group = 8,
	  .keys = 1,
	  .bytes = K64,
	  .workers = MICRO_WORKERS,
	  .enter = enter_read,
	  .run = read_out },
	ENTRY("commit", POOL_ENTRIES, enter_spare, commit, leave_none,
	      "alloc and commit 4 KiB, nothing written"),
	ENTRY("commit_evict", POOL_64K, enter_full_64k, commit, NULL,
	      "likewise 64 KiB, each evicts"),
	ENTRY("delete", POOL_ENTRIES, enter_delete, delete, leave_none,
	      "entries that nobody holds"),
	{ 0 },
};
