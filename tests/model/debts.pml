/*
 * Zombies and debts: who answers for a DYING block that somebody pins.
 *
 * One block, NC client slots. A slot's row is pin count and own bit, its
 * active bit is apart, as in the pool; debt[] is private to the process.
 * Every option of the actor's loop is one atomic memory operation, or one
 * question to the kernel, plus local work. A client may crash before any
 * step of any of its threads. When everybody is done or dead, init looks at
 * what remains: a DYING block must be in a row that answers for it. The
 * clock hand would free it without, so it is not in the scenarios but where
 * it says so.
 *
 * Steps and what they are: Pin .. Unpinned: dir_pin_at(), dir_drop(); Peek ..
 * Owe2, Disown: dir_remove(), owe(); Active, Row, Free: dir_reclaim(); Sett*:
 * dir_settle(); Corpse .. Unlock: client_reap(); Cell .. Stay: dir_reap(),
 * take_over(), must_stay(); Debt*: look_after_debts(); Leave*: client_leave().
 * What reapers need their locks for is in pins.pml, where slots are reused.
 *
 * -DSCENARIO=n picks who does what, -DCRASHES=n how many may crash,
 * -DMUTANT=n breaks one rule; a broken rule must be caught:
 *  1 the remover sets its own bit after the block is DYING
 *  2 the remover clears its own bit though a pin is in the way
 *  3 a debt is listed but not counted
 *  4 the reaper clears the dead one's bit before it sets its own
 *  5 the reaper takes over no debts
 *  6 who leaves with debts gives its slot free
 *  7 who gives up a debt does not look at the block again
 *  8 the dead one's bit is cleared though the reaper's is another thread's
 *  9 who looks after its debts gives up one that is held
 * 10 the hand frees a DYING block that is held
 * 11 the own bit of a debt is cleared before it is off the list
 * 12 who leaves frees a zombie without a look at the other rows
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
#define NC 3			/* client slots */
#define NA 4			/* actors: threads, at most */

/* The block: state, owner while OWNED, version. */
#define FREE 0
#define OWNED 1
#define LIVE 2
#define DYING 3
byte st = LIVE, owner, ver = 1;

/* Rows, active bits, debts as counted in the slot and as listed. */
byte pins[NC];
bit own[NC], counts[NC], listed[NC];
byte owes[NC];

/* Slots. */
#define VOID 0
#define ACTIVE 1
#define DEAD 2
byte slot[NC];
byte reaper[NC];		/* who has its reaping lock: client + 1 */
bit settling[NC];		/* private to the process */

bit up[NC];			/* the process runs and has the slot's lock */
byte client[NA + 1];		/* by _pid */
bit works[NA + 1];
byte crashes, left;

hidden byte pinned_block_recycled, zombie_without_an_answer;
hidden byte own_bit_left_behind, debts_below_the_truth, block_left_behind;
#define SURE(cond, why) assert((cond) || why)

/* What an actor does. */
#define NOTHING 0
#define RETRIEVE 1
#define REMOVE 2
#define STORE 3
#define SETTLE 4
#define REAP 5
#define LEAVE 6
#define HAND 7

mtype = {
	Start, Done, Pin, Check, Read, Unpin, Unpinned,
	Peek, PeekRow, Borrow, Mark, BorrowLate, Marked, Again, Owe, Owe2, Disown,
	Active, Row, Free, Reclaimed,
	Own, Take, Publish,
	Sett, SettWord, SettDrop, SettLook, SettList, SettDisown, SettCount,
	SettEnd,
	Corpse, Verify, Bury, Void, Cell, CellFirst, Still, Over, OverOwe, OverOwe2,
	 Stay, StayList, Clear, Debt, DebtWord, Unbury,
	LeaveRow, LeaveVoid, LeaveSlot, LeaveLock, Hand
};

inline forget()
{
	r = 0; t = 0; set = 0; j = 0; ok = 0; stays = 0; k = 0; then = Start
}

inline next_op()
{
	forget();
	if
	:: op == NOTHING -> pc = Done; left--; works[_pid] = 0
	:: op == RETRIEVE -> pc = Pin
	:: op == REMOVE -> pc = Peek
	:: op == STORE -> pc = Own
	:: op == SETTLE -> pc = Sett
	:: op == REAP -> pc = Corpse
	:: op == LEAVE -> pc = Sett; then = LeaveRow
	:: op == HAND -> pc = Hand
	fi;
	op = op2;
	op2 = NOTHING
}

/* dir_reclaim(), if the block is DYING; on to where with ok */
inline reclaim(where)
{
	ok = 0;
	after = where;
	if
	:: st == DYING -> r = ver; pc = Active
	:: else -> r = 0; pc = where
	fi
}

