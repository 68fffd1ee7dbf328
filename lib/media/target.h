/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets that name a device by what it is called or by what is on it. */
#ifndef MEDIA_TARGET_H
#define MEDIA_TARGET_H

#include "dev/scan.h"
#include "media/media.h"

#include <limits.h>

enum media_content {
	MEDIA_UNSEEN, /* it could not be looked at: see @why */
	MEDIA_EMPTY,
	MEDIA_POOL,
	MEDIA_OTHER,
};

/* What is on a device, from @window on. */
struct media_found {
	enum media_content content;
	struct media_super sb; /* MEDIA_POOL: checked */
	char what[128];	       /* MEDIA_OTHER: "an ext4 file system" */
	int rc;		       /* 0 usable for reading and writing, or -errno */
	char why[256];	       /* why not, and what to do */
};

/** media_look() - look at a device; whatever is wrong with it is in @f. */
void media_look(const struct scan *s, uint64_t window, struct media_found *f);

/**
 * media_target() - the path that a target stands for
 * @target: "uuid:UUID", "dax:UUID": the DAX device that holds the region with
 *	this UUID, which for a pool's first region is the pool's; "dax:NAME":
 *	a device by its name in libdaxctl; all else is copied as it is
 * @window: where in the device the pool begins
 *
 * Return: 0; -EINVAL, no UUID or name; -ENOTUNIQ, more than one holds it;
 *	-ENOENT, none does; if some could not be read the reason why, -EACCES
 *	or another errno; -ENAMETOOLONG.  The message names what was looked at.
 */
int media_target(const char *target, uint64_t window, char path[PATH_MAX]);

/** media_target_uuid() - the UUID in a target; false: it has none */
bool media_target_uuid(const char *target, unsigned char uuid[16]);

#define MEDIA_UUID_TEXT 37

const char *media_uuid_text(const unsigned char uuid[16],
			    char text[MEDIA_UUID_TEXT]);

#endif
