/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that says of a fabric pool's client that its host is alive. */
#ifndef CACHE_BEAT_H
#define CACHE_BEAT_H

#include "cache/pool.h"

/** beat_start() - if the pool is one of several hosts; 0 or -errno */
int beat_start(struct maru_pool *p);
/** beat_stop() - and wait for it; nothing if there is none */
void beat_stop(struct maru_pool *p);

#endif
