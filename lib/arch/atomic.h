/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Atomics on pool memory, the order in the name: the only __atomic in the tree.
 *
 * rlx relaxed, acq acquire, rel release, full sequentially consistent.  The
 * types are plain little-endian words at their natural alignment, at most
 * eight bytes, so that they mean the same in every process that maps them.
 * Read-modify-writes that a Dekker argument leans on (publish mine, then look
 * at theirs) are "full": on x86-64 the LOCK prefix is the fence anyway.
 */
#ifndef ARCH_ATOMIC_H
#define ARCH_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the pool format is little-endian and accessed in place"
#endif

typedef struct {
	uint64_t v;
} a64;

typedef struct {
	uint32_t v;
} a32;

typedef struct {
	uint16_t v;
} a16;

typedef struct {
	uint8_t v;
} a8;

#define ARCH_ATOMIC(A, T)                                                \
	static inline T A##_load_rlx(const A *p)                         \
	{                                                                \
		return __atomic_load_n(&p->v, __ATOMIC_RELAXED);         \
	}                                                                \
	static inline T A##_load_acq(const A *p)                         \
	{                                                                \
		return __atomic_load_n(&p->v, __ATOMIC_ACQUIRE);         \
	}                                                                \
	static inline T A##_load_full(const A *p)                        \
	{                                                                \
		return __atomic_load_n(&p->v, __ATOMIC_SEQ_CST);         \
	}                                                                \
	static inline void A##_store_rlx(A *p, T v)                      \
	{                                                                \
		__atomic_store_n(&p->v, v, __ATOMIC_RELAXED);            \
	}                                                                \
	static inline void A##_store_rel(A *p, T v)                      \
	{                                                                \
		__atomic_store_n(&p->v, v, __ATOMIC_RELEASE);            \
	}                                                                \
	static inline void A##_store_full(A *p, T v)                     \
	{                                                                \
		__atomic_store_n(&p->v, v, __ATOMIC_SEQ_CST);            \
	}                                                                \
	static inline T A##_xchg_full(A *p, T v)                         \
	{                                                                \
		return __atomic_exchange_n(&p->v, v, __ATOMIC_SEQ_CST);  \
	}                                                                \
	static inline T A##_add_rlx(A *p, T v)                           \
	{                                                                \
		return __atomic_fetch_add(&p->v, v, __ATOMIC_RELAXED);   \
	}                                                                \
	static inline T A##_add_full(A *p, T v)                          \
	{                                                                \
		return __atomic_fetch_add(&p->v, v, __ATOMIC_SEQ_CST);   \
	}                                                                \
	static inline T A##_sub_rel(A *p, T v)                           \
	{                                                                \
		return __atomic_fetch_sub(&p->v, v, __ATOMIC_RELEASE);   \
	}                                                                \
	static inline T A##_sub_full(A *p, T v)                          \
	{                                                                \
		return __atomic_fetch_sub(&p->v, v, __ATOMIC_SEQ_CST);   \
	}                                                                \
	static inline T A##_or_rlx(A *p, T v)                            \
	{                                                                \
		return __atomic_fetch_or(&p->v, v, __ATOMIC_RELAXED);    \
	}                                                                \
	static inline T A##_or_full(A *p, T v)                           \
	{                                                                \
		return __atomic_fetch_or(&p->v, v, __ATOMIC_SEQ_CST);    \
	}                                                                \
	static inline T A##_and_rlx(A *p, T v)                           \
	{                                                                \
		return __atomic_fetch_and(&p->v, v, __ATOMIC_RELAXED);   \
	}                                                                \
	static inline T A##_and_full(A *p, T v)                          \
	{                                                                \
		return __atomic_fetch_and(&p->v, v, __ATOMIC_SEQ_CST);   \
	}                                                                \
	/* On failure *old is what was there. */                         \
	static inline bool A##_cas_rlx(A *p, T *old, T v)                \
	{                                                                \
		return __atomic_compare_exchange_n(&p->v, old, v, false, \
						   __ATOMIC_RELAXED,     \
						   __ATOMIC_RELAXED);    \
	}                                                                \
	static inline bool A##_cas_acq(A *p, T *old, T v)                \
	{                                                                \
		return __atomic_compare_exchange_n(&p->v, old, v, false, \
						   __ATOMIC_ACQUIRE,     \
						   __ATOMIC_RELAXED);    \
	}                                                                \
	static inline bool A##_cas_full(A *p, T *old, T v)               \
	{                                                                \
		return __atomic_compare_exchange_n(&p->v, old, v, false, \
						   __ATOMIC_SEQ_CST,     \
						   __ATOMIC_ACQUIRE);    \
	}

ARCH_ATOMIC(a64, uint64_t)
ARCH_ATOMIC(a32, uint32_t)
ARCH_ATOMIC(a16, uint16_t)
ARCH_ATOMIC(a8, uint8_t)

/**
 * atomic_fence_acq() - loads before it are done before accesses after it
 *
 * For optimistic copies: copy, fence, re-read the word that guards the copy.
 */
static inline void atomic_fence_acq(void)
{
#ifdef __SANITIZE_THREAD__
	/* gcc cannot instrument a fence; readers under it use full loads. */
#else
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/**
 * atomic_fence_rel() - accesses before it are seen before stores after it
 *
 * For the other side: mark the word, fence, then write what it guards.
 */
static inline void atomic_fence_rel(void)
{
#ifndef __SANITIZE_THREAD__ /* as above */
	__atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#define prefetch_read(p) __builtin_prefetch((p), 0, 3)
#define prefetch_write(p) __builtin_prefetch((p), 1, 3)

#endif
