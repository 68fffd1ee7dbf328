// SPDX-License-Identifier: BSD-3-Clause
/* What a key may answer, and when: the sequential specification of the pool. */
#include "common_history_spec.h"

#include <string.h>

/* A point, a line's next step from there, and where to put what follows. */
struct mover {
	const struct spec *s;
	const struct spec_point *p;
	const struct spec_step *step;
	uint64_t limit; /* the first unplaced call to return */
	unsigned line;
	struct spec_point *out;
	unsigned nr;
};

/* The instants at which a move may happen. */
struct window {
	uint64_t from, to;
};

static const struct window always = { 0, HISTORY_NEVER };

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static const struct history_client *client_of(const struct spec *s,
					      unsigned line)
{
	return &s->h->client[s->line[line].client];
}

/* @next happens within @w, or not at all. */
static void move(struct mover *m, struct window w, struct spec_point next)
{
	uint64_t t = later(m->p->now, w.from);

	if (m->step != NULL) {
		t = later(t, m->step->op->begin);
		if (t > m->step->last)
			return;
		next.at[m->line]++;
	}
	if (t > w.to || t > m->limit)
		return;
	next.now = t;
	m->out[m->nr++] = next;
}

static void stay(struct mover *m, int allowed, struct window w)
{
	if (allowed)
		move(m, w, *m->p);
}

static void becomes(struct mover *m, struct window w, uint16_t value)
{
	struct spec_point next = *m->p;

	next.value = value;
	move(m, w, next);
}

/* Claims: void from the owner's death on, at the latest when it was gone. --- */

static const struct history_client *claimer(const struct mover *m)
{
	return client_of(m->s, m->p->claim_line - 1u);
}

static int unclaimed(const struct mover *m, struct window *w)
{
	*w = always;
	if (m->p->claim_line == 0)
		return 1;
	w->from = claimer(m)->killed;
	return w->from != HISTORY_NEVER;
}

static int claimed(const struct mover *m, struct window *w)
{
	*w = always;
	if (m->p->claim_line == 0)
		return 0;
	w->to = claimer(m)->gone;
	return 1;
}

static int claimed_by_step(const struct mover *m)
{
	const struct spec_line *l = &m->s->line[m->line];
	unsigned from = m->step->op->from;

	return from > 0 && m->p->claim_line == m->line + 1 &&
	       l->step[m->p->claim_step].op ==
		       &m->s->h->line[m->line].op[from - 1];
}

static void drop_claim(struct mover *m, struct spec_point *next)
{
	if (claimed_by_step(m))
		next->claim_line = next->claim_step = 0;
}

/* Holds ---------------------------------------------------------------------- */

static int is_hold(const struct spec_step *s)
{
	return s->end != HISTORY_NEVER &&
	       ((s->call == HISTORY_retrieve && s->op->rc == 0) ||
		(s->call == HISTORY_commit && s->op->view && s->op->rc >= 0));
}

typedef int (*hold_fn)(const struct mover *m, unsigned line, uint64_t since,
		       void *ctx);

/* Calls @fn for each hold and pin on the present value until it returns 0. */
static int all_holds(const struct mover *m, hold_fn fn, void *ctx)
{
	for (unsigned l = 0; l < m->s->line_nr; l++) {
		const struct spec_line *line = &m->s->line[l];
		const struct spec_pin *pin = &m->p->pin[l];

		for (unsigned i = 0; i < m->p->at[l]; i++)
			if (is_hold(&line->step[i]) &&
			    line->step[i].value == m->p->value &&
			    m->p->at[l] <= line->step[i].release &&
			    !fn(m, l, line->step[i].end, ctx))
				return 0;
		if (pin->value == m->p->value && pin->value != 0 &&
		    !fn(m, l, m->s->line[pin->line].step[pin->step].end, ctx))
			return 0;
	}
	return 1;
}

struct removal {
	uint64_t begin;
	struct window w;
};

/*
 * A hold that was there when the removal began keeps the entry, while its
 * client lives.  One that came later may be overtaken, see maru_pin(3).
 */
