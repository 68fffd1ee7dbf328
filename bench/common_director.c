/* SPDX-License-Identifier: BSD-3-Clause */
/* The director: starts the instances, watches them, looks at what they left. */
#include "common.h"
#include "common_replay.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STUCK_NS 30000000000u /* no request served for so long */
#define NAP_NS 20000000

void replay_fault(struct replay *rp, const char *fmt, ...)
{
	va_list ap;

	rp->faults++;
	fflush(stdout);
	fputs("FAIL: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void start_instance(struct replay *rp, uint32_t no)
{
	const pid_t director = getpid();
	const pid_t pid = fork();

	if (pid < 0)
		bench_die(BENCH_CANNOT, "fork: %s", strerror(errno));
	rp->pid[no] = pid;
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != director)
		_exit(BENCH_CANNOT);
	exit(instance_main(rp, no));
}

/* How an instance ended, which may be a fault. */
static void judge_end(struct replay *rp, uint32_t no, int status)
{
	const struct replay_seat *seat = &rp->shared->seat[no];

	rp->pid[no] = 0;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return;
	if (WIFEXITED(status))
		replay_fault(rp, "instance %u: %s", no,
			     *seat->fail ? seat->fail : "gave up");
	else
		replay_fault(rp, "instance %u died of signal %d (%s) in %s", no,
			     WTERMSIG(status), strsignal(WTERMSIG(status)),
			     atomic_load(&seat->doing));
	atomic_store(&rp->shared->stop, 1);
}

static uint32_t collect(struct replay *rp)
{
	uint32_t alive = 0;
	int status;

	for (uint32_t i = 0; i < rp->opts.instances; i++) {
		if (rp->pid[i] && waitpid(rp->pid[i], &status, WNOHANG) > 0)
			judge_end(rp, i, status);
		alive += rp->pid[i] != 0;
	}
	return alive;
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = NAP_NS };

	nanosleep(&ts, NULL);
}

/* Let them go together, when every one has joined. */
static void wait_ready(struct replay *rp)
{
	const uint64_t start = bench_now();
	uint32_t ready = 0;

	while (ready < rp->opts.instances && !rp->faults) {
		nap();
		collect(rp);
		ready = 0;
		for (uint32_t i = 0; i < rp->opts.instances; i++)
			ready += atomic_load(&rp->shared->seat[i].ready) != 0;
		if (bench_now() - start > STUCK_NS) {
			replay_fault(rp,
				     "only %u of %u instances joined the "
				     "pool",
				     ready, rp->opts.instances);
			break;
		}
	}
	atomic_store(&rp->shared->go, 1);
}

static void end_stuck(struct replay *rp)
{
	for (uint32_t i = 0; i < rp->opts.instances; i++) {
		if (!rp->pid[i])
			continue;
		replay_fault(rp, "instance %u is stuck in %s", i,
			     atomic_load(&rp->shared->seat[i].doing));
		kill(rp->pid[i], SIGKILL);
		waitpid(rp->pid[i], NULL, 0);
		rp->pid[i] = 0;
	}
}

static int half_way(const struct replay *rp)
{
	const uint64_t ns = bench_now() - rp->start_ns;

	return replay_total(rp, served) >= rp->trace.req_nr / 2 ||
	       (rp->opts.seconds && ns > rp->opts.seconds * 500000000ull);
}

/* Until all have gone: show progress, kill one, stop at the time limit. */
static void watch(struct replay *rp)
{
	uint64_t served = 0, moved = bench_now();

	while (collect(rp)) {
		const uint64_t now = bench_now();

		if (replay_total(rp, served) != served)
			moved = now;
		served = replay_total(rp, served);
		if (now - moved > STUCK_NS)
			end_stuck(rp);
		if (rp->opts.seconds &&
		    now - rp->start_ns > rp->opts.seconds * 1000000000ull)
			atomic_store(&rp->shared->stop, 1);
		report_progress(rp, 0);
		if (rp->opts.kill && !rp->death.asked && half_way(rp))
			replay_kill(rp);
		nap();
	}
	rp->run_ns = bench_now() - rp->start_ns;
	report_progress(rp, 1);
}

