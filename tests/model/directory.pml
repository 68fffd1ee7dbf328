/*
 * The directory: insert-if-absent, claims, eviction, reaping, overflow flags.
 *
 * Two homes share NS slots; slots below NS0 lie in the bucket of home 0, the
 * others in the bucket of home 1. Every option of the actor's loop is one
 * atomic memory operation plus local work, except where a comment says why
 * several may be taken together. An actor may crash before any of its steps.
 * When everybody is done or dead, init sweeps what the dead left and looks
 * at what remains.
 *
 * -DSCENARIO=n picks who does what, -DCRASHES=n how many may crash,
 * -DMUTANT=n breaks one rule; a broken rule must be caught:
 *  1 help does not look at the header again before it changes the state word
 *  2 the evictor frees a block that a header still names
 *  3 the candidates are scanned before the header is read
 *  4 a commit makes its block LIVE without the header
 *  5 a claim is established by a plain store, without the header
 *  6 a claim that is only asked for counts as established
 *  7 the reaper frees a dead client's block that a header still names
 *  8 the slot word of a CLAIMED block counts as stale
 *  9 who finishes another's eviction frees a block that a header still names
 * 10 the slot word of a READY block counts as stale
 * 11 a claim's commit goes CLAIMED -> LIVE without the header
 * 12 a client uses its claim before the header has let go of it
 * 13 the overflow flag is not set by the header CAS
 * 14 the overflow flag is cleared on a header read after the scan
 * 15 the clearing of the overflow flag does not see claims
 * 16 a commit returns before its block is LIVE
 * 17 the header's version stands still
 * 18 a block's version stands still
 * 19 a claim of a dead client counts
 * 20 a claim ends when its commit begins, not when its value is visible
 * 21 the slot word is placed before the state word says so
 * 22 a commit waits until another's claim is gone (a cycle, found by pan -l)
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
#ifndef ND
#define ND 3			/* descriptors */
#endif
#ifndef NS
#define NS 3			/* slots */
#endif
#define NS0 1			/* slots in the bucket of home 0 */
#define NA 4			/* actors, at most */

#define HOME(k) (((k) + 1) & 1)	/* keys 1 and 3: home 0; key 2: home 1 */
#define BUCKET(j) ((j) >= NS0)

/* State word: FREE .. DYING, owner, version. */
#define FREE 0
#define OWNED 1
#define ASKING 2		/* OWNED on media, flag: wants the claim */
#define CLAIMED 3		/* OWNED on media, flag: has the claim */
#define READY 4
#define LIVE 5
#define DYING 6
byte st[ND], own[ND], ver[ND], key[ND];
bit kept[ND];			/* flag: READY that holds a claim */

byte slot_d[NS], slot_v[NS];	/* slot word: block + 1 or 0, version */
byte hdr_v[2], hdr_p[2];	/* header: version, pend (block + 1 or 0) */
bit hdr_f[2];			/* header: keys of this home lie outside */

byte dead;			/* set of crashed actors */
byte crashes, left;

/* What a failed SURE() says; never set. */
hidden byte two_values_for_one_key, two_claims_for_one_key;
hidden byte one_block_in_two_slots, block_taken_from_its_owner;
hidden byte success_returned_before_the_value_was_live;
hidden byte in_progress_returned_without_a_claim;
hidden byte miss_although_the_key_was_there;
hidden byte header_left_naming_a_block, block_left_behind;
hidden byte live_block_without_a_slot, live_block_where_nobody_looks;
#define SURE(cond, why) assert((cond) || why)

/* Only to judge by; no actor reads these. */
bit lived[NA];			/* my block was LIVE */
byte want[NA];			/* the key I look up, if I do */
bit gone[NA];			/* it was absent since I began */
bit held[4];			/* some claim of this key was established */

#define DEAD(a) ((dead >> (a)) & 1)

