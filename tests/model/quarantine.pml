/*
 * Quarantine: what a dead client was writing waits until its devices are done.
 *
 * Two blocks for one key, one home and its head, NC client slots; pins are in
 * the other models. Every option of an actor's loop is one atomic memory
 * operation, or one question to the kernel, plus local work. A client may
 * crash before any of its steps. Time is one event for each dead client: it
 * may come at any instant after somebody noted when the client is due. Until
 * then a device may write into whatever block the client was writing. When
 * everybody is done or dead, init ends what is left as the next reaper would
 * and looks at what remains.
 *
 * Steps and what they are: Alloc, Mark: slab_take(), claim(), finish();
 * Header .. Won: publish(); Help*: dir_help(); Owner, Look, Void: a claim met
 * and pool_drop_claim(); Corpse .. State, Unlock: try_reap(); Bury .. Slot:
 * reap(), dir_reap(), must_stay(); Ripe .. Free: end_quarantine();
 * Join: client_join().
 *
 * -DSCENARIO=n picks who does what, -DCRASHES=n how many may crash,
 * -DMUTANT=n breaks one rule; a broken rule must be caught:
 *  1 the reaper frees what the dead one was writing
 *  2 the reaper clears the own bit of what it keeps back
 *  3 the reaper frees the slot although blocks of its wait
 *  4 a claim of the dead counts while its reaper is at work
 *  5 a block is kept back although its home's head names it
 *  6 who meets a claim of the dead frees its block
 *  7 the time is noted before the death is proved
 *  8 the quarantine ends before it is due
 *  9 the slot is free before the blocks are
 * 10 the own bit is cleared before the block that was due is FREE
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
#define ND 2			/* blocks */
#define NC 4			/* client slots */

/* State word: state, owner and its incarnation, version. */
#define FREE 0
#define OWNED 1
#define ASKING 2		/* OWNED on media, flag: wants the claim */
#define CLAIMED 3		/* OWNED on media, flag: has the claim */
#define READY 4
#define LIVE 5
#define DYING 6
#define KEPT 7			/* QUARANTINED on media */
byte st[ND], owner[ND], ver[ND];
bit oinc[ND];
bit claims[ND];			/* flag: READY that holds a claim */

byte head_v, head_p;		/* head: version, block + 1 or 0 */
byte row[NC];			/* own bits */

/* Slots: state and incarnation are one word; due: noted, come. */
#define VOID 0
#define ACTIVE 1
#define DEAD 2
#define WAITS 3			/* QUARANTINED on media */
byte slot[NC];
bit inc[NC];
#define NOTED 1
#define COME 2
byte due[NC];
byte reaper[NC];		/* who has its reaping lock: client + 1 */
bit up[NC];			/* the process runs and has the slot's lock */
byte crashes, left;

/* Only to judge by: who may have a device that writes into the block, + 1. */
byte writes[ND];
bit named[ND];			/* this life of the block was named as READY */

hidden byte block_handed_out_while_a_device_writes, two_values_for_one_key;
hidden byte block_taken_from_its_owner, own_bit_lost, row_of_a_free_slot;
hidden byte in_progress_returned_without_a_claim, value_lost_that_had_won;
hidden byte head_left_naming_a_block, block_left_behind, reaper_lock_stuck;
#define SURE(cond, why) assert((cond) || why)

/* What an actor does. */
#define NOTHING 0
#define STORE 1
#define CLAIM 2			/* reserve, then commit or abort */
#define REAP 3
#define JOIN 4			/* slot 0, when it is free */
#define EVICT 5

mtype = {
	Start, Done, Alloc, Own, Mark, Header, Scan, Owner, Swap, Held, Drop,
	Disown, HelpRead, HelpCheck, HelpSet, HelpClear, Won,
	Look, Void, Corpse, Lock, State, Verify, Note, Bury, Cell, CellLook,
	Keep, Stay, Slot, Ripe, Free, Clear, Unlock, JoinSlot,
	EvictMark, EvictLook, EvictFree
};

