/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A byte range to build a pool in: device DAX, fs-DAX/famfs file, plain file,
 * memfd.  Knows nothing of what lies in it.
 *
 *   target --dev_open()--> struct dev --dev_map()--> struct dev_map
 *                              `--dev_lock_open()--> struct dev_lock
 *
 * libdaxctl tells size, alignment and state of a device DAX node; libpmem2
 * maps and persists.
 */
#ifndef DEV_DEV_H
#define DEV_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum dev_kind {
	DEV_FILE = 1, /* page cache: tmpfs or disk */
	DEV_FSDAX,    /* file on a DAX file system (MAP_SYNC works), famfs */
	DEV_DAX,      /* device DAX character node */
	DEV_MEM,      /* memfd */
};

struct dev {
	enum dev_kind kind;
	int fd; /* own open file description, O_CLOEXEC */
	bool writable;
	bool made;     /* dev_create_file() made it; undo with unlink */
	bool grown;    /* it was empty and dev_create_file() gave it its size */
	uint64_t size; /* bytes */
	uint64_t align;	 /* mapping offset and length are multiples of it */
	int numa_node;	 /* -1 unknown */
	bool nvdimm;	 /* DEV_DAX under an NVDIMM bus: keeps its bytes */
	bool shared;	 /* by several hosts: locks are each one's own */
	bool eadr;	 /* and power loss flushes the CPU caches into it */
	char name[4096]; /* target as it was given, for messages */
};

#define DEV_RDONLY 0x1u

/**
 * dev_open() - open a target
 * @target: path, or "fd:N" (opened anew through /proc/self/fd/N, so that locks
 *	are this handle's own; N itself is left alone)
 * @flags: 0 or DEV_RDONLY
 *
 * Return: 0; -errno with a message that names the target and what to do:
 *	-ENOENT, -EACCES (also "fd:N" read-only or write-only), -EBADF;
 *	-EISDIR and -ENOTSUP for kinds of file we cannot use (directory; block
 *	device, pipe, ...); -EPERM for a memfd without F_SEAL_SHRINK; for
 *	device DAX -ENODEV when libdaxctl does not know it or its size is 0,
 *	-EBUSY when it is in system-ram mode or bound to no driver.
 */
int dev_open(const char *target, unsigned flags, struct dev **out);

/* list.c: a target may be a list of names, with commas between them. */
#define DEV_LIST_MAX 64u

struct dev_list {
	char *name[DEV_LIST_MAX];
	uint32_t nr;
};

/**
 * dev_list_parse() - the names that @target lists
 *
 * "\," is a comma and "\\" a backslash of a name; any other backslash, and
 * a space, is itself.
 * Return: 0; -EINVAL for an empty name, or more than DEV_LIST_MAX; -ENOMEM.
 */
int dev_list_parse(const char *target, struct dev_list *list);
void dev_list_free(struct dev_list *list);

/** dev_is_same() - the same file, or device, whatever it is called? */
bool dev_is_same(const struct dev *a, const struct dev *b);

/**
 * dev_create_file() - open a target to format it; an absent file is made
 * @bytes: size for a new or empty plain file (0: the target must have one)
 * @mode: permission bits for a new file, the umask aside
 * @sparse: do not allocate blocks
 *
 * A file that was made or was empty is given @bytes bytes, allocated unless
 * @sparse (posix_fallocate, so that a full tmpfs is -ENOSPC now and not SIGBUS
 * later).  A non-empty file, a DAX file or a device keeps its size; more
 * @bytes than it has is -ENOSPC.  On failure nothing that was made stays.
 */
int dev_create_file(const char *target, uint64_t bytes, mode_t mode,
		    bool sparse, struct dev **out);

/** dev_create_mem() - a memfd of @bytes, sealed F_SEAL_SHRINK | F_SEAL_GROW. */
int dev_create_mem(const char *name, uint64_t bytes, bool sparse,
		   struct dev **out);

/** dev_abandon() - unlink what dev_create_file() made; then dev_close(). */
void dev_abandon(struct dev *dev);

void dev_close(struct dev *dev); /* NULL is fine */

/**
 * dev_read() - copy @len bytes from @off, by pread() or a passing mapping
 *
 * Return: 0; -ENODATA beyond the end; -errno.
 */
int dev_read(struct dev *dev, uint64_t off, void *buf, size_t len);

/**
 * dev_probe() - what is in the first 2 MiB from @off?
 * @what: out: a phrase, like "an ext4 file system", "a GPT partition table",
 *	"data (first non-zero byte at 4096)"; "" when empty
 *
 * All zeroes is empty.  libblkid names signatures (from a copy in a memfd, as
 * a character device cannot be probed itself).
 * Return: 0 empty, 1 something is there, -errno.
 */
int dev_probe(struct dev *dev, uint64_t off, uint64_t len, char *what,
	      size_t cap);

/**
 * dev_fit() - what can be mapped from @off on, to make a pool in
 * @bytes: in: so many, or 0 for all there is; out: a multiple of dev->align
 *	(of files: of no page)
 *
 * Return: 0; -EINVAL, @off or *@bytes is no multiple of dev->align; -ENOSPC.
 */
int dev_fit(const struct dev *dev, uint64_t off, uint64_t *bytes);

enum dev_granularity { DEV_BYTE, DEV_LINE, DEV_PAGE };

struct dev_map {
	unsigned char *base;
	uint64_t len;
	uint64_t off; /* in the device */
	enum dev_granularity granularity;
	bool writable;
	unsigned forks; /* dev_forks() when mapped: the child has no mapping */
	void (*flush)(const void *p, size_t len); /* LINE; NULL: not needed */
	void (*drain)(void);
	void (*persist)(const void *p, size_t len); /* also right for PAGE */
};

/**
 * dev_map() - map @len bytes from @off
 *
 * Base is 2 MiB aligned when @len is at least 4 MiB.  Mappings are not
 * inherited by fork() (MADV_DONTFORK).  -EINVAL when @off or @len is no
 * multiple of dev->align (named); -ENOSPC beyond the device's end.
 */
int dev_map(struct dev *dev, uint64_t off, uint64_t len, struct dev_map *map);

/** dev_map_check() - would dev_map() refuse that window?  Its error, or 0. */
int dev_map_check(struct dev *dev, uint64_t off, uint64_t len);
void dev_unmap(struct dev_map *map);

/**
 * dev_prefault() - MADV_POPULATE_WRITE (or _READ) on a part
 *
 * A kernel that has none of it: by touching the pages, which changes nothing,
 * but where no memory is to be had that is a SIGBUS.
 * Return: 0; -EHWPOISON, -EFAULT, -ENOMEM or another errno, with a message.
 */
int dev_prefault(struct dev_map *map, uint64_t off, uint64_t len);

/* durable.c: what reaches the medium and when.  No-ops where not needed. */
void dev_flush(const struct dev_map *map, const void *p, size_t len);
void dev_drain(const struct dev_map *map);
int dev_sync(const struct dev_map *map, uint64_t off, uint64_t len);

/*
 * Locks that the kernel drops when their holder dies: open-file-description
 * locks on single bytes, of the pool's own file, or for device DAX (whose
 * node may have several inodes) and what several hosts share (whose file system
 * may know of them all, or not) of $MARU_LOCK_DIR/UUID.lk, default /run/maru.
 * Bytes lie far beyond any content: 1 << 62 and up, shifted by the window.
 */
struct dev_lock {
	int fd;		/* -1 closed */
	unsigned forks; /* dev_forks() when opened: the child closed fd */
	int64_t base;
};

int dev_lock_open(struct dev *dev, const unsigned char uuid[16], uint64_t off,
		  struct dev_lock *lock);
void dev_lock_close(struct dev_lock *lock);

/**
 * dev_lock_take() - take a lock, or change between shared and exclusive
 *
 * Return: 0; -EAGAIN when somebody else holds it in the way; -EROFS for an
 *	exclusive one of a read-only device; MARU_E_CLOSED in a child of fork().
 */
int dev_lock_take(struct dev_lock *lock, uint32_t no, bool shared);
int dev_lock_drop(struct dev_lock *lock, uint32_t no);

/** dev_lock_held() - 1 another handle than this holds @no, 0 none, -errno. */
int dev_lock_held(struct dev_lock *lock, uint32_t no);

/**
 * dev_close_on_fork() - the child of fork() closes this descriptor
 *
 * dev_lock_open() does so itself.  Return: 0 or -ENOMEM.
 */
int dev_close_on_fork(int fd);
void dev_close_on_fork_end(int fd);

/** dev_forks() - fork()s between the process that asked first and this one. */
unsigned dev_forks(void);

/**
 * dev_process_since() - the least @ns that this process has ever told here
 *
 * A child of fork() and a program after execve() begin anew, with UINT64_MAX.
 */
uint64_t dev_process_since(uint64_t ns);

#endif
