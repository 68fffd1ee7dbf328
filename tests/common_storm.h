/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kill -9 storm, see stress_kill.c.
 *
 *   stress_kill.c         options, pools, the wards; is anybody stuck?
 *   common_storm_work.c   a worker: a mixed load, and odd things to do
 *   common_storm_ward.c   a ward: starts, kills, stops its workers, all in one
 *                         pid namespace; gives the pids of the dead anew
 *   common_storm_look.c   what is left when it is over
 *
 * All of it is in memory that everybody shares, also after execve().
 */
#ifndef TESTS_COMMON_STORM_H
#define TESTS_COMMON_STORM_H

#include "common_durable.h"

#include <time.h>

#define STORM_WORKERS DURABLE_WORKERS
#define STORM_WARDS 8u
#define STORM_WINDOW (32ull << 20)
#define STORM_QUARANTINE_MS 20 /* of the high pool */

struct storm_ward {
	uint64_t kills, stops, restarts, crashes;
	uint64_t reused;    /* workers that got the pid of the one before */
	uint64_t houses;    /* kills of a whole namespace */
	unsigned first, nr; /* workers */
	int own_pids;	    /* a pid namespace of its own */
	int own_proc;	    /* and a /proc that shows it */
	pid_t pid;
};

struct storm {
	uint32_t stop;
	uint32_t workers; /* all of them, spared ones too */
	uint32_t namespaces;
	uint32_t waiting[STORM_WORKERS]; /* stopped: not stuck */
	uint64_t full[STORM_WORKERS];	 /* opens that found no slot */
	uint64_t odd[STORM_WORKERS];	 /* forks, execs and so on */
	struct load_board board[STORM_WORKERS];
	struct storm_ward ward[STORM_WARDS];
	struct durable durable;
	char target[256];
};

extern struct storm *storm;
extern int storm_fd; /* of the memory, for execve() */

#define STORM_SUM(counter)                                \
	storm_sum((const char *)&storm->board[0].counter, \
		  sizeof(storm->board[0]))
uint64_t storm_sum(const char *first, size_t step);

int storm_over(void);
time_t storm_now(void);
void storm_pause_us(uint64_t us);
struct maru_pool *storm_join(uint64_t offset, int *rc);

/** storm_work() - be worker @me until the storm is over */
void storm_work(unsigned me, uint64_t seed);
/** storm_start() - a worker in a child of this process; its pid */
pid_t storm_start(unsigned me, uint64_t seed);
/** storm_after_exec() - main() of a worker that has called execve() */
int storm_after_exec(char **argv);

/** storm_ward_start() - start ward @no, in a namespace of its own if it is to */
int storm_ward_start(unsigned no, uint64_t seed);

/** storm_look_over() - count and compare; how much is not as it must be */
uint64_t storm_look_over(const char *path);

#endif
