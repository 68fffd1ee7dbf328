/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking and rebuilding the directory. */
#ifndef DIR_CHECK_H
#define DIR_CHECK_H

#include "base/fault.h"
#include "dir/dir.h"

void dir_check(const struct dir *d, struct fault_sink *sink);

/** entry_is_whole() - hash, sizes and checksums of a descriptor agree. */
bool entry_is_whole(const struct dir *d, uint32_t idx, const char **why);

/** entry_value_ok() - the value's checksum, where the pool keeps one. */
bool entry_value_ok(const struct dir *d, uint32_t idx);

/**
 * dir_rebuild() - all buckets anew from the LIVE blocks, in an idle pool
 *
 * Of two entries with one key the younger stays.
 * Return: entries dropped, as duplicates or for lack of a slot.
 */
uint64_t dir_rebuild(struct dir *d);

#endif
