// SPDX-License-Identifier: BSD-3-Clause
/* Asking move_pages(2) and smaps; whatever they refuse stays unknown. */
#include "dev/place.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bits.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define SAMPLES 16384u /* most pages asked for */
#define BATCH 256u
#define LINES_MAX (1u << 20) /* of smaps */

struct asking {
	const struct dev *dev;
	const struct dev_map *map;
	uint64_t page;
	bool whole; /* every page has memory: nothing can be allocated */
	uint64_t from, hole, data; /* see is_hole() */
	struct place *out;
};

/*
 * Of huge pages and tmpfs, whose pages can be allocated and yet count as a hole
 * until they are first written: if all blocks are there, none is allocated by
 * a look.
 */
static bool has_all_blocks(const struct dev *dev, uint64_t page)
{
	struct statfs fs;
	struct stat st;

	if (fstat(dev->fd, &st) || fstatfs(dev->fd, &fs))
		return false;
	return (dev->align > page || fs.f_type == TMPFS_MAGIC) &&
	       (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size;
}

/* Bytes in [from, hole), none in [hole, data), as far as was asked. */
static bool is_hole(struct asking *q, uint64_t at)
{
	off_t data, hole;

	if (at >= q->from && at < q->data)
		return at >= q->hole;
	data = lseek(q->dev->fd, (off_t)at, SEEK_DATA);
	q->from = at;
	q->hole = at;
	q->data = data < 0 ? UINT64_MAX : (uint64_t)data;
	if (data != (off_t)at)
		return true;
	hole = lseek(q->dev->fd, (off_t)at, SEEK_HOLE);
	q->hole = hole < 0 ? at + 1 : (uint64_t)hole;
	q->data = q->hole;
	return false;
}

static bool is_present(struct asking *q, uint64_t off)
{
	unsigned char in = 0;

	if (q->whole)
		return true;
	if (q->dev->align > q->page || is_hole(q, q->map->off + off))
		return false;
	return !mincore(q->map->base + off, q->page, &in) && (in & 1);
}

/* Only what this process has mapped has an answer. */
static void map_page(struct asking *q, uint64_t off)
{
	if (is_present(q, off))
		madvise(q->map->base + off, q->page, MADV_POPULATE_READ);
}

/* Of memory that is a device's own the kernel says that it is not there. */
static void count(const struct asking *q, int status)
{
	bool device = q->dev->kind == DEV_DAX || q->dev->kind == DEV_FSDAX;
	struct place *out = q->out;

	out->asked++;
	if (status >= 0 && status < PLACE_NODES)
		out->node[status]++;
	else if (!device && (status == -ENOENT || status == -EFAULT))
		out->absent++;
	else
		out->untold++;
}

static void ask(struct asking *q, void **pages, unsigned nr)
{
	int status[BATCH];
	long rc;

	for (unsigned i = 0; i < nr; i++)
		status[i] = -EPERM;
	rc = syscall(SYS_move_pages, 0, (unsigned long)nr, pages, NULL, status,
		     0);
	for (unsigned i = 0; i < nr; i++)
		count(q, rc < 0 ? -EPERM : status[i]);
}

static void ask_all(struct asking *q)
{
	uint64_t pages = q->map->len / q->page;
	uint64_t step = bits_div_up(pages, SAMPLES), no;
	void *batch[BATCH];
	unsigned nr = 0;

	for (no = 0; no < pages; no += step) {
		map_page(q, no * q->page);
		batch[nr++] = q->map->base + no * q->page;
		if (nr == BATCH || no + step >= pages) {
			ask(q, batch, nr);
			nr = 0;
		}
	}
}

static void take(const char *line, const char *name, uint64_t *bytes)
{
	size_t len = strlen(name);

	if (!strncmp(line, name, len))
		*bytes += strtoull(line + len, NULL, 10) * 1024;
}

/* The lines of the area that begins where the mapping does. */
static void read_smaps(const struct dev_map *map, struct place *out)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool inside = false;
	char line[512];
	unsigned nr;

	for (nr = 0; f && nr < LINES_MAX && fgets(line, sizeof(line), f); nr++)
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			if (inside)
				break;
			inside = from <= (uintptr_t)map->base &&
				 to > (uintptr_t)map->base;
		} else if (inside) {
			take(line, "KernelPageSize:", &out->page_bytes);
			take(line, "ShmemPmdMapped:", &out->huge_bytes);
			take(line, "FilePmdMapped:", &out->huge_bytes);
		}
	if (f)
		fclose(f);
}

void place_map(const struct dev *dev, const struct dev_map *map,
	       struct place *out)
{
	struct asking q = {
		.dev = dev,
		.map = map,
		.page = (uint64_t)sysconf(_SC_PAGESIZE),
		.out = out,
	};
	int err = errno;

	memset(out, 0, sizeof(*out));
	q.whole = dev->kind == DEV_DAX || dev->kind == DEV_FSDAX ||
		  has_all_blocks(dev, q.page);
	ask_all(&q);
	read_smaps(map, out);
	errno = err;
}
