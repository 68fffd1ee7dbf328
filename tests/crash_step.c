// SPDX-License-Identifier: BSD-3-Clause
/*
 * Death at every instruction.
 *
 * Each call that changes a pool is stepped through once.  At each instruction
 * after which the pool's tables are not what they were, a copy of the image is
 * opened by a process for which everybody else is dead.  Then, in a pool that
 * is as new, the client is run to an instruction and killed, again and again;
 * two others that were there before go on, clean up, and check that all is
 * balanced.  Where the call is cleaning up after a first death, that makes two.
 *
 * usage: crash_step [-o NAME] [-n INSTRUCTION] [-s SHARD/OF] [-k KILLS] [-f]
 *   -o  only operations whose name has this in it
 *   -n  only this instruction
 *   -k  kill points of an operation, at most (but images have one each)
 *   -f  every instruction of every operation; also CRASH=full
 */
#include "common_step.h"

#include "common.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FULL_LONE 1500 /* kills of a long operation where all are wanted */
#define OPENS 3	       /* so many times fewer where it opens */

static const char *only;
static long only_n = -1;
static unsigned shard, shards = 1;
static size_t kills_wanted = 120;
static bool full;
static struct step_walk walk;

static uint64_t kills; /* of this operation */

static void look_at_image(void)
{
	if (only_n < 0 || (size_t)only_n == step_scene.n)
		step_after_image();
}

static void kill_at(const struct step_walk *w, const struct step_op *op,
		    size_t n)
{
	pid_t pid;

	if (n % shards != shard)
		return;
	step_scene.mode = "killed";
	pid = step_reach(w, op, n);
	if (pid < 0)
		return;
	step_kill(pid);
	step_after_death();
	kills++;
}

/* To open is long, and mostly not about the pool. */
static size_t wanted(const struct step_op *op)
{
	size_t opens = op->flags & STEP_NO_POOL ? OPENS : 1;

	if (!full)
		return kills_wanted / opens;
	return op->flags & STEP_LONE && walk.trace.nr > FULL_LONE ?
		       FULL_LONE / opens :
		       walk.trace.nr;
}

static void kill_all(const struct step_op *op)
{
	size_t last = walk.trace.nr - 1, want = wanted(op);

	if (only_n >= 0) {
		kill_at(&walk, op,
			(size_t)only_n < last ? (size_t)only_n : last);
		return;
	}
	step_points(&walk, op, want, kill_at);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void one(const struct step_op *op, struct step_total *sum)
{
	double start = seconds();

	kills = 0;
	step_walk(&walk, op, look_at_image);
	kill_all(op);
	printf("%-36s %8zu %7zu %7llu %5llu %6.1f\n", op->name,
	       walk.trace.nr - 1, walk.changed_nr, (unsigned long long)kills,
	       (unsigned long long)step_scene.shared->faults,
	       seconds() - start);
	fflush(stdout);
	sum->steps += walk.trace.nr - 1;
	sum->images += walk.changed_nr;
	sum->points += kills;
}

static void read_options(int argc, char **argv)
{
	const char *env = getenv("CRASH");
	int c;

	full = env && strcmp(env, "full") == 0;
	while ((c = getopt(argc, argv, "o:n:s:k:f")) != -1) {
		switch (c) {
		case 'o':
			only = optarg;
			break;
		case 'n':
			only_n = atol(optarg);
			break;
		case 's':
			if (sscanf(optarg, "%u/%u", &shard, &shards) != 2 ||
			    shards == 0)
				exit(2);
			break;
		case 'k':
			kills_wanted = (size_t)atol(optarg);
			break;
		case 'f':
			full = true;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct step_total sum;

	read_options(argc, argv);
	if (!step_supported()) {
		puts("crash_step: steps x86-64 only");
		return 77;
	}
	printf("%-36s %8s %7s %7s %5s %6s\n", "operation", "instr.", "images",
	       "kills", "wrong", "s");
	fflush(stdout);
	sum = step_each_op(only, one);
	printf("%-36s %8llu %7llu %7llu %5llu\n", "all",
	       (unsigned long long)sum.steps, (unsigned long long)sum.images,
	       (unsigned long long)sum.points, (unsigned long long)sum.faults);
	printf("%llu operations; %llu kills were not where the first walk "
	       "went\n",
	       (unsigned long long)sum.ops, (unsigned long long)sum.astray);
	return sum.faults != 0 || sum.ops == 0;
}