#if MUTANT == 8
#define TAKEN(s) ((s) == ASKING || (s) >= READY)
#elif MUTANT == 10
#define TAKEN(s) ((s) == ASKING || (s) == CLAIMED || (s) >= LIVE)
#else
#define TAKEN(s) ((s) >= ASKING)
#endif
#define VALID(j) (slot_d[j] && ver[slot_d[j] - 1] == slot_v[j])
#define STALE(j) (!VALID(j) || !TAKEN(st[slot_d[j] - 1]))
#define HAS_KEY(d, k) (key[d] == (k))

#if MUTANT == 17
#define BUMP 0
#else
#define BUMP 1
#endif

/* What an actor does, as INSERT(1) and so on. */
#define NOTHING 0
#define INSERT(k) (4 + (k))
#define CLAIM(k) (8 + (k))	/* reserve, then commit or abort */
#define GET(k) (12 + (k))
#define UNFLAG(k) (16 + (k))	/* clear the overflow flag of its home */
#define EVICT 20		/* any LIVE block */
#define REAP 24			/* any block of the dead, any DYING block */

mtype = {
	Start, Done,
	Alloc, Key, Mark, Place, Header, Scan, Owner, DropLook, DropFree,
	DropClear, Swap, Held, Drop, Clear,
	HelpRead, HelpCheck, HelpSet, HelpClear, Won,
	EvictPick, EvictMark, ReapPick, ReapKey, Look, Free,
	GetScan, GetHeader, GetRest, FlagHeader, FlagScan, FlagSwap
};

/* The next three are told in the very step that makes it so. */
inline went_live(b)
{
	st[b] = LIVE;
	kept[b] = 0;
	lived[own[b]] = 1;
	own[b] = 0;
	for (i : 0 .. ND - 1) {
		SURE(i == b || st[i] != LIVE || key[i] != key[b],
		     two_values_for_one_key)
	};
	i = 0
}

inline went_claimed(b)
{
	st[b] = CLAIMED;
	held[key[b]] = 1;
	for (i : 0 .. ND - 1) {
		SURE(i == b || key[i] != key[b] || DEAD(own[i]) ||
		     DEAD(own[b]) ||
		     !(st[i] == CLAIMED || (st[i] == READY && kept[i])),
		     two_claims_for_one_key)
	};
	i = 0
}

inline went_free(b)
{
	st[b] = FREE;
	own[b] = 0;
	kept[b] = 0
}

/*
 * One step for the whole search: an occupied word never moves and nobody
 * but its placer writes it, so the reads of the other slots change nothing.
 */
inline clear_word(b, bv)
{
	for (i : 0 .. NS - 1) {
		if
		:: slot_d[i] == b + 1 && slot_v[i] == bv ->
			slot_d[i] = 0; slot_v[i] = 0;
			SURE(!n, one_block_in_two_slots);
			n = 1
		:: else
		fi
	};
	i = 0; n = 0
}

inline forget()
{
	k = 0; d = 0; v = 0; out = 0; claim = 0; other = 0;
	j = 0; n = 0; i = 0;
	drop_header()
}

inline load_header(home)
{
	h = home; hv = hdr_v[h]; hp = hdr_p[h]; hf = hdr_f[h]
}

inline drop_header()
{
	h = 0; hv = 0; hp = 0; hf = 0; ws = 0; wv = 0; ret = Start
}

#define H_SAME (hdr_v[h] == hv && hdr_p[h] == hp && hdr_f[h] == hf)
#define MINE(s) (st[d] == (s) && own[d] == me && ver[d] == v)

inline next_op()
{
	forget();
	lived[me] = 0; gone[me] = 0; want[me] = 0;
	k = op & 3;
	if
	:: op == NOTHING -> pc = Done; left--
	:: op >= INSERT(0) && op < CLAIM(0) -> pc = Alloc
	:: op >= CLAIM(0) && op < GET(0) -> pc = Alloc; claim = 1
	:: op >= GET(0) && op < UNFLAG(0) ->
		pc = GetScan;
		h = HOME(k);
		want[me] = k;
		gone[me] = 1;
		for (i : 0 .. ND - 1) {
			if
			:: st[i] == LIVE && key[i] == k -> gone[me] = 0
			:: else
			fi
		};
		i = 0
	:: op >= UNFLAG(0) && op < EVICT -> pc = FlagHeader
	:: op == EVICT -> pc = EvictPick
	:: op == REAP -> pc = ReapPick
	fi;
	op = op2;
	op2 = NOTHING
}

