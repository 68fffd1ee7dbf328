/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nanoseconds per operation, by one and by two processes.
 *
 *   director (micro.c, common_micro_director.c)   says what to run next
 *     worker 0, 1 (common_micro_worker.c)   a process and a CPU each
 *
 * A case runs in short slices, each in turn with all other cases, so that
 * what else the machine does falls on all of them.  A slice is enter, then
 * operations in groups that are timed together, then leave; workers wait for
 * each other between these, and only operations count.
 */
#ifndef BENCH_COMMON_MICRO_H
#define BENCH_COMMON_MICRO_H

#include "common_hist.h"
#include "common_pool.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#define MICRO_WORKERS 2
#define MICRO_GROUP_MAX 512 /* keys of a group */
#define MICRO_KEY_LEN 32
#define MICRO_SPARE 16384u /* blocks a worker may use beside the entries */

/* A pool for each kind of work: none disturbs the state of another. */
enum micro_pool_no {
	POOL_ENTRIES, /* --entries small blocks */
	POOL_64K,     /* values of 64 KiB */
	POOL_1M,      /* values of 1 MiB */
	POOL_EMPTY,   /* as large as POOL_ENTRIES, never used */
	POOL_NR
};

struct micro_key {
	char tag[16];
	uint64_t no, mixed;
};

struct micro_worker;

struct micro_case {
	const char *name;
	const char *about;
	enum micro_pool_no pool;
	uint32_t group;	  /* operations timed together */
	uint32_t keys;	  /* of an operation; the time is per key */
	uint64_t bytes;	  /* moved by an operation; 0: none */
	uint32_t workers; /* at most */
	void (*enter)(struct micro_worker *w);
	/* @nr operations; their ns, or 0: no more of them in this slice. */
	uint64_t (*run)(struct micro_worker *w, uint32_t nr);
	void (*leave)(struct micro_worker *w);
};

struct micro_result {
	uint64_t ns, ops;  /* of the last slice */
	struct hist group; /* mean ns of a group, all slices so far */
};

/* Workers write their own result only; the director all else. */
struct micro_shared {
	sem_t start[MICRO_WORKERS], done;
	const struct micro_case *_Atomic now;
	_Atomic uint32_t workers; /* that run it */
	_Atomic uint32_t arrived; /* for the waits within a slice */
	_Atomic uint64_t slice_ns;
	_Atomic int failed, quit;
	char fail[512];
	struct micro_result result[MICRO_WORKERS];
};

struct micro_worker {
	uint32_t no;
	const struct micro_case *now;
	struct micro_shared *shared;
	const struct bench_pool *pools;
	struct maru_pool *pool[POOL_NR];
	struct maru_pool *p; /* pool[now->pool] */
	uint64_t entries;
	uint64_t data_bytes[POOL_NR];
	uint64_t random; /* state */
	uint64_t next;	 /* number of the next new key, for ever */
	uint64_t first;	 /* of the new keys of this slice */
	uint64_t left;	 /* operations that the slice may still do */
	uint64_t missed; /* keys that should have been there */
	uint32_t buf_nr;
	struct maru_buf *buf;
	unsigned char *value; /* 1 MiB */
	struct micro_key key[MICRO_GROUP_MAX];
	struct maru_view view[MICRO_GROUP_MAX];
	int res[MICRO_GROUP_MAX];
};

/* The cases; the last of each has no name. */
extern const struct micro_case micro_find_cases[], micro_store_cases[],
	micro_copy_cases[], micro_life_cases[];

#define MICRO_ROUNDS_MAX 64

/* A case by so many workers, and what came of it. */
struct micro_run {
	const struct micro_case *what;
	uint32_t workers;
	uint32_t rounds;		/* done */
	double ns[MICRO_ROUNDS_MAX];	/* per key, as a worker sees it */
	double per_s[MICRO_ROUNDS_MAX]; /* keys, by all workers */
	struct hist group;
};

#define MICRO_ONLY_MAX 16
#define MICRO_RUNS_MAX 128

struct micro_opts {
	const char *only[MICRO_ONLY_MAX];
	uint32_t only_nr;
	const char *target;
	uint64_t entries, bytes;
	uint32_t seconds, rounds;
	int json, csv, list;
};

struct micro {
	struct micro_opts opts;
	struct bench_pool pool[POOL_NR];
	struct micro_shared *shared;
	pid_t pid[MICRO_WORKERS];
	struct micro_run run[MICRO_RUNS_MAX];
	uint32_t run_nr;
	int file_made;
};

/** micro_run_all() - start the workers, run all rounds, stop the workers */
void micro_run_all(struct micro *m);

/* What came of all runs, on stdout. */
void micro_show_table(const struct micro_run *runs, uint32_t nr);
void micro_show_csv(const struct micro_run *runs, uint32_t nr);
void micro_show_json(const struct micro_run *runs, uint32_t nr);

/** micro_worker_main() - life of a worker, in its own process */
void micro_worker_main(struct micro_worker *w);

/** micro_populate() - store the entries; how many are there then */
uint64_t micro_populate(const struct bench_pool *pool, uint64_t entries);

_Noreturn void micro_fail(struct micro_worker *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** micro_random() - a number below @below */
uint64_t micro_random(struct micro_worker *w, uint64_t below);

/** micro_key() - key @no of the entries ('e'), of no entry ('-'), ... */
void micro_key(struct micro_key *key, char kind, uint64_t no);

/** micro_new_keys() - @nr keys that were never used */
void micro_new_keys(struct micro_worker *w, uint32_t nr);

#endif
