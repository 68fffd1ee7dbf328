/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking and mending what the slab room stores. */
#ifndef SLAB_CHECK_H
#define SLAB_CHECK_H

#include "base/fault.h"
#include "slab/slab.h"

void slab_check(const struct slab *s, struct fault_sink *sink);

/** slab_check_idle() - what holds besides when no client has a slot at all */
void slab_check_idle(const struct slab *s, struct fault_sink *sink);

/** slab_has_debtor() - does any row's own bit answer for this block? */
bool slab_has_debtor(const struct slab *s, uint32_t idx);

/**
 * slab_word_fault() - do a slab's word and its extent fit together?
 * @why: out: what is wrong, to follow "slab 7: "
 *
 * Return: 0, or the number of the invariant that is broken.
 */
unsigned slab_word_fault(const struct slab *s, uint32_t region, uint32_t slab,
			 const char **why);

/* Rebuilding, with the pool to ourselves. */

typedef bool (*slab_keep_fn)(void *ctx, uint32_t idx);

/**
 * slab_rebuild() - sound slab words, hints, maps; an empty ledger
 * @keep: is this descriptor a whole entry, apart from its slab?
 *
 * An extent whose words are lost is made anew around the entries that are in
 * it, if they fit one class.  Blocks that are not kept become FREE; BAD ones
 * stay so unless @clear_bad.
 * Return: 0; -ENOMEM, and nothing is changed.
 */
int slab_rebuild(struct slab *s, slab_keep_fn keep, void *ctx, bool clear_bad);

/* words.c */

/** slab_mend_words() - every word EMPTY, or of an extent that is complete */
int slab_mend_words(struct slab *s, uint32_t region, slab_keep_fn keep,
		    void *ctx);
/** slab_set_word() - alone with the pool: a slab's next life */
void slab_set_word(const struct slab_region *r, uint32_t slab,
		   enum slab_state state, uint32_t class, uint32_t run);

#endif
