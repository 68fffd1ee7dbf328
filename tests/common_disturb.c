// SPDX-License-Identifier: BSD-3-Clause
/* A thread that is interrupted at any instruction, and lets others run. */
#include "common.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static __thread struct {
	timer_t timer;
	uint64_t rnd;
} nuisance;

static void arm(void)
{
	struct itimerspec t = {
		.it_value.tv_nsec =
			1000 + (long)(test_random(&nuisance.rnd) % 30000)
	};

	timer_settime(nuisance.timer, 0, &t, NULL);
}

static void interrupt(int sig)
{
	int saved = errno;
	uint64_t r = test_random(&nuisance.rnd);
	struct timespec t = { 0, (long)(r >> 8) & 0xffff };

	(void)sig;
	if (r & 1)
		sched_yield();
	else
		nanosleep(&t, NULL);
	arm();
	errno = saved;
}

void test_disturb(uint64_t seed)
{
	struct sigaction sa = { .sa_handler = interrupt,
				.sa_flags = SA_RESTART };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
			       .sigev_signo = SIGUSR1 };

	prctl(PR_SET_TIMERSLACK, 1ul);
	sigaction(SIGUSR1, &sa, NULL);
	nuisance.rnd = seed;
	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &nuisance.timer) == 0)
		arm();
}

void test_disturb_end(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	timer_delete(nuisance.timer);
}
