/*
 * Hosts: one that is silent is fenced, and used again when that is confirmed.
 *
 * Up to three kernels, NE entries, NS client slots with their rows, one block.
 * Every option of an actor's loop is one atomic memory operation, or one
 * question to its kernel, plus local work.  An actor may stop for as long as it
 * likes before any step, and a fenced one goes on with its call as if nothing
 * were; a process may die before any step, and a whole kernel at any time.
 * There is no time: whoever has looked at another's word may find later that
 * it was silent for long enough, at most FENCES times.  An operator confirms
 * what is true: a FENCED entry whose kernel is down.  When everybody is done
 * or dead, init stops all kernels, and ends what is left by what is written.
 *
 * Steps and what they are: Enter .. Active: enter(), adopt(), claim(),
 * introduce(); Slot .. Undo: join(); Own .. Clear: a call that writes;
 * Leave .. Drop: client_leave(), host_leave(); Tick .. Over: look_at(),
 * take_over(), is_dead_here(); Next .. Gone: recover(), client_fence(),
 * fence(), release(); Rescue: reap_without_slot(); Local .. LFree: reap() of this
 * kernel's own; Tidy .. Tidied: is_stray() and what follows.
 *
 * -DSCENARIO=n picks who does what, -DCRASHES=n how many may crash,
 * -DMUTANT=n breaks one rule; a broken rule must be caught:
 *  1 who fences does not compare the beat
 *  2 blocks of a fenced host are free at once
 *  3 its slots are
 *  4 who takes a recovery over does not wait for who began it
 *  5 what a fenced host had is released before it is confirmed
 *  6 who leaves looks at the slots first and reads the entry afterwards
 *  7 who joins does not beat with the slot taken
 *  8 only the blocks that the row tells of are released
 *  9 a local reaper frees the slot without an exchange
 * 10 who leaves does not ask whether somebody without a slot is reaping
 * 11 a kernel confirms its former entry though a client of it lives
 * 12 a slot that was taken for an entry that has gone is nobody's
 * 13 an entry is free though a slot names it
 * 14 an entry has the same epoch in its next life
 * 15 who reaps without a slot does not have its kernel's lock
 * 16 a recovery is taken over though its host is there
 * 17 who reaps without a slot does not beat with that lock
 * 18 who frees a slot of an entry that has gone stores to it first
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
#if SCENARIO == 1
#define FENCES 2
#else
#define FENCES 1
#endif
#define NK 3			/* kernels */
#define NE 3			/* entries */
#define NS 3			/* client slots */
#define NA 5			/* actors */
#define NONE 7

/* An entry's word: state, who recovers, epoch, beat; and plain fields. */
#define FREE 0
#define CLAIMED 1
#define ACTIVE 2
#define FENCED 3
#define CONFIRMED 4
byte hs[NE], hby[NE], hep[NE], hbeat[NE];
byte boot[NE];			/* plain: kernel + 1 */
byte waits[NE];			/* bit: that entry must be confirmed, too */

/* A slot's word: state, fenced, entry, incarnation; and its row's own bit. */
#define JOINING 1
#define DEAD 3
#define KEPT 4			/* QUARANTINED on media; the block's, too */
byte ss[NS], sh[NS], sinc[NS];
bit sf[NS];
bit row[NS];

/* The block's word: state, owner and its incarnation, version. */
#define OWNED 1
byte st, owner, oinc, ver;

/* What kernels know. */
bit down[NK];
bit up[NA];			/* the process runs */
byte kern[NA];			/* on this kernel */
byte has[NA];			/* has the lock of slot - 1 */
byte reaps[NA];			/* has the reaping lock of slot - 1 */
bit enters[NA];			/* has its kernel's lock of the entry */
byte crashes, fences, left;

/* Only to judge by: who is at undoing entry - 1, as a client of entry - 1. */
byte undoes[NA], from[NA];

hidden byte block_of_another_stored_to, row_of_another_stored_to;
hidden byte entry_of_another_stored_to, living_host_fenced;
hidden byte client_of_an_entry_that_is_free, client_of_anothers_entry;
hidden byte two_hosts_recover_one, block_left_behind, slot_left_behind;
#define SURE(cond, why) assert((cond) || why)

/* What an actor does. */
#define NOTHING 0
#define OPEN 1			/* have an entry, join */
#define STORE 2
#define BEAT 3
#define LEAVE 4
#define REAP 5			/* the dead of this kernel */
#define TICK0 6			/* look after entry 0, 1 */
#define TICK1 7
#define RESCUE 8		/* without a slot, for lack of one */