/* help is over: go on where it was called */
inline helped()
{
	pc = ret;
	drop_header();
	if
	:: pc == Won && claim ->
		SURE(MINE(CLAIMED), block_taken_from_its_owner);
		claim = 0;
		pc = Held
	:: pc == Won && !claim ->
		SURE(lived[me], success_returned_before_the_value_was_live);
		next_op()
	:: else
	fi
}

/*
 * Slots are scanned from the home bucket on; the others only if the header
 * in hand says that keys of this home may lie there. Reading a slot word,
 * the state word it names and the key is one step: a block's words stay
 * while it is occupied, so what is found was so at some instant between.
 */
#define AT ((h * NS0 + j) % NS)
#define WORD (slot_d[AT] - 1)
#define VALID_AT (slot_d[AT] && ver[WORD] == slot_v[AT])
#define BEYOND(j) (j == NS || (!hf && BUCKET((h * NS0 + j) % NS) != h))

inline scan_from(slot, there, after)
{
	j = slot;
	if
	:: BEYOND(j) -> j = 0; pc = after
	:: else -> pc = there
	fi
}

#if MUTANT == 6
#define IS_CLAIM(b) (st[b] == CLAIMED || st[b] == ASKING || \
		     (st[b] == READY && kept[b]))
#elif MUTANT == 20
#define IS_CLAIM(b) (st[b] == CLAIMED)
#else
#define IS_CLAIM(b) (st[b] == CLAIMED || (st[b] == READY && kept[b]))
#endif

#define MET ((other & 15) - 1)
#define OF_DEAD(i) (st[i] >= OWNED && st[i] <= READY && DEAD(own[i]))
#define REAPABLE(i) (st[i] == DYING || OF_DEAD(i))

#if MUTANT == 3
#define AFTER_PLACE h = HOME(k); hf = 1; pc = Scan
#define AFTER_HEADER pc = Swap
#define AFTER_SCAN Header
#else
#define AFTER_PLACE pc = Header
#define AFTER_HEADER scan_from(0, Scan, Swap)
#define AFTER_SCAN Swap
#endif

inline missed()
{
	SURE(gone[me], miss_although_the_key_was_there);
	next_op()
}

inline pick(b, then)
{
	d = b; v = ver[b]; pc = then
}

inline place(slot)
{
	slot_d[slot] = d + 1;
	slot_v[slot] = v;
	out = (BUCKET(slot) != HOME(k));
#if MUTANT == 21
	pc = Mark
#else
	AFTER_PLACE
#endif
}

