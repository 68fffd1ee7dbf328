/*
 * The words of extent.pml: what is in the pool, and what to judge by.
 */
/* Classes. */
#define HUGE(c) ((c) >= 2)
#define RUN(c) ((c) == 0 -> 1 : ((c) == 3 -> 3 : 2))
#define BLOCKS(c) ((c) == 1 -> 2 : 1)
#define UNITS(c) (HUGE(c) -> RUN(c) : 1)

/* Slab words: state, class, owner, run (of a tail: distance), version. */
#define EMPTY 0
#define CLAIMED 1
#define ACTIVE 2
#define TAIL 3
#define RETIRING 4
#define WORD(s, c, o, r, v) ((s) | (c) << 3 | (o) << 5 | (r) << 7 | (v) << 9)
#define STATE(w) ((w) & 7)
#define CLASS(w) ((w) >> 3 & 3)
#define OWNER(w) ((w) >> 5 & 3)
#define RUNOF(w) ((w) >> 7 & 3)
#define VER(w) ((w) >> 9)
#define AS(w, s) (((w) & ~7) | (s))
#define EMPTIED(w) WORD(EMPTY, 0, 0, 0, VER(w))
#define IS_EXTENT(w) (STATE(w) == ACTIVE || STATE(w) == RETIRING)
#ifdef STILL
#define NEXT(w) VER(w)
#else
#define NEXT(w) (VER(w) + 1)
#endif
short slab[NU];

/* Blocks: state, owner, version. */
#define FREE 0
#define OWNED 1
#define LIVE 2
#define BLOCK(s, o, v) ((s) | (o) << 2 | ((v) & 15) << 4)
#define BSTATE(b) ((b) & 3)
#define BOWNER(b) ((b) >> 2 & 3)
#define BVER(b) ((b) >> 4)
byte block[NU];

/* Sets of units or slabs: rows' own bits; hints of a head; maps. */
byte own[NC], hint[NU], map[2], busy;
#define BIT(n) (1 << (n))
#define HAS(set, n) ((set) >> (n) & 1)

byte reaper[NC];		/* who holds the reaper lock: client + 1 */
bit gone[NC];			/* reaped */
byte dead;			/* set of crashed clients */
byte client[NA + 1];		/* by _pid */
bit works[NA + 1];
byte crashes, left;
#define DEAD(c) HAS(dead, c)

/* Only to judge by: the block that a unit's bytes belong to, + 1. */
byte used[NU];
bit emptied;			/* an extent was made or given back */

hidden byte unit_in_two_hands, extent_given_back_while_in_use;
hidden byte block_taken_from_its_owner, tail_without_its_head;
hidden byte slab_left_behind, block_left_behind, own_bit_left_behind;
hidden byte reaper_lock_stuck, room_lost, hint_lost;
#define SURE(cond, why) assert((cond) || why)