inline next_row(found)
{
	do
	:: j < NC && !(set >> j & 1) -> j++
	:: else -> break
	od;
	if
	:: j == NC -> j = 0; set = 0; pc = found
	:: else
	fi
}

inline read_set()
{
	set = 0;
	for (i : 0 .. NC - 1) {
		set = set | counts[i] << i
	};
	i = 0; j = 0
}

inline settled()
{
	r = 0;
	if
	:: then == LeaveRow -> then = Start; pc = LeaveRow
	:: else -> next_op()
	fi
}

#define ME client[_pid]
#define LEAVING (t == ME)

proctype actor(byte op; byte op2) provided (up[client[_pid]])
{
	byte r;			/* version in hand */
	byte t, k;		/* slot I reap; slot whose debts I look at */
	byte set, j;		/* rows to look at, the next of them */
	bit ok, stays;		/* reclaimed; the dead one's bit stays */
	byte i;			/* within one step only */
	mtype after = Start, then = Start;
	mtype pc = Start;

end:	do
	:: d_step { pc == Start -> next_op() }
	:: d_step { pc != Start && pc != Done && crashes < CRASHES ->
		crashes++;
		for (i : 1 .. NA) {
			if
			:: client[i] == ME && works[i] -> works[i] = 0; left--
			:: else
			fi
		};
		i = 0; after = Start; op = NOTHING; op2 = NOTHING;
		forget(); pc = Done;
		up[ME] = 0
	}

	/* retrieve and release */
	:: d_step { pc == Pin -> pins[ME]++; pc = Check }
	:: d_step { pc == Check ->
		if
		:: st == LIVE -> r = ver; pc = Read
		:: else -> pc = Unpin
		fi
	}
	:: d_step { pc == Read ->
		SURE(ver == r && (st == LIVE || st == DYING),
		     pinned_block_recycled);
		pc = Unpin
	}
	:: d_step { pc == Unpin ->
		pins[ME]--; r = 0;
		if
		:: pins[ME] -> next_op()
		:: else -> pc = Unpinned
		fi
	}
	:: d_step { pc == Unpinned -> reclaim(Reclaimed) }
	:: d_step { pc == Reclaimed -> next_op() }

	/* remove: look, own bit, mark, look again */
	:: d_step { pc == Peek -> read_set(); pc = PeekRow; next_row(Borrow) }
	:: d_step { pc == PeekRow ->
		if
		:: pins[j] -> next_op()		/* busy */
		:: else -> j++; next_row(Borrow)
		fi
	}
	:: d_step { pc == Borrow ->
#if MUTANT == 1
		pc = Mark
#else
		if
		:: own[ME] -> next_op()
		:: else -> own[ME] = 1; pc = Mark
		fi
#endif
	}
	:: d_step { pc == Mark ->
		if
		:: st == LIVE -> st = DYING; r = ver;
			pc = (MUTANT == 1 -> BorrowLate : Marked)
		:: st != LIVE && MUTANT == 1 -> next_op()
		:: else -> pc = Disown
		fi
	}
	:: d_step { pc == BorrowLate -> own[ME] = 1; pc = Marked }
	:: d_step { pc == Marked ->
		/* reclaim() with the word that is mine */
		ok = 0; after = Again; pc = Active
	}
	:: d_step { pc == Again ->
		if
		:: ok || MUTANT == 2 -> pc = Disown
		:: else ->
			pc = (st == DYING && ver == r -> Owe : Disown)
		fi
	}
	:: d_step { pc == Owe ->
#if MUTANT != 3
		owes[ME]++;
#endif
		pc = Owe2
	}
	:: d_step { pc == Owe2 -> listed[ME] = 1; next_op() }
	:: d_step { pc == Disown -> own[ME] = 0; next_op() }

	/* reclaim */
	:: d_step { pc == Active -> read_set(); pc = Row; next_row(Free) }
	:: d_step { pc == Row ->
		if
		:: pins[j] -> set = 0; j = 0; pc = after; after = Start
		:: else -> j++; next_row(Free)
		fi
	}
	:: d_step { pc == Free ->
		if
		:: st == DYING && ver == r -> st = FREE; ok = 1
		:: else
		fi;
		pc = after; after = Start
	}

	/* store */
	:: d_step { pc == Own ->
		if
		:: own[ME] -> next_op()
		:: else -> own[ME] = 1; pc = Take
		fi
	}
	:: d_step { pc == Take ->
		if
		:: st == FREE -> st = OWNED; ver++; owner = ME; pc = Publish
		:: else -> pc = Disown
		fi
	}
	:: d_step { pc == Publish ->
		SURE(st == OWNED && owner == ME, pinned_block_recycled);
		st = LIVE; owner = 0; pc = Disown
	}

	/* look after my debts, one thread at a time */
	:: d_step { pc == Sett ->
		if
		:: owes[ME] && !settling[ME] -> settling[ME] = 1; pc = SettWord
		:: else -> settled()
		fi
	}
	:: d_step { pc == SettWord ->
		if
		:: !listed[ME] -> pc = SettEnd
		:: else -> reclaim(SettDrop)
		fi
	}
	:: d_step { pc == SettDrop ->
		if
		:: r && !ok && MUTANT != 9 -> pc = SettEnd	/* held */
#if MUTANT == 11
		:: else -> own[ME] = 0; pc = SettDisown
#else
		:: else -> listed[ME] = 0;
			pc = (MUTANT == 7 -> SettDisown : SettLook)
#endif
		fi;
		r = 0; ok = 0
	}
	/* a reaper may have relied on it, for another life of the block */
	:: d_step { pc == SettLook ->
		if
		:: st == DYING && MUTANT != 9 -> pc = SettList
		:: else -> pc = SettDisown
		fi
	}
	:: d_step { pc == SettList -> listed[ME] = 1; pc = SettEnd }
	:: d_step { pc == SettDisown ->
#if MUTANT == 11
		listed[ME] = 0;
#else
		own[ME] = 0;
#endif
		pc = SettCount
	}
	:: d_step { pc == SettCount -> owes[ME]--; pc = SettEnd }
	:: d_step { pc == SettEnd -> settling[ME] = 0; settled() }

	/* reap */
	:: atomic { pc == Corpse ->
		if
		:: slot[0] != VOID && !up[0] -> t = 0; pc = Verify
		:: slot[1] != VOID && !up[1] -> t = 1; pc = Verify
		:: slot[2] != VOID && !up[2] -> t = 2; pc = Verify
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Verify ->
		if
		:: slot[t] != VOID && !up[t] &&
		   (!reaper[t] || !up[reaper[t] - 1]) ->
			reaper[t] = ME + 1; pc = Bury
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Bury -> slot[t] = DEAD; pc = Void }
	:: d_step { pc == Void -> counts[t] = 0; pc = Cell }
	:: d_step { pc == Cell ->
		stays = 0;
		if
		:: !pins[t] && !own[t] -> pc = (LEAVING -> LeaveVoid : Debt)
		:: else ->
#if MUTANT == 4
			own[t] = 0; pins[t] = 0;
#endif
			if
			:: LEAVING -> pins[t] = 0
			:: else
			fi;
			pc = CellFirst
		fi
	}
	:: d_step { pc == CellFirst ->
		if
		:: st == OWNED && owner == t -> st = FREE; owner = 0; pc = Stay
		:: st == DYING && LEAVING && MUTANT == 12 ->
			r = ver; ok = 0; after = Stay; pc = Free
		:: else -> reclaim(Still)
		fi
	}
	/* still the same zombie: the debt is mine now */
	:: d_step { pc == Still ->
		if
		:: !ok && r && st == DYING && ver == r && MUTANT != 5 ->
			pc = Over
		:: else -> pc = Stay
		fi;
		r = 0; ok = 0
	}
	:: atomic { pc == Over ->
		if
		:: !own[ME] -> own[ME] = 1; pc = OverOwe
		:: own[ME] && listed[ME] -> pc = Stay
		:: own[ME] && !listed[ME] -> pc = Stay	/* after 1000 looks */
		fi
	}
	:: d_step { pc == OverOwe -> owes[ME]++; pc = OverOwe2 }
	:: d_step { pc == OverOwe2 -> listed[ME] = 1; pc = Stay }
	/* must it stay?  DYING, and not listed by me, or I am leaving */
	:: d_step { pc == Stay ->
		r = 0; ok = 0;
		if
		:: st == DYING && own[t] -> pc = StayList
		:: else -> pc = Clear
		fi
	}
	:: d_step { pc == StayList ->
		if
#if MUTANT == 6
		:: LEAVING -> pc = Clear
#endif
#if MUTANT == 5 || MUTANT == 8
		:: !LEAVING -> pc = Clear
#endif
		:: else ->
			if
			:: LEAVING || !listed[ME] ->
				stays = 1; pins[t] = 0;
				pc = (LEAVING -> LeaveVoid : Debt)
			:: else -> pc = Clear
			fi
		fi
	}
	:: d_step { pc == Clear ->
		pins[t] = 0; own[t] = 0;
		pc = (LEAVING -> LeaveVoid : Debt)
	}
	/* the debts of the living: one may have lost its last pin just now */
	:: d_step { pc == Debt ->
		do
		:: k < NC && !(counts[k] && owes[k]) -> k++
		:: else -> break
		od;
		pc = (k < NC -> DebtWord : Unbury)
	}
	:: d_step { pc == DebtWord ->
		if
		:: own[k] -> k++; reclaim(Debt)
		:: else -> k++; pc = Debt
		fi
	}
	:: d_step { pc == Unbury ->
		if
		:: stays
		:: else -> slot[t] = VOID
		fi;
		reaper[t] = 0; next_op()
	}

	/* leave: row, active bit, slot, lock */
	:: d_step { pc == LeaveRow -> t = ME; pc = Cell }
	:: d_step { pc == LeaveVoid -> counts[ME] = 0; pc = LeaveSlot }
	:: d_step { pc == LeaveSlot ->
		slot[ME] = (stays -> DEAD : VOID); pc = LeaveLock
	}
	:: d_step { pc == LeaveLock ->
		op = NOTHING; op2 = NOTHING; next_op(); up[ME] = 0
	}

	/* the hand */
	:: d_step { pc == Hand ->
		if
		:: st == DYING && MUTANT == 10 -> st = FREE; next_op()
		:: else -> reclaim(Reclaimed)
		fi
	}
	od
}

