/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the checks of all rooms report what is not as it must be. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <maru/inspect.h>
#include <stdbool.h>

#define FAULT_NOWHERE UINT64_MAX

struct fault_sink {
	maru_fault_fn fn;
	void *ctx;
	uint64_t faults;
	uint64_t fixed;
	bool live;   /* others are at work: only what holds at every instant */
	bool fixing; /* what is reported is being mended */
};

/** fault_report() - count and tell; @invariant as in maru-pool(5). */
void fault_report(struct fault_sink *sink, unsigned invariant, uint64_t addr,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
