// SPDX-License-Identifier: BSD-3-Clause
/* memfds: memory with a descriptor and no name, sealed against shrinking. */
#include "dev/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif

bool dev_mem_is(int fd)
{
	static const char prefix[] = "/memfd:";
	char link[32], to[sizeof(prefix)] = "";
	struct stat st;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	/* A file of the root directory could be called so, but has a link. */
	return !fstat(fd, &st) && st.st_nlink == 0 &&
	       readlink(link, to, sizeof(prefix) - 1) > 0 &&
	       strcmp(to, prefix) == 0;
}

int dev_mem_check(const struct dev *dev)
{
	int seals = fcntl(dev->fd, F_GET_SEALS);

	if (seals >= 0 && (seals & F_SEAL_SHRINK))
		return 0;
	return err_set(-EPERM,
		       "%s: this memfd could shrink under its users; make it "
		       "with MFD_ALLOW_SEALING and add F_SEAL_SHRINK",
		       dev->name);
}

int dev_mem_seal(const struct dev *dev)
{
	int seals = fcntl(dev->fd, F_GET_SEALS);

	if (seals >= 0 && !(seals & F_SEAL_SEAL))
		fcntl(dev->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	return dev_mem_check(dev);
}

static int make(const char *name)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, flags);
	return dev_fd_high(fd);
}

int dev_create_mem(const char *name, uint64_t bytes, bool sparse,
		   struct dev **out)
{
	struct dev *dev;
	char target[300];
	int rc;

	*out = NULL;
	snprintf(target, sizeof(target), "memfd:%s", name ? name : "maru");
	rc = dev_new(target, &dev);
	if (rc)
		return rc;
	dev->writable = true;
	dev->fd = make(target + strlen("memfd:"));
	if (dev->fd < 0)
		rc = err_sys("%s: cannot make a memfd", target);
	if (!rc)
		rc = dev_file_fill(dev);
	if (!rc)
		rc = dev_file_grow(dev, bytes, sparse);
	if (!rc)
		rc = dev_mem_seal(dev);
	if (rc) {
		dev_close(dev);
		return rc;
	}
	*out = dev;
	return 0;
}