proctype actor(byte me; byte op; byte op2)
{
	byte k, d, v;		/* key, block in hand and its version */
	bit out;		/* my slot lies outside my home's bucket */
	bit claim;		/* this call is a reserve */
	byte other;		/* the claim I met: block + 1 and owner */
	byte h, hv, hp;		/* header in hand: home, version, pend */
	bit hf;			/* ... flag */
	byte ws, wv;		/* state word in hand, while helping */
	mtype ret = Start;	/* where to go on after help */
	byte j;			/* slot */
	byte i, n;		/* within one step only */
	mtype pc = Start;

end:	do
	:: d_step { pc == Start -> next_op() }
	:: d_step { pc != Done && pc != Start && crashes < CRASHES ->
		crashes++;
		dead = dead | (1 << me);
		op = NOTHING; op2 = NOTHING;
		next_op()
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
		:: else ->
			st[d] = OWNED;
			own[d] = me;
#if MUTANT == 18
			ver[d] = 1;
#else
			ver[d]++;
#endif
			v = ver[d];
			pc = Key
		fi
	}
	:: d_step { pc == Key ->
		SURE(MINE(OWNED), block_taken_from_its_owner);
		key[d] = k;
#if MUTANT == 21
		pc = Place
#else
		pc = Mark
#endif
	}
	:: d_step { pc == Mark ->
		SURE(MINE(OWNED), block_taken_from_its_owner);
		st[d] = (claim -> ASKING : READY);
#if MUTANT == 21
		AFTER_PLACE
#else
		pc = Place
#endif
	}
	/*
	 * Reading a word, finding it stale and replacing it is one step:
	 * what is stale stays so, and the CAS fails if the word changed. Any
	 * stale word may be the one: earlier ones may have looked taken.
	 */
	:: atomic { pc == Place ->
		if
		:: STALE(0) -> place(0)
		:: STALE(1) -> place(1)
#if NS > 2
		:: STALE(2) -> place(2)
#endif
		:: else -> pc = Drop		/* no space */
		fi
	}
	:: d_step { pc == Header ->
		load_header(HOME(k));
		if
		:: hp -> ret = Header; pc = HelpRead
		:: else -> AFTER_HEADER
		fi
	}
	:: d_step { pc == Scan ->
		if
		:: VALID_AT && st[WORD] == LIVE && key[WORD] == k ->
			j = 0; drop_header(); pc = Drop	/* exists */
		:: VALID_AT && claim && WORD != d && key[WORD] == k &&
		   IS_CLAIM(WORD) ->
			other = (WORD + 1) | own[WORD] << 4; pc = Owner
#if MUTANT == 22
		:: VALID_AT && !claim && WORD != d && key[WORD] == k &&
		   st[WORD] == CLAIMED ->
			j = 0; drop_header(); pc = Header
#endif
		:: else -> scan_from(j + 1, Scan, AFTER_SCAN)
		fi
	}
	:: d_step { pc == Owner ->
#if MUTANT == 19
		if
		:: true ->
#else
		if
		:: DEAD(other >> 4) ->
			j = 0; drop_header(); pc = DropLook
		:: else ->
#endif
			SURE(held[k] && !DEAD(other >> 4),
			     in_progress_returned_without_a_claim);
			j = 0; other = 0; drop_header(); pc = Drop
		fi
	}
	/* pool_drop_claim(): that one block, as the reaper would */
	:: d_step { pc == DropLook ->
		load_header(HOME(k));
		if
		:: hp == MET + 1 -> ret = DropFree; pc = HelpRead
		:: else -> drop_header(); pc = DropFree
		fi
	}
	:: d_step { pc == DropFree ->
		if
		:: OF_DEAD(MET) && own[MET] == other >> 4 ->
			ws = ver[MET]; went_free(MET); pc = DropClear
		:: else -> other = 0; pc = Header
		fi
	}
	:: d_step { pc == DropClear ->
		clear_word(MET, ws);
		ws = 0; other = 0; pc = Header
	}
	:: d_step { pc == Swap ->
		SURE(MINE(READY) || MINE(ASKING), block_taken_from_its_owner);
		if
#if MUTANT == 4
		:: !claim -> went_live(d); next_op()
#elif MUTANT == 5
		:: claim -> went_claimed(d); claim = 0; drop_header(); pc = Held
#endif
		:: H_SAME ->
			hv = hv + BUMP; hp = d + 1;
#if MUTANT != 13
			hf = hf | out;
#endif
			hdr_v[h] = hv; hdr_p[h] = hp; hdr_f[h] = hf;
			ret = Won;
			pc = HelpRead;
#if MUTANT == 16
			if
			:: !claim -> helped()
			:: else
			fi
#endif
		:: else -> drop_header(); pc = Header
		fi
	}
	:: atomic { pc == Held ->		/* commit or abort */
		SURE(MINE(CLAIMED), block_taken_from_its_owner);
		if
#if MUTANT == 11
		:: went_live(d); next_op()
#else
		:: st[d] = READY; kept[d] = 1; pc = Header
#endif
		:: went_free(d); pc = Clear
		fi
	}
	:: d_step { pc == Drop ->
		SURE(MINE(READY) || MINE(ASKING), block_taken_from_its_owner);
		went_free(d);
		pc = Clear
	}
	:: d_step { pc == Clear -> clear_word(d, v); next_op() }

	/* help: finish what the header in hand names */
	:: d_step { pc == HelpRead ->
		ws = st[hp - 1]; wv = ver[hp - 1];
		if
		:: ws == READY || ws == ASKING ->
#if MUTANT == 1
			pc = HelpSet
#else
			pc = HelpCheck
#endif
		:: else -> pc = HelpClear
		fi
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
			went_claimed(hp - 1)
		:: else
		fi;
		ws = 0; wv = 0;
#if MUTANT == 12
		if
		:: claim && ret == Won -> helped()
		:: else -> pc = HelpClear
		fi
#else
		pc = HelpClear
#endif
	}
	:: d_step { pc == HelpClear ->
		if
		:: H_SAME -> hdr_v[h] = hv + BUMP; hdr_p[h] = 0
		:: else
		fi;
		helped()
	}

	/* evict; delete is the same with a key */
	:: atomic { pc == EvictPick ->
		if
		:: st[0] == LIVE -> pick(0, EvictMark); k = key[d]
		:: st[1] == LIVE -> pick(1, EvictMark); k = key[d]
		:: st[2] == LIVE -> pick(2, EvictMark); k = key[d]
		:: else -> next_op()
		fi
	}
	:: d_step { pc == EvictMark ->
		if
		:: st[d] == LIVE && ver[d] == v ->
			st[d] = DYING;
			for (i : 0 .. NA - 1) {
				if
				:: want[i] == k -> gone[i] = 1
				:: else
				fi
			};
			i = 0;
#if MUTANT == 2
			pc = Free
#else
			pc = Look
#endif
		:: else -> next_op()
		fi
	}
	/* reap the dead; finish what others began to evict */
	:: atomic { pc == ReapPick ->
		if
		:: REAPABLE(0) -> pick(0, (st[d] == OWNED -> Free : ReapKey))
		:: REAPABLE(1) -> pick(1, (st[d] == OWNED -> Free : ReapKey))
		:: REAPABLE(2) -> pick(2, (st[d] == OWNED -> Free : ReapKey))
		:: else -> next_op()
		fi
	}
	:: d_step { pc == ReapKey ->
		k = key[d];		/* of the next user, perhaps */
#if MUTANT == 7
		pc = (st[d] == DYING -> Look : Free)
#elif MUTANT == 9
		pc = (st[d] == DYING -> Free : Look)
#else
		pc = Look
#endif
	}
	:: d_step { pc == Look ->
		load_header(HOME(k));
		if
		:: hp == d + 1 -> ret = Free; pc = HelpRead
		:: else -> drop_header(); pc = Free
		fi
	}
	/* read again and CAS; what is LIVE now stays */
	:: d_step { pc == Free ->
		if
		:: ver[d] == v && REAPABLE(d) -> went_free(d); pc = Clear
		:: else -> next_op()
		fi
	}

	/* look up */
	/* the home bucket, then the header's flags, then the others if open */
	:: d_step { pc == GetScan ->
		if
		:: VALID_AT && st[WORD] == LIVE && key[WORD] == k -> next_op()
		:: else ->
			j++;
			if
			:: j == NS -> missed()
			:: j < NS && BUCKET(AT) != h ->
				pc = GetHeader
			:: else
			fi
		fi
	}
	:: d_step { pc == GetHeader ->
		hf = hdr_f[h];
		if
		:: hf -> pc = GetRest
		:: else -> missed()
		fi
	}
	:: d_step { pc == GetRest ->
		if
		:: VALID_AT && st[WORD] == LIVE && key[WORD] == k -> next_op()
		:: else ->
			j++;
			if
			:: j == NS -> missed()
			:: else
			fi
		fi
	}

	/* clear the overflow flag */
	:: d_step { pc == FlagHeader ->
		load_header(HOME(k));
		if
		:: hp || !hf -> next_op()
		:: else -> j = (h == 0 -> NS0 : NS - NS0); pc = FlagScan
		fi
	}
	:: d_step { pc == FlagScan ->
		if
#if MUTANT == 15
		:: VALID_AT && HOME(key[WORD]) == h && st[WORD] == LIVE ->
#else
		:: VALID_AT && HOME(key[WORD]) == h && TAKEN(st[WORD]) ->
#endif
			next_op()
		:: else -> scan_from(j + 1, FlagScan, FlagSwap)
		fi
	}
	:: d_step { pc == FlagSwap ->
		if
#if MUTANT == 14
		:: !hdr_p[h] ->
#else
		:: H_SAME ->
#endif
			hdr_v[h] = hdr_v[h] + BUMP; hdr_f[h] = 0
		:: else
		fi;
		next_op()
	}
	od
}

