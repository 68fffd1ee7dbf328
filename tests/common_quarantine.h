/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks that wait for devices of the dead, by a clock of the test's.
 *
 * The clock is a number that all the test's processes share.  Where a pool is
 * opened while something waits, the kernel's clock is used: the delay is a day
 * then, and the note in the slot is changed.
 */
#ifndef TESTS_COMMON_QUARANTINE_H
#define TESTS_COMMON_QUARANTINE_H

#include "common_room.h"

#define DELAY_MS 1000u
#define DELAY_NS 1000000000u
#define DAY_MS 86400000u
#define NOW test_scene->no[63]

/** wait_clock() - let a handle go by the test's clock. */
struct maru_pool *wait_clock(struct maru_pool *p);

/** wait_pool() - a pool with this delay. */
struct maru_pool *wait_pool(uint32_t delay_ms, uint32_t clients);

/** wait_start() - a pool of DELAY_MS by the test's clock. */
struct maru_pool *wait_start(void);

struct media_client *wait_slot(struct maru_pool *p, uint32_t slot);
enum client_state wait_state(struct maru_pool *p, uint32_t slot);
uint64_t wait_due(struct maru_pool *p, uint32_t slot);

/** wait_make_due() - its note is of long ago now. */
void wait_make_due(struct maru_pool *p, uint32_t slot);

/** wait_ghost() - one that died in this boot. */
void wait_ghost(struct maru_pool *p, enum client_state state);

/** wait_buffer() - a block that the ghost was writing. */
uint32_t wait_buffer(struct maru_pool *p);

/** wait_begun() - the same, and the ghost is reaped. */
uint32_t wait_begun(struct maru_pool *p);

/** wait_goes_on(), wait_ends() - what reaping the ghost does now. */
void wait_goes_on(struct maru_pool *p, uint32_t idx);
void wait_ends(struct maru_pool *p, uint32_t idx);

/** wait_writer() - a child: writes a buffer of @len bytes and stays. */
void wait_writer(struct maru_pool *pool, unsigned len);

#endif
