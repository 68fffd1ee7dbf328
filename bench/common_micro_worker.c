/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker: runs slices of cases as the director says. */
#include "common.h"
#include "common_key.h"
#include "common_micro.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void micro_fail(struct micro_worker *w, const char *fmt, ...)
{
	struct micro_shared *sh = w->shared;
	va_list ap;

	if (!atomic_exchange(&sh->failed, 1)) {
		va_start(ap, fmt);
		vsnprintf(sh->fail, sizeof(sh->fail), fmt, ap);
		va_end(ap);
	}
	sem_post(&sh->done);
	_exit(BENCH_WRONG);
}

uint64_t micro_random(struct micro_worker *w, uint64_t below)
{
	w->random += 0x9e3779b97f4a7c15u;
	return (uint64_t)(((unsigned __int128)key_mix(w->random) * below) >>
			  64);
}

void micro_key(struct micro_key *key, char kind, uint64_t no)
{
	*key = (struct micro_key){ .tag = "kv/micro/", .no = no };
	key->tag[9] = kind;
	key->mixed = key_mix(no);
}

/* Numbers of worker w begin at w << 48, so they are nobody else's. */
void micro_new_keys(struct micro_worker *w, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		micro_key(&w->key[i], 'n',
			  ((uint64_t)w->no + 1) << 48 | w->next++);
}

uint64_t micro_populate(const struct bench_pool *pool, uint64_t entries)
{
	struct micro_key key;
	struct maru_pool *p;
	uint64_t there = 0;
	int err = bench_pool_open(pool, "director", 0, &p);

	if (err < 0)
		bench_die(BENCH_CANNOT, "pool %s: %s", pool->target,
			  bench_why(err));
	for (uint64_t i = 0; i < entries; i++) {
		micro_key(&key, 'e', i);
		err = maru_store(p, &key, sizeof(key), "", 0);
		if (err < 0)
			bench_die(BENCH_WRONG,
				  "entry %llu of %llu: "
				  "maru_store: %s",
				  (unsigned long long)i,
				  (unsigned long long)entries, bench_why(err));
	}
	for (uint64_t i = 0; i < entries; i++) {
		micro_key(&key, 'e', i);
		there += maru_exists(p, &key, sizeof(key)) == 1;
	}
	err = maru_close(p, 0);
	if (err < 0)
		bench_die(BENCH_WRONG, "maru_close: %s", bench_why(err));
	return there;
}

static void join(struct micro_worker *w)
{
	for (int i = 0; i < POOL_EMPTY; i++) {
		const uint32_t flags = i == POOL_ENTRIES ?
					       MARU_OPEN_PREFAULT_META :
					       MARU_OPEN_PREFAULT_ALL;
		struct maru_stats st = { .size = sizeof(st) };
		int err = bench_pool_open(&w->pools[i], "worker", flags,
					  &w->pool[i]);

		if (err < 0)
			micro_fail(w, "maru_open: %s", bench_why(err));
		err = maru_stats(w->pool[i], &st);
		if (err < 0)
			micro_fail(w, "maru_stats: %s", bench_why(err));
		w->data_bytes[i] = st.data_bytes;
	}
}

/* Wait for the others of this slice; stage counts from 1. */
static void meet(struct micro_worker *w, uint32_t stage)
{
	struct micro_shared *sh = w->shared;
	const uint32_t all = stage * atomic_load(&sh->workers);

	atomic_fetch_add(&sh->arrived, 1);
	while (atomic_load(&sh->arrived) < all)
		if (atomic_load(&sh->failed))
			micro_fail(w, "another worker failed");
}

static void run_slice(struct micro_worker *w)
{
	struct micro_result *r = &w->shared->result[w->no];
	const uint64_t slice = atomic_load(&w->shared->slice_ns);
	const uint64_t per = (uint64_t)w->now->group * w->now->keys;
	const uint64_t start = bench_now();
	uint64_t ns = 0;

	r->ns = r->ops = 0;
	do {
		ns = w->now->run(w, w->now->group);
		if (!ns)
			break;
		r->ns += ns;
		r->ops += per;
		hist_add(&r->group, (ns + per / 2) / per);
	} while (bench_now() - start < slice);
	if (!r->ops)
		micro_fail(w, "%s: no room for a single group", w->now->name);
}

static void serve(struct micro_worker *w)
{
	w->now = atomic_load(&w->shared->now);
	w->p = w->pool[w->now->pool];
	w->first = w->next;
	if (w->now->enter)
		w->now->enter(w);
	meet(w, 1);
	run_slice(w);
	meet(w, 2);
	if (w->now->leave)
		w->now->leave(w);
	meet(w, 3);
}

void micro_worker_main(struct micro_worker *w)
{
	const size_t value_len = 1u << 20;

	bench_pin_cpu(w->no);
	w->value = aligned_alloc(4096, value_len);
	w->buf = calloc(MICRO_SPARE, sizeof(*w->buf));
	if (!w->value || !w->buf)
		micro_fail(w, "no memory");
	for (size_t i = 0; i < value_len; i++)
		w->value[i] = (unsigned char)(i * 7 + w->no);
	join(w);
	w->random = w->no;
	sem_post(&w->shared->done);
	for (;;) {
		while (sem_wait(&w->shared->start[w->no]))
			;
		if (atomic_load(&w->shared->quit))
			break;
		serve(w);
		sem_post(&w->shared->done);
	}
	for (int i = 0; i < POOL_EMPTY; i++) {
		const int err = maru_close(w->pool[i], 0);

		if (err < 0)
			micro_fail(w, "maru_close: %s", bench_why(err));
	}
	free(w->value);
	free(w->buf);
	exit(BENCH_OK);
}
