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
static size_t stops_wanted = 25;
static struct step_walk walk;

static uint64_t stops; /* in this operation */

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
	stops++;
}

static void one(const struct step_op *op, struct step_total *sum)
{
	stops = 0;
	step_walk(&walk, op, NULL);
	if (only_n >= 0)
		stop_at(&walk, op,
			(size_t)only_n < walk.trace.nr ? (size_t)only_n :
							 walk.trace.nr - 1);
	else
		step_points(&walk, op, stops_wanted, stop_at);
	printf("%-36s %8zu %7llu %5llu\n", op->name, walk.trace.nr - 1,
	       (unsigned long long)stops,
	       (unsigned long long)step_scene.shared->faults);
	fflush(stdout);
	sum->points += stops;
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
	struct step_total sum;

	read_options(argc, argv);
	if (!step_supported()) {
		puts("crash_stop: steps x86-64 only");
		return 77;
	}
	printf("%-36s %8s %7s %5s\n", "operation", "instr.", "stops", "wrong");
	fflush(stdout);
	sum = step_each_op(only, one);
	printf("%-36s %8s %7llu %5llu\n", "all", "",
	       (unsigned long long)sum.points, (unsigned long long)sum.faults);
	return sum.faults != 0 || sum.ops == 0;
}
