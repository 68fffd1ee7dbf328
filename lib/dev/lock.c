// SPDX-License-Identifier: BSD-3-Clause
/* Locks that die with their holder: OFD locks on single bytes. */
#include "dev/dev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "dev/backend.h"

#define LOCK_BASE (INT64_C(1) << 62)
#define DEFAULT_DIR "/run/maru"

/* The pool's own file, opened anew: locks belong to the description. */
static int open_own(const struct dev *dev)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dev->fd);
	fd = dev_fd_high(
		open(path, O_CLOEXEC | O_NONBLOCK |
				   (dev->writable ? O_RDWR : O_RDONLY)));
	if (fd < 0)
		return err_sys("%s: cannot open it again for locks by %s",
			       dev->name, path);
	return fd;
}

static int no_dir(const char *dir)
{
	return err_sys("%s: no directory for locks; make it with `mkdir -m "
		       "1777 %s` or name another one in MARU_LOCK_DIR",
		       dir, dir);
}

static int open_dir(const char *dir)
{
	const int flags = O_DIRECTORY | O_RDONLY | O_CLOEXEC;
	int fd = open(dir, flags);

	if (fd >= 0 || errno != ENOENT || strcmp(dir, DEFAULT_DIR) != 0)
		return fd;
	if (mkdir(dir, 01777) && errno != EEXIST)
		return -1;
	fd = open(dir, flags | O_NOFOLLOW);
	/* Everybody on this host shares it, whatever the maker's umask. */
	if (fd >= 0)
		fchmod(fd, 01777);
	return fd;
}

/*
 * Not one open() with O_CREAT: in a sticky directory the kernel may refuse
 * that for another user's file (fs.protected_regular).
 */
static int open_in(int dir, const char *name, bool writable)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = -1;

	for (int tries = 0; tries < 10; tries++) {
		fd = openat(dir, name, O_RDWR | flags);
		if (fd < 0 && !writable && errno != ENOENT)
			fd = openat(dir, name, O_RDONLY | flags);
		if (fd >= 0 || errno != ENOENT)
			return fd;
		fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | flags, 0666);
		if (fd >= 0) {
			fchmod(fd, 0666);
			return fd;
		}
		if (errno != EEXIST)
			return fd;
	}
	return fd;
}

static void name_file(const unsigned char uuid[16], char name[64])
{
	char *p = name;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", uuid[i]);
	}
	strcpy(p, ".lk");
}

static const char *lock_dir(void)
{
	const char *dir = secure_getenv("MARU_LOCK_DIR");

	return dir && *dir ? dir : DEFAULT_DIR;
}

/* A device node may have an inode in every container; this file has one. */
static int open_shared(const struct dev *dev, const unsigned char uuid[16])
{
	const char *path = lock_dir();
	char name[64];
	struct stat st;
	int dir, fd;

	dir = dev_fd_high(open_dir(path));
	if (dir < 0)
		return no_dir(path);
	name_file(uuid, name);
	fd = dev_fd_high(open_in(dir, name, dev->writable));
	if (fd < 0)
		fd = err_sys("%s/%s: cannot open the lock file of %s; let its "
			     "users write there, or set MARU_LOCK_DIR",
			     path, name, dev->name);
	close(dir);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return err_set(-EINVAL, "%s/%s: is no plain file; remove it",
			       path, name);
	}
	return fd;
}

int dev_lock_open(struct dev *dev, const unsigned char uuid[16], uint64_t off,
		  struct dev_lock *lock)
{
	int rc;

	lock->fd = -1;
	lock->forks = dev_forks();
	if (off > INT64_MAX - LOCK_BASE - UINT32_MAX)
		return err_set(-EOVERFLOW, "%s: no lock so far out", dev->name);
	lock->base = LOCK_BASE + (int64_t)off;
	rc = dev->kind == DEV_DAX || dev->shared ? open_shared(dev, uuid) :
						   open_own(dev);
	if (rc < 0)
		return rc;
	lock->fd = rc;
	rc = dev_close_on_fork(lock->fd);
	if (rc) {
		close(lock->fd);
		lock->fd = -1;
	}
	return rc;
}

static bool stale(const struct dev_lock *lock)
{
	return lock->fd < 0 || lock->forks != dev_forks();
}

void dev_lock_close(struct dev_lock *lock)
{
	/* In a child it is closed, and the number may be somebody else's. */
	if (!stale(lock)) {
		dev_close_on_fork_end(lock->fd);
		close(lock->fd);
	}
	lock->fd = -1;
}

static int control(struct dev_lock *lock, int cmd, uint32_t no, short *type)
{
	struct flock fl = {
		.l_type = *type,
		.l_whence = SEEK_SET,
		.l_start = lock->base + no,
		.l_len = 1,
	};

	if (stale(lock))
		return err_set(MARU_E_CLOSED,
			       "lock %u: opened by the parent "
			       "of this process, or closed",
			       no);
	if (!fcntl(lock->fd, cmd, &fl)) {
		*type = fl.l_type;
		return 0;
	}
	if (cmd == F_OFD_SETLK && (errno == EAGAIN || errno == EACCES))
		return -EAGAIN;
	if (errno == EBADF)
		return err_set(-EROFS, "lock %u: needs a writable pool", no);
	return err_sys("lock %u: the file system has no OFD locks, or failed",
		       no);
}

int dev_lock_take(struct dev_lock *lock, uint32_t no, bool shared)
{
	short type = shared ? F_RDLCK : F_WRLCK;

	return control(lock, F_OFD_SETLK, no, &type);
}

int dev_lock_drop(struct dev_lock *lock, uint32_t no)
{
	short type = F_UNLCK;

	return control(lock, F_OFD_SETLK, no, &type);
}

int dev_lock_held(struct dev_lock *lock, uint32_t no)
{
	short type = F_WRLCK;
	int rc = control(lock, F_OFD_GETLK, no, &type);

	return rc ? rc : type != F_UNLCK;
}