#include "directory_end.pml"

/* A LIVE block to begin with, outside the bucket of its home 0. */
#define STARTED st[0] = LIVE; ver[0] = 1; key[0] = 1; \
	slot_d[1] = 1; slot_v[1] = 1; hdr_f[0] = 1

#define RUN(me, a, b) left++; run actor(me, a, b)

init {
	byte d, h, i, n;

	atomic {
#if SCENARIO == 0
		RUN(0, INSERT(1), 0); RUN(1, INSERT(1), 0);
		RUN(2, EVICT, INSERT(2))
#elif SCENARIO == 1
		RUN(0, INSERT(1), 0); RUN(1, INSERT(1), REAP);
		RUN(2, EVICT, INSERT(1))
#elif SCENARIO == 2
		RUN(0, INSERT(1), 0); RUN(1, INSERT(2), 0);
		RUN(2, EVICT, INSERT(1)); RUN(3, REAP, EVICT)
#elif SCENARIO == 3
		RUN(0, INSERT(1), EVICT); RUN(1, INSERT(1), EVICT);
		RUN(2, INSERT(2), 0)
#elif SCENARIO == 4
		RUN(0, INSERT(1), 0); RUN(1, INSERT(1), 0);
		RUN(2, EVICT, 0); RUN(3, INSERT(1), 0)
#elif SCENARIO == 5
		RUN(0, CLAIM(1), 0); RUN(1, CLAIM(1), 0)
#elif SCENARIO == 6
		RUN(0, CLAIM(1), 0); RUN(1, CLAIM(1), 0);
		RUN(2, INSERT(1), EVICT)
#elif SCENARIO == 7
		RUN(0, CLAIM(1), 0); RUN(1, CLAIM(1), 0); RUN(2, CLAIM(1), 0)
#elif SCENARIO == 8
		RUN(0, CLAIM(1), 0); RUN(1, INSERT(1), EVICT);
		RUN(2, REAP, CLAIM(1))
#elif SCENARIO == 9
		RUN(0, CLAIM(1), 0); RUN(1, EVICT, CLAIM(2));
		RUN(2, REAP, INSERT(2))
#elif SCENARIO == 10
		STARTED;
		RUN(0, EVICT, INSERT(1)); RUN(1, GET(1), 0);
		RUN(2, UNFLAG(1), 0); RUN(3, INSERT(3), 0)
#elif SCENARIO == 11
		STARTED;
		RUN(0, CLAIM(3), 0); RUN(1, EVICT, UNFLAG(1));
		RUN(2, CLAIM(3), 0)
#elif SCENARIO == 12
		STARTED;
		RUN(0, CLAIM(3), 0); RUN(1, INSERT(3), REAP);
		RUN(2, EVICT, INSERT(1)); RUN(3, GET(1), 0)
#elif SCENARIO == 13
		RUN(0, CLAIM(1), 0); RUN(1, CLAIM(1), 0);
		RUN(2, REAP, INSERT(1)); RUN(3, EVICT, 0)
#endif
	};
	d_step {
		left == 0 -> sweep(); judge()
	}
}
