/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values that prove themselves: every word follows from the key and from
 * where it stands, so bytes of another key, moved or torn bytes all show.
 */
#ifndef BENCH_COMMON_VALUE_H
#define BENCH_COMMON_VALUE_H

#include <stddef.h>
#include <stdint.h>

/** What value_check() found; words, because that is what it compares. */
struct value_fault {
	size_t off; /* bytes */
	uint64_t expected;
	uint64_t found;
};

/** value_fill() - write the @len bytes that belong to @seed */
void value_fill(void *data, size_t len, uint64_t seed);

/**
 * value_check() - compare all @len bytes with what belongs to @seed
 *
 * Return: 0; 1, and @fault is the first word that differs.  Where expected and
 *	found are equal, the bytes changed while they were compared.
 */
int value_check(const void *data, size_t len, uint64_t seed,
		struct value_fault *fault);

#endif
