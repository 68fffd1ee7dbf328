// SPDX-License-Identifier: BSD-3-Clause
/* SIGBUS: ours leads back to the recovery point, others' to their handler. */
#include "dev/guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "base/err.h"

/* In the static TLS block: a handler must not allocate one. */
#define TLS static __thread __attribute__((tls_model("initial-exec")))

/* Volatile: the handler looks at it at any moment. */
TLS struct guard *volatile inner;

static pthread_mutex_t install = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
static bool replaced;		/* by a handler that may call ours */
static struct sigaction before; /* ours; written while ours is not there */

bool guard_inside(void)
{
	return inner != NULL;
}

void guard_enter_all(struct guard *g, const struct dev_map *const *maps,
		     uint32_t nr)
{
	g->maps = maps;
	g->nr = nr;
	g->outer = inner;
	inner = g;
}

void guard_enter(struct guard *g, const struct dev_map *map)
{
	g->one = map;
	guard_enter_all(g, &g->one, 1);
}

void guard_leave(struct guard *g)
{
	inner = g->outer;
}

static bool covers(struct guard *g, const unsigned char *at)
{
	uint32_t i;

	for (i = 0; i < g->nr; i++) {
		const struct dev_map *m = g->maps[i];

		if (at < m->base || (uint64_t)(at - m->base) >= m->len)
			continue;
		g->struck = m;
		g->off = (uint64_t)(at - m->base);
		return true;
	}
	return false;
}

static void pass_default(int sig, const siginfo_t *info)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	sigaction(sig, &dfl, NULL);
	/* one that an access made comes again by itself */
	if (info->si_code <= 0)
		raise(sig);
}

static void pass_to(const struct sigaction *to, int sig, siginfo_t *info,
		    void *uc)
{
	sigset_t mask = to->sa_mask, old;

	/* as the kernel would have called it; and one that an access has made
	 * cannot be ignored */
	if (!(to->sa_flags & SA_SIGINFO) &&
	    (to->sa_handler == SIG_DFL || to->sa_handler == SIG_IGN)) {
		if (to->sa_handler == SIG_DFL || info->si_code > 0)
			pass_default(sig, info);
		return;
	}
	if (!(to->sa_flags & SA_NODEFER))
		sigaddset(&mask, sig);
	pthread_sigmask(SIG_BLOCK, &mask, &old);
	if (to->sa_flags & SA_SIGINFO)
		to->sa_sigaction(sig, info, uc);
	else
		to->sa_handler(sig);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Back to the recovery point, with the mask that the access was made with:
 * whoever called us may have been called with another one. */
static void lead_back(struct guard *g, const ucontext_t *uc)
{
	if (uc)
		pthread_sigmask(SIG_SETMASK, &uc->uc_sigmask, NULL);
	inner = g->outer;
	siglongjmp(g->env, 1);
}

static void on_sigbus(int sig, siginfo_t *info, void *uc)
{
	const unsigned char *at = info->si_addr;
	int err = errno;

	/* by the kernel and at an address, not by kill(2) */
	if (info->si_code > 0)
		for (struct guard *g = inner; g; g = g->outer)
			if (covers(g, at))
				lead_back(g, uc);
	pass_to(&before, sig, info, uc);
	errno = err;
}

static bool is_ours(const struct sigaction *sa)
{
	return sa->sa_flags & SA_SIGINFO && sa->sa_sigaction == on_sigbus;
}

static int put_in_place(void)
{
	/* on a stack that may have room */
	const struct sigaction ours = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};

	if (sigaction(SIGBUS, NULL, &before) || sigaction(SIGBUS, &ours, NULL))
		return err_sys("SIGBUS");
	return 0;
}

int guard_install(void)
{
	int rc = 0;

	pthread_mutex_lock(&install);
	if (!users && !replaced)
		rc = put_in_place();
	users += !rc;
	pthread_mutex_unlock(&install);
	return rc;
}

void guard_remove(void)
{
	struct sigaction now;

	pthread_mutex_lock(&install);
	if (!--users && !replaced) {
		replaced = sigaction(SIGBUS, NULL, &now) || !is_ours(&now);
		if (!replaced)
			sigaction(SIGBUS, &before, NULL);
	}
	pthread_mutex_unlock(&install);
}

bool guard_run(const struct dev_map *map, void (*fn)(void *ctx), void *ctx,
	       uint64_t *off)
{
	struct guard g;

	if (GUARD_CATCH(&g)) {
		*off = g.off;
		return false;
	}
	guard_enter(&g, map);
	fn(ctx);
	guard_leave(&g);
	return true;
}