#define BIT(n) (1 << (n))
#define HAS(set, n) ((set) >> (n) & 1)
#define WRITTEN(d) (st[d] >= OWNED && st[d] <= READY)
#define OWNED_BY(d, s, i) (WRITTEN(d) && owner[d] == (s) && oinc[d] == (i))
#define PLACED(d) (st[d] >= ASKING && st[d] <= READY)
#define IS_CLAIM(d) (st[d] == CLAIMED || (st[d] == READY && claims[d]))

inline went_live(d)
{
	st[d] = LIVE; claims[d] = 0; writes[d] = 0; named[d] = 0;
	for (i : 0 .. ND - 1) {
		SURE(i == d || st[i] != LIVE, two_values_for_one_key)
	};
	i = 0
}

inline went_free(d)
{
	SURE(!named[d], value_lost_that_had_won);
	st[d] = FREE; claims[d] = 0; owner[d] = 0; oinc[d] = 0
}

inline drop_head() { hv = 0; hp = 0; ws = 0; wv = 0; ret = Start }

inline forget()
{
	drop_head();
	d = 0; v = 0; claim = 0; j = 0; o = 0; oi = 0; t = 0; ti = 0; keeps = 0
}

inline next_op()
{
	forget();
	if
	:: op == NOTHING -> pc = Done; left--
	:: op == STORE -> pc = Alloc
	:: op == CLAIM -> pc = Alloc; claim = 1
	:: op == REAP -> pc = Corpse
	:: op == JOIN -> pc = JoinSlot
	:: op == EVICT -> pc = EvictMark
	fi;
	op = op2; op2 = op3;
	op3 = NOTHING
}

#define H_SAME (head_v == hv && head_p == hp)
#define MINE(s) (st[d] == (s) && owner[d] == me && oinc[d] == inc[me] && \
		 ver[d] == v)

inline helped()
{
	pc = ret;
	drop_head();
	if
	:: pc == Won && claim ->
		SURE(MINE(CLAIMED), block_taken_from_its_owner);
		claim = 0; pc = Held
	:: pc == Won && !claim -> pc = Disown
	:: else
	fi
}

/* dir_reap() of block d for client o, oi; then to Stay or to Header */
inline undo(where)
{
	ret = where;
	if
	:: OWNED_BY(d, o, oi) && PLACED(d) && MUTANT != 5 -> pc = CellLook
	:: else -> pc = Keep
	fi
}

