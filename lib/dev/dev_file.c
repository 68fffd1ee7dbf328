// SPDX-License-Identifier: BSD-3-Clause
/* Files: page cache or DAX, and memfds once they are open. */
#include "dev/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/err.h"
#include "dev/scan.h"

#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX 0x00200000
#endif

/* famfs and virtiofs know no MAP_SYNC but tell; an old kernel does not tell. */
static bool is_dax(int fd, long page)
{
	struct statx sx;
	void *p;

	if (!statx(fd, "", AT_EMPTY_PATH, 0, &sx) &&
	    (sx.stx_attributes & STATX_ATTR_DAX))
		return true;
	p = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC,
		 fd, 0);
	if (p == MAP_FAILED)
		return false;
	munmap(p, (size_t)page);
	return true;
}

int dev_file_fill(struct dev *dev)
{
	long page = sysconf(_SC_PAGESIZE);
	struct statfs fs;
	struct stat st;

	if (fstat(dev->fd, &st) || fstatfs(dev->fd, &fs))
		return err_sys("%s", dev->name);
	if (!S_ISREG(st.st_mode))
		return err_set(-ENOTSUP, "%s: is no file any more", dev->name);
	dev->size = (uint64_t)st.st_size;
	dev->align = (uint64_t)page;
	if (fs.f_type == HUGETLBFS_MAGIC)
		dev->align = (uint64_t)fs.f_bsize;
	if (dev_mem_is(dev->fd))
		dev->kind = DEV_MEM;
	else
		dev->kind = is_dax(dev->fd, page) ? DEV_FSDAX : DEV_FILE;
	/* page cache lies on whatever node its first user was at */
	if (dev->kind == DEV_FSDAX)
		dev->numa_node = scan_block_node(st.st_dev);
	return 0;
}

int dev_file_open(struct dev *dev)
{
	int rc = dev_open_fd(dev, dev->writable ? O_RDWR : O_RDONLY);

	return rc ? rc : dev_file_fill(dev);
}

/* A signal sends posix_fallocate() back to the start, so not for ever. */
static int allocate(int fd, off_t bytes)
{
	int tries = 0, err;

	do
		err = posix_fallocate(fd, 0, bytes);
	while (err == EINTR && ++tries < 100);
	errno = err;
	return err ? -1 : 0;
}

int dev_file_grow(struct dev *dev, uint64_t bytes, bool sparse)
{
	int rc = 0;

	if (!bytes)
		return err_set(-EINVAL,
			       "%s: is empty; say in bytes how large the pool "
			       "is to be",
			       dev->name);
	if (bytes > INT64_MAX)
		return err_set(-EFBIG, "%s: no file has %llu bytes", dev->name,
			       (unsigned long long)bytes);
	if (ftruncate(dev->fd, (off_t)bytes) ||
	    (!sparse && allocate(dev->fd, (off_t)bytes)))
		rc = err_sys("%s: cannot be given %llu bytes", dev->name,
			     (unsigned long long)bytes);
	if (rc && ftruncate(dev->fd, 0))
		return rc;
	dev->size = rc ? 0 : bytes;
	dev->grown = !rc;
	return rc;
}

static int check_end(struct dev *dev, uint64_t end)
{
	struct stat st;

	if (fstat(dev->fd, &st))
		return err_sys("%s", dev->name);
	if (end <= (uint64_t)st.st_size)
		return 0;
	return err_set(-ENOSPC, "%s: has %llu bytes, not %llu%s", dev->name,
		       (unsigned long long)st.st_size, (unsigned long long)end,
		       (uint64_t)st.st_size < dev->size ? "; it was truncated" :
							  "");
}

static int read_file(struct dev *dev, uint64_t off, void *buf, size_t len)
{
	unsigned char *p = buf;
	int interrupts = 0;
	ssize_t n;

	while (len) {
		n = pread(dev->fd, p, len, (off_t)off);
		if (n > 0) {
			p += n;
			off += (uint64_t)n;
			len -= (size_t)n;
		} else if (n == 0) {
			return err_set(-ENODATA, "%s: was truncated to %llu",
				       dev->name, (unsigned long long)off);
		} else if (errno != EINTR || ++interrupts > 100) {
			return err_sys("%s: cannot read at %llu", dev->name,
				       (unsigned long long)off);
		}
	}
	return 0;
}

const struct dev_ops dev_file_ops = {
	.check_end = check_end,
	.read = read_file,
	.map = dev_map_pmem2,
};
