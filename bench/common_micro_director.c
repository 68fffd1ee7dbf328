/* SPDX-License-Identifier: BSD-3-Clause */
/* The director: has the workers run slice after slice, keeps the numbers. */
#include "common.h"
#include "common_micro.h"

#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STUCK_S 60 /* a slice that takes longer */

/* A worker that died says nothing: look for it while waiting. */
static void wait_done(struct micro *m)
{
	struct micro_shared *sh = m->shared;
	struct timespec until;
	int status;

	for (int s = 0; s < 10 * STUCK_S; s++) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!sem_timedwait(&sh->done, &until)) {
			if (atomic_load(&sh->failed))
				bench_die(BENCH_WRONG, "%s", sh->fail);
			return;
		}
		for (int i = 0; i < MICRO_WORKERS; i++)
			if (waitpid(m->pid[i], &status, WNOHANG) > 0)
				bench_die(BENCH_WRONG,
					  "a worker died in %s, "
					  "status %#x: %s",
					  sh->now ? sh->now->name : "maru_open",
					  (unsigned)status, sh->fail);
	}
	bench_die(BENCH_WRONG, "a worker is stuck in %s",
		  sh->now ? sh->now->name : "maru_open");
}

static void start_workers(struct micro *m)
{
	static struct micro_worker w;
	const pid_t director = getpid();

	sem_init(&m->shared->done, 1, 0);
	for (uint32_t i = 0; i < MICRO_WORKERS; i++) {
		sem_init(&m->shared->start[i], 1, 0);
		w = (struct micro_worker){ .no = i,
					   .shared = m->shared,
					   .pools = m->pool,
					   .entries = m->opts.entries };
		fflush(NULL);
		m->pid[i] = fork();
		if (m->pid[i] < 0)
			bench_die(BENCH_CANNOT, "fork: %s", strerror(errno));
		if (m->pid[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != director)
			_exit(BENCH_CANNOT);
		micro_worker_main(&w);
	}
	for (uint32_t i = 0; i < MICRO_WORKERS; i++)
		wait_done(m);
}

/* One slice by all workers of the run. */
static void run_slice(struct micro *m, const struct micro_run *run)
{
	struct micro_shared *sh = m->shared;

	atomic_store(&sh->now, run->what);
	atomic_store(&sh->workers, run->workers);
	atomic_store(&sh->arrived, 0);
	for (uint32_t i = 0; i < run->workers; i++)
		sem_post(&sh->start[i]);
	for (uint32_t i = 0; i < run->workers; i++)
		wait_done(m);
}

static void keep(struct micro_run *run, struct micro_result *result)
{
	double ns = 0, per_s = 0;

	for (uint32_t i = 0; i < run->workers; i++) {
		const struct micro_result *r = &result[i];

		ns += (double)r->ns / (double)r->ops / run->workers;
		per_s += (double)r->ops * 1e9 / (double)r->ns;
		hist_merge(&run->group, &r->group);
	}
	run->ns[run->rounds] = ns;
	run->per_s[run->rounds++] = per_s;
}

static void run_round(struct micro *m, const char *name, int warm_up)
{
	const int tty = isatty(STDERR_FILENO);

	for (uint32_t i = 0; i < m->run_nr; i++) {
		if (tty)
			fprintf(stderr, "\r%s: %-16s\r", name,
				m->run[i].what->name);
		run_slice(m, &m->run[i]);
		if (!warm_up)
			keep(&m->run[i], m->shared->result);
		memset(m->shared->result, 0, sizeof(m->shared->result));
	}
	if (tty)
		fprintf(stderr, "%40s\r", "");
}

/* The first round only touches what has to be touched. */
static void run_rounds(struct micro *m)
{
	const uint64_t all = (uint64_t)m->opts.seconds * 1000000000u;
	const uint64_t slice = all / (m->opts.rounds + 1) / m->run_nr;
	char name[32] = "warm-up";

	atomic_store(&m->shared->slice_ns, slice);
	run_round(m, name, 1);
	for (uint32_t r = 1; r <= m->opts.rounds; r++) {
		snprintf(name, sizeof(name), "round %u of %u", r,
			 m->opts.rounds);
		run_round(m, name, 0);
	}
}

static void stop_workers(struct micro *m)
{
	int status, bad = 0;

	atomic_store(&m->shared->quit, 1);
	for (uint32_t i = 0; i < MICRO_WORKERS; i++)
		sem_post(&m->shared->start[i]);
	for (uint32_t i = 0; i < MICRO_WORKERS; i++) {
		waitpid(m->pid[i], &status, 0);
		bad |= status;
	}
	if (bad)
		bench_die(BENCH_WRONG, "a worker could not leave: %s",
			  m->shared->fail);
}

void micro_run_all(struct micro *m)
{
	start_workers(m);
	run_rounds(m);
	stop_workers(m);
}
