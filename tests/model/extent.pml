/*
 * Slabs and extents: claiming, taking blocks, retiring, giving back, reaping.
 *
 * NU slabs of one unit each, so slab, unit and descriptor have one number.
 * Four classes: 0 has extents of one slab and one block; 1 of two slabs with
 * a block in each; 2 and 3 are HUGE, two and three slabs that are one block.
 * Every option of the actor's loop is one atomic memory operation plus local
 * work. A client may crash before any step of any of its threads. When
 * everybody is done or dead, init sweeps what the dead left and looks at what
 * remains.
 *
 * Steps and what they are in lib/slab: Of* extent_of(); Grab* grab();
 * Fill, Publish, Mapped: claim_at(); Any, Doubt*: take_any(), doubt_hint();
 * Own, Load, Take, Unhint, Settle: slab_take(); Drop, Hint*, Disown:
 * slab_free(), slab_hint(); Begin, Look, End, Unmap: extent_retire_begin()
 * and _end(); Back* give_back(); Corpse .. Gone: client_undo_row() and
 * extent_reap(). What makes a LIVE block FREE is in the other models; here
 * it is one step.
 *
 * -DSCENARIO=n picks who does what, -DCRASHES=n how many may crash,
 * -DSTILL keeps the version in the slab's word as it is; -DMUTANT=n breaks
 * one rule; a broken rule must be caught:
 *  1 who took a block does not read the head's word again
 *  2 who retires looks at the blocks before it makes the head RETIRING
 *  3 the head is given back before its tails
 *  4 the reaper leaves RETIRING heads as they are
 *  5 the own bit is set after the block is taken
 *  6 tails are taken before the head
 *  7 who took a block only asks whether the head is ACTIVE again
 *  8 the reaper gives back the head and not its tails
 *  9 the own bit is cleared before the block is FREE
 * 10 the reaper clears the own bit before the block is FREE
 * 11 a slab behind the head is given back without a look at its distance
 * 12 the reaper leaves the busy bits of EMPTY slabs
 * 13 who doubts a hint does not look at the block again
 * 14 who doubts a map does not look at the hints again
 * 15 a block of a RETIRING extent is taken if its word stays
 * 16 the class' map is told of a block before the extent's hints
 * 17 the reaper sets a busy bit again if the slab is not EMPTY after all
 * 18 an extent that is ACTIVE again is not told to its class' map
 */
#ifndef SCENARIO
#define SCENARIO 0
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef NU
#define NU 3
#endif
#define NC 3			/* clients */
#define NA 4			/* actors: threads, at most */
#define NONE NU

#include "extent_words.pml"

/* What an actor does. */
#define NOTHING 0
#define ALLOC(c) (1 + (c))	/* and give it back */
#define STORE(c) (5 + (c))	/* and leave it LIVE */
#define RETIRE 9		/* any extent, evicting what is LIVE there */
#define EVICT 10			/* any LIVE block */
#define REAP 11			/* any dead client */

mtype = {
	Start, Done, Pick, Of, OfHead, HandAt, MapAt, NewAt,
	GrabBusy, GrabLook, Grab, Fill, Publish, Mapped,
	Any, Own, Load, Take, OwnLate, Unhint, Settle, Untake,
	Doubt, DoubtLook, DoubtSet, DoubtMap, DoubtAt, DoubtHints, DoubtMapSet,
	Held, Live, LiveDisown, Drop, HintAt, Hint, HintMap, Disown,
	RetireAt, Begin, Evict, Look, End, Remap, Unmap,
	Back, BackTail, BackBusy, BackHead, BackHeadSet, BackHeadBusy,
	Corpse, Lock, Row, Undo, RowClear, Slab, SlabBusy, SlabAgain, SlabSet,
	SlabActive, SlabRemap, SlabNext, Gone, Ended
};

#if MUTANT == 5
#define TAKE_FIRST Load
#else
#define TAKE_FIRST Own
#endif
#if MUTANT == 2
#define RETIRE_FIRST Evict
#define LOOKED Begin
#else
#define RETIRE_FIRST Begin
#define LOOKED End
#endif

