// SPDX-License-Identifier: BSD-3-Clause
/*
 * Stopped, not dead, at any instruction.
 *
 * As in crash_step, but the client is only stopped.  Two others do a fixed
 * amount of work, each thing asked once or as often as there are blocks; what
 * the stopped one holds is its own, and nobody waits for it.  Then it goes on:
 * its call ends as its page allows, it gives back what it has and leaves, and
 * all is balanced.
 *
 * usage: crash_stop [-o NAME] [-n INSTRUCTION] [-k STOPS] [-f]
 */
#include "common_step.h"

#include "common.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *only;
static long only_n = -1;
static size_t stops_wanted = 24;
static struct step_walk walk;

static struct {
	uint64_t stops, faults;
} total;

static void stop_at(const struct step_walk *w, const struct step_op *op,
		    size_t n)
{
	pid_t pid;
	int status;

	step_scene.mode = "stopped";
	pid = step_reach(w, op, n);
	if (pid < 0)
		return;
	step_while_stopped();
	status = step_run_out(pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		step_bad("the client ended with wait status %#x",
			 (unsigned)status);
	step_after_life();
	total.stops++;
}

static void one(const struct step_op *op)
{
	uint64_t faults = step_scene.shared->faults, stops = total.stops;

	if (op->flags & STEP_NO_STOP)
		return;
	step_walk(&walk, op, NULL);
	if (only_n >= 0)
		stop_at(&walk, op,
			(size_t)only_n < walk.trace.nr ? (size_t)only_n :
							 walk.trace.nr - 1);
	else
		step_points(&walk, op, stops_wanted, stop_at);
	faults = step_scene.shared->faults - faults;
	printf("%-36s %8zu %7llu %5llu\n", op->name, walk.trace.nr - 1,
	       (unsigned long long)(total.stops - stops),
	       (unsigned long long)faults);
	fflush(stdout);
	total.faults += faults;
}

static void read_options(int argc, char **argv)
{
	const char *env = getenv("CRASH");
	int c;

	if (env && strcmp(env, "full") == 0)
		stops_wanted = 4000;
	while ((c = getopt(argc, argv, "o:n:k:f")) != -1) {
		switch (c) {
		case 'o':
			only = optarg;
			break;
		case 'n':
			only_n = atol(optarg);
			break;
		case 'k':
			stops_wanted = (size_t)atol(optarg);
			break;
		case 'f':
			stops_wanted = 4000;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned ops;

	read_options(argc, argv);
	if (!step_supported()) {
		puts("crash_stop: steps x86-64 only");
		return 77;
	}
	step_scene_make();
	printf("%-36s %8s %7s %5s\n", "operation", "instr.", "stops", "wrong");
	ops = step_each_op(only, one);
	printf("%-36s %8s %7llu %5llu\n", "all", "",
	       (unsigned long long)total.stops,
	       (unsigned long long)total.faults);
	return total.faults != 0 || ops == 0;
}
