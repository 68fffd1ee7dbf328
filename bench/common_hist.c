/* SPDX-License-Identifier: BSD-3-Clause */
/* Log-linear histogram: merging and quantiles. */
#include "common_hist.h"

#include <math.h>

void hist_merge(struct hist *into, const struct hist *from)
{
	into->nr += from->nr;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (unsigned i = 0; i < HIST_BINS; i++)
		into->bin[i] += from->bin[i];
}

/* The middle of bin @b; the inverse of hist_bin(). */
static double bin_value(unsigned b)
{
	unsigned up = b < 2 * HIST_SUB ? 0 : b / HIST_SUB - 1;
	double low = ldexp((double)(b - up * HIST_SUB), (int)up);

	return low + (ldexp(1, (int)up) - 1) / 2;
}

double hist_quantile(const struct hist *h, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)h->nr);
	uint64_t seen = 0;

	if (!h->nr)
		return 0;
	for (unsigned b = 0; b < HIST_BINS; b++) {
		seen += h->bin[b];
		if (seen >= rank && seen)
			return fmin(bin_value(b), (double)h->max);
	}
	return (double)h->max;
}