mtype = {
	Start, Done, Enter, Claim, Intro, Active, EnterBeat,
	Slot, SlotBeat, Tell, SlotActive, Undo,
	Own, Take, Write, Give, Clear, JustBeat,
	Leave, LeaveRead, LeaveLook, LeaveSwap, Drop,
	Tick, Fence, Dead, DeadLook, Confirm, Wait, Over,
	Rescue, Next, Lock, Ask, Bury, Cell, CellSwap, CellClear, Keep, Sweep, Row, Slots, Unlock, Gone,
	Local, Tidy, TidyLook, Tidied, LBury, LCell, LClear, LFree
};

#define BIT(n) (1 << (n))
#define HAS(set, n) ((set) >> (n) & 1)
#define THERE(e) (hs[e] == ACTIVE || hs[e] == CLAIMED)
#define OWNED_BY(s, i) (st == OWNED && owner == (s) && oinc == (i))
#define KEPT_BY(s, i) (st == KEPT && owner == (s) && oinc == (i))

/* The one that has slot s on kernel k lives. */
#define LIVES(a, k, s) (up[a] && kern[a] == (k) && has[a] == (s) + 1)
#define ALIVE_HERE(k, s) (LIVES(0, k, s) || LIVES(1, k, s) || \
	LIVES(2, k, s) || LIVES(3, k, s) || LIVES(4, k, s))
#define REAPED(a, k, s) (up[a] && kern[a] == (k) && reaps[a] == (s) + 1)
#define REAPED_HERE(k, s) (REAPED(0, k, s) || REAPED(1, k, s) || \
	REAPED(2, k, s) || REAPED(3, k, s) || REAPED(4, k, s))
#define ENTERS(a, k) (up[a] && enters[a] && kern[a] == (k))
#define ENTERED_HERE(k) (ENTERS(0, k) || ENTERS(1, k) || ENTERS(2, k) || \
	ENTERS(3, k) || ENTERS(4, k))

#define SAME(x) (hs[x] == ws && hby[x] == wby && hep[x] == wep && \
		 hbeat[x] == wb)
#define SLOT_IS(s, state, f) (ss[s] == (state) && sf[s] == (f) && sinc[s] == ti)
#define MAY_STORE_ROW(s, i) (sinc[s] == (i) && ss[s] != FREE)
/* only FENCED ones hold it up; the others cannot store any more */
#define RELEASES(x) ((hs[x] == CONFIRMED || MUTANT == 5) && \
	!(HAS(waits[x], 0) && hs[0] == FENCED && x != 0) && \
	!(HAS(waits[x], 1) && hs[1] == FENCED && x != 1) && \
	!(HAS(waits[x], 2) && hs[2] == FENCED && x != 2))

inline read_word(x)
{
	ws = hs[x]; wby = hby[x]; wep = hep[x]; wb = hbeat[x]
}

inline forget_word() { ws = 0; wby = 0; wep = 0; wb = 0 }

inline forget()
{
	forget_word();
	x = 0; t = 0; ti = 0; some = 0; v = 0
}

inline next_op()
{
	forget();
	if
	:: op == NOTHING -> pc = Done; left--
	:: op == OPEN -> pc = Enter
	:: op == STORE -> pc = Own
	:: op == BEAT -> pc = JustBeat
	:: op == LEAVE -> pc = Leave
	:: op == REAP -> pc = Local
	:: op == TICK0 -> pc = Tick; x = 0
	:: op == TICK1 -> pc = Tick; x = 1
	:: op == RESCUE -> pc = Rescue
	fi;
	op = op2; op2 = op3; op3 = op4; op4 = NOTHING
}

inline give_up()
{
	op = NOTHING; op2 = NOTHING; op3 = NOTHING; op4 = NOTHING;
	next_op()
}

/* host_beat() */
#define CAN_BEAT (e != NONE && hs[e] == ACTIVE && hep[e] == ep)
inline beat() { hbeat[e] = hbeat[e] + 1 }

/* client_ok() */
#define OK (s != NONE && ss[s] == ACTIVE && !sf[s] && sinc[s] == si && \
	    sh[s] == e + 1)

inline free_slot(n)
{
	ss[n] = FREE; sf[n] = 0; sh[n] = 0; sinc[n] = sinc[n] + 1
}

