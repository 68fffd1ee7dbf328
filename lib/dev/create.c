// SPDX-License-Identifier: BSD-3-Clause
/* Making the file that a pool is to live in; leaving none behind on failure. */
#include "dev/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

/* A device that has gone, or a slip of the pen: no file belongs there. */
static bool would_be_in_dev(const char *path)
{
	char dir[PATH_MAX], real[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		return getcwd(real, sizeof(real)) && !strcmp(real, "/dev");
	slash[slash == dir] = '\0';
	return realpath(dir, real) && !strcmp(real, "/dev");
}

static int no_device(const char *target)
{
	return err_set(
		-ENOENT,
		"%s: there is no such device, and no file is made in /dev; see `maru-mkpool --list`",
		target);
}

/* 0: dev is the new file; -EEXIST without a message; -errno. */
static int make(const char *target, mode_t mode, struct dev **out)
{
	struct dev *dev;
	char path[PATH_MAX];
	int rc = dev_new(target, &dev);

	if (rc)
		return rc;
	dev->writable = true;
	rc = dev_path(dev, path);
	if (!rc && access(path, F_OK) && would_be_in_dev(path))
		rc = no_device(target);
	if (rc)
		goto undo_new;
	dev->fd = dev_fd_high(
		open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode));
	if (dev->fd < 0) {
		rc = errno == EEXIST ?
			     -EEXIST :
			     err_sys("%s: cannot make this file", target);
		goto undo_new;
	}
	dev->made = true;
	/* The mode that was asked for, not what the umask leaves of it. */
	if (fchmod(dev->fd, mode))
		rc = err_sys("%s: cannot set mode %04o", target, mode);
	if (!rc)
		rc = dev_file_fill(dev);
	if (rc) {
		dev_abandon(dev);
		return rc;
	}
	*out = dev;
	return 0;

undo_new:
	dev_close(dev);
	return rc;
}

static int check_room(const struct dev *dev, uint64_t bytes)
{
	if (bytes <= dev->size)
		return 0;
	return err_set(-ENOSPC,
		       "%s: has %llu bytes, %llu wanted; give a smaller size "
		       "or none",
		       dev->name, (unsigned long long)dev->size,
		       (unsigned long long)bytes);
}

static int settle(struct dev *dev, uint64_t bytes, bool sparse)
{
	int rc;

	rc = dev->size ? check_room(dev, bytes) :
			 dev_file_grow(dev, bytes, sparse);
	if (!rc && dev->kind == DEV_MEM)
		rc = dev_mem_seal(dev);
	return rc;
}

int dev_create_file(const char *target, uint64_t bytes, mode_t mode,
		    bool sparse, struct dev **out)
{
	struct dev *dev = NULL;
	int rc;

	*out = NULL;
	rc = make(target, mode, &dev);
	if (rc == -EEXIST)
		rc = dev_open_unsealed(target, 0, &dev);
	if (rc)
		return rc;
	rc = settle(dev, bytes, sparse);
	if (rc) {
		dev_abandon(dev);
		return rc;
	}
	*out = dev;
	return 0;
}
