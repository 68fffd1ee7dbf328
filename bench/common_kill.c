/* SPDX-License-Identifier: BSD-3-Clause */
/* The death of an instance, as the pool sees it: before, dead, reaped. */
#include "common.h"
#include "common_replay.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define HOLD_WAIT_NS 5000000000u  /* for the victim to hold something */
#define REAP_WAIT_NS 15000000000u /* for its pins to be gone */

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 200000 };

	nanosleep(&ts, NULL);
}

/* The client with this name and pid; 0 if there is none, -1 on error. */
static int find_client(struct replay *rp, struct maru_client *out)
{
	struct maru_client *all = calloc(MARU_CLIENTS_MAX, sizeof(*all));
	int found = 0, nr;

	if (!all)
		bench_die(BENCH_CANNOT, "no memory for the clients");
	nr = maru_clients(rp->own, all, MARU_CLIENTS_MAX);
	if (nr < 0) {
		replay_fault(rp, "maru_clients: %s", bench_why(nr));
		found = -1;
	}
	for (int i = 0; i < nr && !found; i++) {
		found = all[i].pid == rp->death.pid;
		if (found)
			*out = all[i];
	}
	free(all);
	return found;
}

/* The last instance that still runs; -1 if none does. */
static int pick(const struct replay *rp)
{
	int no = (int)rp->opts.instances - 1;

	while (no >= 0 && !rp->pid[no])
		no--;
	return no;
}

static int has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

/* Stands the victim still while it holds something; 1 if it does. */
static int make_hold(struct replay *rp)
{
	struct replay_seat *seat = &rp->shared->seat[rp->death.no];
	const uint64_t start = bench_now();

	atomic_store(&rp->shared->hold, rp->death.no);
	while (!atomic_load(&seat->holding) && !has_ended(rp->death.pid) &&
	       bench_now() - start < HOLD_WAIT_NS)
		nap();
	if (!atomic_load(&seat->holding))
		return 0;
	rp->death.held_views = seat->held_views;
	rp->death.held_bufs = seat->held_bufs;
	return 1;
}

/* What the pool says it holds must be what it says itself. */
static void see_before(struct replay *rp)
{
	struct replay_death *d = &rp->death;
	struct maru_client c;

	if (find_client(rp, &c) != 1) {
		replay_fault(rp,
			     "maru_clients() does not list instance %d, "
			     "which is alive",
			     d->no);
		return;
	}
	d->slot = c.slot;
	d->pins_before = c.pins;
	d->bufs_before = c.buffers;
	if (c.state != MARU_CLIENT_ACTIVE || c.alive == 0)
		replay_fault(rp,
			     "maru_clients() has instance %d in state %d, "
			     "alive %d, but it runs",
			     d->no, (int)c.state, c.alive);
	if (c.pins != d->held_views || c.buffers != d->held_bufs)
		replay_fault(rp,
			     "instance %d holds %u views and %u buffers, "
			     "maru_clients() says %" PRIu64 " and %u",
			     d->no, d->held_views, d->held_bufs, c.pins,
			     c.buffers);
	fprintf(rp->say,
		"  kill    instance %d (pid %d, slot %u) holds "
		"%" PRIu64 " pins and %u buffers: SIGKILL\n",
		d->no, (int)d->pid, d->slot, d->pins_before, d->bufs_before);
}

static void see_dead(struct replay *rp)
{
	struct maru_client c;

	if (find_client(rp, &c) == 1) {
		rp->death.pins_dead = c.pins;
		rp->death.bufs_dead = c.buffers;
		fprintf(rp->say,
			"  dead    its slot is still there: %" PRIu64
			" pins, %u buffers, alive %d\n",
			c.pins, c.buffers, c.alive);
	} else {
		fprintf(rp->say, "  dead    another instance has cleaned up "
				 "already\n");
	}
}

/* Until the pool knows nothing of it any more. */
static void see_reaped(struct replay *rp)
{
	const uint64_t start = bench_now();
	struct replay_death *d = &rp->death;
	struct maru_client c;
	int mine = 0, n;

	while (find_client(rp, &c) == 1) {
		n = maru_reap(rp->own);
		if (n < 0)
			replay_fault(rp, "maru_reap: %s", bench_why(n));
		mine += n > 0 ? n : 0;
		if (n < 0 || bench_now() - start > REAP_WAIT_NS) {
			replay_fault(rp,
				     "the dead instance %d still has "
				     "%" PRIu64 " pins and %u buffers after "
				     "%s",
				     d->no, c.pins, c.buffers,
				     bench_time((double)(bench_now() - start)));
			return;
		}
		if (!n)
			nap();
	}
	d->reap_ns = bench_now() - start;
	fprintf(rp->say,
		"  reaped  %s later by %s: no pin, no buffer, no "
		"slot left of it\n",
		bench_time((double)d->reap_ns),
		mine ? "us" : "another instance");
}

static void note_served(struct replay *rp)
{
	for (uint32_t i = 0; i < rp->opts.instances; i++)
		rp->death.at[i] = atomic_load(&rp->shared->seat[i].n.served);
	rp->death.served = replay_total(rp, served);
}

static void end_victim(struct replay *rp)
{
	struct replay_death *d = &rp->death;
	int status = 0;

	kill(d->pid, SIGKILL);
	waitpid(d->pid, &status, 0);
	rp->pid[d->no] = 0;
	d->done = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	if (!d->done)
		replay_fault(rp, "instance %d ended before it was killed: %s",
			     d->no, rp->shared->seat[d->no].fail);
}

void replay_kill(struct replay *rp)
{
	struct replay_death *d = &rp->death;
	int held;

	d->asked = 1;
	d->no = pick(rp);
	if (d->no < 0) {
		atomic_store(&rp->shared->kill_due, 0);
		return;
	}
	d->pid = rp->pid[d->no];
	fprintf(rp->say, "\n");
	held = make_hold(rp);
	if (held)
		see_before(rp);
	else
		fprintf(rp->say,
			"  kill    instance %d (pid %d), which holds "
			"nothing now: SIGKILL\n",
			d->no, (int)d->pid);
	end_victim(rp);
	note_served(rp);
	atomic_store(&rp->shared->kill_due, 0);
	see_dead(rp);
	see_reaped(rp);
	atomic_store(&rp->shared->hold, -1);
	fprintf(rp->say, "\n");
}
