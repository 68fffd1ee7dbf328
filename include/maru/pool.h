/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools: make one, open it, close it.
 *
 * A target names the memory: a path (plain file, fs-DAX or famfs file, device
 * DAX node); "fd:N", a descriptor this process holds (a memfd, say);
 * "uuid:UUID", the DAX device with this pool on it, wherever it is; or
 * "dax:NAME", a DAX device by its name in libdaxctl.  A byte window of a target
 * is chosen by the offset and bytes options.  Several targets, with commas
 * between them, are one pool; "\," is a comma of a name.
 */
#ifndef MARU_POOL_H
#define MARU_POOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct maru_pool;

#define MARU_KEY_MAX 1024 /* bytes of a key, at least 1 */
#define MARU_LABEL_MAX 63 /* bytes of a pool's label */
#define MARU_NAME_MAX 31  /* bytes of a client's name */
#define MARU_CLIENTS_MAX 1024
#define MARU_PIN_MAX 28672	 /* pins of one client on one entry */
#define MARU_POOL_MIN (8u << 20) /* bytes of the smallest pool */

/* maru_create() flags */
#define MARU_CREATE_FORCE 0x01u	  /* format over what is there */
#define MARU_CREATE_DURABLE 0x02u /* entries survive loss of power */
#define MARU_CREATE_SIPHASH 0x04u /* keys may come from an attacker */
#define MARU_CREATE_CRC 0x08u	  /* checksum every value at commit */
#define MARU_CREATE_SPARSE 0x10u  /* do not allocate a plain file's blocks */

/*
 * For how long blocks that a client was writing when it died are kept back: a
 * device may still write into them.  At most a day.  Without it, at once, see
 * maru-concurrency(7).
 */
#define MARU_QUARANTINE_NONE UINT32_MAX

/* Whose processes share the pool; see "Several hosts" in maru-concurrency(7). */
#define MARU_SHARE_HOST 0u   /* those of one host */
#define MARU_SHARE_FABRIC 1u /* of hosts whose caches the fabric keeps one */
#define MARU_SHARE_NONCOHERENT 2u /* of others; can only be read */

/** Options of maru_create(); zero means the default everywhere. */
struct maru_create_opts {
	size_t size;	      /* sizeof(struct maru_create_opts) */
	uint64_t offset;      /* window's start in the target, 2 MiB multiple */
	uint64_t bytes;	      /* pool size; 0: all of an existing target */
	uint64_t max_bytes;   /* directory fits growth up to this; 0: bytes */
	uint32_t unit;	      /* smallest block: 4 KiB to 2 MiB; 0: 64 KiB */
	uint32_t max_clients; /* 1 to MARU_CLIENTS_MAX; 0: 64 */
	uint32_t flags;	      /* MARU_CREATE_* */
	uint32_t mode;	      /* file mode of a new file; 0: 0660 */
	const char *label;    /* at most MARU_LABEL_MAX bytes */
	const uint64_t *classes; /* exact value sizes in bytes, or NULL */
	size_t class_nr;	 /* at most 16 */
	uint32_t quarantine_ms;	 /* MARU_QUARANTINE_NONE; 0: 2000 */
	uint32_t reserved;	 /* 0 */
	uint32_t share;		 /* MARU_SHARE_* */
	uint32_t host_ms;	 /* FABRIC: a host that is silent for so long is
			   * declared gone, 100 to 3600000; 0: 10000 */
};

/**
 * maru_create() - format a target as an empty pool
 * @target: see above; a plain file that is absent is made
 * @opts:   or NULL; a new file needs opts->bytes
 *
 * Refuses, and says in maru_errmsg() what it found: a target that a live
 * client uses (-EBUSY, forced or not); unless forced, one that is a pool,
 * carries a file system or partition table, or has a non-zero byte in its
 * first 2 MiB (-EEXIST).  A file's mode and size change only if it was made
 * or is empty.
 *
 * Return: 0; -EINVAL (option named in maru_errmsg()), -ENOSPC, -EBUSY,
 *	-EEXIST, -ENODEV, or the errno of the system call that failed.
 */
int maru_create(const char *target, const struct maru_create_opts *opts);

