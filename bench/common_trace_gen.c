/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A made-up trace of the shape that chat services show: conversations begin
 * with one of a few system prompts, a turn extends an earlier prompt, recent
 * conversations go on more often, lengths have a long tail.
 */
#include "common_trace.h"
#include "common.h"
#include "common_key.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SYSTEM_PROMPTS 16
#define SYSTEM_MAX 8   /* blocks of a system prompt */
#define PROMPT_MAX 247 /* blocks of a prompt */
#define RECENT 1024    /* conversations that may go on */
#define NEW_SHARE 0.61 /* of all requests begin a conversation */

struct gen {
	struct trace *trace;
	uint64_t state; /* of the random numbers */
	uint64_t next_id;
	uint32_t recent[RECENT]; /* the last request of a conversation */
	uint32_t recent_nr;	 /* ever begun; kept round-robin */
};

static double uniform(struct gen *g)
{
	g->state += 0x9e3779b97f4a7c15u;
	return (double)(key_mix(g->state) >> 11) * 0x1p-53;
}

/* 0 .. nr - 1, p(i) about 1 / (i + 1): by the inverse of the log law. */
static uint32_t zipf(struct gen *g, uint32_t nr)
{
	return (uint32_t)(exp(uniform(g) * log(nr + 1.)) - 1);
}

/* Blocks, log-normal around @median, at least 1. */
static uint32_t length(struct gen *g, double median)
{
	const double normal =
		sqrt(-2 * log(1 - uniform(g))) * cos(2 * M_PI * uniform(g));
	const double len = median * exp(1.2 * normal);

	return len < 1 ? 1 : len > PROMPT_MAX ? PROMPT_MAX : (uint32_t)len;
}

/* System prompt s has 1 + s % SYSTEM_MAX blocks, its own ids below all else. */
static void system_prompt(struct gen *g)
{
	const uint32_t s = zipf(g, SYSTEM_PROMPTS);

	for (uint32_t i = 0; i <= s % SYSTEM_MAX; i++)
		trace_block(g->trace, s * SYSTEM_MAX + i);
}

static void earlier_prompt(struct gen *g, uint32_t req_idx)
{
	const struct trace_req old = g->trace->req[req_idx];

	for (uint32_t i = 0; i < old.nr; i++)
		trace_block(g->trace, g->trace->id[old.first + i]);
}

static void add_request(struct gen *g)
{
	const uint32_t known = g->recent_nr < RECENT ? g->recent_nr : RECENT;
	const int fresh = !known || uniform(g) < NEW_SHARE;
	const uint32_t age = fresh ? 0 : zipf(g, known);
	uint32_t *last = &g->recent[(g->recent_nr - 1 - age) % RECENT];
	uint32_t more = length(g, fresh ? 10 : 2.5);

	if (fresh)
		last = &g->recent[g->recent_nr++ % RECENT];
	trace_begin(g->trace);
	if (fresh)
		system_prompt(g);
	else
		earlier_prompt(g, *last);
	*last = g->trace->req_nr - 1;
	while (more-- && g->trace->req[*last].nr < PROMPT_MAX)
		trace_block(g->trace, g->next_id++);
}

void trace_generate(struct trace *t, uint32_t nr, uint64_t seed)
{
	struct gen *g = calloc(1, sizeof(*g));

	if (!g)
		bench_die(BENCH_CANNOT, "no memory for the trace");
	*t = (struct trace){ 0 };
	g->trace = t;
	g->state = seed;
	g->next_id = SYSTEM_PROMPTS * SYSTEM_MAX;
	while (t->req_nr < nr)
		add_request(g);
	snprintf(t->what, sizeof(t->what), "generated, seed %llu",
		 (unsigned long long)seed);
	free(g);
}
