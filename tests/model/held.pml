/*
 * Pins within the directory: what is found, pinned, evicted and stored again.
 *
 * Two blocks, NS slots of one home, whose head decides; keys 1 and 2 have the
 * same tag. An actor is a client with a row of pins. Every option of the
 * actor's loop is one atomic memory operation plus local work, except where
 * directory.pml says why several may be taken together. An actor may crash
 * before any of its steps. When everybody is done or dead, init sweeps what
 * is left, as hand and reaper would, and looks at what remains.
 *
 * Steps and what they are: Get .. Next: dir_hold(), hold_slot(); Read,
 * Unpin, Unpinned: release, dir_drop(); Mark: dir_remove(); Row, Look, Free,
 * Clear: dir_reclaim(), dir_unlink(); Alloc .. Won: finish(), dir_publish();
 * MeetPin, MeetCheck: meets(), dir_pin_at(); Void, Pick: client_reap(),
 * dir_reap(). Own bits and debts are in debts.pml.
 *
 * -DSCENARIO=n picks who does what, -DCRASHES=n how many may crash,
 * -DMUTANT=n breaks one rule; a broken rule must be caught:
 *  1 a lookup validates before it pins
 *  2 a lookup does not compare versions
 *  3 who frees a zombie does not look at the rows again
 *  4 who frees a zombie does not help its home's head first
 *  5 an insert that is to pin what it meets does not validate the pin
 *  6 an insert that is to pin its own block pins it when it is LIVE
 *  7 a zombie counts as its key's value, so that an insert finds it there
 *  8 the last unpin of a zombie leaves it to others (its holder may be last)
 *  9 a lookup does not compare keys
 * 10 an insert whose pin came too late takes the key for absent
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
#define NS 2			/* slots */
#define NA 3			/* actors */

#define FREE 0
#define OWNED 1
#define READY 2
#define LIVE 3
#define DYING 4
byte st[ND], own[ND], ver[ND], key[ND];
byte slot_d[NS], slot_v[NS];	/* slot word: block + 1 or 0, version */
byte head_v, head_p;		/* head: version, block + 1 or 0 */
byte row[NA];			/* pins: 4 bits a block */
byte counts = 7;		/* active map: rows that count */
byte dead;			/* set of crashed actors */
byte crashes, left;

#define PINS(a, d) (row[a] >> ((d) * 4) & 15)
#define ONE(d) (1 << ((d) * 4))
#define DEAD(a) (dead >> (a) & 1)

/* Only to judge by: whether the key I look up was absent since I began. */
byte want[NA];
bit gone[NA];
bit lived[NA];			/* the block that I inserted was LIVE */

hidden byte two_values_for_one_key, pinned_block_recycled, wrong_key_found;
hidden byte miss_although_the_key_was_there, block_taken_from_its_owner;
hidden byte existed_without_a_value, zombie_left_behind, pin_left_behind;
hidden byte head_left_naming_a_block, block_left_behind;
hidden byte live_block_without_a_slot, returned_before_it_was_live;
#define SURE(cond, why) assert((cond) || why)

/* What an actor does. */
#define NOTHING 0
#define GET(k) (4 + (k))	/* retrieve, read, release */
#define INSERT(k) (8 + (k))
#define HOLD(k) (12 + (k))	/* insert, with a pin on whoever wins */
#define EVICT 16
#define REAP 17			/* the rows and blocks of the dead, DYING ones */

mtype = {
	Start, Done, Get, Pin, Check, Read, Unpin, Unpinned, Next,
	Pick, Mark, Row, Look, Free, Clear, Freed,
	Alloc, Ready, Place, Mine, Header, Scan, MeetPin, MeetCheck, Swap, Late,
	Drop, HelpRead, HelpCheck, HelpSet, HelpClear, Won, Void, ReapPick
};

#define STALE(j) (!slot_d[j] || ver[slot_d[j] - 1] != slot_v[j] || \
		  st[slot_d[j] - 1] < READY)

inline went_live(b)
{
	st[b] = LIVE;
	lived[own[b]] = 1;
	own[b] = 0;
	for (i : 0 .. ND - 1) {
		SURE(i == b || st[i] != LIVE || key[i] != key[b],
		     two_values_for_one_key)
	};
	i = 0
}

inline clear_word(b, bv)
{
	for (i : 0 .. NS - 1) {
		if
		:: slot_d[i] == b + 1 && slot_v[i] == bv ->
			slot_d[i] = 0; slot_v[i] = 0
		:: else
		fi
	};
	i = 0
}

