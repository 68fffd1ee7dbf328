// SPDX-License-Identifier: BSD-3-Clause
/* Device DAX: what libdaxctl says of a character node, and mapping it. */
#include "dev/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <daxctl/libdaxctl.h>

#include "base/bits.h"
#include "base/err.h"

#define DEFAULT_ALIGN (2ull << 20)

/* Its own default writes to stderr. */
static void __attribute__((format(printf, 6, 0)))
silent(struct daxctl_ctx *ctx, int priority, const char *file, int line,
       const char *fn, const char *format, va_list args)
{
	(void)ctx, (void)priority, (void)file, (void)line, (void)fn;
	(void)format, (void)args;
}

/* By number: the node may have another name or several inodes. */
static struct daxctl_dev *find(struct daxctl_ctx *ctx, dev_t rdev)
{
	struct daxctl_region *region;
	struct daxctl_dev *d;

	daxctl_region_foreach(ctx, region) daxctl_dev_foreach(
		region,
		d) if (daxctl_dev_get_major(d) == (int)major(rdev) &&
		       daxctl_dev_get_minor(d) == (int)minor(rdev)) return d;
	return NULL;
}

/* Unprivileged and old kernels: the attribute reads as 0 or all ones. */
static uint64_t align_of(struct daxctl_dev *d)
{
	uint64_t align = daxctl_dev_get_align(d);

	if (!bits_is_pow2(align))
		align = daxctl_region_get_align(daxctl_dev_get_region(d));
	return bits_is_pow2(align) && align >= 4096 && align <= 1ull << 40 ?
		       align :
		       DEFAULT_ALIGN;
}

static bool reads(const char *path, const char *want)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, want) == 0;
}

/* .../ndbus0/region0/dax0.1/dax0.0: what becomes of caches at power loss? */
static bool region_is_eadr(const char *device)
{
	const char *region = strstr(strstr(device, "/ndbus"), "/region");
	char path[PATH_MAX + 32];
	size_t len;

	if (!region)
		return false;
	len = (size_t)(region - device) + 1 + strcspn(region + 1, "/");
	snprintf(path, sizeof(path), "%.*s/persistence_domain", (int)len,
		 device);
	return reads(path, "cpu_cache");
}

static void look_at_parents(struct dev *dev, dev_t rdev)
{
	char link[64], *path;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(rdev),
		 minor(rdev));
	path = realpath(link, NULL);
	dev->nvdimm = path && strstr(path, "/ndbus");
	dev->eadr = dev->nvdimm && region_is_eadr(path);
	free(path);
}

static int judge(struct dev *dev, struct daxctl_dev *d)
{
	const char *name = daxctl_dev_get_devname(d);

	if (daxctl_dev_get_size(d) == 0)
		return err_set(-ENODEV,
			       "%s: %s has size 0; give it some with `daxctl "
			       "create-device`",
			       dev->name, name);
	if (!daxctl_dev_is_enabled(d))
		return err_set(-EBUSY,
			       "%s: %s is bound to no driver; enable it with "
			       "`daxctl enable-device %s`",
			       dev->name, name, name);
	if (daxctl_dev_get_memory(d))
		return err_set(-EBUSY,
			       "%s: %s is in use as system RAM; take it back "
			       "with `daxctl reconfigure-device -m devdax %s`",
			       dev->name, name, name);
	dev->size = daxctl_dev_get_size(d);
	dev->align = align_of(d);
	dev->numa_node = daxctl_dev_get_target_node(d);
	return 0;
}

static int ask(struct dev *dev, dev_t rdev)
{
	struct daxctl_ctx *ctx;
	struct daxctl_dev *d;
	int rc = daxctl_new(&ctx);

	if (rc)
		return err_set(rc, "%s: libdaxctl does not start", dev->name);
	daxctl_set_log_fn(ctx, silent);
	d = find(ctx, rdev);
	if (d)
		rc = judge(dev, d);
	else
		rc = err_set(-ENODEV,
			     "%s: libdaxctl knows no DAX device %u:%u; see "
			     "`daxctl list`, it must be under its own name in "
			     "/dev too",
			     dev->name, major(rdev), minor(rdev));
	daxctl_unref(ctx);
	return rc;
}

int dev_dax_open(struct dev *dev, const struct stat *st)
{
	struct stat now;
	int rc = ask(dev, st->st_rdev);

	if (rc)
		return rc;
	dev->kind = DEV_DAX;
	look_at_parents(dev, st->st_rdev);
	rc = dev_open_fd(dev, dev->writable ? O_RDWR : O_RDONLY);
	if (rc)
		return rc;
	if (fstat(dev->fd, &now) || !S_ISCHR(now.st_mode) ||
	    now.st_rdev != st->st_rdev)
		return err_set(-ENODEV, "%s: changed while it was opened",
			       dev->name);
	return 0;
}

/* mmap() beyond the end succeeds here and faults later. */
static int check_end(struct dev *dev, uint64_t end)
{
	if (end <= dev->size)
		return 0;
	return err_set(-ENOSPC, "%s: has %llu bytes, not %llu", dev->name,
		       (unsigned long long)dev->size, (unsigned long long)end);
}

/* read() is not to be had: a passing mapping of the units around. */
static int read_dax(struct dev *dev, uint64_t off, void *buf, size_t len)
{
	uint64_t from = bits_round_down(off, dev->align);
	uint64_t to = bits_round_up(off + len, dev->align);
	unsigned char *p;

	p = mmap(NULL, to - from, PROT_READ, MAP_SHARED, dev->fd, (off_t)from);
	if (p == MAP_FAILED)
		return err_sys("%s: cannot map it to read", dev->name);
	memcpy(buf, p + (off - from), len);
	munmap(p, to - from);
	return 0;
}

/*
 * libpmem2 falls over a device without an NVDIMM parent (pmem/pmdk issue 6160)
 * when it is to map it or tell its size, so we map and tell.  The granularity
 * is never PAGE: its persist would not return.
 */
static int map_dax(struct dev *dev, uint64_t off, uint64_t len,
		   struct dev_map *map)
{
	return dev_map_own(dev, off, len, dev->eadr ? DEV_BYTE : DEV_LINE, map);
}

const struct dev_ops dev_dax_ops = {
	.check_end = check_end,
	.read = read_dax,
	.map = map_dax,
};