proctype actor(byte me; byte op; byte op2; byte op3)
{
	byte d, v;		/* block in hand and its version */
	bit claim;		/* this call is a reserve */
	byte hv, hp;		/* head in hand */
	byte ws, wv;		/* state word in hand, while helping */
	byte j;			/* block that I look at */
	byte o; bit oi;		/* owner of it; whose block I undo */
	byte t; bit ti;		/* slot that I reap, its incarnation */
	bit keeps;		/* blocks of it wait */
	byte md, mv;		/* my own block, while I undo another's */
	byte i;			/* within one step only */
	mtype ret = Start, after = Start;
	mtype pc = Start;

end:	do
	:: d_step { pc == Start -> next_op() }
	:: d_step { pc != Done && pc != Start && crashes < CRASHES ->
		crashes++;
		op = NOTHING; op2 = NOTHING; op3 = NOTHING;
		after = Start; md = 0; mv = 0;
		next_op();
		up[me] = 0
	}

	/* insert and reserve */
	:: d_step { pc == Alloc ->
		d = ND;
		for (i : 0 .. ND - 1) {
			if
			:: st[i] == FREE && d == ND -> d = i
			:: else
			fi
		};
		i = 0;
		if
		:: d == ND -> next_op()		/* no space */
		:: else -> row[me] = row[me] | BIT(d); pc = Own
		fi
	}
	:: d_step { pc == Own ->
		if
		:: st[d] == FREE ->
			SURE(!writes[d],
			     block_handed_out_while_a_device_writes);
			st[d] = OWNED; owner[d] = me; oinc[d] = inc[me];
			ver[d]++; v = ver[d];
			writes[d] = me + 1;
			pc = Mark
		:: else -> claim = 0; pc = Disown
		fi
	}
	:: d_step { pc == Mark ->
		SURE(MINE(OWNED), block_taken_from_its_owner);
		st[d] = (claim -> ASKING : READY);
		pc = Header
	}
	:: d_step { pc == Header ->
		hv = head_v; hp = head_p;
		if
		:: hp -> ret = Header; pc = HelpRead
		:: else -> j = 0; pc = Scan
		fi
	}
	:: d_step { pc == Scan ->
		if
		:: st[j] == LIVE -> j = 0; drop_head(); pc = Drop
		:: claim && j != d && IS_CLAIM(j) ->
			o = owner[j]; oi = oinc[j]; pc = Owner
		:: else ->
			j++;
			if
			:: j == ND -> j = 0; pc = Swap
			:: else
			fi
		fi
	}
	/* is its owner alive?  Its reaper may be stopped. */
	:: d_step { pc == Owner ->
		drop_head();
		if
#if MUTANT == 4
		:: slot[o] != VOID && inc[o] == oi && (up[o] || reaper[o]) ->
#else
		:: slot[o] != VOID && inc[o] == oi && up[o] ->
#endif
			SURE(up[o], in_progress_returned_without_a_claim);
			j = 0; o = 0; oi = 0; pc = Drop
		:: else ->
			md = d; mv = v; d = j; j = 0; v = 0; pc = Void
		fi
	}
	:: d_step { pc == Void -> undo(Void); after = Header }
	:: d_step { pc == Swap ->
		SURE(MINE(READY) || MINE(ASKING), block_taken_from_its_owner);
		if
		:: H_SAME ->
			hv++; hp = d + 1;
			head_v = hv; head_p = hp;
			named[d] = !claim;
			ret = Won; pc = HelpRead
		:: else -> drop_head(); pc = Header
		fi
	}
	:: atomic { pc == Held ->		/* commit or abort */
		SURE(MINE(CLAIMED), block_taken_from_its_owner);
		SURE(HAS(row[me], d), own_bit_lost);
		if
		:: st[d] = READY; claims[d] = 1; pc = Header
		:: writes[d] = 0; went_free(d); pc = Disown
		fi
	}
	:: d_step { pc == Drop ->
		SURE(MINE(READY) || MINE(ASKING), block_taken_from_its_owner);
		SURE(HAS(row[me], d), own_bit_lost);
		writes[d] = 0; went_free(d);
		pc = Disown
	}
	:: d_step { pc == Disown ->
		row[me] = row[me] & ~BIT(d); next_op()
	}

	/* help */
	:: d_step { pc == HelpRead ->
		ws = st[hp - 1]; wv = ver[hp - 1];
		pc = (ws == READY || ws == ASKING -> HelpCheck : HelpClear)
	}
	:: d_step { pc == HelpCheck ->
		if
		:: H_SAME -> pc = HelpSet
		:: else -> helped()
		fi
	}
	:: d_step { pc == HelpSet ->
		if
		:: st[hp - 1] == ws && ver[hp - 1] == wv && ws == READY ->
			went_live(hp - 1)
		:: st[hp - 1] == ws && ver[hp - 1] == wv && ws == ASKING ->
			st[hp - 1] = CLAIMED
		:: else
		fi;
		ws = 0; wv = 0; pc = HelpClear
	}
	:: d_step { pc == HelpClear ->
		if
		:: H_SAME -> head_v = hv + 1; head_p = 0
		:: else
		fi;
		helped()
	}

	/* dir_reap(): help first, then keep it back */
	:: d_step { pc == CellLook ->
		hv = head_v; hp = head_p;
		if
		:: hp == d + 1 -> ret = Keep; pc = HelpRead
		:: else -> drop_head(); pc = Keep
		fi
	}
	:: d_step { pc == Keep ->
		ret = Start;
		if
		:: OWNED_BY(d, o, oi) ->
			SURE(!named[d], value_lost_that_had_won);
			if
			:: (MUTANT == 1 && after != Header) ||
			   (MUTANT == 6 && after == Header) -> went_free(d)
			:: else -> st[d] = KEPT; claims[d] = 0
			fi
		:: else
		fi;
		if
		:: after == Header ->
			d = md; v = mv; md = 0; mv = 0; o = 0; oi = 0;
			after = Start; pc = Header
		:: else -> pc = Stay
		fi
	}

	/* reap */
	:: atomic { pc == Corpse ->
		if
		:: slot[0] != VOID -> t = 0; pc = Lock
		:: slot[1] != VOID -> t = 1; pc = Lock
		:: slot[2] != VOID -> t = 2; pc = Lock
		:: slot[3] != VOID -> t = 3; pc = Lock
		fi;
		if
		:: t == me || up[t] && MUTANT != 7 -> next_op()
		:: else
		fi
	}
	:: d_step { pc == Lock ->
		if
		:: !reaper[t] || !up[reaper[t] - 1] ->
			reaper[t] = me + 1; pc = (MUTANT == 7 -> Note : State)
		:: else -> next_op()
		fi
	}
	:: d_step { pc == State ->
		ti = inc[t];
		if
		:: slot[t] == VOID -> pc = Unlock
		:: slot[t] == WAITS -> pc = Ripe
		:: else -> pc = Verify
		fi
	}
	:: d_step { pc == Verify -> pc = (up[t] -> Unlock : Bury) }
	:: d_step { pc == Bury ->
		if
		:: slot[t] != VOID && slot[t] != WAITS && inc[t] == ti ->
			slot[t] = DEAD;
			pc = (MUTANT == 7 -> Cell : Note)
		:: else -> pc = Unlock
		fi
	}
	:: d_step { pc == Note ->
		if
		:: !due[t] -> due[t] = NOTED
		:: else
		fi;
		pc = (MUTANT == 7 -> State : Cell)
	}
	:: d_step { pc == Cell ->
		d = j;
		if
		:: j == ND -> d = 0; j = 0; pc = Slot
		:: j < ND && HAS(row[t], j) -> o = t; oi = ti; undo(Stay)
		:: else -> j++
		fi
	}
	:: d_step { pc == Stay ->
		if
		:: st[d] == KEPT && owner[d] == t && oinc[d] == ti &&
		   MUTANT != 2 -> keeps = 1
		:: else -> row[t] = row[t] & ~BIT(d)
		fi;
		o = 0; oi = 0; d = 0; j++; pc = Cell
	}
	:: d_step { pc == Slot ->
		if
		:: keeps && MUTANT != 3 -> slot[t] = WAITS
		:: else -> slot[t] = VOID; inc[t] = !ti; due[t] = 0
		fi;
		pc = Unlock
	}

	/* it is due: end the quarantine */
	:: d_step { pc == Ripe ->
		if
		:: due[t] == COME || MUTANT == 8 ->
#if MUTANT == 9
			slot[t] = VOID; inc[t] = !ti; due[t] = 0;
#endif
			pc = Free
		:: else -> pc = Unlock
		fi
	}
	:: d_step { pc == Free ->
		if
		:: j == ND -> j = 0;
#if MUTANT != 9
			slot[t] = VOID; inc[t] = !ti; due[t] = 0;
#endif
			pc = Unlock
		:: j < ND && HAS(row[t], j) ->
#if MUTANT == 10
			row[t] = row[t] & ~BIT(j);
#else
			if
			:: st[j] == KEPT && owner[j] == t && oinc[j] == ti ->
				went_free(j)
			:: else
			fi;
#endif
			pc = Clear
		:: else -> j++
		fi
	}
	:: d_step { pc == Clear ->
#if MUTANT == 10
		if
		:: st[j] == KEPT && owner[j] == t && oinc[j] == ti ->
			went_free(j)
		:: else
		fi;
#endif
		row[t] = row[t] & ~BIT(j); j++; pc = Free
	}
	:: d_step { pc == Unlock ->
		if
		:: reaper[t] == me + 1 -> reaper[t] = 0
		:: else
		fi;
		next_op()
	}

	/* a new process in slot 0 */
	:: d_step { pc == JoinSlot ->
		if
		:: slot[0] == VOID && !up[0] ->
			SURE(!row[0], row_of_a_free_slot);
			up[me] = 0; slot[me] = VOID;
			up[0] = 1; slot[0] = ACTIVE; me = 0
		:: else
		fi;
		next_op()
	}

	/* evict */
	:: d_step { pc == EvictMark ->
		d = (st[0] == LIVE -> 0 : (st[1] == LIVE -> 1 : ND));
		if
		:: d == ND -> next_op()
		:: else -> st[d] = DYING; v = ver[d]; pc = EvictLook
		fi
	}
	:: d_step { pc == EvictLook ->
		hv = head_v; hp = head_p;
		if
		:: hp == d + 1 -> ret = EvictFree; pc = HelpRead
		:: else -> drop_head(); pc = EvictFree
		fi
	}
	:: d_step { pc == EvictFree ->
		if
		:: st[d] == DYING && ver[d] == v -> went_free(d)
		:: else
		fi;
		next_op()
	}
	od
}

