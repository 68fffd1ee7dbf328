// SPDX-License-Identifier: BSD-3-Clause
/*
 * A made-up /sys and /dev.  Nodes are bind mounts of /dev/zero and the like:
 * character devices with numbers of their own; zero can even be mapped.
 */
#include "common_dax.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common_plain.h"

static char root[PATH_MAX / 2];

__attribute__((format(printf, 2, 3))) static void form(char path[PATH_MAX],
						       const char *fmt, ...)
{
	int n = snprintf(path, PATH_MAX, "%s", root);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, PATH_MAX - (size_t)n, fmt, ap);
	va_end(ap);
}

static void make_dirs(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(part, 0755);
		*p = '/';
	}
	mkdir(part, 0755);
	ck_assert_int_eq(access(part, F_OK), 0);
}

static void put(const char *dir, const char *file, const char *fmt,
		uint64_t number)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, fmt, (unsigned long long)number);
	fclose(f);
}

static void make_node(const struct dax_fake *d)
{
	const unsigned long flags = MS_BIND | MS_REMOUNT | MS_NODEV;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	form(path, "/dev/%s", d->name);
	if (d->mode) {
		ck_assert_int_eq(stat(d->node, &st), 0);
		ck_assert_int_eq(mknod(path, S_IFCHR | 0600, st.st_rdev), 0);
		ck_assert_int_eq(chmod(path, d->mode), 0);
		return;
	}
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(mount(d->node, path, NULL, MS_BIND, NULL), 0);
	if (d->locked)
		ck_assert_int_eq(mount(NULL, path, NULL, flags, NULL), 0);
}

