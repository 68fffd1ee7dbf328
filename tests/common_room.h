/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the suites of the inner rooms share: blocks brought by hand to any step
 * of their life, and clients that are dead from the start.
 *
 * A ghost is a slot as a client that died would leave it: its word says so,
 * nobody has its lock, and no process is named.
 */
#ifndef TESTS_COMMON_ROOM_H
#define TESTS_COMMON_ROOM_H

#include "common.h"

#include "cache/pool.h"
#include "slab/hand.h"
#include "slab/maps.h"

#define GHOST 7u      /* a slot that no handle of a test comes to */
#define GHOST_INC 41u /* its incarnation */

/** A key by number; @k points into @bytes. */
struct room_key {
	char bytes[TEST_KEY];
	struct dir_key k;
};

/** room_pool() - a pool of few, large units: 64 KiB */
struct maru_pool *room_pool(void);

/** room_key() - the key of number @no. */
void room_key(struct maru_pool *p, struct room_key *k, uint64_t no);

/** room_homed() - the first key from number @no on that lives in @home. */
uint64_t room_homed(struct maru_pool *p, struct room_key *k, uint64_t home,
		    uint64_t no);

/** room_homed_all() - @nr keys of one home; the home. */
uint64_t room_homed_all(struct maru_pool *p, struct room_key *k, unsigned nr);

uint64_t room_word(struct maru_pool *p, uint32_t idx);
enum block_state room_state(struct maru_pool *p, uint32_t idx);

/** room_set() - change the word of a block: state and flags only. */
void room_set(struct maru_pool *p, uint32_t idx, enum block_state state,
	      uint64_t flags);

/** room_cell() - a cell of the ledger. */
uint16_t room_cell(struct maru_pool *p, uint32_t slot, uint32_t idx);

/** room_alloc() - a block of one unit, OWNED. */
uint32_t room_alloc(struct maru_pool *p);

/** room_owned() - the same, with the key written and room for 100 bytes. */
uint32_t room_owned(struct maru_pool *p, const struct dir_key *k);

/** room_live() - an entry, published. */
uint32_t room_live(struct maru_pool *p, const struct dir_key *k);

/** room_asking(), room_ready() - at the step before publishing. */
uint32_t room_asking(struct maru_pool *p, const struct dir_key *k);
uint32_t room_ready(struct maru_pool *p, const struct dir_key *k);

/** room_link() - a slot word for the block, in way @way; the slot it got. */
a64 *room_link(struct maru_pool *p, uint32_t idx, const struct dir_key *k,
	       unsigned way);

/** room_pend() - the head of @home as a publisher leaves it that stops there */
void room_pend(struct maru_pool *p, uint64_t home, uint32_t idx);

/** room_ghost() - slot GHOST is of a dead client in @state. */
void room_ghost(struct maru_pool *p, enum client_state state);

/** room_ghost_owns() - what this client owns becomes the ghost's. */
void room_ghost_owns(struct maru_pool *p, uint32_t idx);

/** room_ghost_owes() - a DYING block that the ghost was to see to. */
void room_ghost_owes(struct maru_pool *p, uint32_t idx);

/** room_ghost_gone() - reap it, and assert that nothing is left of it. */
void room_ghost_gone(struct maru_pool *p);

/** room_row_is_zero() - no cell in a client's row. */
bool room_row_is_zero(struct maru_pool *p, uint32_t slot);

/* Slabs of region 0. */

uint64_t room_slab(struct maru_pool *p, uint32_t slab);
void room_slab_set(struct maru_pool *p, uint32_t slab, uint64_t w);

/** room_busy() - does the map say that this slab is taken? */
bool room_busy(struct maru_pool *p, uint32_t slab);

/** room_mapped() - does its class' map lead to this extent? */
bool room_mapped(const struct extent *e);

/** room_hints() - the hints of an extent's first 64 blocks. */
uint64_t room_hints(const struct extent *e);
void room_hints_set(const struct extent *e, uint64_t bits);

/** room_claim() - a new extent. */
struct extent room_claim(struct maru_pool *p, uint32_t class, uint32_t run);

/** room_take(), room_give() - one of its blocks, and back. */
uint32_t room_take(struct maru_pool *p, const struct extent *e, uint32_t block);
void room_give(struct maru_pool *p, uint32_t idx);

/** room_hide_empty() - let the map say that all slabs are taken. */
void room_hide_empty(struct maru_pool *p);

/** room_show_empty() - and that those which are EMPTY are not, as it must be. */
void room_show_empty(struct maru_pool *p);

/** room_empty() - assert that slabs are EMPTY and not busy. */
void room_empty(struct maru_pool *p, uint32_t from, uint32_t nr);

/* Homes. */

unsigned room_flags(struct maru_pool *p, uint64_t home);
uint32_t room_pending(struct maru_pool *p, uint64_t home);

/** room_publish() - dir_publish() without pins. */
int room_publish(struct maru_pool *p, uint32_t idx, const struct dir_key *k,
		 enum dir_mode mode, struct dir_hit *other);

/** room_has() - is there an entry of this key? It must be @idx then. */
bool room_has(struct maru_pool *p, const struct dir_key *k, uint32_t idx);

/** room_drop() - remove an entry that nobody holds. */
void room_drop(struct maru_pool *p, uint32_t idx);

/** room_withdraw() - take back a block that was not published. */
void room_withdraw(struct maru_pool *p, uint32_t idx);

/** room_crowd() - @nr entries of one home; the home. */
uint64_t room_crowd(struct maru_pool *p, struct room_key *k, uint32_t *idx,
		    unsigned nr);

enum room_step { ROOM_LINKED, ROOM_PENDING };

/** room_died() - the ghost's READY or ASKING (OWNED) block, so far published */
uint32_t room_died(struct maru_pool *p, const struct dir_key *k,
		   enum block_state state, enum room_step step);

/* Clients. */

/** room_zombie() - a DYING block that the ghost owes, pinned once by @holder */
uint32_t room_zombie(struct maru_pool *p, struct maru_pool *holder,
		     uint64_t no);

/** room_owes() - how many zombies a handle is to see to. */
uint64_t room_owes(struct maru_pool *p);

/*
 * For test_staying(): holds key 1, writes two blocks, retires slab no[1], and
 * has its slot in @state; has closed its lock; has left it to a child of its own, no[0].
 */
void room_busy_client(struct maru_pool *q, unsigned state);
void room_lose_lock(struct maru_pool *q, unsigned no);
void room_leave_heir(struct maru_pool *q, unsigned no);

/**
 * room_reap_namesake() - client_reap() of a ghost by this process' name
 * @change: 0, or which is another: 1 start, 2, 3 boot id, 4 pid namespace,
 *	5 when it joined
 */
int room_reap_namesake(struct maru_pool *p, unsigned change);

/** room_exec_client() - a client whose process has become another program */
pid_t room_exec_client(void);

/** room_reap_soon() - the kernel lets go of what it closes a little later */
int room_reap_soon(struct maru_pool *p, uint32_t slot);

/*
 * Ever new clients in the ghost's slot, one each so many microseconds, in the
 * middle of whatever this thread does; 0 ends it.  After room_ghosts_first()
 * they come until one is declared dead: the last.
 */
void room_ghosts(struct maru_pool *p, long every_us);
void room_ghosts_first(struct maru_pool *p);
uint32_t room_ghosts_last(void);

#endif