inline forget()
{
	c = 0; h = 0; w = 0; u = 0; x = 0; eh = 0; ew = 0; bits = 0; i = 0;
	n = 0; t = 0; k = 0; who = 0; by = 0; taken = 0;
	ret = Start; ret2 = Start; ret3 = Start
}

inline next_op()
{
	forget();
	if
	:: op == NOTHING -> pc = Done; left--; works[_pid] = 0
	:: op >= ALLOC(0) && op < STORE(0) -> pc = Pick; c = op - ALLOC(0)
	:: op >= STORE(0) && op < RETIRE ->
		pc = Pick; c = op - STORE(0); keep = 1
	:: op == RETIRE -> pc = RetireAt
	:: op == EVICT -> pc = Evict; ret3 = Ended
	:: op == REAP -> pc = Corpse
	fi;
	op = op2;
	op2 = NOTHING
}

/* which block of its extent a unit begins: none, if it begins none */
#define BEGINS(head, word, unit) \
	(((unit) - (head)) % UNITS(CLASS(word)) == 0 && \
	 ((unit) - (head)) / UNITS(CLASS(word)) < BLOCKS(CLASS(word)))
#define NTH(head, word, unit) (((unit) - (head)) / UNITS(CLASS(word)))

inline extent_of(then) { ret = then; pc = Of }

/* the next of the hints in hand */
inline next_bit()
{
	do
	:: n < BLOCKS(c) && !HAS(bits, n) -> n++
	:: else -> break
	od;
	if
	:: n < BLOCKS(c) -> u = h + n * UNITS(c); pc = TAKE_FIRST
	:: else -> n = 0; bits = 0; u = 0;
		if
		:: by == 1 -> pc = DoubtMap
		:: else -> next_op()
		fi
	fi
}

/* slab_take() returns false */
inline not_taken()
{
	x = 0;
	if
	:: by -> pc = Doubt
	:: else -> next_op()
	fi
}

inline use()
{
	for (j : 0 .. NU - 1) {
		if
		:: j >= u && j < u + UNITS(c) ->
			SURE(!used[j], unit_in_two_hands);
			used[j] = u + 1
		:: else
		fi
	};
	j = 0
}

inline unuse(b)
{
	for (j : 0 .. NU - 1) {
		if
		:: used[j] == b + 1 -> used[j] = 0
		:: else
		fi
	};
	j = 0
}

inline nobody_uses(head, nr)
{
	for (j : 0 .. NU - 1) {
		SURE(j < head || j >= head + nr || !used[j],
		     extent_given_back_while_in_use)
	};
	j = 0
}

inline has_tails(head, nr)
{
	for (j : head + 1 .. head + nr - 1) {
		SURE(STATE(slab[j]) == TAIL && RUNOF(slab[j]) == j - head,
		     tail_without_its_head)
	};
	j = 0
}

inline hinted()			/* slab_hint() returns */
{
	if
	:: ret2 != Evict -> eh = 0; ew = 0; i = 0
	:: else
	fi;
	x = 0; who = 0; taken = 0;
	pc = ret2; ret2 = Start; ret = Start
}

inline given_back()
{
	if
	:: ret3 == SlabNext -> pc = SlabNext
	:: ret2 != Start -> hinted()	/* a HUGE extent */
	:: else -> next_op()
	fi
}

#define CLEAR(s, nr) ((s) + (nr) <= NU && !(busy >> (s) & (BIT(nr) - 1)))
#if MUTANT == 11
#define IS_ITS(distance, i) true
#else
#define IS_ITS(distance, i) ((distance) == (i))
#endif
#define MINE(v) BLOCK(OWNED, me, v)

