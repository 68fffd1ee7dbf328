/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the pool's pages are, and the nodes of this host, for maru-dump. */
#include <numa.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "common_dump.h"

/* What libnuma misses in a strange /sys is no news to whoever reads a pool. */
void numa_warn(int number, char *format, ...)
{
	(void)number;
	(void)format;
}

static int here(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? -1 : numa_node_of_cpu(cpu);
}

static void node(struct out *out, const char *name, int no)
{
	if (no < 0 && !out->json)
		out_none(out, name);
	else
		out_int(out, name, no);
}

static void node_row(struct dump *d, int no, uint64_t pages)
{
	struct out *out = &d->out;
	long long free = 0, bytes = numa_node_size64(no, &free);
	int near = here();

	out_row(out);
	out_int(out, "node", no);
	out_size(out, "bytes", bytes < 0 ? 0 : (uint64_t)bytes);
	out_size(out, "free", free < 0 ? 0 : (uint64_t)free);
	/* 10 is a node's own memory; 0: the firmware does not say */
	out_int(out, "distance", near < 0 ? 0 : numa_distance(near, no));
	out_u64(out, "pages", pages);
	out_row_end(out);
}

static bool is_node(int no)
{
	return numa_available() >= 0 && no <= numa_max_node() &&
	       numa_bitmask_isbitset(numa_nodes_ptr, (unsigned)no);
}

static void node_rows(struct dump *d, const struct maru_placement *p)
{
	for (int no = 0; no < MARU_NODES_MAX; no++)
		if (is_node(no) || p->node[no])
			node_row(d, no, p->node[no]);
}

static void fields(struct dump *d, const struct maru_placement *p)
{
	struct out *out = &d->out;

	node(out, "numa_node", p->numa_node);
	node(out, "cpu_node", numa_available() < 0 ? -1 : here());
	out_size(out, "page_bytes", p->page_bytes);
	out_size(out, "huge_bytes", p->huge_bytes);
	out_u64(out, "asked", p->asked);
	out_u64(out, "absent", p->absent);
	out_u64(out, "untold", p->untold);
}

static void show(struct dump *d, const struct maru_placement *p)
{
	static const struct out_column columns[] = {
		{ "node", 4 },	   { "size", 24 },  { "free", 24 },
		{ "distance", 8 }, { "pages", 10 }, { NULL, 0 },
	};

	out_object(&d->out, "placement");
	fields(d, p);
	if (!d->json)
		out_object_end(&d->out);
	out_table(&d->out, d->json ? "nodes" : "placement by node", columns);
	node_rows(d, p);
	out_table_end(&d->out);
	if (d->json)
		out_object_end(&d->out);
}

int dump_placement(struct dump *d)
{
	struct maru_placement p = { .size = sizeof(p) };
	int rc = maru_placement(d->pool, 0, &p);

	if (!rc)
		show(d, &p);
	return rc;
}
