// SPDX-License-Identifier: BSD-3-Clause
/*
 * A ward of the storm: it starts, kills, stops and replaces its workers.
 *
 * In a pid namespace of its own the numbers begin anew, so that those of
 * different wards collide, and the one who replaces a dead worker gets its
 * very pid, mostly within the same tick of its start time.
 */
#include "common_storm.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 20

struct inmate {
	pid_t pid;
	int stopped;
};

struct warden {
	struct storm_ward *w;
	struct inmate inmate[STORM_WORKERS];
	uint64_t rnd;
	int last_pid; /* /proc/sys/kernel/ns_last_pid, or -1 */
};

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void set_waiting(struct warden *d, unsigned i, int stopped)
{
	d->inmate[i].stopped = stopped;
	__atomic_store_n(&storm->waiting[d->w->first + i], stopped,
			 __ATOMIC_RELAXED);
}

/* The next process gets the pid of the one that is gone. */
static void ask_for_pid(const struct warden *d, pid_t pid)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", (int)pid - 1);

	if (d->last_pid >= 0 && pid > 1 &&
	    pwrite(d->last_pid, text, (size_t)len, 0) != len)
		storm_pause_us(0);
}

static void start(struct warden *d, unsigned i)
{
	pid_t before = d->inmate[i].pid, pid;

	ask_for_pid(d, before);
	pid = storm_start(d->w->first + i, test_random(&d->rnd));
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == before)
		add(&d->w->reused, 1);
	d->inmate[i].pid = pid;
	set_waiting(d, i, 0);
}

/* Some stand still, wherever they are, until their turn comes again; then half
 * of them go on as if nothing had been.  0: to be killed. */
static int stop_or_go(struct warden *d, unsigned i, uint64_t r)
{
	if (!d->inmate[i].stopped && (r >> 32 & 15) == 0) {
		set_waiting(d, i, 1);
		kill(d->inmate[i].pid, SIGSTOP);
		add(&d->w->stops, 1);
		return 1;
	}
	if (d->inmate[i].stopped && (r >> 40 & 1) == 0) {
		kill(d->inmate[i].pid, SIGCONT);
		set_waiting(d, i, 0);
		return 1;
	}
	return 0;
}

/* Nobody but us ends a worker, but it may end itself when all is over. */
static void crashed(struct warden *d, unsigned i, int status)
{
	if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
	    (status == 0 && storm_over()))
		return;
	fprintf(stderr, "worker %u ended by itself, wait status %#x\n",
		d->w->first + i, (unsigned)status);
	add(&d->w->crashes, 1);
}

/* A few at once: while they die, nobody has to wait for each. */
static void kill_some(struct warden *d)
{
	uint64_t chosen = test_random(&d->rnd);
	unsigned doomed[STORM_WORKERS], nr = 0;

	for (unsigned i = 0; i < d->w->nr; i++) {
		uint64_t r = test_random(&d->rnd);

		if ((chosen >> i & 1) == 0 || stop_or_go(d, i, r))
			continue;
		kill(d->inmate[i].pid, SIGKILL);
		doomed[nr++] = i;
	}
	for (unsigned k = 0; k < nr; k++) {
		int status = 0;

		waitpid(d->inmate[doomed[k]].pid, &status, 0);
		crashed(d, doomed[k], status);
		start(d, doomed[k]);
	}
	add(&d->w->kills, nr);
	add(&d->w->restarts, nr);
}

/* Orphans of workers, mostly. */
static void bury(struct warden *d)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < d->w->nr; i++) {
			if (pid != d->inmate[i].pid)
				continue;
			/* by SIGKILL: somebody else's, as for lack of memory */
			crashed(d, i, status);
			start(d, i);
		}
}

/* Half of them may close, the others are killed as they are. */
static void calm_down(struct warden *d)
{
	for (unsigned i = 0; i < d->w->nr; i++)
		if (d->inmate[i].stopped || i % 2)
			kill(d->inmate[i].pid, SIGKILL);
	for (unsigned i = 0; i < d->w->nr; i++) {
		time_t since = storm_now();

		while (waitpid(d->inmate[i].pid, NULL, WNOHANG) == 0) {
			storm_pause_us(1000);
			if (storm_now() - since < PATIENCE_S)
				continue;
			fprintf(stderr, "worker %u does not end\n",
				d->w->first + i);
			add(&d->w->crashes, 1);
			kill(d->inmate[i].pid, SIGKILL);
			since = storm_now();
		}
	}
}

static void be_warden(struct storm_ward *w, uint64_t seed)
{
	struct warden d = { .w = w, .rnd = seed, .last_pid = -1 };

	prctl(PR_SET_CHILD_SUBREAPER, 1ul);
	prctl(PR_SET_TIMERSLACK, 1ul);
	if (w->own_pids)
		d.last_pid = open("/proc/sys/kernel/ns_last_pid",
				  O_WRONLY | O_CLOEXEC);
	for (unsigned i = 0; i < w->nr; i++)
		start(&d, i);
	while (!storm_over()) {
		uint64_t r = test_random(&d.rnd);

		/* Often soon after the start, when much is half done. */
		storm_pause_us((r & 3) == 0 ? (r >> 8) % 500 : (r >> 8) % 8000);
		bury(&d);
		if (!storm_over())
			kill_some(&d);
	}
	calm_down(&d);
	_exit(0);
}

/* Its own /proc for some; the others go on with that of their parent. */
static void move_in(const struct storm_ward *w)
{
	if (!w->own_proc)
		return;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) != 0)
		perror("mount /proc");
}

int storm_ward_start(unsigned no, uint64_t seed)
{
	struct storm_ward *w = &storm->ward[no];
	unsigned long flags = SIGCHLD;
	pid_t pid;

	if (w->own_pids)
		flags |= CLONE_NEWPID | CLONE_NEWNS |
			 (geteuid() != 0 ? CLONE_NEWUSER : 0);
	/* as fork(); this process has no pool open */
	pid = (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (w->own_pids)
			move_in(w);
		be_warden(w, test_mix(seed));
	}
	w->pid = pid;
	return 0;
}
