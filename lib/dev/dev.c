// SPDX-License-Identifier: BSD-3-Clause
/* Opening a target: what kind of thing is it, and who knows it? */
#include "dev/backend.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/err.h"

static const struct dev_ops *const table[] = {
	[DEV_FILE] = &dev_file_ops,
	[DEV_FSDAX] = &dev_file_ops,
	[DEV_MEM] = &dev_file_ops,
	[DEV_DAX] = &dev_dax_ops,
};

const struct dev_ops *dev_ops(const struct dev *dev)
{
	return table[dev->kind];
}

int dev_new(const char *target, struct dev **out)
{
	struct dev *dev;

	if (!target || !*target)
		return err_set(-EINVAL, "no target: give a path or fd:N");
	if (strlen(target) >= sizeof(dev->name))
		return err_set(-ENAMETOOLONG, "%.40s...: path is too long",
			       target);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return err_sys("%s", target);
	strcpy(dev->name, target);
	dev->fd = -1;
	dev->numa_node = -1;
	*out = dev;
	return 0;
}

/* 1 and the number of "fd:N", 0 for a path, -errno. */
static int fd_number(const struct dev *dev, int *nr)
{
	const char *digits = dev->name + 3;
	char *end;
	long n;

	if (strncmp(dev->name, "fd:", 3) != 0)
		return 0;
	errno = 0;
	n = strtol(digits, &end, 10);
	if (!isdigit((unsigned char)*digits) || *end || errno || n > INT_MAX)
		return err_set(-EINVAL,
			       "%s: no descriptor number after fd: (a file of "
			       "that name is ./%s)",
			       dev->name, dev->name);
	*nr = (int)n;
	return 1;
}

/* Opening anew goes by the file's mode; what we were handed may be less. */
static int check_handed(const struct dev *dev, int nr)
{
	int flags = fcntl(nr, F_GETFL);

	if (flags < 0)
		return err_set(-EBADF, "%s: no such descriptor is open",
			       dev->name);
	if (flags & O_PATH)
		return 0;
	if ((flags & O_ACCMODE) == O_WRONLY)
		return err_set(-EACCES,
			       "%s: is write-only; open it for reading too",
			       dev->name);
	if (dev->writable && (flags & O_ACCMODE) == O_RDONLY)
		return err_set(-EACCES,
			       "%s: is read-only; open the pool read-only or "
			       "hand in a descriptor opened O_RDWR",
			       dev->name);
	return 0;
}

int dev_path(const struct dev *dev, char path[PATH_MAX])
{
	int nr = -1, rc = fd_number(dev, &nr);

	if (rc == 0)
		strcpy(path, dev->name);
	if (rc != 1)
		return rc;
	rc = check_handed(dev, nr);
	snprintf(path, PATH_MAX, "/proc/self/fd/%d", nr);
	return rc;
}

int dev_fd_high(int fd)
{
	int high, err;

	if (fd > STDERR_FILENO || fd < 0)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = errno;
	close(fd);
	errno = err;
	return high;
}

static int explain(const struct dev *dev)
{
	const char *how = dev->writable ? "for reading and writing" :
					  "for reading";

	switch (errno) {
	case ENOENT:
		return err_set(-ENOENT, "%s: does not exist; %s", dev->name,
			       strncmp(dev->name, "/dev/dax", 8) ?
				       "make a pool there with maru-mkpool" :
				       "the device may have another name now, "
				       "see `maru-mkpool --list`; uuid:UUID "
				       "finds a pool under any");
	case ENXIO:
	case ENODEV:
		return err_sys(
			"%s: no driver answers for it; see `daxctl list`, and "
			"`daxctl enable-device`",
			dev->name);
	case EROFS:
	case EACCES:
	case EPERM:
		return err_sys(
			"%s: cannot open it %s, see its mode and owner%s",
			dev->name, how,
			dev->writable ? ", or open the pool read-only" : "");
	default:
		return err_sys("%s: cannot open it %s", dev->name, how);
	}
}

int dev_open_fd(struct dev *dev, int flags)
{
	char path[PATH_MAX];
	int rc = dev_path(dev, path);

	if (rc)
		return rc;
	/* What became a pipe meanwhile shall not keep us. */
	flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	dev->fd = dev_fd_high(open(path, flags));
	return dev->fd < 0 ? explain(dev) : 0;
}

static int refuse(const struct dev *dev, mode_t mode)
{
	if (S_ISDIR(mode))
		return err_set(-EISDIR, "%s: is a directory; name a file in it",
			       dev->name);
	return err_set(-ENOTSUP,
		       "%s: is a %s; a pool needs a device DAX node, a file "
		       "or a memfd",
		       dev->name,
		       S_ISBLK(mode)  ? "block device" :
		       S_ISFIFO(mode) ? "pipe" :
		       S_ISSOCK(mode) ? "socket" :
					"special file");
}

/* The kind is known before open(), which may wake a driver up. */
static int open_any(struct dev *dev)
{
	char path[PATH_MAX];
	struct stat st;
	int rc = dev_path(dev, path);

	if (rc)
		return rc;
	if (stat(path, &st))
		return explain(dev);
	if (S_ISREG(st.st_mode))
		return dev_file_open(dev);
	if (S_ISCHR(st.st_mode))
		return dev_dax_open(dev, &st);
	return refuse(dev, st.st_mode);
}

int dev_open_unsealed(const char *target, unsigned flags, struct dev **out)
{
	struct dev *dev;
	int rc;

	*out = NULL;
	if (flags & ~DEV_RDONLY)
		return err_set(-EINVAL, "unknown flags 0x%x", flags);
	rc = dev_new(target, &dev);
	if (rc)
		return rc;
	dev->writable = !(flags & DEV_RDONLY);
	rc = open_any(dev);
	if (rc) {
		dev_close(dev);
		return rc;
	}
	*out = dev;
	return 0;
}

int dev_open(const char *target, unsigned flags, struct dev **out)
{
	int rc = dev_open_unsealed(target, flags, out);

	if (rc || (*out)->kind != DEV_MEM)
		return rc;
	rc = dev_mem_check(*out);
	if (rc) {
		dev_close(*out);
		*out = NULL;
	}
	return rc;
}

/* Another file may have taken the name by now. */
static bool still_named(const struct dev *dev)
{
	struct stat ours, named;

	return !fstat(dev->fd, &ours) && !lstat(dev->name, &named) &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

void dev_abandon(struct dev *dev)
{
	if (!dev)
		return;
	if (dev->made && still_named(dev))
		unlink(dev->name);
	else if (dev->grown && ftruncate(dev->fd, 0))
		errno = 0; /* it stays as it is; nothing can be said of it */
	dev_close(dev);
}

void dev_close(struct dev *dev)
{
	if (!dev)
		return;
	if (dev->fd >= 0)
		close(dev->fd);
	free(dev);
}

int dev_read(struct dev *dev, uint64_t off, void *buf, size_t len)
{
	if (off > dev->size || len > dev->size - off)
		return err_set(-ENODATA,
			       "%s: has %llu bytes, %zu wanted from %llu",
			       dev->name, (unsigned long long)dev->size, len,
			       (unsigned long long)off);
	return len ? dev_ops(dev)->read(dev, off, buf, len) : 0;
}
