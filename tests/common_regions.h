/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool of several small regions, with something in each. */
#ifndef TESTS_COMMON_REGIONS_H
#define TESTS_COMMON_REGIONS_H

#include "common.h"

#define REGIONS_BYTES (8u << 20) /* of each */
#define REGIONS_LEN 3000u	 /* of the value of a number */

/** regions_opts() - options of it; @flags: MARU_CREATE_* besides */
struct maru_create_opts regions_opts(uint32_t flags);

/** regions_pool() - make one of @nr regions, and a handle */
struct maru_pool *regions_pool(unsigned nr, uint32_t flags);

/** regions_fill() - numbers from 0 on, until some are in region @no; how many */
unsigned regions_fill(struct maru_pool *p, uint32_t no);

/** regions_in() - of numbers 0 to @nr, how many are there, in region @no */
unsigned regions_in(struct maru_pool *p, unsigned nr, uint32_t no);

/** regions_of() - the region that number @no lies in; UINT32_MAX: nowhere */
uint32_t regions_of(struct maru_pool *p, unsigned no);

/** regions_kept() - numbers up to @nr that are there; each what it was */
unsigned regions_kept(struct maru_pool *p, unsigned nr);

/** regions_says() - does the last call's message say this? */
void regions_says(const char *what);

/** regions_refused() - opening @target is @err, and the message says @what */
void regions_refused(const char *target, int err, const char *what);

/** regions_list() - test_path()s of two names as a target list */
const char *regions_list(const char *a, const char *b);

#endif
