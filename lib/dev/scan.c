// SPDX-License-Identifier: BSD-3-Clause
/* Asking libdaxctl, and sysfs for what it does not tell. */
#include "dev/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <daxctl/libdaxctl.h>

#include "base/bits.h"
#include "base/err.h"

#define DEFAULT_ALIGN (2ull << 20)
#define DEVICES_MAX 1024u /* more than any host has; bounds the walk */
#define SYS_DEVICES "/sys/bus/dax/devices"

struct found {
	struct scan *list;
	size_t nr, room;
};

/* Its own default writes to stderr. */
static void __attribute__((format(printf, 6, 0)))
silent(struct daxctl_ctx *ctx, int priority, const char *file, int line,
       const char *fn, const char *format, va_list args)
{
	(void)ctx, (void)priority, (void)file, (void)line, (void)fn;
	(void)format, (void)args;
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

/* An attribute's first line; false: there is none. */
static bool read_line(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, cap - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return n > 0;
}

/* .../ndbus0/region0/dax0.1/dax0.0: what becomes of caches at power loss? */
static bool region_is_eadr(const char *device)
{
	const char *region = strstr(strstr(device, "/ndbus"), "/region");
	char path[PATH_MAX + 32], text[32];
	size_t len;

	if (!region)
		return false;
	len = (size_t)(region - device) + 1 + strcspn(region + 1, "/");
	snprintf(path, sizeof(path), "%.*s/persistence_domain", (int)len,
		 device);
	return read_line(path, text, sizeof(text)) &&
	       !strcmp(text, "cpu_cache");
}

/* .../root0/decoder0.0/region0/dax_region0/dax0.0 */
static void look_at_parents(struct scan *s)
{
	char link[sizeof(SYS_DEVICES) + sizeof(s->name)], *path;

	snprintf(link, sizeof(link), SYS_DEVICES "/%s", s->name);
	path = realpath(link, NULL);
	s->nvdimm = path && strstr(path, "/ndbus");
	s->eadr = s->nvdimm && region_is_eadr(path);
	s->cxl = path && strstr(path, "/decoder");
	free(path);
}

static enum scan_mode mode_of(struct daxctl_dev *d)
{
	if (daxctl_dev_get_size(d) == 0)
		return SCAN_SEED;
	if (!daxctl_dev_is_enabled(d))
		return SCAN_UNBOUND;
	return daxctl_dev_get_memory(d) ? SCAN_RAM : SCAN_DEVDAX;
}

/* The next to fill, zeroed; NULL for lack of memory or one too many. */
static struct scan *more(struct found *f)
{
	if (f->nr == f->room) {
		size_t room = f->room ? 2 * f->room : 16;
		struct scan *list =
			room > DEVICES_MAX ?
				NULL :
				realloc(f->list, room * sizeof(*list));

		if (!list)
			return NULL;
		f->list = list;
		f->room = room;
	}
	memset(&f->list[f->nr], 0, sizeof(f->list[0]));
	return &f->list[f->nr];
}

static bool add(struct found *f, struct daxctl_dev *d)
{
	struct scan *s = more(f);

	if (!s)
		return false;
	snprintf(s->name, sizeof(s->name), "%.31s", daxctl_dev_get_devname(d));
	snprintf(s->path, sizeof(s->path), "/dev/%.31s", s->name);
	s->rdev = makedev((unsigned)daxctl_dev_get_major(d),
			  (unsigned)daxctl_dev_get_minor(d));
	s->size = daxctl_dev_get_size(d);
	s->align = align_of(d);
	s->numa_node = daxctl_dev_get_target_node(d);
	s->mode = mode_of(d);
	look_at_parents(s);
	f->nr++;
	return true;
}

static bool ask_daxctl(struct found *f, struct daxctl_ctx *ctx)
{
	struct daxctl_region *region;
	struct daxctl_dev *d;

	daxctl_region_foreach(ctx, region)
		daxctl_dev_foreach(region, d) if (!add(f, d)) return false;
	return true;
}

static bool known(const struct found *f, const char *name)
{
	for (size_t i = 0; i < f->nr; i++)
		if (!strcmp(f->list[i].name, name))
			return true;
	return false;
}

static bool attribute(const struct scan *s, const char *name, long long *value)
{
	char path[sizeof(SYS_DEVICES) + sizeof(s->name) + 32], text[32];

	snprintf(path, sizeof(path), SYS_DEVICES "/%s/%s", s->name, name);
	if (!read_line(path, text, sizeof(text)))
		return false;
	*value = strtoll(text, NULL, 0);
	return true;
}

static bool add_nodeless(struct found *f, const char *name)
{
	struct scan *s = more(f);
	long long value;

	if (!s)
		return false;
	snprintf(s->name, sizeof(s->name), "%.31s", name);
	snprintf(s->path, sizeof(s->path), "/dev/%.31s", s->name);
	if (attribute(s, "size", &value) && value > 0)
		s->size = (uint64_t)value;
	s->align = DEFAULT_ALIGN;
	s->numa_node = -1;
	if (attribute(s, "target_node", &value) && value >= 0)
		s->numa_node = (int)bits_min((uint64_t)value, INT_MAX);
	s->mode = SCAN_NODELESS;
	look_at_parents(s);
	f->nr++;
	return true;
}

/* libdaxctl passes over a device without a node in /dev, as in a container. */
static bool ask_sysfs(struct found *f)
{
	DIR *dir = opendir(SYS_DEVICES);
	struct dirent *e;
	bool ok = true;

	while (dir && ok && (e = readdir(dir)))
		if (e->d_name[0] != '.' && strlen(e->d_name) < 32 &&
		    !known(f, e->d_name))
			ok = add_nodeless(f, e->d_name);
	if (dir)
		closedir(dir);
	return ok;
}

static int by_number(const void *a, const void *b)
{
	return strverscmp(((const struct scan *)a)->name,
			  ((const struct scan *)b)->name);
}

int scan_devices(struct scan **list)
{
	struct found f = { 0 };
	struct daxctl_ctx *ctx;
	int rc = daxctl_new(&ctx);
	bool ok;

	*list = NULL;
	if (rc)
		return err_set(rc, "libdaxctl does not start");
	daxctl_set_log_fn(ctx, silent);
	ok = ask_daxctl(&f, ctx) && ask_sysfs(&f);
	daxctl_unref(ctx);
	if (!ok) {
		free(f.list);
		return err_set(-ENOMEM, "no memory for a list of DAX devices");
	}
	if (f.nr)
		qsort(f.list, f.nr, sizeof(f.list[0]), by_number);
	*list = f.list;
	return (int)f.nr;
}

int scan_refuse(const struct scan *s, const char *name)
{
	switch (s->mode) {
	case SCAN_DEVDAX:
		return 0;
	case SCAN_SEED:
		return err_set(-ENODEV,
			       "%s: %s has size 0; give it some with `daxctl "
			       "create-device`",
			       name, s->name);
	case SCAN_UNBOUND:
		return err_set(-EBUSY,
			       "%s: %s is bound to no driver; enable it with "
			       "`daxctl enable-device %s`",
			       name, s->name, s->name);
	case SCAN_RAM:
		return err_set(-EBUSY,
			       "%s: %s is in use as system RAM; take it back "
			       "with `daxctl reconfigure-device -m devdax %s`",
			       name, s->name, s->name);
	default:
		return err_set(-ENODEV,
			       "%s: the system has %s, but no node %s; have "
			       "udev make it, or hand it to this container",
			       name, s->name, s->path);
	}
}

int scan_block_node(dev_t rdev)
{
	static const char *const where[] = { "device", "../device" };
	char path[96], text[32], *end;
	long node;

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path),
			 "/sys/dev/block/%u:%u/%s/numa_node", major(rdev),
			 minor(rdev), where[i]);
		if (!read_line(path, text, sizeof(text)))
			continue;
		node = strtol(text, &end, 10);
		return end != text && node >= 0 && node <= INT_MAX ? (int)node :
								     -1;
	}
	return -1;
}