proctype actor(byte me; byte op; byte op2) provided (!DEAD(client[_pid]))
{
	byte c, by;		/* class; found by: 0 hand, 1 map, 2 new */
	bit keep, taken;
	byte h; short w;	/* extent to take from: head, its word */
	byte u, x;		/* block in hand; its word, or a slab's */
	byte eh; short ew;	/* extent I change, or hint in */
	short sx;		/* slab word in hand */
	byte bits, n, i;	/* hints in hand; nth block; nth slab */
	byte t, k, who;		/* whom I reap, which slab; for whom I give */
	byte j;			/* within one step only */
	mtype ret = Start, ret2 = Start, ret3 = Start;
	mtype pc = Start;

end:	do
	:: d_step { pc == Start -> next_op() }
	:: d_step { pc != Start && pc != Done && crashes < CRASHES ->
		crashes++;
		dead = dead | BIT(me);
		for (j : 1 .. NA) {
			if
			:: client[j] == me && works[j] -> works[j] = 0; left--
			:: else
			fi
		};
		j = 0; sx = 0; keep = 0; op = NOTHING; op2 = NOTHING;
		forget(); pc = Done
	}

	/* where to take a block: at the hand, in a mapped extent, a new one */
	:: atomic { pc == Pick ->
		if
		:: !HUGE(c) -> u = 0; extent_of(HandAt)
		:: !HUGE(c) -> u = 1; extent_of(HandAt)
#if NU > 2
		:: !HUGE(c) -> u = 2; extent_of(HandAt)
#endif
		:: !HUGE(c) && HAS(map[c % 2], 0) -> h = 0; pc = MapAt
		:: !HUGE(c) && HAS(map[c % 2], 1) -> h = 1; pc = MapAt
		:: CLEAR(0, RUN(c)) -> eh = 0; pc = GrabBusy
		:: CLEAR(1, RUN(c)) -> eh = 1; pc = GrabBusy
		:: CLEAR(2, RUN(c)) -> eh = 2; pc = GrabBusy
		:: else -> next_op()
		fi;
#if MUTANT == 6
		if
		:: pc == GrabBusy && RUN(c) == 2 -> i = 1
		:: else
		fi
#endif
	}
	:: d_step { pc == Of ->
		sx = slab[u];
		if
		:: IS_EXTENT(sx) -> eh = u; ew = sx; pc = ret
		:: STATE(sx) == TAIL && RUNOF(sx) <= u ->
			eh = u - RUNOF(sx); pc = OfHead
		:: else -> eh = NONE; pc = ret
		fi;
		sx = 0
	}
	:: d_step { pc == OfHead ->
		sx = slab[eh];
		if
		:: IS_EXTENT(sx) && eh + RUNOF(sx) > u -> ew = sx
		:: else -> eh = NONE
		fi;
		sx = 0; pc = ret
	}
	:: d_step { pc == HandAt ->
		if
		:: eh != NONE && CLASS(ew) == c && BEGINS(eh, ew, u) ->
			h = eh; w = ew; n = NTH(h, w, u); eh = 0; ew = 0;
			ret = Start;
			if
			:: STATE(w) == ACTIVE || MUTANT == 15 -> pc = TAKE_FIRST
			:: else -> next_op()
			fi
		:: else -> next_op()
		fi
	}
	:: d_step { pc == MapAt ->
		by = 1;
		sx = slab[h];
		if
		:: STATE(sx) == ACTIVE && CLASS(sx) == c -> w = sx; pc = Any
		:: else -> pc = DoubtMap
		fi;
		sx = 0
	}
	:: d_step { pc == NewAt ->
		if
		:: eh != NONE && CLASS(ew) == c && STATE(ew) == ACTIVE ->
			h = eh; w = ew; eh = 0; ew = 0; ret = Start;
			if
			:: HUGE(c) -> u = h; n = 0; pc = TAKE_FIRST
			:: else -> by = 2; pc = Any
			fi
		:: else -> next_op()
		fi
	}

	/* make an extent: the head first, then its tails */
	:: d_step { pc == GrabBusy -> busy = busy | BIT(eh + i); pc = GrabLook }
	:: d_step { pc == GrabLook ->
		sx = slab[eh + i];
		if
		:: STATE(sx) == EMPTY -> pc = Grab
		:: else -> sx = 0;
			if
			:: i -> who = me; i = RUN(c) - 1; pc = Back
			:: else -> next_op()
			fi
		fi
	}
	:: d_step { pc == Grab ->
		if
		:: slab[eh + i] == sx ->
			sx = (i -> WORD(TAIL, c, me, i, NEXT(sx)) :
				   WORD(CLAIMED, c, me, RUN(c), NEXT(sx)));
			slab[eh + i] = sx;
			emptied = 1;
			if
			:: !i -> ew = sx
			:: else
			fi;
			sx = 0;
#if MUTANT == 6
			if
			:: RUN(c) == 2 && i -> i = 0; pc = GrabBusy
			:: else -> i = 0; pc = Fill
			fi
#else
			i++;
			if
			:: i == RUN(c) -> i = 0; pc = Fill
			:: else -> pc = GrabBusy
			fi
#endif
		:: else ->
			sx = 0;
			if
			:: i -> who = me; i = RUN(c) - 1; pc = Back
			:: else -> next_op()
			fi
		fi
	}
	:: d_step { pc == Fill ->
		hint[eh] = (HUGE(c) -> 1 : BIT(BLOCKS(c)) - 1);
		pc = Publish
	}
	:: d_step { pc == Publish ->
		SURE(slab[eh] == ew, slab_left_behind);
		has_tails(eh, RUN(c));
		slab[eh] = AS(ew, ACTIVE);
		ew = 0;
		u = eh;
		if
		:: HUGE(c) -> extent_of(NewAt)
		:: else -> pc = Mapped
		fi
	}
	:: d_step { pc == Mapped ->
		map[c % 2] = map[c % 2] | BIT(eh);
		extent_of(NewAt)
	}

	/* take a block of it */
	:: d_step { pc == Any -> bits = hint[h]; n = 0; next_bit() }
	:: d_step { pc == Own ->
		if
		:: HAS(own[me], u) -> not_taken()
		:: else -> own[me] = own[me] | BIT(u); pc = Load
		fi
	}
	:: d_step { pc == Load ->
		x = block[u];
		pc = (BSTATE(x) == FREE -> Take : Untake)
	}
	:: d_step { pc == Take ->
		if
		:: block[u] == x ->
			x = MINE(BVER(x) + 1);
			block[u] = x;
			pc = (MUTANT == 5 -> OwnLate : Unhint)
		:: else -> pc = Untake
		fi
	}
	:: d_step { pc == OwnLate -> own[me] = own[me] | BIT(u); pc = Unhint }
	:: d_step { pc == Untake ->
		own[me] = own[me] & ~BIT(u);
		not_taken()
	}
	:: d_step { pc == Unhint -> hint[h] = hint[h] & ~BIT(n); pc = Settle }
	:: d_step { pc == Settle ->
		if
#if MUTANT == 1
		:: true ->
#elif MUTANT == 7
		:: STATE(slab[h]) == ACTIVE ->
#else
		:: slab[h] == w ->
#endif
			use();
			h = 0; w = 0; bits = 0; n = 0; by = 0;
			pc = Held
		:: else -> ret3 = Doubt; pc = Drop
		fi
	}
	:: d_step { pc == Doubt -> hint[h] = hint[h] & ~BIT(n); pc = DoubtLook }
	:: d_step { pc == DoubtLook ->
		if
		:: BSTATE(block[u]) == FREE && MUTANT != 13 -> pc = DoubtSet
		:: else -> n++; next_bit()
		fi
	}
	:: d_step { pc == DoubtSet ->
		hint[h] = hint[h] | BIT(n); n++; next_bit()
	}
	:: d_step { pc == DoubtMap ->
		map[c % 2] = map[c % 2] & ~BIT(h);
		w = 0;
		if
		:: MUTANT == 14 -> next_op()
		:: else -> pc = DoubtAt
		fi
	}
	:: d_step { pc == DoubtAt ->
		if
		:: STATE(slab[h]) == ACTIVE && CLASS(slab[h]) == c ->
			pc = DoubtHints
		:: else -> next_op()
		fi
	}
	:: d_step { pc == DoubtHints ->
		if
		:: hint[h] -> pc = DoubtMapSet
		:: else -> next_op()
		fi
	}
	:: d_step { pc == DoubtMapSet ->
		map[c % 2] = map[c % 2] | BIT(h); next_op()
	}

	/* the block is mine: write it, and give it back or make it LIVE */
	:: d_step { pc == Held ->
		SURE(block[u] == x && HAS(own[me], u) && used[u] == u + 1,
		     block_taken_from_its_owner);
		if
		:: keep -> pc = Live; keep = 0
		:: else -> pc = Drop
		fi
	}
	:: d_step { pc == Live ->
		SURE(block[u] == x, block_taken_from_its_owner);
		block[u] = BLOCK(LIVE, 0, BVER(x));
		pc = LiveDisown
	}
	:: d_step { pc == LiveDisown ->
		own[me] = own[me] & ~BIT(u); next_op()
	}
	:: d_step { pc == Drop ->
		SURE(block[u] == x, block_taken_from_its_owner);
#if MUTANT == 9
		if
		:: HAS(own[me], u) -> own[me] = own[me] & ~BIT(u)
		:: else ->
#endif
		if
		:: ret3 != Doubt -> unuse(u)
		:: else
		fi;
		block[u] = BLOCK(FREE, 0, BVER(x));
		x = 0;
		ret2 = Disown;
		extent_of(HintAt)
#if MUTANT == 9
		fi
#endif
	}
	/* slab_hint(): say that it is free; a HUGE extent goes at once */
	:: d_step { pc == HintAt ->
		ret = Start;
		if
		:: eh == NONE || !BEGINS(eh, ew, u) -> hinted()
		:: eh != NONE && BEGINS(eh, ew, u) && !HUGE(CLASS(ew)) ->
			pc = (MUTANT == 16 -> HintMap : Hint)
		:: eh != NONE && BEGINS(eh, ew, u) && HUGE(CLASS(ew)) ->
			if
			:: STATE(ew) == ACTIVE -> pc = Begin
			:: else -> hinted()
			fi
		fi
	}
	:: d_step { pc == Hint ->
		hint[eh] = hint[eh] | BIT(NTH(eh, ew, u));
		if
		:: MUTANT == 16 -> hinted()
		:: else -> pc = HintMap
		fi
	}
	:: d_step { pc == HintMap ->
		map[CLASS(ew) % 2] = map[CLASS(ew) % 2] | BIT(eh);
		if
		:: MUTANT == 16 -> pc = Hint
		:: else -> hinted()
		fi
	}
	:: d_step { pc == Disown ->
		own[me] = own[me] & ~BIT(u);
		if
		:: ret3 == Doubt -> ret3 = Start; not_taken()
		:: else -> next_op()
		fi
	}

	/* retire an extent */
	:: atomic { pc == RetireAt ->
		if
		:: STATE(slab[0]) == ACTIVE -> eh = 0
		:: STATE(slab[1]) == ACTIVE -> eh = 1
#if NU > 2
		:: STATE(slab[2]) == ACTIVE -> eh = 2
#endif
		:: else -> eh = NONE
		fi;
		if
		:: eh == NONE -> next_op()
		:: else -> ew = slab[eh]; u = eh; i = 0; pc = RETIRE_FIRST
		fi
	}
	:: d_step { pc == Begin ->
		if
		:: slab[eh] == ew ->
			ew = WORD(RETIRING, CLASS(ew), me, RUNOF(ew), VER(ew));
			slab[eh] = ew;
			i = 0;
			if
			:: MUTANT == 2 -> pc = End
			:: ret2 != Start && MUTANT != 2 -> pc = Look
			:: else -> pc = Evict
			fi
		:: ret2 != Start && slab[eh] != ew -> hinted()
		:: else -> next_op()
		fi
	}
	:: atomic { pc == Evict ->
		/* of an extent each block in turn, else any */
		if
		:: ret3 == Ended ->
			if
			:: BSTATE(block[0]) == LIVE -> u = 0
			:: BSTATE(block[1]) == LIVE -> u = 1
#if NU > 2
			:: BSTATE(block[2]) == LIVE -> u = 2
#endif
			:: else -> u = NONE
			fi
		:: else -> u = eh + i * UNITS(CLASS(ew))
		fi;
		if
		:: u == NONE -> next_op()
		:: else ->
			if
			:: BSTATE(block[u]) == LIVE ->
				unuse(u);
				block[u] = BLOCK(FREE, 0, BVER(block[u]));
				ret2 = (ret3 == Ended -> Ended : Evict);
				extent_of(HintAt)
			:: else ->
				i++;
				if
				:: i == BLOCKS(CLASS(ew)) -> i = 0; pc = Look
				:: else
				fi
			fi
		fi
	}
	:: d_step { pc == Look ->
		u = eh + i * UNITS(CLASS(ew));
		if
		:: BSTATE(block[u]) != FREE -> taken = 1
		:: else
		fi;
		i++;
		if
		:: taken || i == BLOCKS(CLASS(ew)) -> i = 0; pc = LOOKED
		:: else
		fi
	}
	:: d_step { pc == End ->
		SURE(slab[eh] == ew, slab_left_behind);
		if
		:: taken ->
			slab[eh] = AS(ew, ACTIVE);
			taken = 0;
			if
			:: ret2 != Start -> hinted()
			:: ret2 == Start && MUTANT == 18 -> next_op()
			:: else -> pc = Remap
			fi
		:: else ->
			nobody_uses(eh, RUNOF(ew));
			ew = AS(ew, CLAIMED);
			slab[eh] = ew;
			emptied = 1;
			who = me;
			pc = (HUGE(CLASS(ew)) -> Back : Unmap);
			i = RUNOF(ew) - 1
		fi
	}
	:: d_step { pc == Remap ->
		map[CLASS(ew) % 2] = map[CLASS(ew) % 2] | BIT(eh); next_op()
	}
	:: d_step { pc == Unmap ->
		map[CLASS(ew) % 2] = map[CLASS(ew) % 2] & ~BIT(eh);
		pc = Back
	}

#include "extent_undo.pml"
	od
}

