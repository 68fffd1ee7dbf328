/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libmaru: a KV cache that processes share through memory alone.
 *
 * Start with maru_create() or maru-mkpool(1), maru_open(), then maru_store()
 * and maru_retrieve().  maru(7) is the tour, maru-concurrency(7) the rules.
 */
#ifndef MARU_H
#define MARU_H

#include <maru/version.h>
#include <maru/err.h>
#include <maru/pool.h>
#include <maru/cache.h>
#include <maru/write.h>
#include <maru/ref.h>
#include <maru/batch.h>
#include <maru/iter.h>
#include <maru/stat.h>
#include <maru/host.h>
#include <maru/inspect.h>
#include <maru/device.h>
#include <maru/coherence.h>

#endif
