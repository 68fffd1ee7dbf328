// SPDX-License-Identifier: BSD-3-Clause
/*
 * The litmus tests themselves, in the area that all share.
 *
 * What the participants do to the area is relaxed or sequentially consistent,
 * and pairs with nothing: whether it comes out right is the question.
 */
#include "dev/litmus.h"

#include "base/bits.h"

/* Compare-and-swaps of one increment, before it counts as lost. */
#define CAS_TRIES 1000000u
#define FLAG_NS UINT64_C(1000000000) /* a flag is seen by then, or never */
#define DATA_LINES 4u
#define IDENTITY_ROUNDS 16u

static const char *const names[LITMUS_NR] = {
	"identity", "add",     "cas",	"neighbours", "lines",
	"dekker",   "message", "bytes", "stream",     "flush",
};

const char *litmus_name(enum litmus_id id)
{
	return names[id];
}

static void judge(struct litmus_tally *t, uint64_t want, uint64_t got)
{
	t->tries++;
	if (want == got)
		return;
	if (!t->wrong++) {
		t->want = want;
		t->got = got;
	}
}

static void forget_area(struct litmus *l)
{
	for (unsigned i = 0; i < LITMUS_AREA; i++)
		l->forget(&l->w->area[i]);
	line_fence();
}

/* Relaxed, as the barriers are the order. */
static void clear_area(struct litmus *l)
{
	union line *area = l->w->area;

	for (unsigned i = 0; i < LITMUS_AREA; i++) {
		for (unsigned q = 0; q < 8; q++)
			a64_store_rlx(&area[i].q[q], 0);
		l->write_back(&area[i]);
	}
	line_fence();
}

/*
 * The area is zero for all, and nobody has a line of it in a cache, nor one of
 * the last test that would be written back over the zeroes.
 */
static int fresh(struct litmus *l)
{
	int rc = litmus_barrier(l);

	forget_area(l);
	if (!rc)
		rc = litmus_barrier(l);
	if (!rc && !l->rank)
		clear_area(l);
	if (!rc)
		rc = litmus_barrier(l);
	forget_area(l);
	return rc ? rc : litmus_barrier(l);
}

static uint64_t pattern(uint64_t seed, uint64_t no)
{
	/* no two are the same, and none has a byte of zeroes at its end */
	return (seed * 16 + no + 1) * UINT64_C(0x0101010101010101);
}

/* Every nr-th line, and out to memory; relaxed, as the fence is the order. */
static void fill(struct litmus *l, uint64_t seed)
{
	union line *area = l->w->area;

	for (unsigned i = l->rank; i < LITMUS_AREA; i += l->nr) {
		for (unsigned q = 0; q < 8; q++)
			a64_store_rlx(&area[i].q[q], pattern(seed + i, q));
		l->write_back(&area[i]);
	}
	line_fence();
}

/* relaxed: the barrier is between the stores and the loads */
static int identity(struct litmus *l, struct litmus_tally *t)
{
	const union line *area = l->w->area;
	int rc = 0;

	for (uint64_t r = 0; r < IDENTITY_ROUNDS && !rc; r++) {
		fill(l, r * LITMUS_AREA);
		rc = litmus_barrier(l);
		forget_area(l);
		for (unsigned i = 0; !rc && i < LITMUS_AREA; i++)
			for (unsigned q = 0; q < 8; q++)
				judge(t, pattern(r * LITMUS_AREA + i, q),
				      a64_load_rlx(&area[i].q[q]));
		if (!rc)
			rc = litmus_barrier(l);
	}
	return rc;
}

/* A word of 1 << @log bytes in @line, one of its own for each size. */
struct place {
	union line *line;
	unsigned log;
};

/* no pair: what it is to the others is what is tested */
static void add(struct place p)
{
	switch (p.log) {
	case 0:
		a8_add_full(&p.line->b[56], 1);
		break;
	case 1:
		a16_add_full(&p.line->w[24], 1);
		break;
	case 2:
		a32_add_full(&p.line->d[8], 1);
		break;
	default:
		a64_add_full(&p.line->q[0], 1);
	}
}

/* no pair: what it is to the others is what is tested */
static uint64_t load(struct place p)
{
	switch (p.log) {
	case 0:
		return a8_load_full(&p.line->b[56]);
	case 1:
		return a16_load_full(&p.line->w[24]);
	case 2:
		return a32_load_full(&p.line->d[8]);
	default:
		return a64_load_full(&p.line->q[0]);
	}
}

