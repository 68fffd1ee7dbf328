/* SPDX-License-Identifier: BSD-3-Clause */
/* DAX devices that libdaxctl finds, in a mount namespace of our own. */
#ifndef TESTS_COMMON_DAX_H
#define TESTS_COMMON_DAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dax_fake {
	const char *name;   /* dax0.0: device 0 of region 0 */
	const char *node;   /* what /dev/NAME shows, /dev/zero; NULL: no node */
	const char *driver; /* NULL: bound to none */
	const char *domain; /* persistence domain of an NVDIMM; NULL: is none */
	uint64_t size;
	uint64_t align; /* 0: the attributes are missing */
	int target_node;
	bool locked;   /* the node cannot be opened */
	bool unlisted; /* the node is there, sysfs knows nothing of it */
	bool cxl;      /* behind a CXL decoder */
	mode_t mode;   /* of a node of its own, if not 0; needs dax_mknod() */
};

/** dax_possible() - may we make namespaces and mount in them? */
bool dax_possible(void);

/** dax_mknod() - may we make nodes with a mode of our choice? */
bool dax_mknod(void);

/** dax_fake() - hide /sys and /dev behind these; for the calling process. */
void dax_fake(const struct dax_fake *devices, size_t nr);

/* After dax_fake(): what happens to a device that was made so. */
void dax_resize(const char *name, uint64_t size);
void dax_realign(const char *name, uint64_t align);
void dax_lose_node(const char *name);
/** dax_rename() - made anew under the next free number; the bytes are there */
void dax_rename(const char *name, const char *to);

#endif
