/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In programs linked with --wrap=dev_dax_open and --wrap=madvise: devices that
 * have bytes, and a kernel that refuses to populate.
 */
#ifndef TESTS_COMMON_WRAP_H
#define TESTS_COMMON_WRAP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * wrap_memory() - what the device whose node shows @node has for bytes
 *
 * From the next open on: a memfd of @size bytes, sparse, kept for the process.
 * Mapped beyond its end it faults, as a device does.
 */
int wrap_memory(const char *node, uint64_t size);

/** wrap_populate() - MADV_POPULATE_* fails with @err @times times; 0: works */
void wrap_populate(int err, unsigned times);

/** wrap_populated() - how often it was asked for */
unsigned wrap_populated(void);

#endif
