/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The targets that somebody gave, and which region of the pool each is.
 *
 *   targets --media_given_open()--> devices, their superblocks read
 *               |--media_given_root()----> region 0
 *               '--media_given_region()--> a further one, as the root knows it
 *
 * The order in which they are given does not matter: the superblocks say who
 * is who, and the root's region table says who belongs to it.
 */
#ifndef MEDIA_REGION_H
#define MEDIA_REGION_H

#include "media/media.h"

struct media_one {
	struct dev *dev; /* NULL: taken */
	struct media_super sb;
	uint32_t ok; /* copies found whole */
	int rc;	     /* of media_super_read() */
};

struct media_given {
	struct media_one **one;
	uint32_t nr, room;
	uint64_t window; /* in each */
	unsigned flags;	 /* DEV_RDONLY or 0 */
};

/** media_given_open() - all that @target lists; media_given_close() undoes */
int media_given_open(struct media_given *g, const char *target, unsigned flags,
		     uint64_t window);
void media_given_close(struct media_given *g);

/** media_given_add() - one more, that another source than the list knows */
int media_given_add(struct media_given *g, const char *name);

/**
 * media_given_root() - the device of region 0, which is the caller's from now
 *
 * If none is known to be it, one that cannot be read may be.
 * Return: 0; -EINVAL, all are further regions of a pool.
 */
int media_given_root(struct media_given *g, struct dev **dev);

/**
 * media_given_region() - find a region of the pool, whose root is mapped
 *
 * The device stays with @g until the caller takes it out.
 * Return: 0; -ENODEV without a message.
 */
int media_given_region(struct media_given *g, const struct media *m,
		       uint32_t no, struct media_one **one);

/**
 * media_given_left() - is there one that nobody took? Say why
 * @unread: one whose superblock cannot be read counts too
 *
 * Return: 0; an error with a message.
 */
int media_given_left(const struct media_given *g, const struct media *m,
		     bool unread);

/** media_missing() - -ENODEV with a message that names region @no */
int media_missing(const struct media *m, uint32_t no);

/** media_table() - what the root's region table says of @no */
const struct media_region_entry *media_table(const struct media *m,
					     uint32_t no);

#endif
