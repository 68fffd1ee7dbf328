/* SPDX-License-Identifier: BSD-3-Clause */
/* The sections of maru-dump, but for those that walk over blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common_dump.h"

static const char *const client_states[] = {
	[MARU_CLIENT_FREE] = "free",
	[MARU_CLIENT_JOINING] = "joining",
	[MARU_CLIENT_ACTIVE] = "active",
	[MARU_CLIENT_DEAD] = "dead",
	[MARU_CLIENT_QUARANTINED] = "quarantined",
	NULL,
};

bool dump_row(struct dump *d)
{
	if (!d->left) {
		d->cut = true;
		return false;
	}
	d->left--;
	out_row(&d->out);
	return true;
}

static const char *state_name(const char *const *names, unsigned state)
{
	unsigned nr = 0;

	while (names[nr])
		nr++;
	return state < nr ? names[state] : NULL;
}

void dump_state(struct dump *d, const char *const *names, unsigned state)
{
	const char *name = state_name(names, state);
	char text[16];

	if (!name) {
		snprintf(text, sizeof(text), "?%u", state);
		name = text;
		d->odd = true;
	}
	out_text(&d->out, "state", name);
}

static bool among(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

bool dump_state_wanted(const struct dump *d, const char *const *names,
		       unsigned state)
{
	const char *name = state_name(names, state);

	/* State 0 is the free one of slabs, blocks and clients alike. */
	if (!d->state || !among(names, d->state))
		return state;
	return name && !strcmp(name, d->state);
}

bool dump_state_known(const char *name)
{
	return among(client_states, name) || among(dump_slab_states, name) ||
	       among(dump_block_states, name);
}

static int show_sections(struct dump *d)
{
	static const struct out_column columns[] = {
		{ "name", -16 }, { "offset", 16 }, { "bytes", 16 },
		{ "size", 10 },	 { "region", 6 },  { NULL, 0 },
	};
	struct maru_section section;
	int rc;

	out_table(&d->out, "sections", columns);
	for (uint32_t no = 0;; no++) {
		rc = maru_inspect_section(d->pool, no, &section);
		if (rc)
			break;
		/* a further region has not all of them */
		if (section.region && !section.len)
			continue;
		if (!dump_row(d))
			break;
		out_text(&d->out, "name", section.name);
		out_u64(&d->out, "off", section.off);
		out_u64(&d->out, "len", section.len);
		if (!d->json)
			out_size(&d->out, "size", section.len);
		out_u64(&d->out, "region", section.region);
		out_row_end(&d->out);
	}
	out_table_end(&d->out);
	return rc == -ENOENT ? 0 : rc;
}

static int show_regions(struct dump *d)
{
	static const struct out_column columns[] = {
		{ "region", 6 }, { "bytes", 13 }, { "data at", 11 },
		{ "unit", 7 },	 { "node", 4 },	  { "copies", 6 },
		{ "uuid", -36 }, { NULL, 0 },
	};
	char text[TOOL_UUID_TEXT];
	struct maru_region region;
	int rc;

	out_table(&d->out, "regions", columns);
	for (uint32_t no = 0;; no++) {
		rc = maru_region(d->pool, no, &region);
		if (rc || !dump_row(d))
			break;
		out_u64(&d->out, "no", no);
		out_u64(&d->out, "bytes", region.bytes);
		out_u64(&d->out, "data_off", region.data_off);
		out_size(&d->out, "unit", region.unit);
		if (region.numa_node < 0 && !d->json)
			out_none(&d->out, "numa_node");
		else
			out_int(&d->out, "numa_node", region.numa_node);
		if (d->json)
			out_u64(&d->out, "copies_ok", region.copies_ok);
		else
			out_int(&d->out, "copies_ok",
				__builtin_popcount(region.copies_ok));
		if (region.bytes)
			out_text(&d->out, "uuid",
				 tool_uuid_text(text, region.uuid));
		else
			out_none(&d->out, "uuid");
		out_row_end(&d->out);
	}
	out_table_end(&d->out);
	return rc == -ENOENT ? 0 : rc;
}

static int show_classes(struct dump *d)
{
	static const struct out_column columns[] = {
		{ "class", 5 },	  { "block", 12 }, { "bytes", 14 },
		{ "group", 6 },	  { "exact", 5 },  { "extents", 9 },
		{ "blocks", 12 }, { "used", 12 },  { NULL, 0 },
	};
	struct maru_class class;
	int rc;

	out_table(&d->out, "classes", columns);
	for (uint32_t no = 0;; no++) {
		rc = maru_inspect_class(d->pool, no, &class);
		if (rc || !dump_row(d))
			break;
		out_u64(&d->out, "no", no);
		if (!d->json)
			out_size(&d->out, "size", class.block);
		out_u64(&d->out, "block", class.block);
		out_u64(&d->out, "group", class.group);
		out_bit(&d->out, "exact", class.exact);
		out_u64(&d->out, "extents", class.extents);
		out_u64(&d->out, "blocks", class.blocks);
		out_u64(&d->out, "used", class.used);
		out_row_end(&d->out);
	}
	out_table_end(&d->out);
	return rc == -ENOENT ? 0 : rc;
}