inline forget()
{
	k = 0; d = 0; v = 0; e = 0; ev = 0; j = 0; n = 0; hold = 0;
	hv = 0; hp = 0; ws = 0; wv = 0; ret = Start; after = Start
}

inline next_op()
{
	forget();
	want[me] = 0; gone[me] = 0; lived[me] = 0;
	k = op & 3;
	if
	:: op == NOTHING -> pc = Done; left--
	:: op >= GET(0) && op < INSERT(0) ->
		pc = Get;
		want[me] = k; gone[me] = 1;
		for (i : 0 .. ND - 1) {
			if
			:: st[i] == LIVE && key[i] == k -> gone[me] = 0
			:: else
			fi
		};
		i = 0
	:: op >= INSERT(0) && op < HOLD(0) -> pc = Alloc
	:: op >= HOLD(0) && op < EVICT -> pc = Alloc; hold = 1
	:: op == EVICT -> pc = Pick
	:: op == REAP -> pc = Void
	fi;
	op = op2;
	op2 = NOTHING
}

#define H_SAME (head_v == hv && head_p == hp)
#define MINE(s) (st[d] == (s) && own[d] == me && ver[d] == v)

inline drop_head() { hv = 0; hp = 0; ws = 0; wv = 0; ret = Start }

inline helped()
{
	pc = ret;
	drop_head();
	if
	:: pc == Won ->
		SURE(lived[me], returned_before_it_was_live);
		if
		:: hold && MUTANT == 6 -> pc = Late
		:: hold && MUTANT != 6 -> e = d; ev = v; pc = Read
		:: else -> next_op()
		fi
	:: else
	fi
}

/* dir_reclaim() of block e in life ev */
inline reclaim(there)
{
	after = there;
	n = 0;
	pc = (MUTANT == 3 -> Look : Row)
}

/* a pin is gone: what I was at goes on */
inline go_on()
{
	e = 0; ev = 0;
	if
	:: after == Freed -> after = Start; next_op()
	:: else -> pc = after; after = Start
	fi
}

