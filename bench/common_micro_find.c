/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases that find: exists, retrieve and release, prefix batches. */
#include "common.h"
#include "common_micro.h"

static void keys_of(struct micro_worker *w, char kind, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		micro_key(&w->key[i], kind, micro_random(w, w->entries));
}

static uint64_t exists(struct micro_worker *w, uint32_t nr, int want)
{
	const uint64_t start = bench_now();
	uint32_t missed = 0;

	for (uint32_t i = 0; i < nr; i++)
		missed += maru_exists(w->p, &w->key[i], MICRO_KEY_LEN) != want;
	w->missed += missed;
	return bench_now() - start;
}

static uint64_t exists_hit(struct micro_worker *w, uint32_t nr)
{
	keys_of(w, 'e', nr);
	return exists(w, nr, 1);
}

static uint64_t exists_hot(struct micro_worker *w, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		micro_key(&w->key[i], 'e', 0);
	return exists(w, nr, 1);
}

static uint64_t exists_miss(struct micro_worker *w, uint32_t nr)
{
	keys_of(w, '-', nr);
	return exists(w, nr, 0);
}

static uint64_t retrieve(struct micro_worker *w, uint32_t nr)
{
	const uint64_t start = bench_now();
	struct maru_view view;
	int err;

	for (uint32_t i = 0; i < nr; i++) {
		err = maru_retrieve(w->p, &w->key[i], MICRO_KEY_LEN, &view);
		if (!err)
			err = maru_release(w->p, &view);
		if (err && err != -ENOENT)
			micro_fail(w, "retrieve and release: %s",
				   bench_why(err));
		w->missed += err != 0;
	}
	return bench_now() - start;
}

static uint64_t retrieve_random(struct micro_worker *w, uint32_t nr)
{
	keys_of(w, 'e', nr);
	return retrieve(w, nr);
}

static uint64_t retrieve_hot(struct micro_worker *w, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		micro_key(&w->key[i], 'e', 0);
	return retrieve(w, nr);
}

static uint64_t prefix(struct micro_worker *w, uint32_t nr)
{
	static uint64_t off[MICRO_GROUP_MAX + 1];
	const uint32_t key_nr = w->now->keys;
	const struct maru_keys keys = { w->key, off, key_nr, MARU_PREFIX };
	uint64_t ns = 0, start;
	int hits, n;

	for (uint32_t i = 0; i <= key_nr; i++)
		off[i] = (uint64_t)i * MICRO_KEY_LEN;
	while (nr--) {
		keys_of(w, 'e', key_nr);
		start = bench_now();
		hits = maru_retrieve_batch(w->p, &keys, w->view, w->res);
		n = maru_release_batch(w->p, w->view,
				       hits > 0 ? (uint32_t)hits : 0, w->res);
		ns += bench_now() - start;
		if (hits < 0 || n != hits)
			micro_fail(w, "retrieve_batch %d, release_batch %d",
				   hits, n);
		w->missed += key_nr - (uint32_t)hits;
	}
	return ns;
}

/* A hit that misses costs another time: a few are the directory's right. */
static void check_missed(struct micro_worker *w)
{
	const uint64_t ops = w->shared->result[w->no].ops;

	if (w->missed > ops / 100)
		micro_fail(w,
			   "%s: %llu of %llu keys answered otherwise than "
			   "they should",
			   w->now->name, (unsigned long long)w->missed,
			   (unsigned long long)ops);
	w->missed = 0;
}

#define FIND(name_, group_, keys_, run_, about_)                          \
	{                                                                 \
		.name = name_, .about = about_, .pool = POOL_ENTRIES,     \
		.group = group_, .keys = keys_, .workers = MICRO_WORKERS, \
		.run = run_, .leave = check_missed                        \
	}

const struct micro_case micro_find_cases[] = {
	FIND("exists_hot", 256, 1, exists_hot, "one key, always the same"),
	FIND("exists_hit", 256, 1, exists_hit, "random keys"),
	FIND("exists_miss", 256, 1, exists_miss, "random keys, not there"),
	FIND("retrieve_hot", 256, 1, retrieve_hot,
	     "with release, one key for all"),
	FIND("retrieve_random", 256, 1, retrieve_random,
	     "with release, random keys"),
	FIND("prefix_32", 8, 32, prefix,
	     "a key, retrieved and released by batch"),
	FIND("prefix_256", 1, 256, prefix, "likewise, larger batches"),
	{ 0 },
};
