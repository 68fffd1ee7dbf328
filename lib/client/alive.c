// SPDX-License-Identifier: BSD-3-Clause
/* Is a client's process still there? The kernel's word, never a timeout. */
#include "client/client.h"

#include "base/err.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static uint64_t own_ns(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (uint64_t)st.st_ino;
}

/*
 * The file tells of the namespace of our children to be.  If that is another
 * one, by unshare(), we are taken to be in the first, which has no shift.
 */
int64_t client_shift_ns(const char *clock)
{
	long long sec, ns, shift = 0;
	char name[16];
	FILE *f;

	if (own_ns("/proc/self/ns/time") !=
	    own_ns("/proc/self/ns/time_for_children"))
		return 0;
	f = fopen("/proc/self/timens_offsets", "re");
	if (!f) /* a kernel without time namespaces */
		return 0;
	while (fscanf(f, "%15s %lld %lld", name, &sec, &ns) == 3)
		if (!strcmp(name, clock))
			shift = sec * 1000000000 + ns;
	fclose(f);
	return shift;
}

/* Field 22 of /proc/PID/stat: 0 if there is no such process, -1 cannot tell */
static int64_t start_time(uint64_t pid)
{
	char path[64], text[1024], *p;
	ssize_t n;
	int fd, field;

	snprintf(path, sizeof(path), "/proc/%llu/stat",
		 (unsigned long long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		/* with hidepid others' processes look as if they were gone */
		return errno == ENOENT && kill((pid_t)pid, 0) &&
				       errno == ESRCH ?
			       0 :
			       -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return n < 0 && errno == ESRCH ? 0 : -1;
	text[n] = '\0';
	p = strrchr(text, ')'); /* a command may hold anything, but it ends */
	for (field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoll(p, NULL, 10) : -1;
}

/* Rounded down: a start time may be one tick more than it, see pid_alive() */
static int64_t shift_ticks(void)
{
	int64_t ns = client_shift_ns("boottime");
	int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);

	return ns / tick - (ns % tick < 0);
}

int client_identity(struct client_identity *me)
{
	int64_t start;
	char link[32];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);

	memset(me, 0, sizeof(*me));
	if (n <= 0)
		return err_sys("/proc/self");
	link[n] = '\0';
	me->pid = strtoull(link, NULL, 10);
	start = start_time(me->pid);
	if (start <= 0)
		return err_set(-EIO, "/proc/self/stat: no start time");
	me->shift = shift_ticks();
	me->start = (uint64_t)(start - me->shift);
	me->pidns = own_ns("/proc/self/ns/pid");
	return media_boot_id(me->boot);
}

/*
 * Does the process still map the pool's file?  A program that has replaced
 * itself by exec() has the same pid and start time, but not our mapping.
 * 1 yes, 0 no, -1 may not look.
 */
static int maps_pool(const struct client *c, uint64_t pid)
{
	const struct media_region *r = c->dir->slab->region[0].media;
	char path[64], line[512];
	unsigned major, minor;
	unsigned long long ino;
	struct stat st;
	int found = 0;
	FILE *f;

	if (fstat(r->dev->fd, &st))
		return -1;
	snprintf(path, sizeof(path), "/proc/%llu/maps",
		 (unsigned long long)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %*s %*s %x:%x %llu", &major, &minor,
			   &ino) == 3)
			found = ino == st.st_ino &&
				(S_ISCHR(st.st_mode) ||
				 makedev(major, minor) == st.st_dev);
	if (ferror(f))
		found = -1;
	fclose(f);
	return found;
}

/* 1, 0 or -1 of the process that a slot names; @pid as it was read, once */
static int pid_alive(const struct client *c, const struct media_client *m,
		     uint64_t pid)
{
	int64_t start, apart;

	/* relaxed: written before the pid, see tell() */
	if (a64_load_rlx(&m->boot[0]) != c->me.boot[0] ||
	    a64_load_rlx(&m->boot[1]) != c->me.boot[1])
		return 0; /* of an earlier life of this host */
	if (a64_load_rlx(&m->pidns) != c->me.pidns)
		return -1;
	start = start_time(pid);
	if (start < 0)
		return 1; /* there, and not to be looked at more closely */
	if (!start)
		return 0;
	apart = start - c->me.shift - (int64_t)a64_load_rlx(&m->start);
	if (apart == 1 || apart == -1)
		return -1; /* rounding, in another time namespace? */
	return !apart;
}

/*
 * A slot that names this process, but joined before any handle of ours: of a
 * dead one whose pid we have got within the same tick of its start time, or of
 * the program that we were before execve().  Nobody else can tell, as we map
 * the pool; but we join it, and then we do.
 */
static bool before_us(const struct client *c, const struct media_client *m,
		      uint64_t pid)
{
	/* relaxed: written before the pid, see tell() */
	return pid == c->me.pid && a64_load_rlx(&m->start) == c->me.start &&
	       a64_load_rlx(&m->joined_ns) < dev_process_since(UINT64_MAX);
}

bool client_is_here(const struct client *c, uint64_t w)
{
	uint32_t no = client_host(w);

	if (!c->host.all)
		return true;
	return no < HOST_NR && host_is_ours(c, no) &&
	       host_is_there(host_word(&c->host, no));
}

bool client_same_boot(const struct client *c, uint32_t a, uint32_t b)
{
	const struct media_host *x = &c->host.all[a], *y = &c->host.all[b];

	/* relaxed: H1 ordered them */
	return a64_load_rlx(&x->boot[0]) == a64_load_rlx(&y->boot[0]) &&
	       a64_load_rlx(&x->boot[1]) == a64_load_rlx(&y->boot[1]);
}

int client_alive_here(struct client *c, uint32_t slot)
{
	const struct media_client *m = &c->slots[slot];
	uint64_t pid;
	int held, alive;

	held = dev_lock_held(&c->lock, CLIENT_LOCK_SLOT + slot);
	if (held < 0)
		return -1;
	pid = a64_load_acq(&m->pid); /* C2 acquire, pairs with tell() */
	if (!pid) /* it has not told who it is: joining, or died at that */
		return held;
	alive = pid_alive(c, m, pid);
	if (alive == 1 && before_us(c, m, pid))
		return 0;
	if (held) /* a child may have inherited the lock: 0 is proof */
		return alive == 0 ? 0 : 1;
	if (alive == -1)
		return 0; /* another pid namespace: the lock is all we have */
	return alive && maps_pool(c, pid) ? 1 : 0;
}

enum dir_sure client_sure(const struct client *c, uint64_t w)
{
	/* of one that came to a FREE slot's end nothing is left to be sure of */
	return client_state(w) == CLIENT_FREE || client_is_here(c, w) ?
		       DIR_DEAD :
		       DIR_FENCED;
}

/* Until its host is declared gone it is alive, for all we can know. */
static int alive_there(const struct client *c, uint64_t w)
{
	uint32_t no = client_host(w);

	return no >= HOST_NR || host_is_there(host_word(&c->host, no));
}

/*
 * The slot's word must be read before and exchanged afterwards: what is said
 * here is of whoever has the slot meanwhile.
 */
int client_alive(struct client *c, uint32_t slot)
{
	uint64_t w;

	if (slot >= c->slot_nr)
		return 0; /* no client can be that one */
	if (slot == c->self)
		return 1;
	w = client_word(c, slot);
	/* that is how it came there; by now the pid may be another's */
	if (client_state(w) == CLIENT_QUARANTINED)
		return 0;
	if (client_state(w) != CLIENT_FREE && !client_is_here(c, w))
		return alive_there(c, w);
	return client_alive_here(c, slot);
}
