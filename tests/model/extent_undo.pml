/*
 * Steps of extent.pml's actor: giving back, and reaping.
 */
	/* give_back(): tails from the far end, then the head */
	:: d_step { pc == Back ->
#if MUTANT == 3
		i = (i == RUNOF(ew) - 1 -> 0 : i);
#endif
		if
		:: i && (MUTANT != 8 || who == me) ->
			sx = slab[eh + i];
			if
			:: STATE(sx) == TAIL && IS_ITS(RUNOF(sx), i) -> pc = BackTail
			:: else -> sx = 0; i--
			fi
		:: else -> pc = BackHead
		fi
	}
	:: d_step { pc == BackTail ->
		if
		:: slab[eh + i] == sx ->
			slab[eh + i] = EMPTIED(sx); pc = BackBusy
		:: else -> i--; pc = Back
		fi;
		sx = 0
	}
	:: d_step { pc == BackBusy ->
		busy = busy & ~BIT(eh + i);
#if MUTANT == 3
		given_back()
#else
		i--; pc = Back
#endif
	}
	:: d_step { pc == BackHead ->
		sx = slab[eh];
		if
		:: STATE(sx) == CLAIMED && OWNER(sx) == who -> pc = BackHeadSet
		:: else -> sx = 0; given_back()
		fi
	}
	:: d_step { pc == BackHeadSet ->
		if
		:: slab[eh] == sx ->
			slab[eh] = EMPTIED(sx); pc = BackHeadBusy
		:: else -> given_back()
		fi;
		sx = 0
	}
	:: d_step { pc == BackHeadBusy ->
		busy = busy & ~BIT(eh);
#if MUTANT == 3
		if
		:: RUNOF(ew) == 2 ->
			i = 1;
			sx = slab[eh + 1];
			if
			:: STATE(sx) == TAIL && RUNOF(sx) == 1 -> pc = BackTail
			:: else -> sx = 0; given_back()
			fi
		:: else -> given_back()
		fi
#else
		given_back()
#endif
	}

	/* reap: the row, then the slabs */
	:: atomic { pc == Corpse ->
		if
		:: DEAD(0) && !gone[0] -> t = 0; pc = Lock
		:: DEAD(1) && !gone[1] -> t = 1; pc = Lock
		:: DEAD(2) && !gone[2] -> t = 2; pc = Lock
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Lock ->
		if
		:: !gone[t] && (!reaper[t] || DEAD(reaper[t] - 1)) ->
			reaper[t] = me + 1; pc = Row
		:: else -> next_op()
		fi
	}
	:: d_step { pc == Row ->
		u = 0;
		do
		:: u < NU && !HAS(own[t], u) -> u++
		:: else -> break
		od;
		if
		:: u == NU -> u = 0; k = 0; pc = Slab
		:: u < NU && MUTANT == 10 ->
			own[t] = own[t] & ~BIT(u); pc = Undo
		:: else -> pc = Undo
		fi
	}
	:: d_step { pc == Undo ->
		if
		:: BSTATE(block[u]) == OWNED && BOWNER(block[u]) == t ->
			unuse(u);
			block[u] = BLOCK(FREE, 0, BVER(block[u]));
			ret2 = RowClear;
			extent_of(HintAt)
		:: else -> pc = RowClear
		fi
	}
	:: d_step { pc == RowClear ->
		own[t] = own[t] & ~BIT(u); u = 0; pc = Row
	}
	:: d_step { pc == Slab ->
		sx = slab[k];
		if
		:: STATE(sx) == EMPTY ->
			sx = 0; pc = (MUTANT == 12 -> SlabNext : SlabBusy)
		:: STATE(sx) == RETIRING && OWNER(sx) == t && MUTANT != 4 ->
			pc = SlabActive
		:: STATE(sx) == CLAIMED && OWNER(sx) == t ->
			eh = k; ew = sx; sx = 0; who = t; ret3 = SlabNext;
			i = RUNOF(ew) - 1; pc = Back
		:: else -> sx = 0; pc = SlabNext
		fi
	}
	:: d_step { pc == SlabBusy ->
		busy = busy & ~BIT(k);
		pc = (MUTANT == 17 -> SlabAgain : SlabNext)
	}
	:: d_step { pc == SlabAgain ->
		pc = (STATE(slab[k]) == EMPTY -> SlabNext : SlabSet)
	}
	:: d_step { pc == SlabSet -> busy = busy | BIT(k); pc = SlabNext }
	:: d_step { pc == SlabActive ->
		if
		:: slab[k] == sx ->
			slab[k] = AS(sx, ACTIVE);
			pc = (HUGE(CLASS(sx)) -> SlabNext : SlabRemap)
		:: else -> pc = SlabNext
		fi;
		sx = 0
	}
	:: d_step { pc == SlabRemap ->
		map[CLASS(slab[k]) % 2] = map[CLASS(slab[k]) % 2] | BIT(k);
		pc = SlabNext
	}
	:: d_step { pc == SlabNext ->
		eh = 0; ew = 0; who = 0; ret3 = Start; i = 0;
		k++;
		pc = (k == NU -> Gone : Slab)
	}
	:: d_step { pc == Gone ->
		gone[t] = 1; reaper[t] = 0; next_op()
	}
	/* EVICT ends here, from hinted() */
	:: d_step { pc == Ended -> next_op() }
