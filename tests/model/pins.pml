/*
 * Pins, eviction, allocation, reaping, joining and closing: one block.
 *
 * Each client slot has a row: pin count and OWN bit of the block, written
 * by the slot's process alone. Every option of the actor's loop is one
 * atomic memory operation, or one question to the kernel, plus local work.
 * A process may crash before any step of any of its threads. When everybody
 * is done or dead, init sweeps what the dead left and looks at what remains.
 *
 * -DSCENARIO=n picks who does what, -DCRASHES=n how many may crash,
 * -DMUTANT=n breaks one rule; a broken rule must be caught:
 *  1 the block is validated before the pin is published
 *  2 the rows are not scanned again after the DYING mark
 *  3 the OWN bit is set after the block is taken
 *  4 slots are reaped without the reaper lock
 *  5 death is not verified again under the reaper lock
 *  6 the reaper lock names a slot, not an incarnation of it
 *  7 the reaper lock is released before the slot is free
 *  8 the OWN bit is cleared before the value is published
 *  9 a slot is declared dead whatever its incarnation is by then
 * 10 a closing process gives up its liveness lock before its slot
 * 11 the reaper zeroes the row after the slot is free
 * 12 a joiner pins before its slot counts
 * 13 a thread does not respect an OWN bit that another thread set
 * 14 the last unpin of a row frees without looking at the other rows
 * 15 the set of active slots is read before the DYING mark
 * 16 a joiner takes its liveness lock after its slot
 * 17 the reaper forgets the OWN bits
 * 18 a joiner's row does not count
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
#define NS 3			/* client slots */
#define NA 4			/* actors: threads, at most */
#define NOSLOT NS

/* The block: state word (state, owner slot, version), value. */
#define FREE 0
#define OWNED 1
#define LIVE 2
#define DYING 3
byte st, own, ver;
byte value;			/* 2 * version, + 1 while half written */

/* Rows. */
byte pins[NS];
bit ownbit[NS];

/* Slots: state and incarnation are one word; reaper: process + 1 or 0. */
#define VOID 0
#define JOINING 1
#define ACTIVE 2
#define DEAD 3
byte slot[NS], inc[NS], reaper[NS];
bit act[NS];			/* the active map: its row counts */

/* The kernel: who holds the liveness lock of a slot, process + 1 or 0. */
byte holder[NS];

/* What a failed SURE() says; never set. */
hidden byte pinned_block_recycled_or_torn, pin_or_slot_taken_from_the_living;
hidden byte block_taken_from_its_owner, joiner_lost_its_slot;
hidden byte reaper_lock_stuck, slot_left_behind, pin_or_own_bit_left_behind;
hidden byte block_left_behind;
#define SURE(cond, why) assert((cond) || why)

bit up[NA + 1] = 1;		/* by _pid: its process did not crash */
byte proc[NA + 1], at[NA + 1];	/* by _pid: process; slot held */
bit busy[NA + 1];
byte crashes, left;

/* What an actor does. */
#define NOTHING 0
#define RETRIEVE 1
#define EVICT 2
#define STORE 3
#define REAP 4
#define CLOSE 5

mtype = {
	Start, Done, JoinLock, JoinSlot, JoinRow, JoinActive, JoinMap, JoinLate,
	Pin, Check, Read, Unpin, Unpinned,
	Mark, Peek, Active, Row, Free,
	Look, Own, Take, OwnLate, Write, Write2, Publish, Disown,
	Corpse, Lock, State, Verify, Bury, Unmap, Bits, Undo, Zero, Void, Unlock,
	CloseRow, CloseMap, CloseSlot, CloseLock
};

/* Processes are numbered by their first thread's _pid. */
#define UP(q) up[q]
#define RUNS(k) (holder[k] && UP(holder[k] - 1))
#define HELD_BY_LIVING(k) (reaper[k] && UP(reaper[k] - 1))

inline forget()
{
	r = 0; rinc = 0; t = 0; set = 0; j = 0; i = 0; after = Start
}