/* The time comes: no device writes for it any more. */
inline come(c)
{
	due[c] = COME;
	for (i : 0 .. ND - 1) {
		if
		:: writes[i] == c + 1 && !up[c] -> writes[i] = 0
		:: else
		fi
	};
	i = 0
}

proctype clock()
{
	byte i;

end:	do
	:: d_step { due[0] == NOTED -> come(0) }
	:: d_step { due[1] == NOTED -> come(1) }
	:: d_step { due[2] == NOTED -> come(2) }
	:: d_step { due[3] == NOTED -> come(3) }
	od
}

inline sweep()
{
	for (t : 0 .. NC - 1) {
		SURE(!reaper[t] || !up[reaper[t] - 1], reaper_lock_stuck);
		for (d : 0 .. ND - 1) {
			if
			:: slot[t] != VOID && !up[t] && HAS(row[t], d) ->
				if
				:: PLACED(d) && head_p == d + 1 &&
				   owner[d] == t && MUTANT != 5 ->
					if
					:: st[d] == READY -> went_live(d)
					:: else
					fi;
					head_p = 0
				:: else
				fi;
				if
				:: (WRITTEN(d) || st[d] == KEPT) &&
				   owner[d] == t && oinc[d] == inc[t] ->
					went_free(d)
				:: else
				fi;
				row[t] = row[t] & ~BIT(d)
			:: st[d] == DYING ->
				if
				:: head_p == d + 1 -> head_p = 0
				:: else
				fi;
				st[d] = FREE
			:: else
			fi
		};
		SURE(!row[t], own_bit_lost)
	}
}

