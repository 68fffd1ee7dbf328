// SPDX-License-Identifier: BSD-3-Clause
/*
 * Is there an order in which one process alone could have been told the same?
 *
 * The search is that of J. M. Wing and C. Gong, "Testing and Verifying
 * Concurrent Objects", 1993, which places one call after another, with the
 * memory of points already seen of G. Lowe, "Testing for Linearizability",
 * 2017; and as no answer of the pool depends on two keys, each key is searched
 * for itself: M. P. Herlihy and J. M. Wing, "Linearizability", 1990, locality.
 */
#include "common_history_spec.h"

#include <stdlib.h>
#include <string.h>

#define POINTS_MAX (1u << 20)

/* Steps --------------------------------------------------------------------- */

static uint64_t gone(const struct history *h, const struct history_line *l,
		     const struct history_op *op)
{
	return op->end != HISTORY_NEVER ? op->end : h->client[l->client].gone;
}

static int takes_pin(const struct history_op *op)
{
	static const char pins[] = {
#define HISTORY_X(name, pins) pins,
		HISTORY_CALLS(HISTORY_X)
#undef HISTORY_X
	};

	return pins[op->call] || (op->call == HISTORY_commit && op->view);
}

/* Who else was at work while @op ran?  Of any key: blocks are used again. */
static void neighbours(const struct history *h, unsigned line,
		       struct spec_step *s)
{
	const struct history_op *op = s->op;

	for (unsigned l = 0; l < h->line_nr; l++) {
		const struct history_line *other = &h->line[l];

		for (unsigned i = 0; i < other->nr; i++) {
			const struct history_op *o = &other->op[i];
			uint64_t end = gone(h, other, o);

			if (l == line || o->begin > op->end)
				continue;
			s->crowded |= end >= op->begin;
			if (o->end == HISTORY_NEVER)
				end = h->client[other->client].reaped;
			if (takes_pin(o) && end >= op->begin)
				s->fleeting = 1;
		}
	}
}

static uint16_t value_no(struct spec *s, uint64_t value)
{
	uint32_t i;

	for (i = 0; i < s->value_nr; i++)
		if (s->value[i] == value)
			return (uint16_t)i;
	s->value[s->value_nr++] = value;
	return (uint16_t)i;
}

/* A lookup that did not return has changed nothing but pins. */
static int matters(const struct history_op *op)
{
	if (op->end != HISTORY_NEVER)
		return 1;
	switch (op->call) {
	case HISTORY_store:
	case HISTORY_commit:
	case HISTORY_reserve:
	case HISTORY_abort:
	case HISTORY_delete:
	case HISTORY_release:
	case HISTORY_unpin:
		return 1;
	default:
		return 0;
	}
}

static void add_step(struct spec *s, unsigned line, const struct history_op *op,
		     unsigned call)
{
	struct spec_line *l = &s->line[line];
	struct spec_step *step = &l->step[l->nr++];

	memset(step, 0, sizeof(*step));
	step->op = op;
	step->call = (uint16_t)call;
	step->end = op->end;
	step->last = op->end != HISTORY_NEVER ? op->end :
						s->h->client[l->client].reaped;
	step->value = value_no(s, op->value);
	step->release = UINT8_MAX;
	if (op->call == HISTORY_delete && op->rc == -EBUSY)
		neighbours(s->h, line, step);
}

static void link_releases(struct spec *s, unsigned line)
{
	struct spec_line *l = &s->line[line];

	for (unsigned i = 0; i < l->nr; i++)
		for (unsigned k = i + 1; k < l->nr; k++)
			if (l->step[k].call == HISTORY_release &&
			    &s->h->line[line].op[l->step[k].op->from - 1] ==
				    l->step[i].op)
				l->step[i].release = (uint8_t)k;
}

static int may_evict(const struct history *h, const struct history_op *op)
{
	return op->call == HISTORY_evict ||
	       (h->pressure &&
		(op->call == HISTORY_store || op->call == HISTORY_reserve));
}

static void make_line(struct spec *s, unsigned line, unsigned key)
{
	const struct history_line *l = &s->h->line[line];

	s->line[line].nr = 0;
	s->line[line].client = l->client;
	for (unsigned i = 0; i < l->nr; i++) {
		const struct history_op *op = &l->op[i];

		if (may_evict(s->h, op))
			s->evictor[s->evictor_nr++] = (struct spec_evictor){
				op->begin, gone(s->h, l, op), line,
				op->key == key ? s->line[line].nr :
						 HISTORY_NO_KEY
			};
		if (op->key != key || !matters(op))
			continue;
		add_step(s, line, op, op->call);
		if (op->call == HISTORY_commit && op->from > 0 &&
		    op->end != HISTORY_NEVER && op->rc != 0)
			add_step(s, line, op, HISTORY_unclaim);
	}
	link_releases(s, line);
}

