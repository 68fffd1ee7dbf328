// SPDX-License-Identifier: BSD-3-Clause
/* A cache that knows nothing of others. */
#include "common_cache.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

static bool is_dirty(const union line *own, const union line *base)
{
	for (unsigned q = 0; q < 8; q++)
		if (a64_load_rlx(&own->q[q]) != a64_load_rlx(&base->q[q]))
			return true;
	return false;
}

static void write_line(struct soft_cache *c, size_t i)
{
	for (unsigned q = 0; q < 8; q++) {
		uint64_t now = a64_load_rlx(&c->own[i].q[q]);

		a64_store_rlx(&c->shared[i].q[q], now);
		a64_store_rlx(&c->base[i].q[q], now);
	}
}

/* A word that its owner is just changing stays; the line is dirty then. */
static void fetch_line(struct soft_cache *c, size_t i)
{
	for (unsigned q = 0; q < 8; q++) {
		uint64_t old = a64_load_rlx(&c->base[i].q[q]);
		uint64_t now = a64_load_rlx(&c->shared[i].q[q]);

		if (now == old)
			continue;
		if (!a64_cas_full(&c->own[i].q[q], &old, now))
			return;
		a64_store_rlx(&c->base[i].q[q], now);
	}
}

/* A cache keeps a line for as long as it likes: half of them, each time. */
static void pass(struct soft_cache *c)
{
	size_t at = (size_t)rand_r(&c->seed) % c->nr;
	/* a prime that the number of lines is no multiple of */
	size_t step = c->nr % 257 ? 257 : 263;

	if (rand_r(&c->seed) & 1)
		step = c->nr - step;
	for (size_t n = 0; n < c->nr; n++, at = (at + step) % c->nr)
		if (rand_r(&c->seed) & 1024)
			continue;
		else if (is_dirty(&c->own[at], &c->base[at]))
			write_line(c, at);
		else
			fetch_line(c, at);
}

static void *work(void *arg)
{
	struct soft_cache *c = arg;

	while (!a32_load_full(&c->stop)) {
		pass(c);
		sched_yield();
	}
	for (size_t i = 0; i < c->nr; i++)
		if (is_dirty(&c->own[i], &c->base[i]))
			write_line(c, i);
	return NULL;
}

static int make(struct soft_cache *c, void *shared, size_t nr)
{
	static a32 made;

	c->shared = shared;
	c->nr = nr;
	c->stop = (a32){ 0 };
	c->seed = 1000 + a32_add_full(&made, 1);
	c->own = aligned_alloc(64, nr * 64);
	c->base = aligned_alloc(64, nr * 64);
	if (!c->own || !c->base)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		for (unsigned q = 0; q < 8; q++) {
			c->own[i].q[q].v = a64_load_rlx(&c->shared[i].q[q]);
			c->base[i].q[q].v = c->own[i].q[q].v;
		}
	return 0;
}

int soft_cache_start(struct soft_cache *c, void *shared, size_t nr)
{
	int rc = make(c, shared, nr);

	c->by_hand = false;
	return rc ? rc : -pthread_create(&c->thread, NULL, work, c);
}

static struct soft_cache *hand[2];

int soft_cache_by_hand(struct soft_cache *c, void *shared, size_t nr)
{
	c->by_hand = true;
	hand[1] = hand[0];
	hand[0] = c;
	return make(c, shared, nr);
}

static struct soft_cache *find(const void *line, size_t *i)
{
	for (unsigned n = 0; n < 2; n++) {
		struct soft_cache *c = hand[n];

		*i = c ? ((uintptr_t)line - (uintptr_t)c->own) / 64 : 0;
		if (c && *i < c->nr)
			return c;
	}
	abort();
}

void soft_cache_write_back(const void *line)
{
	size_t i;
	struct soft_cache *c = find(line, &i);

	if (is_dirty(&c->own[i], &c->base[i]))
		write_line(c, i);
}

void soft_cache_forget(const void *line)
{
	size_t i;
	struct soft_cache *c = find(line, &i);

	soft_cache_write_back(line);
	fetch_line(c, i);
}

void soft_cache_stop(struct soft_cache *c)
{
	if (!c->by_hand) {
		a32_store_full(&c->stop, 1);
		pthread_join(c->thread, NULL);
	}
	free(c->own);
	free(c->base);
}
