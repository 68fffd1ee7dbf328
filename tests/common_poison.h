/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that fails, in this process.
 *
 * A page of an empty file is mapped over the page: an access to it is beyond
 * the file's end, and the kernel says so by a SIGBUS of its own.
 */
#ifndef TESTS_COMMON_POISON_H
#define TESTS_COMMON_POISON_H

#include <stddef.h>

struct maru_pool;

#define POISON_PAGE 4096u

/** poison_page() - the page that @at lies in; poison_range(): @len bytes */
void poison_page(const void *at);
void poison_range(const void *at, size_t len);

/** poison_heal() - what was poisoned is @pool's memory again */
void poison_heal(struct maru_pool *pool, const void *at, size_t len);

#endif
