/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking and mending what the slab room stores. */
#ifndef SLAB_CHECK_H
#define SLAB_CHECK_H

#include "base/fault.h"
#include "slab/slab.h"

void slab_check(const struct slab *s, struct fault_sink *sink);

/** slab_has_debtor() - does any row's own bit answer for this block? */
bool slab_has_debtor(const struct slab *s, uint32_t idx);

/** slab_word_is_sound() - do a slab's word and its extent fit together? */
bool slab_word_is_sound(const struct slab *s, uint32_t region, uint32_t slab);

/* Rebuilding, with the pool to ourselves. */

typedef bool (*slab_keep_fn)(void *ctx, uint32_t idx);

/**
 * slab_rebuild() - sound slab words, hints, maps; an empty ledger
 * @keep: is this descriptor a whole entry, apart from its slab?
 *
 * An extent whose word is lost is made anew around the entries that are in
 * it, if they fit one class.  Blocks that are not kept become FREE.
 */
void slab_rebuild(struct slab *s, slab_keep_fn keep, void *ctx);

#endif
