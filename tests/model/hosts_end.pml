/*
 * The end of hosts.pml: kernels that go down, an operator, who does what, and
 * what is left when everybody is done.
 */
inline stop(n)
{
	down[n] = 1;
	for (i : 0 .. NA - 1) {
		if
		:: kern[i] == n && up[i] ->
			up[i] = 0; has[i] = 0; reaps[i] = 0; enters[i] = 0;
			undoes[i] = 0; from[i] = 0
		:: else
		fi
	};
	i = 0
}

/* Loss of a kernel, and an operator who tells the truth. */
proctype world()
{
	byte i;

end:	do
	:: d_step { left > 0 && crashes < CRASHES && !down[0] ->
		crashes++; stop(0) }
	:: d_step { left > 0 && crashes < CRASHES && !down[1] ->
		crashes++; stop(1) }
	:: d_step { hs[0] == FENCED && boot[0] && down[boot[0] - 1] ->
		hs[0] = CONFIRMED }
	:: d_step { hs[1] == FENCED && boot[1] && down[boot[1] - 1] ->
		hs[1] = CONFIRMED }
	od
}

/* All is still: what is written tells what is left to do. */
inline finish()
{
	for (x : 0 .. NE - 1) {
		if
		:: hs[x] != FREE ->
			for (s : 0 .. NS - 1) {
				if
				:: ss[s] != FREE && sh[s] == x + 1 ->
					if
					:: (OWNED_BY(s, sinc[s]) ||
					    KEPT_BY(s, sinc[s])) &&
					   (row[s] || MUTANT != 8) ->
						free_block()
					:: else
					fi;
					row[s] = 0; free_slot(s)
				:: else
				fi
			};
			free_entry(x)
		:: else
		fi
	};
	for (s : 0 .. NS - 1) {
		if
		:: ss[s] == JOINING && MUTANT != 12 -> free_slot(s)
		:: else
		fi
	}
}

inline judge()
{
	SURE(st == FREE, block_left_behind);
	for (s : 0 .. NS - 1) {
		SURE(ss[s] == FREE, slot_left_behind);
		SURE(!row[s], row_of_another_stored_to)
	}
}

#define HOST(n) hs[n] = ACTIVE; boot[n] = n + 1
#define GO(m, n, slot, a, b, c, d) \
	up[m] = 1; kern[m] = n; left++; \
	if \
	:: slot != NONE -> ss[slot] = ACTIVE; sh[slot] = n + 1; \
		has[m] = slot + 1 \
	:: else \
	fi; \
	run actor(m, slot, a, b, c, d)

init {
	byte s, x, i;

	atomic {
#if SCENARIO == 0		/* a writer is fenced; its block, slot again */
		HOST(0); HOST(1);
		GO(0, 0, 0, STORE, NOTHING, NOTHING, NOTHING);
		GO(1, 1, 1, TICK0, TICK0, STORE, NOTHING);
		GO(2, 1, NONE, OPEN, STORE, NOTHING, NOTHING);
#elif SCENARIO == 1		/* so is who recovers it */
		HOST(0); HOST(1); HOST(2);
		GO(0, 0, 0, STORE, NOTHING, NOTHING, NOTHING);
		GO(1, 1, 1, TICK0, NOTHING, NOTHING, NOTHING);
		GO(2, 2, 2, TICK1, TICK0, TICK0, NOTHING);
		GO(3, 2, NONE, OPEN, STORE, NOTHING, NOTHING);
#elif SCENARIO == 2		/* leaving, joining, another's entry */
		HOST(0);
		GO(0, 0, 0, LEAVE, NOTHING, NOTHING, NOTHING);
		GO(1, 0, NONE, OPEN, STORE, LEAVE, NOTHING);
		GO(2, 1, NONE, OPEN, TICK0, REAP, NOTHING);
#elif SCENARIO == 3		/* a local reaper, and one from outside */
		HOST(0); HOST(1);
		GO(0, 0, 0, STORE, NOTHING, NOTHING, NOTHING);
		GO(1, 0, 1, REAP, NOTHING, NOTHING, NOTHING);
		GO(2, 1, 2, TICK0, TICK0, NOTHING, NOTHING);
		GO(3, 1, NONE, OPEN, STORE, NOTHING, NOTHING);
#elif SCENARIO == 4		/* a kernel comes back */
		HOST(0); HOST(1);
		GO(0, 0, 0, STORE, NOTHING, NOTHING, NOTHING);
		GO(1, 1, 1, TICK0, TICK0, STORE, NOTHING);
		GO(2, 0, NONE, OPEN, TICK0, NOTHING, NOTHING);
#elif SCENARIO == 5		/* a reaper without a slot; the last leaves */
		HOST(0); HOST(1);
		GO(0, 0, 0, STORE, NOTHING, NOTHING, NOTHING);
		GO(1, 0, NONE, REAP, NOTHING, NOTHING, NOTHING);
		GO(2, 0, 1, LEAVE, NOTHING, NOTHING, NOTHING);
		GO(3, 1, 2, TICK0, TICK0, NOTHING, NOTHING);
#elif SCENARIO == 6		/* a reaper without a slot; the kernel again */
		HOST(0); HOST(1);
		GO(0, 0, 0, STORE, NOTHING, NOTHING, NOTHING);
		GO(1, 0, NONE, REAP, NOTHING, NOTHING, NOTHING);
		GO(2, 1, 1, TICK0, TICK0, NOTHING, NOTHING);
		GO(3, 0, NONE, OPEN, TICK0, NOTHING, NOTHING);
#elif SCENARIO == 7		/* it beats */
		HOST(0); HOST(1);
		GO(0, 0, 0, BEAT, STORE, BEAT, NOTHING);
		GO(1, 1, 1, TICK0, TICK0, NOTHING, NOTHING);
#elif SCENARIO == 8		/* a rescuer whose entry goes meanwhile */
		HOST(0); HOST(1);
		GO(0, 0, 0, STORE, NOTHING, NOTHING, NOTHING);
		GO(1, 1, 1, TICK0, LEAVE, NOTHING, NOTHING);
		GO(2, 1, NONE, RESCUE, NOTHING, NOTHING, NOTHING);
		GO(3, 2, NONE, OPEN, TICK0, TICK0, NOTHING);
#endif
		run world()
	};
	d_step { left == 0 -> stop(0); stop(1); stop(2); finish(); judge() }
}
