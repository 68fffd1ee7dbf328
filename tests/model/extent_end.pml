/*
 * The end of extent.pml: init sweeps what the dead left, and judges.
 */
/* What a reaper would do, at one stroke, for all who are still to be reaped. */
inline sweep()
{
	for (t : 0 .. NC - 1) {
		if
		:: DEAD(t) && !gone[t] ->
			SURE(!reaper[t] || DEAD(reaper[t] - 1),
			     reaper_lock_stuck);
			for (i : 0 .. NU - 1) {
				if
				:: HAS(own[t], i) &&
				   BSTATE(block[i]) == OWNED &&
				   BOWNER(block[i]) == t ->
					unuse(i);
					block[i] = BLOCK(FREE, 0, 0)
				:: else
				fi
			};
			own[t] = 0;
			for (i : 0 .. NU - 1) {
				if
				:: STATE(slab[i]) == EMPTY && MUTANT != 12 ->
					busy = busy & ~BIT(i)
				:: STATE(slab[i]) == RETIRING &&
				   OWNER(slab[i]) == t && MUTANT != 4 ->
					slab[i] = AS(slab[i], ACTIVE)
				:: STATE(slab[i]) == CLAIMED &&
				   OWNER(slab[i]) == t ->
					h = RUNOF(slab[i]) - 1;
					do
					:: h && STATE(slab[i + h]) == TAIL &&
					   IS_ITS(RUNOF(slab[i + h]), h) &&
					   MUTANT != 8 ->
						slab[i + h] = EMPTIED(slab[i + h]);
						busy = busy & ~BIT(i + h);
						h--
					:: !h -> break
					:: else -> h--
					od;
					slab[i] = EMPTIED(slab[i]);
					busy = busy & ~BIT(i)
				:: else
				fi
			}
		:: else
		fi
	}
}

inline judge()
{
	for (i : 0 .. NU - 1) {
		/* every slab has its place */
		h = i - RUNOF(slab[i]);
		SURE(STATE(slab[i]) == EMPTY || STATE(slab[i]) == ACTIVE ||
		     (STATE(slab[i]) == TAIL && RUNOF(slab[i]) <= i),
		     slab_left_behind);
		SURE(STATE(slab[i]) != TAIL ||
		     (STATE(slab[h % NU]) == ACTIVE &&
		      h + RUNOF(slab[h % NU]) > i), tail_without_its_head);
		if
		:: STATE(slab[i]) == ACTIVE -> has_tails(i, RUNOF(slab[i]))
		:: else
		fi;
		SURE(STATE(slab[i]) != EMPTY || !HAS(busy, i), room_lost);
		/* every block that is not FREE is where the hand comes by */
		SURE(BSTATE(block[i]) != OWNED, block_left_behind);
		if
		:: STATE(slab[i]) != TAIL -> h = i
		:: else
		fi;
		SURE(BSTATE(block[i]) != LIVE ||
		     (STATE(slab[h]) == ACTIVE && BEGINS(h, slab[h], i)),
		     block_left_behind);
		/* no hint is lost but by a death or by a change of class */
		SURE(crashes || emptied || STATE(slab[h]) != ACTIVE ||
		     BSTATE(block[i]) != FREE || !BEGINS(h, slab[h], i) ||
		     HUGE(CLASS(slab[h])) ||
		     (HAS(hint[h], NTH(h, slab[h], i)) &&
		      HAS(map[CLASS(slab[h]) % 2], h)), hint_lost)
	};
	for (i : 0 .. NC - 1) {
		SURE(!own[i], own_bit_left_behind)
	}
}
