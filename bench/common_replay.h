/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay of a request trace by several processes that act as LLM instances.
 *
 *   director (common_director.c)      forks, watches, kills one, sums up
 *     instance 0 .. n-1 (common_instance.c)   serve requests from the trace
 *     shared memory (struct replay_shared)    who took what, and the numbers
 *
 * Instances take requests by one shared counter, so those that a killed one
 * would have served are served by the others.  Each writes its own seat only,
 * and its seat outlives it.
 */
#ifndef BENCH_COMMON_REPLAY_H
#define BENCH_COMMON_REPLAY_H

#include "common_hist.h"
#include "common_pool.h"
#include "common_trace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/types.h>

#define REPLAY_INSTANCES_MAX 64

/* The calls that are timed, by name. */
#define REPLAY_CALLS(X)   \
	X(retrieve_batch) \
	X(reserve_batch)  \
	X(alloc_batch)    \
	X(commit_batch)   \
	X(release_batch)  \
	X(read)           \
	X(store)

enum replay_call {
#define REPLAY_X(name) CALL_##name,
	REPLAY_CALLS(REPLAY_X)
#undef REPLAY_X
		CALL_NR
};

/* What an instance counts: name and meaning. */
#define REPLAY_COUNTERS(X)                                     \
	X(taken, "requests taken from the trace")              \
	X(served, "requests served to the end")                \
	X(blocks, "blocks of the requests served")             \
	X(hits, "leading blocks that were cached")             \
	X(read_bytes, "bytes of hits, every one verified")     \
	X(stored, "blocks stored")                             \
	X(store_bytes, "bytes stored")                         \
	X(existed, "blocks that another had stored meanwhile") \
	X(in_progress, "blocks that another was just writing") \
	X(no_room, "blocks not stored for lack of room")       \
	X(verify_ns, "time spent comparing bytes")             \
	X(fill_ns, "time spent making values")

struct replay_counts {
#define REPLAY_X(name, text) _Atomic uint64_t name;
	REPLAY_COUNTERS(REPLAY_X)
#undef REPLAY_X
};

struct replay_timing {
	struct hist call; /* ns of a call */
	uint64_t keys;	  /* in all those calls */
};

/* An instance's place in shared memory; written by it alone. */
struct replay_seat {
	struct replay_counts n;
	const char *_Atomic doing;	/* a constant string, for stuck ones */
	_Atomic int ready;		/* it has joined the pool */
	_Atomic int holding;		/* it stands still, as it was asked */
	uint32_t held_views, held_bufs; /* valid once holding is set */
	struct replay_timing time[CALL_NR];
	char fail[512]; /* why it gave up, or "" */
};

struct replay_shared {
	_Atomic uint64_t next; /* request to take */
	_Atomic int stop;      /* take no more */
	_Atomic int kill_due;  /* one is still to be killed */
	_Atomic int hold;      /* instance that is to stand still, or -1 */
	_Atomic int go;	       /* all have joined */
	struct replay_seat seat[];
};

/* What one death looked like. */
struct replay_death {
	int asked, done; /* it was to be; it was */
	int no;		 /* instance */
	pid_t pid;
	uint32_t slot;
	uint32_t held_views, held_bufs;	 /* by its own account */
	uint64_t pins_before, pins_dead; /* by the pool's */
	uint32_t bufs_before, bufs_dead;
	uint64_t reap_ns; /* from the kernel's word until nothing was left */
	uint64_t served;  /* by all, until then */
	uint64_t at[REPLAY_INSTANCES_MAX]; /* served by each until then */
};

struct replay_opts {
	const char *target;	/* NULL: anonymous memory */
	const char *trace_path; /* NULL: generated */
	uint64_t bytes;		/* of the pool */
	uint64_t value_len;	/* of a block's value */
	uint64_t seed;
	uint32_t instances;
	uint32_t requests; /* to generate */
	uint32_t limit;	   /* to replay, 0: all */
	uint32_t seconds;  /* then no more requests are taken; 0: no limit */
	uint32_t think_us; /* per block computed */
	int kill, demo, json, copy, alloc, crc;
};

struct replay {
	struct replay_opts opts;
	struct trace trace;
	struct bench_pool pool;
	struct replay_shared *shared;
	char tag[32];			 /* what keys begin with */
	struct maru_pool *own;		 /* the director's handle */
	pid_t pid[REPLAY_INSTANCES_MAX]; /* 0: gone */
	struct replay_death death;
	int strangers; /* others had the pool open when we came */
	uint64_t start_ns, run_ns;
	struct maru_counters before; /* of the pool, as we found it */
	struct maru_stats after;     /* of the pool, when all had left */
	uint32_t faults;	     /* everything that went wrong */
	FILE *say;		     /* where the story is told */
};

/** replay_run() - the whole replay; rp->faults is 0 if all was well */
void replay_run(struct replay *rp);

/** replay_fault() - count and tell one thing that went wrong */
void replay_fault(struct replay *rp, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** replay_total() - a counter's sum over all instances */
#define replay_total(rp, name)                                               \
	({                                                                   \
		uint64_t sum_ = 0;                                           \
		for (uint32_t i_ = 0; i_ < (rp)->opts.instances; i_++)       \
			sum_ += atomic_load(&(rp)->shared->seat[i_].n.name); \
		sum_;                                                        \
	})

/** instance_main() - life of instance @no, in its own process; exit code */
int instance_main(const struct replay *rp, uint32_t no);

/** replay_kill() - SIGKILL one instance and see what becomes of its pins */
void replay_kill(struct replay *rp);

extern const char *const replay_call_names[CALL_NR];

/** replay_sum_call() - the timing of one call over all instances */
void replay_sum_call(const struct replay *rp, int call,
		     struct replay_timing *sum);

void report_progress(struct replay *rp, int last);
void report_text(const struct replay *rp);
void report_verdict(const struct replay *rp);
void report_json(const struct replay *rp);

#endif
