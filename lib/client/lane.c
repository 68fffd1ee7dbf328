// SPDX-License-Identifier: BSD-3-Clause
/* Counters without contention: a line or two for each of the first threads. */
#include "client/client.h"

/* The lane this thread last had, and of which handle. */
static __thread uint64_t lane_owner __attribute__((tls_model("initial-exec")));
static __thread unsigned lane_no __attribute__((tls_model("initial-exec")));

unsigned client_lane(struct client *c)
{
	uint32_t n;

	if (likely(lane_owner == c->id))
		return lane_no;
	/* relaxed: only has to be another one; and not to wrap around */
	n = a32_load_rlx(&c->lane_next);
	if (n < c->lane_nr)
		n = a32_add_rlx(&c->lane_next, 1);
	lane_no = n + 1 < c->lane_nr ? n + 1 : c->lane_nr - 1;
	lane_owner = c->id;
	return lane_no;
}

void client_count(struct client *c, enum client_counter what, uint64_t n)
{
	unsigned lane = client_lane(c);
	a64 *count = &c->lanes[c->self * c->lane_nr + lane].count[what];

	/* relaxed: numbers for people; only the last lane has rivals */
	if (likely(lane < c->lane_nr - 1))
		a64_store_rlx(count, a64_load_rlx(count) + n);
	else
		a64_add_rlx(count, n);
}

void client_counters(const struct client *c, uint32_t slot, uint64_t *out)
{
	uint32_t lane, i;

	for (i = 0; i < COUNT_NR; i++)
		out[i] = 0;
	for (lane = 1; lane < c->lane_nr; lane++)
		for (i = 0; i < COUNT_NR; i++)
			out[i] += a64_load_rlx(
				&c->lanes[slot * c->lane_nr + lane]
					 .count[i]); /* numbers for people */
}

static a64 *base(const struct client *c, uint32_t slot)
{
	return c->lanes[slot * c->lane_nr].count;
}

void client_counters_start(struct client *c, uint32_t slot)
{
	uint64_t now[COUNT_NR];
	uint32_t i;

	client_counters(c, slot, now);
	for (i = 0; i < COUNT_NR; i++)
		a64_store_rlx(&base(c, slot)[i], now[i]); /* C1 orders it */
}

void client_counters_since(const struct client *c, uint32_t slot, uint64_t *out)
{
	uint32_t i;

	client_counters(c, slot, out);
	for (i = 0; i < COUNT_NR; i++)
		out[i] -= a64_load_rlx(&base(c, slot)[i]); /* for people */
}
