/* SPDX-License-Identifier: BSD-3-Clause */
/* What a back-end does for the rest of the room; one file, one table line. */
#ifndef DEV_BACKEND_H
#define DEV_BACKEND_H

#include <limits.h>
#include <sys/stat.h>

#include "dev/dev.h"

struct dev_ops {
	/* 0: [0, end) can be mapped now without a fault; -ENOSPC, -errno. */
	int (*check_end)(struct dev *dev, uint64_t end);
	int (*read)(struct dev *dev, uint64_t off, void *buf, size_t len);
	/* Sets base, pm, granularity and the functions. */
	int (*map)(struct dev *dev, uint64_t off, uint64_t len,
		   struct dev_map *map);
};

extern const struct dev_ops dev_file_ops, dev_dax_ops;

/* The table in dev.c, by kind. */
const struct dev_ops *dev_ops(const struct dev *dev);

/* dev.c, for the openers.  A path to give to the kernel; fits PATH_MAX. */
int dev_new(const char *target, struct dev **out);
int dev_path(const struct dev *dev, char path[PATH_MAX]);
int dev_open_fd(struct dev *dev, int flags);
int dev_fd_high(int fd);

/* dev_open() of a memfd that is yet to be sealed, too. */
int dev_open_unsealed(const char *target, unsigned flags, struct dev **out);

/* Each fills what struct dev says of its kind; dev_close() undoes. */
int dev_file_open(struct dev *dev);
int dev_file_fill(struct dev *dev);
int dev_dax_open(struct dev *dev, const struct stat *st);

/* dev_mem.c: is fd a memfd?  Refuse one that can shrink under a mapping. */
bool dev_mem_is(int fd);
int dev_mem_check(const struct dev *dev);
int dev_mem_seal(const struct dev *dev);

/* dev_file.c: ftruncate() or posix_fallocate(), 0 or -errno. */
int dev_file_grow(struct dev *dev, uint64_t bytes, bool sparse);

/* map.c: mappings of libpmem2 and of our own. */
int dev_map_pmem2(struct dev *dev, uint64_t off, uint64_t len,
		  struct dev_map *map);
int dev_map_own(struct dev *dev, uint64_t off, uint64_t len,
		enum dev_granularity granularity, struct dev_map *map);

#endif