inline next_op()
{
	forget();
	if
	:: op == NOTHING ->
		pc = Done; left--; busy[_pid] = 0
#if MUTANT == 1
	:: op == RETRIEVE -> pc = Check
#else
	:: op == RETRIEVE -> pc = Pin
#endif
	:: op == EVICT -> pc = Mark
	:: op == STORE -> pc = Look
	:: op == REAP -> pc = Corpse
	:: op == CLOSE -> pc = CloseRow
	fi;
	op = op2;
	op2 = NOTHING
}

inline stop()
{
	op = NOTHING; op2 = NOTHING; next_op()
}

/* the active slots from the j-th on, in the set I read */
inline next_row()
{
	do
	:: j < NS && !((set >> j) & 1) -> j++
	:: else -> break
	od;
	if
	:: j == NS -> j = 0; set = 0; pc = Free
	:: else -> pc = Row
	fi
}

inline read_set()
{
	set = 0;
	for (i : 0 .. NS - 1) {
		if
		:: act[i] -> set = set | (1 << i)
		:: else
		fi
	};
	i = 0
}

#if MUTANT == 7
#define ROW_DONE Unlock
#else
#define ROW_DONE Void
#endif
#if MUTANT == 11
#define BITS_DONE Void
#else
#define BITS_DONE Zero
#endif

inline finish()
{
	if
	:: after != Start -> pc = after; after = Start; r = 0; set = 0; j = 0
	:: else -> next_op()
	fi
}

#define ME at[_pid]
/* Whom it may try to reap; whether he is dead is asked under the lock. */
#if MUTANT == 5
#define SUSPECT(k) (slot[k] != VOID && !RUNS(k))
#else
#define SUSPECT(k) (slot[k] != VOID && ME != (k))
#endif
#define MINE (st == OWNED && own == ME && ver == r)