/* Rows that still count, and those that somebody will go through. */
inline judge()
{
	ok = (st != DYING);
	for (i : 0 .. NC - 1) {
		if
		:: slot[i] != VOID && own[i] && !up[i] -> ok = 1
		:: slot[i] != VOID && own[i] && up[i] && listed[i] -> ok = 1
		:: else
		fi;
		SURE(owes[i] >= listed[i] || !up[i], debts_below_the_truth);
		SURE(!up[i] || !own[i] || listed[i], own_bit_left_behind);
		SURE(slot[i] != VOID || (!own[i] && !pins[i] && !counts[i]),
		     own_bit_left_behind);
		SURE(!up[i] || !pins[i], own_bit_left_behind);
		SURE(st != OWNED || owner != i ||
		     (slot[i] != VOID && own[i] && !up[i]), block_left_behind)
	};
	SURE(ok, zombie_without_an_answer)
}

#define GO(p, m, a, b) \
	client[p] = m; works[p] = 1; left++; \
	up[m] = 1; slot[m] = ACTIVE; counts[m] = 1; run actor(a, b)
/* A debt of an earlier life of the block, which is LIVE again. */
#define OWED(m) own[m] = 1; listed[m] = 1; owes[m] = 1

init {
	byte i;
	bit ok;

	atomic {
#if SCENARIO == 0		/* a debt, kept, settled, reaped */
		GO(1, 0, RETRIEVE, NOTHING); GO(2, 1, REMOVE, SETTLE);
		GO(3, 2, REAP, SETTLE)
#elif SCENARIO == 1		/* leaving with debts */
		GO(1, 0, RETRIEVE, RETRIEVE); GO(2, 1, REMOVE, LEAVE);
		GO(3, 2, REAP, SETTLE)
#elif SCENARIO == 2		/* an old debt, and a reaper that relies on it */
		OWED(2);
		GO(1, 0, RETRIEVE, NOTHING); GO(2, 1, REMOVE, NOTHING);
		GO(3, 2, REAP, NOTHING); GO(4, 2, SETTLE, NOTHING)
#elif SCENARIO == 3		/* the reaper's other thread tries the block */
		GO(1, 0, RETRIEVE, NOTHING); GO(2, 1, REMOVE, NOTHING);
		GO(3, 2, REAP, NOTHING); GO(4, 2, STORE, STORE)
#elif SCENARIO == 4		/* holders that die, hand, reuse */
		GO(1, 0, RETRIEVE, STORE); GO(2, 1, REMOVE, RETRIEVE);
		GO(3, 2, HAND, REAP)
#elif SCENARIO == 5		/* the holder leaves, the remover's thread goes on */
		GO(1, 0, RETRIEVE, LEAVE); GO(2, 1, REMOVE, STORE);
		GO(3, 1, SETTLE, REMOVE); GO(4, 2, REAP, SETTLE)
#elif SCENARIO == 6		/* everything */
		OWED(2);
		GO(1, 0, RETRIEVE, REMOVE); GO(2, 1, REMOVE, LEAVE);
		GO(3, 2, REAP, STORE); GO(4, 2, SETTLE, HAND)
#endif
	};
	d_step { left == 0 -> judge() }
}