static int lets_go(const struct mover *m, unsigned line, uint64_t since,
		   void *ctx)
{
	const struct history_client *c = client_of(m->s, line);
	struct removal *r = ctx;

	if (since >= r->begin)
		return 1;
	r->w.from = later(r->w.from, c->killed);
	return c->killed != HISTORY_NEVER;
}

static int removable(const struct mover *m, struct removal *r)
{
	return m->p->value != 0 && all_holds(m, lets_go, r);
}

/* The dead may seem to hold something until somebody has cleaned up. */
static int not_held(const struct mover *m, unsigned line, uint64_t since,
		    void *ctx)
{
	const struct history_client *c = client_of(m->s, line);
	struct window *w = ctx;

	(void)since;
	/* a delete that meets only the dead cleans up itself */
	if (m->step->op->begin > c->gone && !m->step->crowded)
		return 1;
	w->to = later(w->to, c->reaped);
	return 1;
}

static void busy(struct mover *m)
{
	struct window w = { 0, 0 };

	if (m->p->value == 0)
		return;
	all_holds(m, not_held, &w);
	if (m->step->fleeting)
		w = always;
	stay(m, w.to > 0, w);
}

/* The calls ------------------------------------------------------------------- */

static int may_lack_room(const struct mover *m)
{
	return m->s->h->pressure && m->step->op->rc == -ENOSPC;
}

static void do_store(struct mover *m)
{
	struct spec_point next = *m->p;
	int open = m->step->end == HISTORY_NEVER;
	int rc = m->step->op->rc;

	if (m->p->value == 0 && (open || rc == 0)) {
		next.value = m->step->value;
		drop_claim(m, &next);
		move(m, always, next);
	}
	if (open)
		return;
	if (rc == MARU_EXISTED && m->p->value != 0 &&
	    (!m->step->op->view || m->step->value == m->p->value))
		stay(m, 1, always);
	stay(m, may_lack_room(m), always);
}

static void do_reserve(struct mover *m)
{
	struct spec_point next = *m->p;
	int open = m->step->end == HISTORY_NEVER;
	int rc = m->step->op->rc;
	struct window w;

	if ((open || rc == 0) && m->p->value == 0 && unclaimed(m, &w)) {
		next.claim_line = (uint8_t)(m->line + 1);
		next.claim_step = m->p->at[m->line];
		move(m, w, next);
	}
	if (open)
		return;
	stay(m, rc == MARU_EXISTED && m->p->value != 0, always);
	if (rc == -EINPROGRESS && claimed(m, &w))
		stay(m, m->p->value == 0, w);
	stay(m, may_lack_room(m), always);
}

/* abort, and the end of a claim whose commit came too late */
static void do_unclaim(struct mover *m)
{
	struct spec_point next = *m->p;

	if (!claimed_by_step(m) ||
	    (m->step->call == HISTORY_abort && m->step->end != HISTORY_NEVER &&
	     m->step->op->rc != 0))
		return;
	drop_claim(m, &next);
	move(m, always, next);
}

static void do_look(struct mover *m)
{
	int rc = m->step->op->rc;

	stay(m, rc == 0 && m->p->value != 0 && m->p->value == m->step->value,
	     always);
	stay(m, rc == -ENOENT && m->p->value == 0, always);
	stay(m, rc == -EAGAIN && m->step->call == HISTORY_peek, always);
}

static void do_pin(struct mover *m)
{
	struct spec_point next = *m->p;
	struct spec_pin *pin = &next.pin[m->line];

	stay(m, m->step->op->rc == -ENOENT && m->p->value == 0, always);
	if (m->step->op->rc != 0 || m->p->value == 0 || pin->value != 0)
		return;
	pin->value = m->p->value;
	pin->line = (uint8_t)m->line;
	pin->step = m->p->at[m->line];
	move(m, always, next);
}

/* Any pin of this client on the key will do, be it another thread's. */
static void do_unpin(struct mover *m)
{
	if (m->step->end != HISTORY_NEVER && m->step->op->rc != 0)
		return;
	for (unsigned l = 0; l < m->s->line_nr; l++) {
		struct spec_point next = *m->p;

		if (next.pin[l].value == 0 ||
		    m->s->line[l].client != m->s->line[m->line].client)
			continue;
		next.pin[l] = next.pin[m->line];
		memset(&next.pin[m->line], 0, sizeof(next.pin[0]));
		move(m, always, next);
	}
}

