// SPDX-License-Identifier: BSD-3-Clause
/*
 * When may the blocks of a dead client be used again?
 *
 * A device that was told to write into a buffer does not know that the process
 * is dead.  So they wait for a time that is counted from the proof of death,
 * and that is noted in the client's slot: whoever comes by later goes by it.
 */
#include "client/client.h"

#include <time.h>

#define SECOND_NS 1000000000ll

static uint64_t monotonic_ns(const struct client *c)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)(t.tv_sec * SECOND_NS + t.tv_nsec - c->shift_ns);
}

void client_clock_start(struct client *c, uint32_t quarantine_ms)
{
	c->quarantine_ns = quarantine_ms * 1000000ull;
	/* the note is read by processes of any time namespace */
	c->shift_ns = client_shift_ns("monotonic");
	c->now_ns = monotonic_ns;
}

/* Of an earlier boot: its host's devices have been reset since. */
static bool is_of_another_boot(const struct client *c,
			       const struct media_client *m)
{
	/* relaxed: the slot is not FREE, C1 ordered what it says */
	return a64_load_rlx(&m->boot[0]) != c->me.boot[0] ||
	       a64_load_rlx(&m->boot[1]) != c->me.boot[1];
}

uint64_t client_due_in(const struct client *c, uint32_t slot)
{
	const struct media_client *m = &c->slots[slot];
	/* relaxed: a guess, but under the slot's reaping lock */
	uint64_t due = a64_load_rlx(&m->due), now = c->now_ns(c);

	if (!c->host.all && is_of_another_boot(c, m))
		return 0;
	if (due > now + c->quarantine_ns)
		return CLIENT_DUE_NONSENSE;
	return due > now ? due - now : 0;
}

void client_due_set(struct client *c, uint32_t slot)
{
	/* relaxed: the slot's word orders it, and the reaping lock */
	a64_store_rlx(&c->slots[slot].due, c->now_ns(c) + c->quarantine_ns);
}

uint64_t client_due_left(struct client *c, uint32_t slot)
{
	uint64_t in = client_due_in(c, slot);

	if (in == CLIENT_DUE_NONSENSE)
		client_due_set(c, slot);
	return in;
}

uint32_t client_quarantined(const struct client *c, uint64_t *first_ns)
{
	uint32_t slot, nr = 0;
	uint64_t in;

	*first_ns = c->quarantine_ns;
	for (slot = 0; slot < c->slot_nr; slot++) {
		uint64_t w = client_word(c, slot);

		/* a fenced one waits for its host, not for a time */
		if (client_state(w) != CLIENT_QUARANTINED ||
		    (w & CLIENT_FENCED))
			continue;
		nr++;
		in = client_due_in(c, slot);
		if (in < *first_ns)
			*first_ns = in;
	}
	return nr;
}
