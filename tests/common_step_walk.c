// SPDX-License-Identifier: BSD-3-Clause
/* Once through a call, step by step; then to any of its instructions. */
#include "common_step.h"

#include "common.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 8

static void note_change(struct step_walk *w, size_t n)
{
	if (w->changed_nr == w->changed_room) {
		w->changed_room = w->changed_room ? 2 * w->changed_room : 256;
		w->changed = realloc(w->changed,
				     w->changed_room * sizeof(*w->changed));
		if (w->changed == NULL)
			abort();
	}
	w->changed[w->changed_nr++] = n;
}

static void forget(struct step_walk *w)
{
	w->changed_nr = 0;
	w->pause_at = 0;
	w->trace.nr = 0;
	free(w->trace.last);
	w->trace.last = NULL;
}

/* Is it time for the survivors' part in the middle of the call? */
static void meanwhile(struct step_walk *w, const struct step_op *op)
{
	if (!op->pause || w->pause_at || !op->pause(&step_scene))
		return;
	w->pause_at = step_scene.n;
	op->meanwhile(&step_scene);
}

void step_walk(struct step_walk *w, const struct step_op *op,
	       void (*image)(void))
{
	struct step_scene *sc = &step_scene;
	unsigned char *last = malloc(sc->meta);
	enum step_stop stop = STEP_THERE;
	pid_t pid;

	forget(w);
	sc->mode = "image";
	pid = step_begin(op);
	if (pid < 0 || last == NULL)
		exit(2);
	memcpy(last, sc->map, sc->meta);
	step_note(&w->trace, step_pc(pid));
	while (stop == STEP_THERE) {
		step_watch(PATIENCE);
		stop = step_once(pid);
		sc->pc = step_pc(pid);
		step_note(&w->trace, sc->pc);
		sc->n++;
		meanwhile(w, op);
		if (memcmp(last, sc->map, sc->meta) == 0)
			continue;
		memcpy(last, sc->map, sc->meta);
		note_change(w, sc->n);
		if (image)
			image();
	}
	if (stop != STEP_MARK)
		step_bad("the client died by itself");
	sc->mode = "killed at its end";
	step_kill(pid);
	step_after_death();
	free(last);
}

pid_t step_reach(const struct step_walk *w, const struct step_op *op, size_t n)
{
	struct step_scene *sc = &step_scene;
	size_t from = 0;
	pid_t pid;

	step_watch(PATIENCE);
	pid = step_begin(op);
	if (pid < 0)
		return pid;
	if (w->pause_at && n >= w->pause_at) {
		step_to(pid, &w->trace, 0, w->pause_at);
		op->meanwhile(sc);
		from = w->pause_at;
	}
	step_to(pid, &w->trace, from, n);
	sc->n = n;
	sc->pc = step_pc(pid);
	sc->astray += sc->pc != w->trace.pc[n];
	return pid;
}

void step_points(const struct step_walk *w, const struct step_op *op,
		 size_t want,
		 void (*fn)(const struct step_walk *w, const struct step_op *op,
			    size_t n))
{
	size_t nr = w->trace.nr, next = 0, change = 0;
	double each = want < nr ? (double)nr / (double)want : 1;

	for (size_t n = 0; n < nr; n++) {
		bool due = n >= (size_t)((double)next * each);

		next += due;
		while (change < w->changed_nr && w->changed[change] < n)
			change++;
		if (due || (change < w->changed_nr && w->changed[change] == n))
			fn(w, op, n);
	}
}

static void add(struct step_total *to, const struct step_total *from)
{
	to->ops += from->ops;
	to->steps += from->steps;
	to->images += from->images;
	to->points += from->points;
	to->faults += from->faults;
	to->astray += from->astray;
}

/* Each takes the next operation that nobody has taken. */
struct job {
	uint32_t next;
	struct step_total of[WORKERS];
};

static void one(struct job *job, unsigned me, const struct step_op *op,
		void (*fn)(const struct step_op *op, struct step_total *sum))
{
	struct step_scene *sc = &step_scene;

	step_scene_use(op->kind);
	sc->shared->told = 0;
	sc->shared->faults = 0;
	fn(op, &job->of[me]);
	job->of[me].ops++;
	job->of[me].faults += sc->shared->faults;
	job->of[me].astray += sc->astray;
}

/* The operation as it is in another kind of pool; false: it is not. */
static bool in_kind(const struct step_op *op, enum step_kind kind,
		    struct step_op *as, char name[80])
{
	static const char *const before[STEP_KINDS] = {
		[STEP_PLAIN] = "",
		[STEP_WAIT] = "waits: ",
		[STEP_DURABLE] = "durable: ",
	};

	if (kind != op->kind && !(op->also & STEP_ALSO(kind)))
		return false;
	*as = *op;
	as->kind = kind;
	snprintf(name, 80, "%s%s", before[kind], op->name);
	as->name = name;
	return true;
}

static void work(struct job *job, unsigned me, const char *only,
		 void (*fn)(const struct step_op *op, struct step_total *sum))
{
	static const struct step_op *const tables[] = {
		step_ops_reap, step_ops_wait, step_ops_write, step_ops_read
	};
	uint32_t no = 0, mine;
	struct step_op as;
	char name[80];

	step_scene_make(me);
	mine = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < TEST_LEN(tables) * STEP_KINDS; i++)
		for (const struct step_op *op = tables[i / STEP_KINDS];
		     op->name; op++) {
			if (!in_kind(op, i % STEP_KINDS, &as, name) ||
			    (only && !strstr(name, only)) || no++ != mine)
				continue;
			one(job, me, &as, fn);
			mine = __atomic_fetch_add(&job->next, 1,
						  __ATOMIC_RELAXED);
		}
}

struct step_total step_each_op(const char *only,
			       void (*fn)(const struct step_op *op,
					  struct step_total *sum))
{
	struct job *job = mmap(NULL, sizeof(*job), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long nr = sysconf(_SC_NPROCESSORS_ONLN);
	struct step_total sum = { 0 };
	int status;

	if (job == MAP_FAILED)
		abort();
	for (unsigned i = 0; i < WORKERS && (i == 0 || (long)i < nr); i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(job, i, only, fn);
			_exit(0);
		}
	while (wait(&status) > 0)
		sum.faults += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	for (unsigned i = 0; i < WORKERS; i++)
		add(&sum, &job->of[i]);
	return sum;
}