static void do_delete(struct mover *m)
{
	struct removal r = { m->step->op->begin, always };
	int open = m->step->end == HISTORY_NEVER;
	int rc = m->step->op->rc;
	struct window w;

	if ((open || rc == 0) && removable(m, &r))
		becomes(m, r.w, 0);
	if (open)
		return;
	if (rc == -EBUSY)
		busy(m);
	if (rc == -ENOENT && unclaimed(m, &w))
		stay(m, m->p->value == 0, w);
	if (rc == -EINPROGRESS && claimed(m, &w))
		stay(m, m->p->value == 0, w);
}

static void do_wait(struct mover *m)
{
	int rc = m->step->op->rc;
	struct window w;

	stay(m, rc == 0 && m->p->value != 0, always);
	if (rc == -ENOENT && unclaimed(m, &w))
		stay(m, m->p->value == 0, w);
	if (rc == -ETIMEDOUT && claimed(m, &w))
		stay(m, m->p->value == 0, w);
}

static void do_step(struct mover *m)
{
	const struct history_op *op = m->step->op;

	switch ((enum history_call)m->step->call) {
	case HISTORY_store:
	case HISTORY_commit:
		do_store(m);
		break;
	case HISTORY_reserve:
		do_reserve(m);
		break;
	case HISTORY_abort:
	case HISTORY_unclaim:
		do_unclaim(m);
		break;
	case HISTORY_retrieve:
	case HISTORY_read:
	case HISTORY_peek:
		do_look(m);
		break;
	case HISTORY_exists:
		stay(m, op->rc == (m->p->value != 0), always);
		break;
	case HISTORY_touch:
		stay(m, op->rc == (m->p->value != 0 ? 0 : -ENOENT), always);
		break;
	case HISTORY_release:
		stay(m,
		     m->step->end == HISTORY_NEVER ||
			     (op->rc == 0 && !op->again),
		     always);
		break;
	case HISTORY_pin:
		do_pin(m);
		break;
	case HISTORY_unpin:
		do_unpin(m);
		break;
	case HISTORY_delete:
		do_delete(m);
		break;
	case HISTORY_wait:
		do_wait(m);
		break;
	case HISTORY_evict:
	case HISTORY_reap:
	case HISTORY_CALL_NR:
		break;
	}
}

/*
 * An eviction has no call of its own.  Of the calls that may evict the first
 * that still can is enough: fewer holds were there when it began.
 */
static void do_evict(struct mover *m)
{
	m->step = NULL;
	for (unsigned i = 0; i < m->s->evictor_nr; i++) {
		const struct spec_evictor *e = &m->s->evictor[i];
		struct removal r = { e->begin, { e->begin, e->end } };

		if (e->end < m->p->now || e->begin > m->limit ||
		    m->p->at[e->line] > e->step)
			continue;
		if (removable(m, &r))
			becomes(m, r.w, 0);
		if (m->nr > 0)
			return;
	}
}

static uint64_t first_return(const struct spec *s, const struct spec_point *p)
{
	uint64_t first = HISTORY_NEVER;

	for (unsigned l = 0; l < s->line_nr; l++)
		if (p->at[l] < s->line[l].nr &&
		    s->line[l].step[p->at[l]].end < first)
			first = s->line[l].step[p->at[l]].end;
	return first;
}

unsigned spec_moves(const struct spec *s, const struct spec_point *p,
		    struct spec_point out[SPEC_MOVES])
{
	struct mover m = {
		.s = s, .p = p, .out = out, .limit = first_return(s, p)
	};

	if (s->evictor_nr > 0 && p->value != 0)
		do_evict(&m);
	for (m.line = 0; m.line < s->line_nr; m.line++) {
		if (p->at[m.line] == s->line[m.line].nr)
			continue;
		m.step = &s->line[m.line].step[p->at[m.line]];
		do_step(&m);
	}
	return m.nr;
}

int spec_done(const struct spec *s, const struct spec_point *p)
{
	return first_return(s, p) == HISTORY_NEVER;
}