static void show_fault(void *ctx, const struct maru_fault *fault)
{
	replay_fault(ctx, "invariant %u: %s", fault->invariant, fault->what);
}

/* All have left: nothing may be held any more. */
static void check_rest(struct replay *rp)
{
	struct maru_stats *st = &rp->after;
	int n = maru_reap(rp->own);

	if (n < 0)
		replay_fault(rp, "maru_reap: %s", bench_why(n));
	st->size = sizeof(*st);
	n = maru_stats(rp->own, st);
	if (n < 0)
		replay_fault(rp, "maru_stats: %s", bench_why(n));
	n = maru_check(rp->own, show_fault, rp);
	if (n < 0)
		replay_fault(rp, "maru_check: %s", bench_why(n));
	if (rp->strangers)
		return;
	if (st->buffers || st->claims || st->pins || st->pinned_entries)
		replay_fault(rp,
			     "left behind: %llu buffers, %llu claims, "
			     "%llu pins on %llu entries",
			     (unsigned long long)st->buffers,
			     (unsigned long long)st->claims,
			     (unsigned long long)st->pins,
			     (unsigned long long)st->pinned_entries);
	if (st->clients != 1)
		replay_fault(rp, "%u clients are left instead of 1",
			     st->clients);
}

static void check_counter(struct replay *rp, const char *name, uint64_t pool,
			  uint64_t ours)
{
	if (pool != ours)
		replay_fault(rp, "the pool counted %llu %s, the instances %llu",
			     (unsigned long long)pool, name,
			     (unsigned long long)ours);
}

/* What the pool counted; a killed instance may have been between the two. */
static void check_counters(struct replay *rp)
{
	const struct maru_counters *now = &rp->after.total;
	const struct maru_counters *then = &rp->before;

	if (rp->faults || rp->death.done || rp->strangers)
		return;
	check_counter(rp, "hits", now->hits - then->hits,
		      replay_total(rp, hits));
	check_counter(rp, "bytes hit", now->hit_bytes - then->hit_bytes,
		      replay_total(rp, read_bytes));
	check_counter(rp, "stores", now->stores - then->stores,
		      replay_total(rp, stored));
	check_counter(rp, "bytes stored", now->store_bytes - then->store_bytes,
		      replay_total(rp, store_bytes));
}

/* Every request that was taken was served, but the one of the killed. */
static void check_counts(struct replay *rp)
{
	const uint64_t taken = replay_total(rp, taken);
	const uint64_t served = replay_total(rp, served);

	if (!rp->faults && taken - served > (uint64_t)rp->death.done)
		replay_fault(rp, "%llu requests taken, %llu served",
			     (unsigned long long)taken,
			     (unsigned long long)served);
	if (rp->opts.kill && !rp->death.done)
		replay_fault(rp, "no instance was killed: all had finished "
				 "before half-time was noticed");
}

static void join(struct replay *rp)
{
	struct maru_stats st = { .size = sizeof(st) };
	int err = bench_pool_open(&rp->pool, "director", 0, &rp->own);

	if (err < 0)
		bench_die(BENCH_CANNOT, "pool %s: %s", rp->pool.target,
			  bench_why(err));
	err = maru_stats(rp->own, &st);
	if (err < 0)
		bench_die(BENCH_CANNOT, "maru_stats: %s", bench_why(err));
	rp->before = st.total;
	rp->strangers = st.clients > 1;
}

void replay_run(struct replay *rp)
{
	int err;

	join(rp);
	fflush(stdout);
	for (uint32_t i = 0; i < rp->opts.instances; i++)
		start_instance(rp, i);
	wait_ready(rp);
	rp->start_ns = bench_now();
	watch(rp);
	check_counts(rp);
	check_rest(rp);
	check_counters(rp);
	err = maru_close(rp->own, 0);
	if (err < 0)
		replay_fault(rp, "maru_close: %s", bench_why(err));
}
