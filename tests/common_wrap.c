// SPDX-License-Identifier: BSD-3-Clause
/* Devices that have bytes, and a kernel that refuses to populate. */
#include "common_wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/backend.h"

/* Undefined, and never called, in programs that are not so linked. */
int __real_dev_dax_open(struct dev *dev, const struct stat *st)
	__attribute__((weak));
int __real_madvise(void *at, size_t len, int advice) __attribute__((weak));
int __wrap_dev_dax_open(struct dev *dev, const struct stat *st);
int __wrap_madvise(void *at, size_t len, int advice);

static struct memory {
	dev_t rdev;
	int fd;
} memories[4];

int wrap_memory(const char *node, uint64_t size)
{
	struct stat st;

	for (unsigned i = 0; i < 4; i++) {
		if (memories[i].rdev)
			continue;
		memories[i].fd = memfd_create("device", MFD_CLOEXEC);
		if (memories[i].fd < 0 || stat(node, &st) ||
		    ftruncate(memories[i].fd, (off_t)size))
			abort();
		memories[i].rdev = st.st_rdev;
		return memories[i].fd;
	}
	abort();
}

/* A description of its own, with no more rights than the node's has. */
static int swap(struct dev *dev, int memory)
{
	int flags = dev->writable ? O_RDWR : O_RDONLY, fd;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 || dup3(fd, dev->fd, O_CLOEXEC) < 0)
		return -errno;
	close(fd);
	return 0;
}

int __wrap_dev_dax_open(struct dev *dev, const struct stat *st)
{
	int rc = __real_dev_dax_open(dev, st);

	for (unsigned i = 0; !rc && i < 4; i++)
		if (memories[i].rdev == st->st_rdev)
			return swap(dev, memories[i].fd);
	return rc;
}

static int populate_err;
static unsigned populate_times, populate_asked;

void wrap_populate(int err, unsigned times)
{
	populate_err = err;
	populate_times = times;
	populate_asked = 0;
}

unsigned wrap_populated(void)
{
	return populate_asked;
}

int __wrap_madvise(void *at, size_t len, int advice)
{
	if (advice != 22 && advice != 23) /* MADV_POPULATE_READ, _WRITE */
		return __real_madvise(at, len, advice);
	populate_asked++;
	if (!populate_err || !populate_times)
		return __real_madvise(at, len, advice);
	populate_times--;
	errno = populate_err;
	return -1;
}
