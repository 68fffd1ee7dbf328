/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Request traces of an LLM service: each request is its prompt as a list of
 * block ids, where equal ids mean equal prompts up to and including a block.
 *
 * A trace file has one JSON object a line with an array "hash_ids".
 */
#ifndef BENCH_COMMON_TRACE_H
#define BENCH_COMMON_TRACE_H

#include <stdint.h>

struct trace_req {
	uint64_t first; /* index into trace.id */
	uint32_t nr;	/* blocks of the prompt */
};

struct trace {
	char what[256]; /* where it comes from, for the report */
	struct trace_req *req;
	uint32_t req_nr;
	uint32_t longest; /* most blocks of a request */
	uint64_t *id;
	uint64_t id_nr;
	uint64_t req_cap, id_cap; /* room, in elements */
};

/** trace_load() - read at most @limit requests (0: all) of @path, or die */
void trace_load(struct trace *t, const char *path, uint32_t limit);

/** trace_generate() - make up @nr requests; the same @seed gives the same */
void trace_generate(struct trace *t, uint32_t nr, uint64_t seed);

/** trace_begin() - a new request; trace_block() - its next block */
void trace_begin(struct trace *t);
void trace_block(struct trace *t, uint64_t id);

void trace_free(struct trace *t);

#endif