proctype actor(byte op; byte op2) provided (up[_pid])
{
	byte r;			/* version in hand */
	byte t, rinc;		/* slot I reap or join, its state word */
	byte set, j;		/* rows to look at, the next of them */
	byte i;			/* within one step only */
	mtype after = Start;	/* where to go on after a scan */
	mtype pc = Start;

end:	do
	:: d_step { pc == Start ->
		if
		:: ME == NOSLOT -> pc = JoinLock
		:: else -> next_op()
		fi
	}
	:: d_step { pc != Start && pc != Done && crashes < CRASHES ->
		crashes++;
		stop();
		for (i : 1 .. NA) {
			if
			:: proc[i] == proc[_pid] ->
				up[i] = 0;
				left = left - busy[i];
				busy[i] = 0
			:: else
			fi
		};
		i = 0
	}

	/* join */
	:: atomic { pc == JoinLock ->
		if
#if MUTANT == 16
		:: slot[0] == VOID -> t = 0; pc = JoinSlot
		:: slot[1] == VOID -> t = 1; pc = JoinSlot
		:: slot[2] == VOID -> t = 2; pc = JoinSlot
#else
		:: !RUNS(0) -> t = 0; holder[t] = proc[_pid] + 1; pc = JoinSlot
		:: !RUNS(1) -> t = 1; holder[t] = proc[_pid] + 1; pc = JoinSlot
		:: !RUNS(2) -> t = 2; holder[t] = proc[_pid] + 1; pc = JoinSlot
#endif
		:: else -> stop()		/* no slot */
		fi
	}
	:: d_step { pc == JoinSlot ->
		if
		:: slot[t] == VOID ->
			slot[t] = JOINING;
			ME = t;
			pc = JoinRow
		:: else ->			/* still to be reaped */
#if MUTANT != 16
			holder[t] = 0;
#endif
			stop()
		fi
	}
	:: d_step { pc == JoinRow ->
		pins[ME] = 0; ownbit[ME] = 0;
#if MUTANT == 12
		next_op()
#else
		pc = JoinActive
#endif
	}
	:: d_step { pc == JoinActive ->
		SURE(slot[ME] == JOINING, joiner_lost_its_slot);
		slot[ME] = ACTIVE;
		pc = (MUTANT == 18 -> JoinLate : JoinMap)
	}
	:: d_step { pc == JoinMap ->
		act[ME] = 1;
		pc = (MUTANT == 16 -> JoinLate : Start);
		if
		:: pc == Start -> next_op()
		:: else
		fi
	}
	:: d_step { pc == JoinLate ->
#if MUTANT == 16
		holder[ME] = proc[_pid] + 1;
#endif
		next_op()
	}

	/* retrieve, read, release */
	:: d_step { pc == Pin ->
		SURE(slot[ME] == ACTIVE || MUTANT == 12,
		     pin_or_slot_taken_from_the_living);
		pins[ME]++;
#if MUTANT == 1
		pc = Read
#else
		pc = Check
#endif
	}
	:: d_step { pc == Check ->
		if
#if MUTANT == 1
		:: st == LIVE -> r = ver; pc = Pin
		:: else -> next_op()
#else
		:: st == LIVE -> r = ver; pc = Read
		:: else -> pc = Unpin
#endif
		fi
	}
	/* it may stay here for as long as it likes */
	:: d_step { pc == Read ->
		/* the pinned version, whole */
		SURE(ver == r && (st == LIVE || st == DYING) &&
		     value == 2 * r, pinned_block_recycled_or_torn);
		/* which release is able to tell */
		SURE(slot[ME] == ACTIVE || MUTANT == 12,
		     pin_or_slot_taken_from_the_living);
		pc = Unpin
	}
	:: d_step { pc == Unpin ->
		r = 0;
		SURE(pins[ME], pin_or_slot_taken_from_the_living);
		pins[ME]--;
		if
		:: pins[ME] -> next_op()
		:: else -> pc = Unpinned
		fi
	}
	:: d_step { pc == Unpinned ->
		if
		:: st == DYING ->
			r = ver;
#if MUTANT == 14
			pc = Free
#else
			pc = Active
#endif
		:: else -> next_op()
		fi
	}

	/* evict: peeking at the rows first is only a kindness, except in 2 */
	:: d_step { pc == Mark ->
		if
		:: st == DYING -> r = ver; pc = Active
#if MUTANT == 2
		:: st == LIVE && !r -> r = ver; read_set(); next_row();
		:: st == LIVE && r == ver -> st = DYING; pc = Free
#elif MUTANT == 15
		:: st == LIVE && !r -> r = ver; read_set()
		:: st == LIVE && r == ver -> st = DYING; j = 0; next_row()
#else
		:: st == LIVE -> st = DYING; r = ver; pc = Active
#endif
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Active -> read_set(); j = 0; next_row() }
	:: d_step { pc == Row ->
		if
		:: pins[j] -> finish()		/* its last unpin frees */
		:: else ->
			j++;
			next_row();
#if MUTANT == 2
			if
			:: pc == Free && st == LIVE -> pc = Mark
			:: else
			fi
#endif
		fi
	}
	:: d_step { pc == Free ->
		if
		:: st == DYING && ver == r -> st = FREE
		:: else
		fi;
		finish()
	}

	/* alloc, write, publish */
	:: d_step { pc == Look ->
		if
		:: st == FREE ->
			r = ver;
#if MUTANT == 3
			pc = Take
#else
			pc = Own
#endif
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Own ->
		if
#if MUTANT != 13
		:: ownbit[ME] -> next_op()	/* another thread is at it */
#endif
		:: else -> ownbit[ME] = 1; pc = Take
		fi
	}
	:: d_step { pc == Take ->
		if
		:: st == FREE && ver == r ->
			st = OWNED; ver++; own = ME; r = ver;
#if MUTANT == 3
			pc = OwnLate
		:: else -> next_op()
		fi
	}
	:: d_step { pc == OwnLate ->
		ownbit[ME] = 1;
		pc = Write
	}
#else
			pc = Write
		:: else -> pc = Disown
		fi
	}
