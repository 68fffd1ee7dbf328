// SPDX-License-Identifier: BSD-3-Clause
/* What must hold of host entries, and of the slots that name them. */
#include "client/check.h"

static void check_entry(const struct host_self *h, struct fault_sink *sink,
			uint32_t no)
{
	uint64_t w = host_word(h, no);
	uint32_t by = host_by(w);
	bool gone = host_state(w) == HOST_FENCED ||
		    host_state(w) == HOST_CONFIRMED;

	if (host_state(w) > HOST_CONFIRMED)
		fault_report(sink, 39, FAULT_NOWHERE,
			     "host entry %u: state %u is none", no,
			     host_state(w));
	else if (by != HOST_NONE && by >= HOST_NR)
		fault_report(
			sink, 39, FAULT_NOWHERE,
			"host entry %u is recovered by host %u, who is none",
			no, by);
	else if (by != HOST_NONE && !gone)
		fault_report(
			sink, 39, FAULT_NOWHERE,
			"host entry %u is recovered by host %u, but not gone",
			no, by);
}

/* Bits that only a client of a fabric pool has, and one that is there. */
static bool has_bits(uint64_t w)
{
	return w & 0xfffffff0u;
}

static bool is_marked_early(uint64_t w)
{
	return w & CLIENT_FENCED && client_state(w) < CLIENT_DEAD;
}

/* Who joins names an entry that may have gone until it has beaten. */
static bool is_nowhere(const struct client *c, uint32_t slot, uint64_t w)
{
	uint32_t no = client_host(w);

	if (no >= HOST_NR)
		return true;
	return client_state(w) > CLIENT_JOINING &&
	       host_state(host_word(&c->host, no)) == HOST_FREE &&
	       client_word(c, slot) == w;
}

static void check_slot(const struct client *c, struct fault_sink *sink,
		       uint32_t slot)
{
	uint64_t w = client_word(c, slot);

	if (client_state(w) == CLIENT_FREE || !c->host.all) {
		if (has_bits(w))
			fault_report(sink, 39, FAULT_NOWHERE,
				     "client slot %u names a host, %s", slot,
				     c->host.all ? "but is free" :
						   "in a pool of one");
		return;
	}
	if (is_marked_early(w))
		fault_report(sink, 39, FAULT_NOWHERE,
			     "client slot %u: its host is gone, but it is not",
			     slot);
	if (is_nowhere(c, slot, w))
		fault_report(sink, 39, FAULT_NOWHERE,
			     "client slot %u names host %u, who is not there",
			     slot, client_host(w));
}

void host_check(const struct client *c, struct fault_sink *sink)
{
	uint32_t no, slot;

	for (no = 0; c->host.all && no < HOST_NR; no++)
		check_entry(&c->host, sink, no);
	for (slot = 0; slot < c->slot_nr; slot++)
		if (client_state(client_word(c, slot)) <= CLIENT_QUARANTINED)
			check_slot(c, sink, slot);
}