/**
 * maru_create_mem() - make a pool in anonymous memory
 * @opts: as for maru_create(); bytes is needed, offset must be 0
 * @fd:   out: a memfd, close-on-exec, sealed against shrinking; the caller's
 *
 * Open it with "fd:N" here or in a process that got the descriptor, or by
 * /proc/PID/fd/N.  The memory lasts as long as somebody holds it.
 */
int maru_create_mem(const struct maru_create_opts *opts, int *fd);

/* maru_open() flags */
#define MARU_OPEN_RDONLY 0x01u	      /* map PROT_READ; copying reads only */
#define MARU_OPEN_PREFAULT_META 0x02u /* fault in the pool's tables */
#define MARU_OPEN_PREFAULT_ALL 0x04u  /* fault in tables and data */
#define MARU_OPEN_VERIFY 0x08u	      /* check a value's checksum on retrieve */
#define MARU_OPEN_GUARD 0x20u	      /* memory that fails is -EIO, no SIGBUS */
#define MARU_OPEN_NO_BEAT 0x40u	      /* no thread; see maru_tick() */

/** Options of maru_open(); zero means the default everywhere. */
struct maru_open_opts {
	size_t size;	   /* sizeof(struct maru_open_opts) */
	uint64_t offset;   /* where in the target the pool begins */
	uint32_t flags;	   /* MARU_OPEN_* */
	uint32_t reserved; /* 0 */
	const char *name;  /* shown by maru_clients(); NULL: program's name */
	unsigned char expect_uuid[16]; /* the pool that is meant; 0: any */
	uint64_t expect_incarnation;   /* and which making of it; 0: any */
};

/**
 * maru_open() - join a pool as a client
 * @target: as given to maru_create(), or another name of it
 * @opts:   or NULL
 * @pool:   out: the handle, NULL on failure
 *
 * Takes milliseconds whatever the pool's size; where other hosts have it open,
 * until one of them answers, at most host_ms.  A handle serves any number of
 * threads; it does not survive fork(): there every call fails with
 * -ESHUTDOWN and the child opens its own.
 *
 * Return: 0; MARU_E_FORMAT (not a pool, or made by a newer version);
 *	MARU_E_CORRUPT (run maru-fsck(1)); -EUSERS (all client slots taken,
 *	see maru_errmsg()); -EBUSY (being formatted or repaired); MARU_E_OTHER
 *	(not the pool that was expected); -ENOTUNIQ (a UUID on two devices);
 *	-ENOTSUP (hosts that are not coherent, or do not see each other's
 *	stores); -EACCES, -ENOENT, -ENODEV and other errnos of the system.
 */
int maru_open(const char *target, const struct maru_open_opts *opts,
	      struct maru_pool **pool);

#define MARU_CLOSE_FORCE 0x01u /* drop what is still held */

/**
 * maru_close() - leave the pool; what was stored stays
 * @pool:  handle, or NULL; no other call on it may be running or follow
 * @flags: 0 or MARU_CLOSE_FORCE
 *
 * Without the flag -EBUSY while views or pins are held or buffers not yet
 * committed or aborted; the handle stays open.  With it they are given back.
 * After fork() the child's call only frees its own memory.
 */
int maru_close(struct maru_pool *pool, unsigned flags);

/**
 * maru_sync() - make everything committed so far durable
 *
 * Pools made without MARU_CREATE_DURABLE need no sync: 0 at once.
 */
int maru_sync(struct maru_pool *pool);

/** A mapped part of the pool, for registration with a device or an RDMA NIC. */
struct maru_region {
	const void *base;   /* first mapped byte */
	uint64_t bytes;	    /* mapped length */
	uint64_t data_off;  /* where values begin, from base */
	uint32_t unit;	    /* bytes of a page of this region */
	int numa_node;	    /* -1 unknown */
	uint32_t copies_ok; /* superblock copies whole when opened, by bit */
	unsigned char uuid[16];
};

/**
 * maru_region() - describe region @no; -ENOENT past the last one
 *
 * One that is not there, as only tools will see (MARU_OPEN_INSPECT), has 0
 * bytes.
 */
int maru_region(struct maru_pool *pool, uint32_t no, struct maru_region *out);

#ifdef __cplusplus
}
#endif
#endif