proctype actor(byte me; byte op; byte op2)
{
	byte k;			/* key */
	byte d, v;		/* my own block and its version */
	byte e, ev;		/* block that I pin or free, its version */
	bit hold;		/* this insert is to pin */
	byte j, n;		/* slot; row */
	byte hv, hp;		/* head in hand */
	byte ws, wv;		/* state word in hand, while helping */
	byte i;			/* within one step only */
	mtype ret = Start;	/* where to go on after help */
	mtype after = Start;	/* where to go on when a pin is dropped */
	mtype pc = Start;

end:	do
	:: d_step { pc == Start -> next_op() }
	:: d_step { pc != Done && pc != Start && crashes < CRASHES ->
		crashes++;
		dead = dead | 1 << me;
		op = NOTHING; op2 = NOTHING;
		next_op()
	}

	/* look up: slot word, pin, validate, compare */
	:: d_step { pc == Get ->
		if
		:: slot_d[j] ->
			e = slot_d[j] - 1; ev = slot_v[j];
			pc = (MUTANT == 1 -> Check : Pin)
		:: else -> pc = Next
		fi
	}
	:: d_step { pc == Pin -> row[me] = row[me] + ONE(e);
		pc = (MUTANT == 1 -> Read : Check)
	}
	:: d_step { pc == Check ->
		if
		:: st[e] == LIVE && (ver[e] == ev || MUTANT == 2) &&
		   (key[e] == k || MUTANT == 9) ->
			pc = (MUTANT == 1 -> Pin : Read);
			j = 0
		:: else ->
			after = Next;
			pc = (MUTANT == 1 -> Next : Unpin)
		fi
	}
	:: d_step { pc == Next ->
		j++; e = 0; ev = 0; after = Start;
		if
		:: j == NS ->
			SURE(gone[me], miss_although_the_key_was_there);
			next_op()
		:: else -> pc = Get
		fi
	}
	/* it may stay here for as long as it likes */
	:: d_step { pc == Read ->
		SURE(ver[e] == ev && (st[e] == LIVE || st[e] == DYING),
		     pinned_block_recycled);
		SURE(key[e] == k, wrong_key_found);
		after = Freed;
		pc = Unpin
	}
	:: d_step { pc == Unpin ->
		row[me] = row[me] - ONE(e);
		if
		:: PINS(me, e) -> go_on()
		:: else -> pc = Unpinned
		fi
	}
	:: d_step { pc == Unpinned ->
		if
		:: st[e] == DYING && MUTANT != 8 ->
			ev = ver[e]; reclaim(after)
		:: else -> go_on()
		fi
	}

	/* evict */
	:: atomic { pc == Pick ->
		if
		:: st[0] == LIVE -> e = 0; ev = ver[0]; pc = Mark
		:: st[1] == LIVE -> e = 1; ev = ver[1]; pc = Mark
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Mark ->
		if
		:: st[e] == LIVE && ver[e] == ev ->
			st[e] = DYING;
			for (i : 0 .. NA - 1) {
				if
				:: want[i] == key[e] -> gone[i] = 1
				:: else
				fi
			};
			i = 0;
			reclaim(Freed)
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Row ->
		do
		:: n < NA && !(counts >> n & 1) -> n++
		:: else -> break
		od;
		if
		:: n < NA && PINS(n, e) -> n = 0; go_on()
		:: n < NA && !PINS(n, e) -> n++
		:: else -> n = 0; pc = Look
		fi
	}
	:: d_step { pc == Look ->
		n = 0;
		hv = head_v; hp = head_p;
		if
		:: hp == e + 1 && MUTANT != 4 -> ret = Free; pc = HelpRead
		:: else -> drop_head(); pc = Free
		fi
	}
	:: d_step { pc == Free ->
		if
		:: ver[e] == ev && (st[e] == DYING ||
		   (st[e] >= OWNED && st[e] <= READY && DEAD(own[e]))) ->
			st[e] = FREE; own[e] = 0; pc = Clear
		:: else -> go_on()
		fi
	}
	:: d_step { pc == Clear -> clear_word(e, ev); go_on() }

	/* insert */
	:: d_step { pc == Alloc ->
		d = (st[0] == FREE -> 0 : (st[1] == FREE -> 1 : ND));
		if
		:: d == ND -> next_op()		/* no space */
		:: else ->
			st[d] = OWNED; own[d] = me; ver[d]++; v = ver[d];
			pc = Ready
		fi
	}
	:: d_step { pc == Ready ->
		SURE(MINE(OWNED), block_taken_from_its_owner);
		key[d] = k; st[d] = READY; pc = Place
	}
	:: d_step { pc == Place ->
		if
		:: STALE(0) -> slot_d[0] = d + 1; slot_v[0] = v; pc = Mine
		:: !STALE(0) && STALE(1) ->
			slot_d[1] = d + 1; slot_v[1] = v; pc = Mine
		:: else -> hold = 0; pc = Drop	/* no space */
		fi
	}
	:: d_step { pc == Mine ->
		if
		:: hold && MUTANT != 6 -> row[me] = row[me] + ONE(d)
		:: else
		fi;
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
		:: slot_d[j] && slot_d[j] != d + 1 &&
		   ver[slot_d[j] - 1] == slot_v[j] &&
		   key[slot_d[j] - 1] == k &&
		   (st[slot_d[j] - 1] == LIVE ||
		    (MUTANT == 7 && st[slot_d[j] - 1] == DYING)) ->
			e = slot_d[j] - 1; ev = slot_v[j];
			j = 0; drop_head();
			pc = (hold -> MeetPin : Drop);
			SURE(st[e] == LIVE, existed_without_a_value)
		:: else ->
			j++;
			if
			:: j == NS -> j = 0; pc = Swap
			:: else
			fi
		fi
	}
	:: d_step { pc == MeetPin ->
		row[me] = row[me] + ONE(e); pc = MeetCheck
	}
	:: d_step { pc == MeetCheck ->
		if
		:: (st[e] == LIVE && ver[e] == ev) || MUTANT == 5 ->
			pc = Drop
		:: else -> after = (MUTANT == 10 -> Swap : Header); pc = Unpin;
			if
			:: MUTANT == 10 -> hv = head_v; hp = head_p
			:: else
			fi
		fi
	}
	:: d_step { pc == Swap ->
		SURE(MINE(READY), block_taken_from_its_owner);
		if
		:: H_SAME ->
			hv++; hp = d + 1; head_v = hv; head_p = hp;
			ret = Won; pc = HelpRead
		:: else -> drop_head(); pc = Header
		fi
	}
	:: d_step { pc == Late ->
		row[me] = row[me] + ONE(d); e = d; ev = v; pc = Read
	}
	/* the key existed: my own pin, my block, then the other's view */
	:: d_step { pc == Drop ->
		SURE(MINE(READY), block_taken_from_its_owner);
		if
		:: hold && MUTANT != 6 && PINS(me, d) ->
			row[me] = row[me] - ONE(d)
		:: else -> st[d] = FREE; own[d] = 0; pc = Won
		fi
	}
	:: d_step { pc == Won ->
		clear_word(d, v);
		if
		:: hold -> pc = Read
		:: else -> next_op()
		fi
	}

	/* help */
	:: d_step { pc == HelpRead ->
		ws = st[hp - 1]; wv = ver[hp - 1];
		pc = (ws == READY -> HelpCheck : HelpClear)
	}
	:: d_step { pc == HelpCheck ->
		if
		:: H_SAME -> pc = HelpSet
		:: else -> helped()
		fi
	}
	:: d_step { pc == HelpSet ->
		if
		:: st[hp - 1] == READY && ver[hp - 1] == wv ->
			went_live(hp - 1)
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

	/* reap: all pins of the dead are void; then a block */
	:: d_step { pc == Void -> counts = counts & ~dead; pc = ReapPick }
	:: atomic { pc == ReapPick ->
		if
		:: st[0] == DYING -> e = 0; ev = ver[0]; reclaim(Freed)
		:: st[1] == DYING -> e = 1; ev = ver[1]; reclaim(Freed)
		:: st[0] >= OWNED && st[0] <= READY && DEAD(own[0]) ->
			e = 0; ev = ver[0]; after = Freed; pc = Look
		:: st[1] >= OWNED && st[1] <= READY && DEAD(own[1]) ->
			e = 1; ev = ver[1]; after = Freed; pc = Look
		:: else -> next_op()
		fi
	}
	od
}

inline sweep()
{
	for (d : 0 .. ND - 1) {
		/* who held it last has freed it, if nobody has died */
		SURE(crashes || st[d] != DYING, zombie_left_behind);
		if
		:: st[d] == DYING ||
		   (st[d] >= OWNED && st[d] <= READY && DEAD(own[d])) ->
			if
			:: head_p == d + 1 && MUTANT != 4 ->
				if
				:: st[d] == READY -> went_live(d)
				:: else
				fi;
				head_p = 0
			:: else
			fi;
			if
			:: st[d] != LIVE ->
				st[d] = FREE; clear_word(d, ver[d])
			:: else
			fi
		:: else
		fi
	}
}

inline judge()
{
	SURE(!head_p || st[head_p - 1] == LIVE, head_left_naming_a_block);
	for (d : 0 .. ND - 1) {
		SURE(st[d] == FREE || st[d] == LIVE, block_left_behind);
		n = 0;
		for (i : 0 .. NS - 1) {
			if
			:: slot_d[i] == d + 1 && slot_v[i] == ver[d] -> n++
			:: else
			fi
		};
		SURE(n || st[d] != LIVE, live_block_without_a_slot)
	};
	for (i : 0 .. NA - 1) {
		SURE(!row[i] || DEAD(i), pin_left_behind)
	}
}

#define GO(me, a, b) left++; run actor(me, a, b)
#define STARTED st[0] = LIVE; ver[0] = 1; key[0] = 1; slot_d[0] = 1; slot_v[0] = 1

init {
	byte d, i, n;

	atomic {
#if SCENARIO == 0		/* found, evicted, stored again */
		STARTED;
		GO(0, GET(1), 0); GO(1, EVICT, INSERT(1)); GO(2, EVICT, INSERT(2))
#elif SCENARIO == 1		/* inserts that pin whoever wins */
		GO(0, HOLD(1), 0); GO(1, HOLD(1), EVICT); GO(2, EVICT, INSERT(1))
#elif SCENARIO == 2		/* a zombie, and its key stored again */
		STARTED;
		GO(0, GET(1), GET(1)); GO(1, EVICT, HOLD(1)); GO(2, REAP, EVICT)
#elif SCENARIO == 3		/* two holders */
		STARTED;
		GO(0, GET(1), 0); GO(1, GET(1), EVICT); GO(2, INSERT(1), EVICT)
#elif SCENARIO == 4		/* the late pin of an insert */
		STARTED;
		GO(0, HOLD(1), 0); GO(1, EVICT, INSERT(1)); GO(2, REAP, GET(1))
#endif
	};
	d_step { left == 0 -> sweep(); judge() }
}
