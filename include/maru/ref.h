/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entries by reference: pass { address, version } to another process and let
 * it pin and read the very same bytes, without the key.
 */
#ifndef MARU_REF_H
#define MARU_REF_H

#include <maru/cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/** maru_addr() - the 64-bit address of a page: region << 32 | page. */
uint64_t maru_addr(uint32_t region, uint32_t page);

/** maru_addr_region() - the region of an address. */
uint32_t maru_addr_region(uint64_t addr);

/** maru_addr_page() - the page (unit) within the region of an address. */
uint32_t maru_addr_page(uint64_t addr);

/**
 * maru_ref_pin() - add @count pins of this client by reference
 *
 * Return: 0; MARU_E_STALE, that version is gone; -EOVERFLOW.
 */
int maru_ref_pin(struct maru_pool *pool, const struct maru_ref *ref,
		 unsigned count);

/**
 * maru_ref_unpin() - take @count pins of this client back
 *
 * Return: 0; MARU_E_STALE, that version is gone or the pins were voided;
 *	-EINVAL, this client holds fewer: nothing taken.
 */
int maru_ref_unpin(struct maru_pool *pool, const struct maru_ref *ref,
		   unsigned count);

/**
 * maru_ref_data() - where a pinned entry's bytes are
 *
 * Valid for as long as this client keeps a pin on it.
 * Return: 0; MARU_E_STALE; -EINVAL, this client holds no pin on it.
 */
int maru_ref_data(struct maru_pool *pool, const struct maru_ref *ref,
		  const void **data, size_t *len);

#ifdef __cplusplus
}
#endif
#endif