#include "extent_end.pml"

/* An extent of a class at slab h to begin with. */
#define GIVEN(h, c) \
	slab[h] = WORD(ACTIVE, c, 0, RUN(c), 1); busy = busy | BIT(h); \
	map[c % 2] = map[c % 2] | BIT(h); hint[h] = BIT(BLOCKS(c)) - 1; \
	if \
	:: RUN(c) == 2 -> \
		slab[(h + 1) % NU] = WORD(TAIL, c, 0, 1, 1); \
		busy = busy | BIT(h + 1) \
	:: else \
	fi

#define GO(p, m, a, b) client[p] = m; works[p] = 1; left++; run actor(m, a, b)

init {
	byte t, i, h, j;

	atomic {
#if SCENARIO == 0		/* taking against retiring and another class */
		GIVEN(0, 1);
		GO(1, 0, ALLOC(1), NOTHING); GO(2, 1, RETIRE, NOTHING);
		GO(3, 2, ALLOC(2), NOTHING)
#elif SCENARIO == 1		/* claims that overlap */
		GO(1, 0, STORE(1), NOTHING); GO(2, 1, STORE(2), NOTHING);
		GO(3, 2, REAP, NOTHING)
#elif SCENARIO == 2		/* retiring and reaping */
		GIVEN(0, 1);
		GO(1, 0, RETIRE, NOTHING); GO(2, 1, REAP, ALLOC(0));
		GO(3, 2, STORE(1), NOTHING)
#elif SCENARIO == 3		/* two threads of one client */
		GIVEN(0, 1);
		GO(1, 0, ALLOC(1), NOTHING); GO(2, 0, ALLOC(1), NOTHING);
		GO(3, 1, RETIRE, REAP)
#elif SCENARIO == 4		/* no change of class: hints */
		GIVEN(0, 1); GIVEN(2, 0);
		GO(1, 0, ALLOC(1), NOTHING); GO(2, 1, ALLOC(1), NOTHING);
		GO(3, 2, STORE(1), EVICT)
#elif SCENARIO == 5		/* huge blocks, freed and evicted */
		GO(1, 0, STORE(2), NOTHING); GO(2, 1, EVICT, ALLOC(3));
		GO(3, 2, REAP, NOTHING)
#elif SCENARIO == 6		/* long and short runs */
		GO(1, 0, ALLOC(3), NOTHING); GO(2, 1, STORE(1), RETIRE);
		GO(3, 2, REAP, ALLOC(2))
#elif SCENARIO == 7		/* everything */
		GIVEN(0, 1);
		GO(1, 0, ALLOC(1), ALLOC(2)); GO(2, 1, RETIRE, STORE(0));
		GO(3, 2, REAP, RETIRE)
#endif
	};
	d_step { left == 0 -> sweep(); judge() }
}