inline free_entry(n)
{
	hs[n] = FREE; hby[n] = 0; hbeat[n] = 0;
#if MUTANT != 14
	hep[n] = hep[n] + 1
#endif
}

inline free_block() { st = FREE; owner = 0; oinc = 0 }

inline to_slot(n)
{
	t = n;
	if
	:: t == NS -> t = 0; pc = Gone
	:: else -> pc = Next
	fi
}

proctype actor(byte me; byte s; byte op; byte op2; byte op3; byte op4)
{
	byte k = kern[me];
	byte e = NONE, ep;	/* my host's entry */
	byte si;		/* my slot's incarnation */
	byte x, ws, wby, wep, wb;	/* entry that I look at, as it was */
	byte t, ti;		/* slot that I look at, its incarnation */
	byte v;			/* my block's version */
	bit some;		/* a slot is left that names the entry */
	byte i;			/* within one step only */
	mtype pc = Start;

end:	do
	:: d_step { pc == Start && up[me] ->
		if
		:: s != NONE || op == REAP || op == RESCUE -> e = k	/* from before */
		:: else
		fi;
		next_op()
	}
	/* the process dies */
	:: d_step { pc != Done && pc != Start && up[me] && crashes < CRASHES ->
		crashes++; up[me] = 0; has[me] = 0; reaps[me] = 0;
		enters[me] = 0; undoes[me] = 0; from[me] = 0; s = NONE; e = NONE; ep = 0; si = 0;
		give_up()
	}
	/* so does its kernel */
	:: d_step { pc != Done && !up[me] ->
		s = NONE; e = NONE; ep = 0; si = 0;
		give_up()
	}

	/* an entry */
	:: d_step { pc == Enter && up[me] && !ENTERED_HERE(k) ->
		enters[me] = 1;
		e = NONE;
		for (i : 0 .. NE - 1) {
			if
			:: boot[i] == k + 1 && hs[i] == ACTIVE -> e = i
			:: boot[i] == k + 1 && hs[i] == CONFIRMED &&
			   !hby[i] && e == NONE -> e = i
			:: else
			fi
		};
		i = 0;
		if
		:: e == NONE -> pc = Claim
		:: else -> read_word(e); pc = Active
		fi
	}
	:: d_step { pc == Claim && up[me] ->
		for (i : 0 .. NE - 1) {
			if
			:: hs[i] == FREE && e == NONE -> e = i
			:: else
			fi
		};
		i = 0;
		if
		:: e == NONE -> enters[me] = 0; give_up()
		:: else -> hs[e] = CLAIMED; hbeat[e] = k + 1;
			read_word(e); pc = Intro
		fi
	}
	:: d_step { pc == Intro && up[me] ->
		SURE(hep[e] == wep && hs[e] != FREE,
		     entry_of_another_stored_to);
		boot[e] = k + 1; waits[e] = 0;
		pc = Active
	}
	:: d_step { pc == Active && up[me] ->
		if
		:: SAME(e) ->
			if
			:: ws == CLAIMED -> hbeat[e] = 0
			:: else
			fi;
			hs[e] = ACTIVE; ep = hep[e]; pc = EnterBeat
		:: else -> enters[me] = 0; give_up()
		fi;
		forget_word()
	}
	:: d_step { pc == EnterBeat && up[me] ->
		enters[me] = 0;
		if
		:: CAN_BEAT -> beat(); pc = Slot
		:: else -> give_up()
		fi
	}

	/* a slot */
	:: d_step { pc == Slot && up[me] ->
		s = NONE;
		for (i : 0 .. NS - 1) {
			if
			:: ss[i] == FREE && s == NONE && !ALIVE_HERE(k, i) ->
				s = i
			:: else
			fi
		};
		i = 0;
		if
		:: s == NONE -> give_up()
		:: else ->
			has[me] = s + 1; si = sinc[s];
			ss[s] = JOINING; sh[s] = e + 1; pc = SlotBeat
		fi
	}
	:: d_step { pc == SlotBeat && up[me] ->
		if
#if MUTANT == 7
		:: true -> pc = Tell
#else
		:: CAN_BEAT ->
			SURE(boot[e] == k + 1, client_of_anothers_entry);
			beat(); pc = Tell
		:: else -> pc = Undo
#endif
		fi
	}
	:: d_step { pc == Tell && up[me] ->
		SURE(MAY_STORE_ROW(s, si), row_of_another_stored_to);
		pc = SlotActive
	}
	:: d_step { pc == SlotActive && up[me] ->
		if
		:: ss[s] == JOINING && sinc[s] == si && !sf[s] ->
			SURE(hs[e] != FREE && hep[e] == ep,
			     client_of_an_entry_that_is_free);
			ss[s] = ACTIVE; next_op()
		:: else -> s = NONE; has[me] = 0; give_up()
		fi
	}
	:: d_step { pc == Undo && up[me] ->
		if
		:: ss[s] == JOINING && sinc[s] == si && !sf[s] -> free_slot(s)
		:: else
		fi;
		s = NONE; has[me] = 0; give_up()
	}

	/* a call that writes; whether we were fenced is asked at its begin */
	:: d_step { pc == Own && up[me] ->
		if
		:: OK ->
			SURE(MAY_STORE_ROW(s, si), row_of_another_stored_to);
			row[s] = 1; pc = Take
		:: else -> give_up()
		fi
	}
	:: d_step { pc == Take && up[me] ->
		if
		:: st == FREE ->
			st = OWNED; owner = s; oinc = si; ver++; v = ver;
			pc = Write
		:: else -> pc = Clear
		fi
	}
	:: d_step { pc == Write && up[me] ->
		SURE(ver == v && st != FREE, block_of_another_stored_to);
		pc = Give
	}
	:: d_step { pc == Give && up[me] ->
		if
		:: OWNED_BY(s, si) && ver == v -> free_block()
		:: else
		fi;
		pc = Clear
	}
	:: d_step { pc == Clear && up[me] ->
		SURE(MAY_STORE_ROW(s, si), row_of_another_stored_to);
		row[s] = 0; next_op()
	}
	:: d_step { pc == JustBeat && up[me] ->
		if
		:: CAN_BEAT -> beat(); next_op()
		:: else -> give_up()
		fi
	}

	/* leave: the slot, and the entry if none of ours is left */
	:: d_step { pc == Leave && up[me] ->
#if MUTANT == 6
		read_word(e);
#endif
		if
		:: OK -> free_slot(s)
		:: else
		fi;
		s = NONE; has[me] = 0;
		if
		:: ENTERED_HERE(k) && MUTANT != 10 -> give_up()
		:: else -> enters[me] = 1;
			pc = (MUTANT == 6 -> LeaveLook : LeaveRead)
		fi
	}
	:: d_step { pc == LeaveRead && up[me] ->
		read_word(e);
		pc = (MUTANT == 6 -> LeaveSwap : LeaveLook)
	}
	:: d_step { pc == LeaveLook && up[me] ->
		if
		:: t == NS -> t = 0;
			pc = (MUTANT == 6 -> LeaveRead : LeaveSwap)
		:: t < NS && ss[t] != FREE && sh[t] == e + 1 ->
			if
			:: ss[t] == JOINING || ss[t] == ACTIVE ->
				enters[me] = 0; give_up()
			:: else -> some = 1; t++
			fi
		:: else -> t++
		fi
	}
	:: d_step { pc == LeaveSwap && up[me] ->
		if
		:: SAME(e) && ws == ACTIVE && wep == ep ->
			for (i : 0 .. NS - 1) {
				SURE(ss[i] != ACTIVE || sh[i] != e + 1,
				     client_of_an_entry_that_is_free)
			};
			i = 0;
			if
			:: some && MUTANT != 13 -> hs[e] = CONFIRMED; hby[e] = 0
			:: else -> free_entry(e)
			fi
		:: else
		fi;
		enters[me] = 0; give_up()
	}

	/* look after entry x, as a client of e */
	:: d_step { pc == Tick && up[me] ->
		if
		:: OK && CAN_BEAT && x != e ->
			beat(); read_word(x);
			pc = (THERE(x) -> Fence : Dead)
		:: else -> next_op()
		fi
	}
	:: atomic { pc == Fence && up[me] ->	/* it was silent, or was not */
		if
		:: fences < FENCES &&
#if MUTANT == 1
		   hs[x] == ws && hep[x] == wep ->
			SURE(hbeat[x] == wb, living_host_fenced);
#else
		   SAME(x) ->
#endif
			fences++; hs[x] = FENCED; hby[x] = e + 1;
			ws = FENCED; wby = e + 1; pc = Dead
		:: next_op()
		fi
	}
	/* is it a former life of my kernel, with nobody left? */
	:: d_step { pc == Dead && up[me] ->
		if
		:: ws == FENCED && boot[x] == k + 1 && !ENTERED_HERE(k) ->
			enters[me] = 1; pc = DeadLook
		:: ws == FENCED || ws == CONFIRMED -> pc = Wait
		:: else -> next_op()
		fi
	}
	:: d_step { pc == DeadLook && up[me] ->
		if
		:: t == NS -> t = 0; pc = Confirm
		:: t < NS && ss[t] != FREE && sh[t] == x + 1 &&
		   ALIVE_HERE(k, t) && MUTANT != 11 ->
			t = 0; enters[me] = 0; pc = Wait
		:: else -> t++
		fi
	}
	:: d_step { pc == Confirm && up[me] ->
		if
		:: SAME(x) -> hs[x] = CONFIRMED; ws = CONFIRMED
		:: else
		fi;
		enters[me] = 0; pc = Wait
	}
	:: d_step { pc == Wait && up[me] ->
		if
		:: wby == e + 1 -> pc = Next
		:: wby && THERE(wby - 1) && MUTANT != 16 -> next_op()
		:: else ->
			if
			:: wby && hs[wby - 1] == FENCED && MUTANT != 4 ->
				waits[x] = waits[x] | BIT(wby - 1)
			:: else
			fi;
			pc = Over
		fi
	}
	:: d_step { pc == Over && up[me] ->
		if
		:: SAME(x) -> hby[x] = e + 1; wby = e + 1; pc = Next
		:: else -> next_op()
		fi
	}

	/* reap_without_slot(): what my host was recovering */
	:: d_step { pc == Rescue && up[me] ->
		if
		:: ENTERED_HERE(k) -> give_up()
		:: !ENTERED_HERE(k) && !CAN_BEAT && MUTANT != 17 -> give_up()
		:: else ->
			if
			:: CAN_BEAT -> beat()
			:: else
			fi;
			enters[me] = 1; pc = Next
		fi
	}

	/* recover slot by slot */
	:: d_step { pc == Next && up[me] ->
		if
		:: t == NS -> t = 0; pc = Gone
		:: t < NS && ss[t] != FREE && sh[t] == x + 1 && t != s &&
		   !REAPED_HERE(k, t) -> reaps[me] = t + 1; pc = Lock
		:: t < NS && ss[t] != FREE && sh[t] == x + 1 && t != s &&
		   REAPED_HERE(k, t) -> some = 1; t++
		:: else -> t++
		fi
	}
	:: d_step { pc == Lock && up[me] ->
		ti = sinc[t];
		if
		:: ss[t] == FREE || sh[t] != x + 1 ||
		   !(hs[x] == FENCED || hs[x] == CONFIRMED) ||
		   hby[x] != e + 1 -> pc = Unlock
		:: else ->
			for (i : 0 .. NA - 1) {
				SURE(undoes[i] != x + 1 || from[i] == e + 1 ||
				     !up[i] || hs[from[i] - 1] != ACTIVE ||
				     hs[e] != ACTIVE, two_hosts_recover_one)
			};
			i = 0;
			undoes[me] = x + 1; from[me] = e + 1;
			if
			:: !(ss[t] == KEPT && sf[t]) -> pc = Bury
			:: else -> pc = Ask
			fi
		fi
	}
	:: d_step { pc == Ask && up[me] -> pc = (RELEASES(x) -> Sweep : Unlock) }
	:: d_step { pc == Bury && up[me] ->
		if
		:: ss[t] != FREE && sinc[t] == ti && sh[t] == x + 1 ->
			ss[t] = DEAD; sf[t] = 1; pc = Cell
		:: else -> pc = Unlock
		fi
	}
	:: d_step { pc == Cell && up[me] -> pc = (row[t] -> CellSwap : Keep) }
	:: d_step { pc == CellSwap && up[me] ->
		if
		:: OWNED_BY(t, ti) ->
#if MUTANT == 2
			free_block(); pc = CellClear
#else
			st = KEPT; pc = Keep
#endif
		:: !OWNED_BY(t, ti) && !KEPT_BY(t, ti) -> pc = CellClear
		:: else -> pc = Keep
		fi
	}
	:: d_step { pc == CellClear && up[me] ->
		SURE(MAY_STORE_ROW(t, ti), row_of_another_stored_to);
		row[t] = 0; pc = Keep
	}
	:: d_step { pc == Keep && up[me] ->
		if
		:: SLOT_IS(t, DEAD, 1) ->
#if MUTANT == 3
			free_slot(t)
#else
			ss[t] = KEPT
#endif
		:: else
		fi;
		pc = Unlock
	}
	:: d_step { pc == Sweep && up[me] ->
		if
#if MUTANT == 8
		:: row[t] && (OWNED_BY(t, ti) || KEPT_BY(t, ti)) -> free_block()
#else
		:: OWNED_BY(t, ti) || KEPT_BY(t, ti) -> free_block()
#endif
		:: else
		fi;
		pc = Row
	}
	:: d_step { pc == Row && up[me] ->
		SURE(MAY_STORE_ROW(t, ti), row_of_another_stored_to);
		row[t] = 0; pc = Slots
	}
	:: d_step { pc == Slots && up[me] ->
		if
		:: SLOT_IS(t, KEPT, 1) -> free_slot(t)
		:: else
		fi;
		pc = Unlock
	}
	:: d_step { pc == Unlock && up[me] ->
		reaps[me] = 0; undoes[me] = 0; from[me] = 0; ti = 0;
		if
		:: ss[t] != FREE && sh[t] == x + 1 -> some = 1
		:: else
		fi;
		t++; pc = Next
	}
	:: d_step { pc == Gone && up[me] ->
		if
		:: hs[x] == CONFIRMED && hby[x] == e + 1 && hep[x] == wep &&
		   (!some || MUTANT == 13) && RELEASES(x) && s != NONE ->
			free_entry(x)
		:: s == NONE -> enters[me] = 0
		:: else
		fi;
		next_op()
	}

	/* reap the dead of my own kernel; without a slot, as one that enters */
	:: d_step { pc == Local && up[me] ->
		t = NS;
		for (i : 0 .. NS - 1) {
			if
			:: ss[i] != FREE && boot[sh[i] - 1] == k + 1 &&
			   THERE(sh[i] - 1) && !ALIVE_HERE(k, i) &&
			   !REAPED_HERE(k, i) && i != s -> t = i
			:: else
			fi
		};
		i = 0;
		if
		:: s == NONE && ENTERED_HERE(k) -> next_op()
		:: t == NS && !(s == NONE && ENTERED_HERE(k)) ->
			t = 0; pc = Tidy
		:: else ->
			reaps[me] = t + 1; ti = sinc[t];
			enters[me] = (s == NONE && MUTANT != 15);
			pc = LBury
		fi
	}
	/* taken for an entry that has gone: its joiner cannot beat any more */
	:: d_step { pc == Tidy && up[me] ->
		if
		:: t == NS || MUTANT == 12 -> next_op()
		:: t < NS && ss[t] == JOINING -> ti = sinc[t]; pc = TidyLook
		:: else -> t++
		fi
	}
	:: d_step { pc == TidyLook && up[me] ->
		if
		:: sh[t] && hs[sh[t] - 1] == FREE -> pc = Tidied
		:: else -> ti = 0; t++; pc = Tidy
		fi
	}
	:: d_step { pc == Tidied && up[me] ->
#if MUTANT == 18
		SURE(MAY_STORE_ROW(t, ti), row_of_another_stored_to);
#endif
		if
		:: SLOT_IS(t, JOINING, 0) -> free_slot(t)
		:: else
		fi;
		ti = 0; t++; pc = Tidy
	}
	:: d_step { pc == LBury && up[me] ->
		if
		:: ss[t] != FREE && sinc[t] == ti && !sf[t] && ss[t] != KEPT ->
			ss[t] = DEAD; pc = LCell
		:: else -> reaps[me] = 0; enters[me] = 0; next_op()
		fi
	}
	:: d_step { pc == LCell && up[me] ->
		if
		:: row[t] && OWNED_BY(t, ti) -> free_block()
		:: else
		fi;
		pc = (row[t] -> LClear : LFree)
	}
	:: d_step { pc == LClear && up[me] ->
		SURE(MAY_STORE_ROW(t, ti), row_of_another_stored_to);
		row[t] = 0; pc = LFree
	}
	:: d_step { pc == LFree && up[me] ->
		if
#if MUTANT == 9
		:: true -> free_slot(t)
#else
		:: SLOT_IS(t, DEAD, 0) -> free_slot(t)
		:: else
#endif
		fi;
		reaps[me] = 0; enters[me] = 0; next_op()
	}
	od
}

#include "hosts_end.pml"
