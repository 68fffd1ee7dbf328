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

#define FULL_LONE 4000 /* kills of a long operation where all are wanted */

static const struct step_op *const tables[] = { step_ops_write, step_ops_read,
						step_ops_reap };

static const char *only;
static long only_n = -1;
static unsigned shard, shards = 1;
static size_t kills_wanted = 130;
static bool full;

/* What is known of the operation that is being stepped. */
static struct step_trace trace;
static size_t *changed, changed_nr, changed_room;
static size_t pause_at; /* 0: never */

static struct {
	unsigned ops;
	uint64_t steps, images, kills, faults, astray;
} total;

static void note_change(size_t n)
{
	if (changed_nr == changed_room) {
		changed_room = changed_room ? 2 * changed_room : 256;
		changed = realloc(changed, changed_room * sizeof(*changed));
		if (changed == NULL)
			abort();
	}
	changed[changed_nr++] = n;
}

static void forget(void)
{
	changed_nr = 0;
	pause_at = 0;
	trace.nr = 0;
	free(trace.last);
	trace.last = NULL;
}

/* Is it time for the survivors' part in the middle of the call? */
static void meanwhile(const struct step_op *op)
{
	if (!op->pause || pause_at || !op->pause(&step_scene))
		return;
	pause_at = step_scene.n;
	op->meanwhile(&step_scene);
}

/* All steps of the call, and the images that it leaves. */
static void walk(const struct step_op *op)
{
	struct step_scene *sc = &step_scene;
	unsigned char *last = malloc(sc->meta);
	enum step_stop stop = STEP_THERE;
	pid_t pid;

	forget();
	sc->mode = "image";
	pid = step_begin(op);
	if (pid < 0 || last == NULL)
		exit(2);
	memcpy(last, sc->map, sc->meta);
	step_note(&trace, step_pc(pid));
	while (stop == STEP_THERE) {
		step_watch(30);
		stop = step_once(pid);
		sc->pc = step_pc(pid);
		step_note(&trace, sc->pc);
		sc->n++;
		meanwhile(op);
		if (memcmp(last, sc->map, sc->meta) == 0)
			continue;
		memcpy(last, sc->map, sc->meta);
		note_change(sc->n);
		if (only_n < 0 || (size_t)only_n == sc->n)
			step_after_image();
	}
	if (stop != STEP_MARK)
		step_bad("the client died by itself");
	sc->mode = "killed at its end";
	step_kill(pid);
	step_after_death();
	free(last);
}

static void kill_at(const struct step_op *op, size_t n)
{
	struct step_scene *sc = &step_scene;
	size_t from = 0;
	pid_t pid;

	step_watch(30);
	sc->mode = "killed";
	pid = step_begin(op);
	if (pid < 0)
		return;
	if (pause_at && n >= pause_at) {
		step_to(pid, &trace, 0, pause_at);
		op->meanwhile(sc);
		from = pause_at;
	}
	step_to(pid, &trace, from, n);
	sc->n = n;
	sc->pc = step_pc(pid);
	total.astray += sc->pc != trace.pc[n];
	step_kill(pid);
	step_after_death();
	total.kills++;
}

static void kill_all(const struct step_op *op)
{
	size_t last = trace.nr - 1, want = kills_wanted, next = 0;
	double each;

	if (full)
		want = op->flags & STEP_LONE && last > FULL_LONE ? FULL_LONE :
								   last + 1;
	each = (double)(last + 1) / (double)(want < last + 1 ? want : last + 1);
	for (size_t n = 0; n <= last; n++) {
		bool due = n >= (size_t)((double)next * each);
		bool change = false;

		if (due)
			next++;
		for (size_t i = 0; !due && i < changed_nr; i++)
			change |= changed[i] == n;
		if ((due || change) && n % shards == shard)
			kill_at(op, n);
	}
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void one(const struct step_op *op)
{
	uint64_t faults = step_scene.shared->faults, kills = total.kills;
	double start = seconds();

	step_scene.shared->told = 0;
	walk(op);
	if (only_n >= 0)
		kill_at(op, (size_t)only_n < trace.nr ? (size_t)only_n :
							trace.nr - 1);
	else
		kill_all(op);
	faults = step_scene.shared->faults - faults;
	printf("%-36s %8zu %7zu %7llu %5llu %6.1f\n", op->name, trace.nr - 1,
	       changed_nr, (unsigned long long)(total.kills - kills),
	       (unsigned long long)faults, seconds() - start);
	fflush(stdout);
	total.ops++;
	total.steps += trace.nr - 1;
	total.images += changed_nr;
	total.faults += faults;
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
	read_options(argc, argv);
	if (!step_supported()) {
		puts("crash_step: steps x86-64 only");
		return 77;
	}
	step_scene_make();
	printf("%-36s %8s %7s %7s %5s %6s\n", "operation", "instr.", "images",
	       "kills", "wrong", "s");
	for (size_t i = 0; i < TEST_LEN(tables); i++)
		for (const struct step_op *op = tables[i]; op->name; op++)
			if (only == NULL || strstr(op->name, only))
				one(op);
	printf("%-36s %8llu %7llu %7llu %5llu\n", "all",
	       (unsigned long long)total.steps,
	       (unsigned long long)total.images,
	       (unsigned long long)total.kills,
	       (unsigned long long)total.faults);
	printf("%u operations; %llu kills were not where the first walk went\n",
	       total.ops, (unsigned long long)total.astray);
	return total.faults != 0 || total.ops == 0;
}
