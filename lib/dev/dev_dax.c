// SPDX-License-Identifier: BSD-3-Clause
/* Device DAX: what libdaxctl says of a character node, and mapping it. */
#include "dev/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/err.h"
#include "dev/scan.h"

/* By number: the node may have another name or several inodes. */
static const struct scan *find(const struct scan *list, int nr, dev_t rdev)
{
	for (int i = 0; i < nr; i++)
		if (list[i].rdev == rdev)
			return &list[i];
	return NULL;
}

static int judge(struct dev *dev, const struct scan *s)
{
	int rc = scan_refuse(s, dev->name);

	if (rc)
		return rc;
	dev->size = s->size;
	dev->align = s->align;
	dev->numa_node = s->numa_node;
	dev->nvdimm = s->nvdimm;
	dev->eadr = s->eadr;
	return 0;
}

static int ask(struct dev *dev, dev_t rdev)
{
	const struct scan *s;
	struct scan *list;
	int nr = scan_devices(&list), rc;

	if (nr < 0)
		return nr;
	s = find(list, nr, rdev);
	if (s)
		rc = judge(dev, s);
	else
		rc = err_set(-ENODEV,
			     "%s: libdaxctl knows no DAX device %u:%u; see "
			     "`daxctl list`, it must be under its own name in "
			     "/dev too",
			     dev->name, major(rdev), minor(rdev));
	free(list);
	return rc;
}

int dev_dax_open(struct dev *dev, const struct stat *st)
{
	struct stat now;
	int rc = ask(dev, st->st_rdev);

	if (rc)
		return rc;
	dev->kind = DEV_DAX;
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

/*
 * By the kernel, through a memfd: where memory has failed, or the device has
 * shrunk below its alignment, that is an error and no SIGBUS.
 */
static int copy_out(struct dev *dev, uint64_t off, const void *from,
		    struct iovec to)
{
	int fd = memfd_create("maru-read", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n = 1;

	if (fd < 0)
		return err_sys("%s: cannot be read", dev->name);
	for (; done < to.iov_len && n > 0; done += n > 0 ? (size_t)n : 0)
		n = pwrite(fd, (const char *)from + done, to.iov_len - done,
			   (off_t)done);
	if (done == to.iov_len)
		n = pread(fd, to.iov_base, to.iov_len, 0);
	close(fd);
	if (n == (ssize_t)to.iov_len)
		return 0;
	if (n >= 0 || errno != EFAULT)
		return err_sys("%s: cannot be read", dev->name);
	return err_set(-EIO,
		       "%s: memory error near byte %llu; see `ndctl list -M` "
		       "and the kernel's log",
		       dev->name, (unsigned long long)(off + done));
}

/* read() is not to be had: a passing mapping of the units around. */
static int read_dax(struct dev *dev, uint64_t off, void *buf, size_t len)
{
	uint64_t from = bits_round_down(off, dev->align);
	uint64_t to = bits_round_up(off + len, dev->align);
	unsigned char *p;
	int rc;

	p = mmap(NULL, to - from, PROT_READ, MAP_SHARED, dev->fd, (off_t)from);
	if (p == MAP_FAILED)
		return err_sys("%s: cannot map it to read", dev->name);
	rc = copy_out(dev, off, p + (off - from), (struct iovec){ buf, len });
	munmap(p, to - from);
	return rc;
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
