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

static bool is_node(int no)
{
	return numa_available() >= 0 && no <= numa_max_node() &&
	       numa_bitmask_isbitset(numa_nodes_ptr, (unsigned)no);
}

/* JSON only: which of a region's pages are where. */
static void region_nodes(struct out *out, const struct maru_placement *p)
{
	out_list(out, "nodes");
	for (int no = 0; no < MARU_NODES_MAX; no++) {
		if (!p->node[no])
			continue;
		out_row(out);
		out_int(out, "node", no);
		out_u64(out, "pages", p->node[no]);
		out_row_end(out);
	}
	out_list_end(out);
}

static void region_row(struct dump *d, uint32_t no,
		       const struct maru_placement *p)
{
	struct out *out = &d->out;

	out_u64(out, "region", no);
	node(out, "numa_node", p->numa_node);
	if (d->json)
		out_u64(out, "page_bytes", p->page_bytes);
	else
		out_size(out, "page", p->page_bytes);
	out_u64(out, "huge_bytes", p->huge_bytes);
	out_u64(out, "asked", p->asked);
	out_u64(out, "absent", p->absent);
	out_u64(out, "untold", p->untold);
	if (d->json)
		region_nodes(out, p);
	out_row_end(out);
}

/* Returns 0 or a libmaru error; the pages of all regions are added up. */
static int region_rows(struct dump *d, uint64_t pages[MARU_NODES_MAX])
{
	static const struct out_column columns[] = {
		{ "region", 6 },  { "node", 4 },   { "page", 14 },
		{ "huge", 14 },	  { "asked", 10 }, { "absent", 10 },
		{ "untold", 10 }, { NULL, 0 },
	};
	struct maru_placement p = { .size = sizeof(p) };
	int rc;

	out_table(&d->out, d->json ? "regions" : "placement", columns);
	for (uint32_t no = 0;; no++) {
		rc = maru_placement(d->pool, no, &p);
		if (rc || !dump_row(d))
			break;
		region_row(d, no, &p);
		for (int i = 0; i < MARU_NODES_MAX; i++)
			pages[i] += p.node[i];
	}
	out_table_end(&d->out);
	return rc == -ENOENT ? 0 : rc;
}

static void node_row(struct dump *d, int no, uint64_t pages)
{
	struct out *out = &d->out;
	long long free = 0, bytes = -1;
	int near = here();

	if (is_node(no))
		bytes = numa_node_size64(no, &free);
	out_row(out);
	out_int(out, "node", no);
	out_size(out, "bytes", bytes < 0 ? 0 : (uint64_t)bytes);
	out_size(out, "free", free < 0 ? 0 : (uint64_t)free);
	/* 10 is a node's own memory; 0: the firmware does not say */
	out_int(out, "distance", near < 0 ? 0 : numa_distance(near, no));
	out_u64(out, "pages", pages);
	out_row_end(out);
}

static void node_rows(struct dump *d, const uint64_t pages[MARU_NODES_MAX])
{
	static const struct out_column columns[] = {
		{ "node", 6 },	   { "size", 24 },  { "free", 24 },
		{ "distance", 8 }, { "pages", 10 }, { NULL, 0 },
	};

	out_table(&d->out, d->json ? "nodes" : "nodes of this host", columns);
	for (int no = 0; no < MARU_NODES_MAX; no++)
		if (is_node(no) || pages[no])
			node_row(d, no, pages[no]);
	out_table_end(&d->out);
}

int dump_placement(struct dump *d)
{
	uint64_t pages[MARU_NODES_MAX] = { 0 };
	int rc, near = numa_available() < 0 ? -1 : here();

	if (d->json) {
		out_object(&d->out, "placement");
		out_int(&d->out, "cpu_node", near);
	}
	rc = region_rows(d, pages);
	node_rows(d, pages);
	if (d->json)
		out_object_end(&d->out);
	return rc;
}
