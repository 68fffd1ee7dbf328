// SPDX-License-Identifier: BSD-3-Clause
/* One small thread a handle, where other hosts want to hear of this one. */
#include "cache/beat.h"

#include "base/err.h"

#include <maru/host.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define BEATS 20u /* in host_ms */
#define STACK (256u << 10)

struct beat {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop_now;
	bool stop;
	uint64_t period_ns;
	struct maru_pool *pool;
};

static void add(struct timespec *t, uint64_t ns)
{
	ns += (uint64_t)t->tv_nsec;
	t->tv_sec += (time_t)(ns / 1000000000u);
	t->tv_nsec = (long)(ns % 1000000000u);
}

static void *run(void *arg)
{
	struct beat *b = arg;
	struct timespec next;

	pthread_mutex_lock(&b->lock);
	while (!b->stop) {
		pthread_mutex_unlock(&b->lock);
		maru_tick(b->pool);
		pthread_mutex_lock(&b->lock);
		clock_gettime(CLOCK_MONOTONIC, &next);
		add(&next, b->period_ns);
		while (!b->stop &&
		       !pthread_cond_timedwait(&b->stop_now, &b->lock, &next))
			;
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* The program's signals are not for us; those of our own doing are. */
static void our_signals(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, SIGBUS);
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGILL);
	sigdelset(set, SIGFPE);
}

static int launch(struct beat *b)
{
	pthread_attr_t attr;
	sigset_t ours, was;
	int err;

	our_signals(&ours);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_sigmask(SIG_SETMASK, &ours, &was);
	err = pthread_create(&b->thread, &attr, run, b);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

int beat_start(struct maru_pool *p)
{
	pthread_condattr_t attr;
	struct beat *b;
	int err;

	if (!p->client.host.all || p->client.self == CLIENT_NONE)
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(-ENOMEM, "%s: out of memory", p->client.target);
	b->pool = p;
	b->period_ns = p->client.host.timeout_ns / BEATS;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->stop_now, &attr);
	pthread_condattr_destroy(&attr);
	err = launch(b);
	if (err) {
		free(b);
		return err_set(-err,
			       "%s: cannot start the thread that tells "
			       "other hosts of this one",
			       p->client.target);
	}
	p->beat = b;
	return 0;
}

void beat_stop(struct maru_pool *p)
{
	struct beat *b = p->beat;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->stop_now);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->stop_now);
	pthread_mutex_destroy(&b->lock);
	free(b);
	p->beat = NULL;
}