#define SWAP_ONE(A, T, word)                                        \
	do {                                                        \
		T old = A##_load_rlx(word);                         \
                                                                    \
		for (unsigned n = 0; n < CAS_TRIES; n++)            \
			if (A##_cas_full(word, &old, (T)(old + 1))) \
				break;                              \
	} while (0)

/* no pair: what it is to the others is what is tested */
static void swap(struct place p)
{
	switch (p.log) {
	case 0:
		SWAP_ONE(a8, uint8_t, &p.line->b[56]);
		break;
	case 1:
		SWAP_ONE(a16, uint16_t, &p.line->w[24]);
		break;
	case 2:
		SWAP_ONE(a32, uint32_t, &p.line->d[8]);
		break;
	default:
		SWAP_ONE(a64, uint64_t, &p.line->q[0]);
	}
}

/* Additions in bursts, so that all are at it at the same time. */
#define BURSTS 16u

static uint64_t steps(const struct litmus *l)
{
	return 64ull * l->rounds;
}

static uint64_t expected(const struct litmus *l, unsigned log)
{
	uint64_t all = l->nr * steps(l);

	return log == 3 ? all : all & ((UINT64_C(1) << (8 << log)) - 1);
}

/* All sizes, in lines @apart from each other. */
static int count(struct litmus *l, struct litmus_tally *t, unsigned apart,
		 void (*step)(struct place))
{
	union line *area = l->w->area;
	int rc = 0;

	for (uint64_t i = 1; i <= steps(l) && !rc; i++) {
		for (unsigned log = 0; log < 4; log++)
			step((struct place){ area + log * apart, log });
		if (i % (steps(l) / BURSTS) == 0)
			rc = litmus_barrier(l);
	}
	for (unsigned log = 0; !rc && log < 4; log++)
		judge(t, expected(l, log),
		      load((struct place){ area + log * apart, log }));
	return rc;
}

/* One burst on my own line, while I look at the next one's; no pair: as in
 * add(). */
static void add_own(struct litmus *l, struct litmus_tally *t, uint64_t steps)
{
	union line *area = l->w->area;
	uint32_t next = (l->rank + 1) % l->nr;
	uint64_t last = 0, now;

	for (uint64_t i = 0; i < steps; i++) {
		a64_add_full(&area[l->rank].q[i % 8], 1);
		now = a64_load_full(&area[next].q[0]);
		if (now < last)
			judge(t, last, now);
		last = now;
	}
}

/* no pair: as in add() */
static int lines(struct litmus *l, struct litmus_tally *t)
{
	const union line *area = l->w->area;
	uint64_t burst = steps(l) / BURSTS;
	int rc = 0;

	for (uint64_t r = 1; r <= BURSTS && !rc; r++) {
		add_own(l, t, burst * 8);
		rc = litmus_barrier(l);
		for (uint32_t i = 0; !rc && i < 8 * l->nr; i++)
			judge(t, r * burst,
			      a64_load_full(&area[i / 8].q[i % 8]));
		if (!rc)
			rc = litmus_barrier(l);
	}
	return rc;
}

/* Whom I have not seen in round @r, and has not seen me? */
static void judge_round(struct litmus *l, struct litmus_tally *t, uint64_t r)
{
	uint64_t me = litmus_ask(l, &l->slot[l->rank]->saw[r % 2]);

	for (uint32_t i = 0; i < l->nr; i++) {
		uint64_t it = litmus_ask(l, &l->slot[i]->saw[r % 2]);
		bool one = (me >> i & 1) || (it >> l->rank & 1);

		if (i != l->rank)
			judge(t, 1, one);
	}
}

/* Both ways to order the store and the loads in turn; no pair: as in add(). */
static int dekker(struct litmus *l, struct litmus_tally *t)
{
	union line *area = l->w->area;
	int rc = 0;

	for (uint64_t r = 1; r <= l->rounds && !rc; r++) {
		uint64_t saw = 0;

		rc = litmus_barrier(l);
		if (r % 2) {
			a64_store_rlx(&area[l->rank].q[0], r);
			line_fence();
		} else {
			a64_xchg_full(&area[l->rank].q[0], r);
		}
		for (uint32_t i = 0; i < l->nr; i++)
			if (a64_load_full(&area[i].q[0]) >= r)
				saw |= UINT64_C(1) << i;
		if (r > 1)
			judge_round(l, t, r - 1);
		litmus_tell(l, &l->slot[l->rank]->saw[r % 2], saw);
	}
	if (!rc)
		rc = litmus_barrier(l);
	if (!rc)
		judge_round(l, t, l->rounds);
	return rc;
}

enum style { PLAIN, STREAMING, FLUSHED };

/* relaxed: only what follows orders them */
static void send(struct litmus *l, enum style style, uint64_t r)
{
	union line *area = l->w->area;

	for (unsigned i = 1; i <= DATA_LINES; i++) {
		if (style == STREAMING)
			line_stream(&area[i], pattern(r, i));
		for (unsigned q = 0; style != STREAMING && q < 8; q++)
			a64_store_rlx(&area[i].q[q], pattern(r, i));
		if (style == FLUSHED)
			l->write_back(&area[i]);
	}
	if (style != PLAIN)
		line_fence();
	/* no pair: the litmus itself is about this one */
	a64_store_rel(&area[0].q[0], r);
	if (style == FLUSHED) {
		l->write_back(&area[0]);
		line_fence();
	}
}

static bool flag_comes(struct litmus *l, enum style style, uint64_t r)
{
	const a64 *flag = &l->w->area[0].q[0];
	uint64_t end = litmus_now() + bits_min(FLAG_NS, l->timeout_ns);

	for (unsigned round = 0;; round++) {
		if (style == FLUSHED)
			l->forget(flag);
		/* no pair: as in send() */
		if (a64_load_acq(flag) >= r)
			return true;
		if (l->stalled ? round > 1000 : litmus_now() > end)
			break;
		litmus_pause(round);
	}
	l->stalled = true;
	return false;
}

/* relaxed: the flag, when it was seen, orders them */
static void receive(struct litmus *l, struct litmus_tally *t, enum style style,
		    uint64_t r)
{
	const union line *area = l->w->area;

	if (!flag_comes(l, style, r)) {
		judge(t, r, a64_load_rlx(&area[0].q[0]));
		return;
	}
	for (unsigned i = 1; i <= DATA_LINES; i++) {
		if (style == FLUSHED)
			l->forget(&area[i]);
		for (unsigned q = 0; q < 8; q++)
			judge(t, pattern(r, i), a64_load_rlx(&area[i].q[q]));
	}
}

static int message(struct litmus *l, struct litmus_tally *t, enum style style)
{
	int rc = 0;

	l->stalled = false;
	for (uint64_t r = 1; r <= l->rounds && !rc; r++) {
		if (r % l->nr == l->rank)
			send(l, style, r);
		else
			receive(l, t, style, r);
		rc = litmus_barrier(l);
	}
	return rc;
}

/* Each writes every nr-th byte, and four-byte word of another line; relaxed, as
 * they are plain stores. */
static void write_bytes(struct litmus *l, uint64_t r)
{
	union line *area = l->w->area;

	for (unsigned i = l->rank; i < 64; i += l->nr)
		a8_store_rlx(&area[0].b[i], (uint8_t)r);
	for (unsigned i = l->rank; i < 16; i += l->nr)
		a32_store_rlx(&area[1].d[i], (uint32_t)r);
}

/* relaxed: the barrier is between them and the stores */
static int bytes(struct litmus *l, struct litmus_tally *t)
{
	const union line *area = l->w->area;
	int rc = 0;

	for (uint64_t r = 1; r <= l->rounds && !rc; r++) {
		/* 16 times, so that they meet; the last has the round's value */
		for (uint64_t k = 0; k < 16; k++)
			write_bytes(l, r + 15 - k);
		rc = litmus_barrier(l);
		for (unsigned i = 0; i < 64 && !rc; i++)
			judge(t, (uint8_t)r, a8_load_rlx(&area[0].b[i]));
		for (unsigned i = 0; i < 16 && !rc; i++)
			judge(t, (uint32_t)r, a32_load_rlx(&area[1].d[i]));
		if (!rc)
			rc = litmus_barrier(l);
	}
	return rc;
}

int litmus_run(struct litmus *l, enum litmus_id id)
{
	struct litmus_tally *t = &l->tally[id];
	int rc = fresh(l);

	if (rc)
		return rc;
	switch (id) {
	case LITMUS_IDENTITY:
		return identity(l, t);
	case LITMUS_ADD:
		return count(l, t, 1, add);
	case LITMUS_CAS:
		return count(l, t, 1, swap);
	case LITMUS_NEIGHBOURS:
		return count(l, t, 0, l->rank % 2 ? add : swap);
	case LITMUS_LINES:
		return lines(l, t);
	case LITMUS_DEKKER:
		return dekker(l, t);
	case LITMUS_MESSAGE:
		return message(l, t, PLAIN);
	case LITMUS_BYTES:
		return bytes(l, t);
	case LITMUS_STREAM:
		return message(l, t, STREAMING);
	default:
		return message(l, t, FLUSHED);
	}
}
