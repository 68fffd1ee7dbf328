// SPDX-License-Identifier: BSD-3-Clause
/* Counting faults and putting them into words. */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void tell(struct fault_sink *sink, unsigned invariant, uint64_t addr,
		 const char *what)
{
	struct maru_fault fault = {
		.invariant = invariant,
		.fixed = sink->fixing,
		.addr = addr,
		.what = what,
	};

	if (invariant)
		sink->faults++;
	if (sink->fn)
		sink->fn(sink->ctx, &fault);
}

/* False: there is no list, or no room in it. */
static bool keep(struct fault_list *l, unsigned invariant, uint64_t addr,
		 const char *what)
{
	struct fault_kept *k;

	if (!l)
		return false;
	if (l->nr == FAULT_KEPT) {
		l->full = true;
		return false;
	}
	k = &l->kept[l->nr++];
	k->invariant = invariant;
	k->addr = addr;
	memcpy(k->what, what, FAULT_TEXT);
	return true;
}

static void put(struct fault_sink *sink, unsigned invariant, uint64_t addr,
		const char *what)
{
	if (keep(sink->list, invariant, addr, what))
		return;
	/* with others at work nothing is told that was seen only once */
	if (sink->list && sink->live)
		return;
	tell(sink, invariant, addr, what);
}

void fault_report(struct fault_sink *sink, unsigned invariant, uint64_t addr,
		  const char *fmt, ...)
{
	char what[FAULT_TEXT] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	put(sink, invariant, addr, what);
}

void fault_notice(struct fault_sink *sink, const char *fmt, ...)
{
	char what[FAULT_TEXT] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	put(sink, 0, FAULT_NOWHERE, what);
}

static bool has(const struct fault_list *l, const struct fault_kept *k)
{
	uint32_t i;

	for (i = 0; i < l->nr; i++)
		if (l->kept[i].invariant == k->invariant &&
		    l->kept[i].addr == k->addr &&
		    !strcmp(l->kept[i].what, k->what))
			return true;
	return false;
}

void fault_confirm(struct fault_list *list, const struct fault_list *again)
{
	uint32_t i, nr = 0;

	for (i = 0; i < list->nr; i++)
		if (has(again, &list->kept[i]))
			list->kept[nr++] = list->kept[i];
	list->nr = nr;
}

void fault_flush(struct fault_sink *sink)
{
	struct fault_list *l = sink->list;
	uint32_t i;

	sink->list = NULL;
	for (i = 0; l && i < l->nr; i++)
		tell(sink, l->kept[i].invariant, l->kept[i].addr,
		     l->kept[i].what);
	if (l && l->nr && l->full && sink->live)
		tell(sink, 0, FAULT_NOWHERE,
		     "there was more than can be told of a pool in use");
}