int dump_clients(struct dump *d, struct maru_client **list)
{
	size_t cap = MARU_CLIENTS_MAX;
	int nr;

	*list = calloc(cap, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	nr = maru_clients(d->pool, *list, cap);
	return nr > (int)cap ? (int)cap : nr;
}

static void counters(struct out *out, const struct maru_counters *c)
{
#define MARU_X(name, text) out_counter(out, #name, c->name, text);
	MARU_COUNTERS(MARU_X)
#undef MARU_X
}

static void client_cells(struct dump *d, const struct maru_client *c)
{
	struct out *out = &d->out;

	out_u64(out, "slot", c->slot);
	if (d->json || !d->super.share)
		out_u64(out, "incarnation", c->incarnation);
	/* a column of its own or none, whatever the slot says */
	if (d->json || d->super.share) {
		if (c->host < MARU_HOSTS_MAX)
			out_u64(out, "host", c->host);
		else
			out_none(out, "host");
	}
	dump_state(d, client_states, c->state);
	if (d->json)
		out_int(out, "alive", c->alive);
	else if (c->alive < 0)
		out_none(out, "alive");
	else
		out_flag(out, "alive", c->alive);
	out_int(out, "pid", c->pid);
	/* in the table a dead client's blocks that wait are its buffers */
	out_u64(out, "buffers", c->buffers + (d->json ? 0 : c->quarantined));
	out_u64(out, "pinned_entries", c->pinned_entries);
	out_u64(out, "pins", c->pins);
	if (d->json)
		out_u64(out, "quarantined", c->quarantined);
	if (c->state == MARU_CLIENT_QUARANTINED || d->json)
		out_u64(out, "due_ms", c->due_ms);
	else
		out_none(out, "due_ms");
	out_age(out, "joined_ns", c->joined_ns);
	out_text(out, "name", c->name);
	if (!d->json)
		return;
	out_object(out, "counters");
	counters(out, &c->counters);
	out_object_end(out);
}

static int show_clients(struct dump *d)
{
	struct out_column columns[] = {
		{ "slot", 4 },	 { "inc", 5 },	 { "state", -11 },
		{ "alive", -5 }, { "pid", 7 },	 { "buffers", 7 },
		{ "pinned", 7 }, { "pins", 7 },	 { "due ms", 8 },
		{ "age", 5 },	 { "name", -1 }, { NULL, 0 },
	};
	struct maru_client *list;
	int nr = dump_clients(d, &list);

	if (d->super.share)
		columns[1].head = "host"; /* there it tells more */
	out_table(&d->out, "clients", columns);
	for (int i = 0; i < nr; i++) {
		if (!dump_state_wanted(d, client_states, list[i].state))
			continue;
		if (!dump_row(d))
			break;
		client_cells(d, &list[i]);
		out_row_end(&d->out);
	}
	out_table_end(&d->out);
	free(list);
	return nr < 0 ? nr : 0;
}

static int show_hosts(struct dump *d)
{
	struct maru_host list[MARU_HOSTS_MAX];
	int nr = maru_hosts(d->pool, list, MARU_HOSTS_MAX);

	out_table(&d->out, "hosts", tool_host_columns);
	for (int i = 0; i < nr; i++) {
		d->odd |= !tool_host_state(list[i].state);
		if (!dump_row(d))
			break;
		tool_host_cells(&d->out, &list[i]);
		out_row_end(&d->out);
	}
	out_table_end(&d->out);
	return nr < 0 ? nr : 0;
}

static int show_stats(struct dump *d)
{
	struct maru_stats st = { .size = sizeof(st) };
	struct out *out = &d->out;
	int rc = maru_stats(d->pool, &st);

	if (rc)
		return rc;
	out_object(out, "stats");
	out_size(out, "pool_bytes", st.pool_bytes);
	out_size(out, "data_bytes", st.data_bytes);
	out_size(out, "used_bytes", st.used_bytes);
	out_size(out, "value_bytes", st.value_bytes);
	out_u64(out, "entries", st.entries);
	out_u64(out, "buffers", st.buffers);
	out_u64(out, "claims", st.claims);
	out_u64(out, "quarantined", st.quarantined);
	out_size(out, "quarantined_bytes", st.quarantined_bytes);
	out_u64(out, "pinned_entries", st.pinned_entries);
	out_u64(out, "pins", st.pins);
	out_u64(out, "regions", st.regions);
	out_u64(out, "clients", st.clients);
	out_u64(out, "max_clients", st.max_clients);
	out_u64(out, "bad", st.bad);
	if (st.numa_node < 0 && !d->json)
		out_none(out, "numa_node");
	else
		out_int(out, "numa_node", st.numa_node);
	out_object(out, "total");
	counters(out, &st.total);
	out_object_end(out);
	out_object_end(out);
	return 0;
}

const struct dump_section dump_sections[SECTION_NR] = {
	{ "super", true, false, dump_super },
	{ "sections", false, false, show_sections },
	{ "regions", false, false, show_regions },
	{ "classes", true, false, show_classes },
	{ "slabs", false, false, dump_slabs },
	{ "entries", false, false, dump_entries },
	{ "blocks", false, false, dump_blocks },
	{ "hosts", true, true, show_hosts },
	{ "clients", true, false, show_clients },
	{ "holds", false, false, dump_holds },
	{ "stats", true, false, show_stats },
	{ "placement", false, false, dump_placement },
};
