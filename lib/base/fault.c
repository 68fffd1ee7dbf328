// SPDX-License-Identifier: BSD-3-Clause
/* Counting faults and putting them into words. */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>

void fault_report(struct fault_sink *sink, unsigned invariant, uint64_t addr,
		  const char *fmt, ...)
{
	char what[256];
	struct maru_fault fault = {
		.invariant = invariant,
		.fixed = sink->fixing,
		.addr = addr,
		.what = what,
	};
	va_list ap;

	sink->faults++;
	sink->fixed += sink->fixing;
	if (!sink->fn)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	sink->fn(sink->ctx, &fault);
}