static int by_begin(const void *a, const void *b)
{
	const struct spec_evictor *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

void spec_make(struct spec *s, const struct history *h, unsigned key)
{
	s->h = h;
	s->line_nr = h->line_nr;
	s->evictor_nr = 0;
	s->value[0] = 0;
	s->value_nr = 1;
	for (unsigned l = 0; l < h->line_nr; l++)
		make_line(s, l, key);
	qsort(s->evictor, s->evictor_nr, sizeof(s->evictor[0]), by_begin);
}

/* The search ----------------------------------------------------------------- */

/* All points ever reached; those from @next on are still to be looked at. */
struct search {
	struct spec_point *point;
	uint32_t *slot; /* hash table of point + 1 */
	uint32_t nr, cap;
	uint32_t *todo, todo_nr;
};

static int search_start(struct search *q)
{
	memset(q, 0, sizeof(*q));
	q->cap = 1024;
	q->point = malloc(q->cap * sizeof(*q->point));
	q->todo = malloc(q->cap * sizeof(*q->todo));
	q->slot = calloc(2 * (size_t)q->cap, sizeof(*q->slot));
	return q->point != NULL && q->todo != NULL && q->slot != NULL;
}

static void search_end(struct search *q)
{
	free(q->point);
	free(q->todo);
	free(q->slot);
}

static uint64_t hash(const struct spec_point *p)
{
	uint64_t words[sizeof(*p) / 8], h = 0;

	_Static_assert(sizeof(*p) % 8 == 0, "in whole words");
	memcpy(words, p, sizeof(words));
	for (size_t i = 0; i < TEST_LEN(words); i++)
		h = test_mix(h ^ words[i]);
	return h;
}

/* Where @p is in the table, or where it would go. */
static uint32_t *find(const struct search *q, const struct spec_point *p)
{
	uint32_t mask = 2 * q->cap - 1, at = (uint32_t)hash(p) & mask;

	while (q->slot[at] != 0 &&
	       memcmp(&q->point[q->slot[at] - 1], p, sizeof(*p)) != 0)
		at = (at + 1) & mask;
	return &q->slot[at];
}

static int grow(struct search *q)
{
	void *point = realloc(q->point, 2 * (size_t)q->cap * sizeof(*q->point));
	void *todo = realloc(q->todo, 2 * (size_t)q->cap * sizeof(*q->todo));

	q->point = point != NULL ? point : q->point;
	q->todo = todo != NULL ? todo : q->todo;
	free(q->slot);
	q->slot = calloc(4 * (size_t)q->cap, sizeof(*q->slot));
	if (point == NULL || todo == NULL || q->slot == NULL)
		return 0;
	q->cap *= 2;
	for (uint32_t i = 0; i < q->nr; i++)
		*find(q, &q->point[i]) = i + 1;
	return 1;
}

/* 0: no memory, or more than anybody wants to wait for */
static int reach(struct search *q, const struct spec_point *p)
{
	uint32_t *slot = find(q, p);

	if (*slot != 0)
		return 1;
	if (q->nr == q->cap) {
		if (q->cap >= POINTS_MAX || !grow(q))
			return 0;
		slot = find(q, p);
	}
	q->point[q->nr] = *p;
	q->todo[q->todo_nr++] = q->nr;
	*slot = ++q->nr;
	return 1;
}

static int search(const struct spec *s, struct search *q)
{
	static struct spec_point next[SPEC_MOVES];
	struct spec_point p;

	memset(&p, 0, sizeof(p));
	if (!reach(q, &p))
		return -1;
	while (q->todo_nr > 0) {
		unsigned nr;

		p = q->point[q->todo[--q->todo_nr]];
		if (spec_done(s, &p))
			return 1;
		nr = spec_moves(s, &p, next);
		while (nr > 0)
			if (!reach(q, &next[--nr]))
				return -1;
	}
	return 0;
}

struct history_verdict history_check(const struct history *h)
{
	struct history_verdict v = { .linear = 1 };
	struct spec *s = malloc(sizeof(*s));
	struct search q;

	for (unsigned key = 0; key < h->key_nr && v.linear == 1; key++) {
		int rc = -1;

		if (s == NULL || !search_start(&q)) {
			v.linear = -1;
			break;
		}
		spec_make(s, h, key);
		rc = search(s, &q);
		if (q.nr > v.points)
			v.points = q.nr;
		if (rc != 1)
			v = (struct history_verdict){ rc, key, v.points };
		search_end(&q);
	}
	free(s);
	return v;
}