inline judge()
{
	SURE(!head_p || st[head_p - 1] == LIVE, head_left_naming_a_block);
	for (d : 0 .. ND - 1) {
		SURE(st[d] == FREE || st[d] == LIVE, block_left_behind)
	};
	SURE(st[0] != LIVE || st[1] != LIVE, two_values_for_one_key)
}

#define GO(m, a, b, c) \
	up[m] = 1; slot[m] = ACTIVE; left++; run actor(m, a, b, c)

init {
	byte d, t, i;

	atomic {
#if SCENARIO == 0		/* a claim of the dead, met and reaped */
		GO(0, CLAIM, NOTHING, NOTHING); GO(1, CLAIM, NOTHING, NOTHING);
		GO(2, REAP, REAP, STORE)
#elif SCENARIO == 1		/* helped by others, reaped, reused */
		GO(0, STORE, NOTHING, NOTHING); GO(1, STORE, EVICT, STORE);
		GO(2, REAP, REAP, NOTHING)
#elif SCENARIO == 2		/* two reapers, and a successor in the slot */
		GO(0, CLAIM, NOTHING, NOTHING); GO(1, REAP, REAP, NOTHING);
		GO(2, REAP, REAP, NOTHING); GO(3, JOIN, CLAIM, NOTHING)
#elif SCENARIO == 3		/* what waited is used again */
		GO(0, STORE, NOTHING, NOTHING); GO(1, REAP, REAP, STORE);
		GO(2, REAP, STORE, NOTHING)
#elif SCENARIO == 4		/* everything */
		GO(0, CLAIM, NOTHING, NOTHING); GO(1, CLAIM, EVICT, STORE);
		GO(2, REAP, REAP, NOTHING); GO(3, REAP, JOIN, STORE)
#elif SCENARIO == 5		/* a slow reaper, and a successor in the slot */
		GO(0, CLAIM, NOTHING, NOTHING); GO(1, REAP, NOTHING, NOTHING);
		GO(2, REAP, NOTHING, NOTHING); GO(3, JOIN, CLAIM, NOTHING)
#endif
		run clock()
	};
	d_step { left == 0 -> sweep(); judge() }
}