#endif
	:: d_step { pc == Write ->
		SURE(MINE, block_taken_from_its_owner);
		value = 2 * r + 1;
		pc = Write2
	}
	:: d_step { pc == Write2 ->
		SURE(MINE, block_taken_from_its_owner);
		value = 2 * r;
#if MUTANT == 8
		ownbit[ME] = 0;
#endif
		pc = Publish
	}
	:: d_step { pc == Publish ->
		SURE(MINE, block_taken_from_its_owner);
		st = LIVE; own = 0; r = 0;
#if MUTANT == 8
		next_op()
#else
		pc = Disown
#endif
	}
	:: d_step { pc == Disown ->
		ownbit[ME] = 0;
		next_op()
	}

	/* reap */
	:: atomic { pc == Corpse ->
		if
		:: SUSPECT(0) -> t = 0; pc = Lock
		:: SUSPECT(1) -> t = 1; pc = Lock
		:: SUSPECT(2) -> t = 2; pc = Lock
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Lock ->
		if
#if MUTANT == 4
		:: true ->
#elif MUTANT == 6
		:: !reaper[t] || !RUNS(at[reaper[t] - 1]) ->
#else
		:: !HELD_BY_LIVING(t) ->
#endif
			reaper[t] = proc[_pid] + 1; pc = State
		:: else -> next_op()
		fi
	}
	:: d_step { pc == State ->
		r = slot[t]; rinc = inc[t];
		if
		:: r == VOID -> pc = Unlock
		:: r == DEAD -> pc = Unmap
#if MUTANT == 5
		:: else -> pc = Bury
#else
		:: else -> pc = Verify
#endif
		fi
	}
	:: d_step { pc == Verify ->
		if
		:: RUNS(t) -> pc = Unlock
		:: else -> pc = Bury
		fi
	}
	:: d_step { pc == Bury ->
		if
#if MUTANT == 9
		:: slot[t] == r ->
#else
		:: slot[t] == r && inc[t] == rinc ->
#endif
			slot[t] = DEAD; pc = Unmap
		:: else -> pc = Unlock
		fi;
		r = 0; rinc = 0
	}
	:: d_step { pc == Unmap ->
		act[t] = 0;		/* all its pins are void */
		pc = Bits
	}
	/* a cell that is zero says nothing: whoever owes the block sees to it */
	:: d_step { pc == Bits ->
		r = 0; rinc = 0;
#if MUTANT == 17
		pc = (pins[t] -> Undo : BITS_DONE)
#else
		pc = (pins[t] || ownbit[t] -> Undo : BITS_DONE)
#endif
	}
	:: d_step { pc == Undo ->
		if
		:: st == OWNED && own == t ->
			st = FREE; own = 0; pc = BITS_DONE
		:: st == DYING -> r = ver; after = BITS_DONE; pc = Active
		:: else -> pc = BITS_DONE
		fi
	}
	:: d_step { pc == Zero ->
		pins[t] = 0; ownbit[t] = 0;
#if MUTANT == 11
		pc = Unlock
#else
		pc = ROW_DONE
#endif
	}
	:: d_step { pc == Void ->
		slot[t] = VOID; inc[t]++;
#if MUTANT == 11
		pc = Zero
#elif MUTANT == 7
		next_op()
#else
		pc = Unlock
#endif
	}
	:: d_step { pc == Unlock ->
		r = 0; rinc = 0;
		if
		:: reaper[t] == proc[_pid] + 1 -> reaper[t] = 0
		:: else
		fi;
#if MUTANT == 7
		if
		:: slot[t] == DEAD -> pc = Void
		:: else -> next_op()
		fi
#else
		next_op()
#endif
	}

	/* close, whatever is still pinned */
	:: d_step { pc == CloseRow ->
		pins[ME] = 0; ownbit[ME] = 0;
		pc = CloseMap
	}
	:: d_step { pc == CloseMap ->
		act[ME] = 0;
#if MUTANT == 10
		pc = CloseLock
#else
		pc = CloseSlot
#endif
	}
	:: d_step { pc == CloseSlot ->
		slot[ME] = VOID; inc[ME]++;
#if MUTANT == 10
		ME = NOSLOT; next_op()
#else
		pc = CloseLock
#endif
	}
	:: d_step { pc == CloseLock ->
		holder[ME] = 0;
#if MUTANT == 10
		pc = CloseSlot
#else
		ME = NOSLOT;
		next_op()
#endif
	}
	od
}

