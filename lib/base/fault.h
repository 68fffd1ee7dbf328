/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the checks of all rooms report what is not as it must be. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <maru/inspect.h>
#include <stdbool.h>

#define FAULT_NOWHERE UINT64_MAX
#define FAULT_TEXT 256
#define FAULT_KEPT 256 /* findings that can be held back */

/* A finding that is held back until another look has confirmed it. */
struct fault_kept {
	uint32_t invariant;
	uint64_t addr;
	char what[FAULT_TEXT];
};

struct fault_list {
	uint32_t nr;
	bool full; /* there was more than could be kept */
	struct fault_kept kept[FAULT_KEPT];
};

struct fault_sink {
	maru_fault_fn fn;
	void *ctx;
	struct fault_list *list; /* or NULL: tell at once */
	uint64_t faults;
	bool live;   /* others are at work: only what holds at every instant */
	bool fixing; /* what is reported is being mended */
};

/** fault_report() - count and tell; @invariant as in maru-pool(5). */
void fault_report(struct fault_sink *sink, unsigned invariant, uint64_t addr,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** fault_notice() - tell of what is no fault: invariant 0, not counted */
void fault_notice(struct fault_sink *sink, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** fault_confirm() - keep only what @again has found too */
void fault_confirm(struct fault_list *list, const struct fault_list *again);

/** fault_flush() - count and tell what was held back, and hold nothing more */
void fault_flush(struct fault_sink *sink);

#endif
