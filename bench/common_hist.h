/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log-linear histogram of nanoseconds.
 *
 * Values below 2 * HIST_SUB are exact; above, every power of two is cut into
 * HIST_SUB bins, so a quantile is off by 1/64 at most.  One writer; it needs
 * no setup but zeroes, and lies well in memory that outlives the writer.
 */
#ifndef BENCH_COMMON_HIST_H
#define BENCH_COMMON_HIST_H

#include <stdint.h>

#define HIST_SHIFT 6
#define HIST_SUB (1u << HIST_SHIFT)
#define HIST_BINS ((64 - HIST_SHIFT + 1) * HIST_SUB)

struct hist {
	uint64_t nr;
	uint64_t sum;
	uint64_t max;
	uint64_t bin[HIST_BINS];
};

static inline unsigned hist_bin(uint64_t v)
{
	unsigned up = v < HIST_SUB ?
			      0 :
			      63 - (unsigned)__builtin_clzll(v) - HIST_SHIFT;

	return up * HIST_SUB + (unsigned)(v >> up);
}

static inline void hist_add(struct hist *h, uint64_t v)
{
	h->nr++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
	h->bin[hist_bin(v)]++;
}

void hist_merge(struct hist *into, const struct hist *from);

/** hist_quantile() - the value that share @q of all do not exceed; 0 if none */
double hist_quantile(const struct hist *h, double q);

#endif