inline sweep()
{
	for (i : 0 .. NS - 1) {
		if
		:: slot[i] != VOID && !RUNS(i) ->
			/* nobody alive may sit on the reaper lock */
#if MUTANT == 6
			SURE(!reaper[i] || !RUNS(at[reaper[i] - 1]),
			     reaper_lock_stuck);
#else
			SURE(!HELD_BY_LIVING(i), reaper_lock_stuck);
#endif
			if
			:: MUTANT != 17 && ownbit[i] && st == OWNED && own == i ->
				st = FREE; own = 0
			:: else
			fi;
			pins[i] = 0; ownbit[i] = 0; slot[i] = VOID; act[i] = 0
		:: else
		fi
	};
	for (i : 0 .. NS - 1) {
		SURE(slot[i] == VOID || (slot[i] == ACTIVE && RUNS(i)) ||
		     MUTANT == 12, slot_left_behind);
		SURE(slot[i] == VOID || (!pins[i] && !ownbit[i]),
		     pin_or_own_bit_left_behind)
	};
	if
	:: st == DYING -> st = FREE
	:: else
	fi;
	SURE(st == FREE || (st == LIVE && value == 2 * ver),
	     block_left_behind)
}

/* p: _pid of the process's first thread; s: its slot */
#define RUN(n, p, s, a, b) \
	proc[n] = p; at[n] = s; busy[n] = 1; left++; \
	if \
	:: s != NOSLOT -> slot[s % NS] = ACTIVE; act[s % NS] = 1; \
		holder[s % NS] = p + 1 \
	:: else \
	fi; \
	run actor(a, b)

init {
	byte i;

	d_step {
		st = LIVE; ver = 1; value = 2
	};
	atomic {
#if SCENARIO == 0
		RUN(1, 1, 0, RETRIEVE, REAP); RUN(2, 2, 1, EVICT, STORE);
		RUN(3, 3, 2, REAP, EVICT); RUN(4, 4, NOSLOT, STORE, RETRIEVE)
#elif SCENARIO == 1
		RUN(1, 1, 0, RETRIEVE, RETRIEVE); RUN(2, 2, 1, EVICT, STORE);
		RUN(3, 3, 2, STORE, REAP)
#elif SCENARIO == 2
		st = FREE;
		RUN(1, 1, 0, STORE, RETRIEVE); RUN(2, 2, 1, REAP, EVICT);
		RUN(3, 3, 2, REAP, NOTHING); RUN(4, 4, NOSLOT, STORE, EVICT)
#elif SCENARIO == 3
		RUN(1, 1, 0, RETRIEVE, EVICT); RUN(2, 2, 1, RETRIEVE, EVICT);
		RUN(3, 3, 2, EVICT, STORE)
#elif SCENARIO == 4		/* 1 and 2 are threads of one process */
		st = FREE;
		RUN(1, 1, 0, STORE, RETRIEVE); RUN(2, 1, 0, STORE, RETRIEVE);
		RUN(3, 3, 1, EVICT, REAP)
#elif SCENARIO == 5		/* close against reap and join */
		RUN(1, 1, 0, RETRIEVE, CLOSE); RUN(2, 2, 1, REAP, EVICT);
		RUN(3, 3, 2, REAP, STORE); RUN(4, 4, NOSLOT, RETRIEVE, STORE)
#elif SCENARIO == 6		/* a reaper dies and its slot is taken */
		RUN(1, 1, 0, STORE, NOTHING); RUN(2, 2, 1, REAP, NOTHING);
		RUN(3, 3, 2, REAP, REAP); RUN(4, 4, NOSLOT, RETRIEVE, NOTHING)
#elif SCENARIO == 7
		RUN(1, 1, 0, RETRIEVE, STORE); RUN(2, 2, 1, EVICT, CLOSE);
		RUN(3, 3, 2, REAP, RETRIEVE); RUN(4, 4, NOSLOT, STORE, EVICT)
#endif
	};
	d_step { left == 0 -> sweep() }
}
