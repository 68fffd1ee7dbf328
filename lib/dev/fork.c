// SPDX-License-Identifier: BSD-3-Clause
/*
 * Descriptors that a child of fork() closes.
 *
 * The child shares their open file descriptions, and with them the locks: it
 * would keep its parent's locks after the parent's death.
 */
#include "dev/dev.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

static struct {
	pthread_mutex_t mutex; /* held over fork(), so that it is whole */
	pthread_once_t once;
	int installed; /* 0 or the error of pthread_atfork() */
	int *fds;
	size_t nr, cap;
	unsigned forks;
	uint64_t since_ns; /* see dev_process_since() */
} list = { .mutex = PTHREAD_MUTEX_INITIALIZER,
	   .once = PTHREAD_ONCE_INIT,
	   .since_ns = UINT64_MAX };

static void before(void)
{
	pthread_mutex_lock(&list.mutex);
}

static void parent(void)
{
	pthread_mutex_unlock(&list.mutex);
}

/* Other threads are gone, their heap locks may be held: close() only. */
static void child(void)
{
	for (size_t i = 0; i < list.nr; i++)
		close(list.fds[i]);
	list.nr = 0;
	list.forks++;
	list.since_ns = UINT64_MAX;
	pthread_mutex_unlock(&list.mutex);
}

static void install(void)
{
	list.installed = pthread_atfork(before, parent, child);
}

/* Room for one more; the mutex is held. */
static int grow(void)
{
	size_t cap = list.cap ? 2 * list.cap : 8;
	int *fds;

	if (list.nr < list.cap)
		return 0;
	fds = realloc(list.fds, cap * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	list.fds = fds;
	list.cap = cap;
	return 0;
}

int dev_close_on_fork(int fd)
{
	int rc;

	pthread_once(&list.once, install);
	if (list.installed)
		return err_set(-list.installed, "cannot watch for fork()");
	pthread_mutex_lock(&list.mutex);
	rc = grow();
	if (!rc)
		list.fds[list.nr++] = fd;
	pthread_mutex_unlock(&list.mutex);
	return rc ? err_set(rc, "no memory to watch for fork()") : 0;
}

void dev_close_on_fork_end(int fd)
{
	pthread_mutex_lock(&list.mutex);
	for (size_t i = 0; i < list.nr; i++) {
		if (list.fds[i] != fd)
			continue;
		list.fds[i] = list.fds[--list.nr];
		break;
	}
	if (!list.nr) {
		free(list.fds);
		list.fds = NULL;
		list.cap = 0;
	}
	pthread_mutex_unlock(&list.mutex);
}

/* Written by a child's only thread alone. */
unsigned dev_forks(void)
{
	pthread_once(&list.once, install);
	return list.forks;
}

uint64_t dev_process_since(uint64_t ns)
{
	pthread_once(&list.once, install);
	pthread_mutex_lock(&list.mutex);
	if (ns < list.since_ns)
		list.since_ns = ns;
	ns = list.since_ns;
	pthread_mutex_unlock(&list.mutex);
	return ns;
}
