/* SPDX-License-Identifier: BSD-3-Clause */
/* The DAX devices of this host, as libdaxctl and sysfs tell of them. */
#ifndef DEV_SCAN_H
#define DEV_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum scan_mode {
	SCAN_DEVDAX = 1, /* a node that can be mapped */
	SCAN_RAM,	 /* kmem has it: memory of the system */
	SCAN_UNBOUND,	 /* no driver has it */
	SCAN_SEED,	 /* size 0 */
	SCAN_NODELESS,	 /* sysfs has it, /dev has not */
};

struct scan {
	char name[32]; /* dax0.0 */
	char path[40]; /* /dev/dax0.0 */
	dev_t rdev;    /* of the node; 0: there is none */
	uint64_t size, align;
	int numa_node; /* -1 unknown */
	enum scan_mode mode;
	bool nvdimm; /* under an NVDIMM bus: keeps its bytes */
	bool eadr;   /* and power loss flushes the CPU caches into it */
	bool cxl;    /* under a CXL decoder */
};

/**
 * scan_devices() - all of them, by region and number
 * @list: out: to be freed
 *
 * Return: how many; -errno with a message when libdaxctl does not start.
 */
int scan_devices(struct scan **list);

/**
 * scan_refuse() - can this device hold a pool?
 * @name: begins the message
 *
 * Return: 0; -ENODEV (size 0, no node) or -EBUSY (in use as RAM, no driver),
 *	with a message that says what to do.
 */
int scan_refuse(const struct scan *s, const char *name);

/** scan_block_node() - NUMA node of a block device or a part of it, or -1. */
int scan_block_node(dev_t rdev);

#endif