static void link_device(const struct dax_fake *d, const char *device)
{
	char path[PATH_MAX], to[PATH_MAX];
	struct stat st;

	form(path, "/sys/bus/dax/devices/%s", d->name);
	ck_assert_int_eq(symlink(device, path), 0);
	form(path, "%s/subsystem", device);
	ck_assert_int_eq(symlink("/sys/bus/dax", path), 0);
	if (d->driver) {
		form(path, "%s/driver", device);
		snprintf(to, sizeof(to), "/sys/bus/dax/drivers/%s", d->driver);
		ck_assert_int_eq(symlink(to, path), 0);
	}
	if (!d->node)
		return;
	ck_assert_int_eq(stat(d->node, &st), 0);
	form(path, "/sys/dev/char/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	ck_assert_int_eq(symlink(device, path), 0);
}

static void region_of(const struct dax_fake *d, char *region, size_t cap)
{
	const char *parent = d->domain ? "ndbus0/region5" :
			     d->cxl    ? "root0/decoder0.0/region0" :
					 "fake";

	snprintf(region, cap, "/sys/devices/%s/dax_%lu", parent,
		 strtoul(d->name + 3, NULL, 10));
}

static void make_sysfs(const struct dax_fake *d)
{
	const uint64_t region_no = strtoul(d->name + 3, NULL, 10);
	char region[128], device[256], path[PATH_MAX];

	region_of(d, region, sizeof(region));
	snprintf(device, sizeof(device), "%s/%s", region, d->name);
	form(path, "%s/dax_region", region);
	make_dirs(path);
	put(path, "id", "%llu\n", region_no);
	put(path, "size", "%llu\n", d->size);
	put(path, "available_size", "%llu\n", 0);
	if (d->align)
		put(path, "align", "%llu\n", d->align);
	form(path, "%s", device);
	make_dirs(path);
	put(path, "size", "%llu\n", d->size);
	put(path, "resource", "%#llx\n", UINT64_C(1) << 32);
	put(path, "modalias", "dax:t%llu\n", 0);
	put(path, "target_node", "%lld\n", (uint64_t)d->target_node);
	if (d->align)
		put(path, "align", "%llu\n", d->align);
	link_device(d, device);
	if (d->domain) {
		form(path, "/sys/devices/ndbus0/region5");
		put(path, "persistence_domain", d->domain, 0);
	}
}

bool dax_possible(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(plain_namespace() ? 1 : 0);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

bool dax_mknod(void)
{
	char path[PATH_MAX];
	bool can;

	snprintf(path, sizeof(path), "%s", plain_path("node"));
	can = !mknod(path, S_IFCHR | 0600, makedev(1, 5));
	unlink(path);
	return can && geteuid() == 0;
}

static void mount_over(const char *place)
{
	char path[PATH_MAX];

	form(path, "%s", place);
	ck_assert_int_eq(mount(path, place, NULL, MS_BIND | MS_REC, NULL), 0);
}

void dax_fake(const struct dax_fake *devices, size_t nr)
{
	static const char *const dirs[] = {
		"/dev",
		"/sys/bus/dax/devices",
		"/sys/dev/char",
		"/sys/bus/dax/drivers/device_dax",
		"/sys/bus/dax/drivers/kmem",
	};
	char path[PATH_MAX];

	snprintf(root, sizeof(root), "%s", plain_path("root"));
	ck_assert_int_eq(mkdir(root, 0755), 0);
	ck_assert_int_eq(plain_namespace(), 0);
	ck_assert_int_eq(mount("fake", root, "tmpfs", 0, NULL), 0);
	for (size_t i = 0; i < PLAIN_LEN(dirs); i++) {
		form(path, "%s", dirs[i]);
		make_dirs(path);
	}
	for (size_t i = 0; i < nr; i++) {
		if (devices[i].node)
			make_node(&devices[i]);
		if (!devices[i].unlisted)
			make_sysfs(&devices[i]);
	}
	mount_over("/sys");
	mount_over("/dev");
}

/* Where sysfs has the device; links of the bus are absolute. */
static void device_dir(const char *name, char dir[PATH_MAX])
{
	char link[PATH_MAX];

	snprintf(link, sizeof(link), "/sys/bus/dax/devices/%s", name);
	ck_assert_ptr_nonnull(realpath(link, dir));
}

void dax_resize(const char *name, uint64_t size)
{
	char dir[PATH_MAX];

	device_dir(name, dir);
	put(dir, "size", "%llu\n", size);
}

void dax_realign(const char *name, uint64_t align)
{
	char dir[PATH_MAX];

	device_dir(name, dir);
	put(dir, "align", "%llu\n", align);
}

void dax_lose_node(const char *name)
{
	char path[PATH_MAX];

	/* it was made there, and /dev shows that place */
	form(path, "/dev/%s", name);
	umount2(path, MNT_DETACH);
	snprintf(path, sizeof(path), "/dev/%s", name);
	ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
	ck_assert_int_eq(unlink(path), 0);
}

static void move_node(const char *name, const char *to)
{
	char from[PATH_MAX], path[PATH_MAX];
	int fd;

	snprintf(from, sizeof(from), "/dev/%s", name);
	snprintf(path, sizeof(path), "/dev/%s", to);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(mount(from, path, NULL, MS_BIND, NULL), 0);
	dax_lose_node(name);
}

void dax_rename(const char *name, const char *to)
{
	char from[PATH_MAX], dir[PATH_MAX], link[PATH_MAX];
	struct stat st;

	device_dir(name, from);
	snprintf(dir, sizeof(dir), "%s", from);
	snprintf(strrchr(dir, '/') + 1, 32, "%s", to);
	ck_assert_int_eq(rename(from, dir), 0);
	snprintf(link, sizeof(link), "/sys/bus/dax/devices/%s", name);
	ck_assert_int_eq(unlink(link), 0);
	snprintf(link, sizeof(link), "/sys/bus/dax/devices/%s", to);
	ck_assert_int_eq(symlink(dir, link), 0);
	move_node(name, to);
	snprintf(link, sizeof(link), "/dev/%s", to);
	ck_assert_int_eq(stat(link, &st), 0);
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	unlink(link);
	ck_assert_int_eq(symlink(dir, link), 0);
}
