/*
 * The end of directory.pml: init sweeps what the dead left, and judges.
 */
/* The sweep, by the rules above, and what must be true after it. */
inline sweep()
{
	for (d : 0 .. ND - 1) {
		if
		:: REAPABLE(d) ->
			h = HOME(key[d]);
#if MUTANT == 7
			if
			:: st[d] != OWNED && st[d] == DYING && hdr_p[h] == d + 1 ->
#elif MUTANT == 9
			if
			:: st[d] != OWNED && st[d] != DYING && hdr_p[h] == d + 1 ->
#else
			if
			:: st[d] != OWNED && hdr_p[h] == d + 1 ->
#endif
				if
				:: st[d] == READY -> went_live(d)
				:: st[d] == ASKING -> went_claimed(d)
				:: else
				fi;
				hdr_p[h] = 0
			:: else
			fi;
			if
			:: REAPABLE(d) ->
				went_free(d);
				clear_word(d, ver[d])
			:: else
			fi
		:: else
		fi
	}
}

inline judge()
{
	for (h : 0 .. 1) {
		/* nothing, or a LIVE block of its own */
		SURE(!hdr_p[h] || (st[hdr_p[h] - 1] == LIVE &&
				   HOME(key[hdr_p[h] - 1]) == h),
		     header_left_naming_a_block)
	};
	for (d : 0 .. ND - 1) {
		SURE(st[d] == FREE || st[d] == LIVE, block_left_behind);
		n = 0;
		for (i : 0 .. NS - 1) {
			if
			:: slot_d[i] == d + 1 && slot_v[i] == ver[d] ->
				n++;
				h = HOME(key[d]);
				SURE(st[d] != LIVE || BUCKET(i) == h || hdr_f[h],
				     live_block_where_nobody_looks)
			:: else
			fi
		};
		SURE(n || st[d] != LIVE, live_block_without_a_slot);
		SURE(n <= 1, one_block_in_two_slots);
		for (i : 0 .. ND - 1) {
			SURE(i == d || st[i] != LIVE || st[d] != LIVE ||
			     key[i] != key[d], two_values_for_one_key)
		}
	}
}
