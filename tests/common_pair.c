// SPDX-License-Identifier: BSD-3-Clause
/* Several clients in one mapping of this process. */
#include "common_pair.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

__thread void (*pair_at_flush)(const void *what);
struct maru_pool *pair_client[3];

static uint32_t turn;

void pair_pass(uint32_t to)
{
	__atomic_store_n(&turn, to, __ATOMIC_RELAXED);
}

void pair_await(uint32_t n)
{
	while (__atomic_load_n(&turn, __ATOMIC_RELAXED) != n)
		sched_yield();
}

static void flush(const void *what, size_t len)
{
	(void)len;
	if (pair_at_flush)
		pair_at_flush(what);
}

/* A client more in the mapping of the first one, with a lock of its own. */
static struct maru_pool *another(struct maru_pool *p)
{
	struct media_region *m = media_region(&p->media, 0);
	struct maru_pool *c = malloc(sizeof(*c));

	pair_must(c);
	*c = *p;
	c->dir.slab = &c->slab;
	c->dir.ctx = c;
	memset(c->dir.debt, 0, sizeof(c->dir.debt));
	c->dir.owes = NULL;
	c->slab.self = SLAB_NONE;
	pair_must(!client_attach(&c->client, &c->media, &c->dir));
	pair_must(!dev_lock_open(m->dev, m->sb.pool_uuid, 0, &c->client.lock));
	return c;
}

void pair_open(void)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = 16u << 20,
				      .unit = 4096,
				      .max_clients = 8 };
	struct media_region *m;
	char target[32];
	int fd;

	pair_must(!maru_create_mem(&o, &fd));
	snprintf(target, sizeof(target), "fd:%d", fd);
	pair_must(!maru_open(target, NULL, &pair_client[0]));
	m = media_region(&pair_client[0]->media, 0);
	m->map.flush = flush;
	m->map.drain = NULL;
	pair_client[0]->slab.durable = true;
	pair_client[1] = another(pair_client[0]);
	pair_must(!client_join(&pair_client[1]->client, "second"));
	pair_client[2] = another(pair_client[0]);
}
