/* SPDX-License-Identifier: BSD-3-Clause */
/* The DAX devices of this host, and where a pool's pages are. */
#ifndef MARU_DEVICE_H
#define MARU_DEVICE_H

#include <maru/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum maru_device_mode {
	MARU_DEVICE_DEVDAX = 1, /* a node that can be mapped */
	MARU_DEVICE_RAM = 2,	/* in use as memory of the system */
	MARU_DEVICE_UNBOUND = 3,
	MARU_DEVICE_SEED = 4,	  /* size 0: others are made from it */
	MARU_DEVICE_NODELESS = 5, /* there is no node in /dev */
};

enum maru_device_medium {
	MARU_MEDIUM_VOLATILE = 1,
	MARU_MEDIUM_NVDIMM = 2, /* keeps its bytes, given flushes */
	MARU_MEDIUM_EADR = 3,	/* keeps them, and the CPU caches' too */
	MARU_MEDIUM_CXL = 4,	/* volatile, behind a CXL decoder */
};

enum maru_device_content {
	MARU_CONTENT_UNSEEN = 0, /* could not be read, see @why */
	MARU_CONTENT_EMPTY = 1,	 /* zeroes at its begin */
	MARU_CONTENT_POOL = 2,
	MARU_CONTENT_OTHER = 3, /* see @what */
};

/** A DAX device, and what is at its begin. */
struct maru_device {
	size_t size;   /* in, of the first: sizeof(struct maru_device) */
	char name[32]; /* dax0.0; as a target dax:dax0.0 */
	char path[40]; /* /dev/dax0.0 */
	uint64_t bytes;
	uint64_t align;	   /* a pool begins and ends at multiples of it */
	int32_t numa_node; /* -1 unknown */
	enum maru_device_mode mode;
	enum maru_device_medium medium;
	enum maru_device_content content;
	unsigned char uuid[16];	     /* POOL: as a target uuid:UUID */
	unsigned char pool_uuid[16]; /* POOL: that all its devices share */
	uint64_t incarnation;	     /* POOL: another at every creation */
	uint64_t pool_bytes;	     /* POOL: of it, on this device */
	char label[MARU_LABEL_MAX + 1];
	char what[128]; /* OTHER: "an ext4 file system" */
	int32_t err;	/* 0, or why no pool here can be opened: -errno */
	uint32_t reserved;
	char why[256]; /* and in words, with what to do */
};

/**
 * maru_devices() - the DAX devices of this host, in the order of their names
 * @out: room for @cap devices, out->size set; may be NULL when @cap is 0
 *
 * Opens each to read what is on it and writes nothing.  A device that cannot
 * be opened or read is told of like the others.
 *
 * Return: how many there are (maybe more than @cap); negative errno.
 */
int maru_devices(struct maru_device *out, size_t cap);

#define MARU_NODES_MAX 64

/** Where a region's pages are, as far as this host's kernel tells. */
struct maru_placement {
	size_t size;	   /* in: sizeof(struct maru_placement) */
	int32_t numa_node; /* of the device; -1 unknown */
	uint32_t reserved;
	uint64_t page_bytes; /* by which the kernel maps it; 0 unknown */
	uint64_t huge_bytes; /* mapped by larger pages, by this process */
	uint64_t asked;	     /* system pages looked for: all, or a sample */
	uint64_t absent;     /* of these, not in memory */
	uint64_t untold;     /* of these, the kernel does not say */
	uint64_t node[MARU_NODES_MAX]; /* of these, on each node */
};

/**
 * maru_placement() - ask the kernel for the pages of region @region
 *
 * Takes a while; allocates nothing.  The kernel does not tell of pages of
 * device memory: of these numa_node says all there is.
 * Return: 0; -ENOENT past the last region; other negative errnos.
 */
int maru_placement(struct maru_pool *pool, uint32_t region,
		   struct maru_placement *out);

#ifdef __cplusplus
}
#endif
#endif
