// SPDX-License-Identifier: BSD-3-Clause
/* Several hosts on one machine. */
#include "common_host.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common_plain.h"

#define PATIENCE 20000 /* ms */

static uint64_t told(const struct client *c)
{
	(void)c;
	return (uint64_t)HOST_CLOCK;
}

static bool try_namespace(void)
{
	return !plain_namespace() && !unshare(CLONE_NEWUTS);
}

bool host_possible(void)
{
	pid_t pid = fork();
	int status = 1;

	if (!pid)
		_exit(!try_namespace());
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void path_in(char path[PATH_MAX], const char *dir, const char *what,
		    unsigned nr)
{
	snprintf(path, PATH_MAX, "%s/%s-%u", dir, what, nr);
}

/* 32 digits and a newline over a file of the system's. */
static void hide(const char *path, const char *mine, unsigned nr)
{
	FILE *f = fopen(mine, "we");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "%016x%016llx\n", nr, (unsigned long long)test_mix(nr));
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(mount(mine, path, NULL, MS_BIND, NULL), 0);
}

static void give_locks(const char *dir, unsigned id)
{
	char path[PATH_MAX];

	path_in(path, dir, "locks", id);
	mkdir(path, 0777);
	ck_assert_int_eq(setenv("MARU_LOCK_DIR", path, 1), 0);
}

/* Where the tests' own files are. */
static const char *scratch(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", test_path("x"));
	*strrchr(path, '/') = '\0';
	return path;
}

void host_be_in(const char *dir, unsigned id)
{
	unsigned machine = id / 16;
	char path[PATH_MAX];

	ck_assert(try_namespace());
	path_in(path, dir, "boot", id);
	hide("/proc/sys/kernel/random/boot_id", path, id);
	path_in(path, dir, "machine", id);
	if (access("/etc/machine-id", F_OK) == 0)
		hide("/etc/machine-id", path, machine);
	snprintf(path, sizeof(path), "host-%u", machine);
	ck_assert_int_eq(sethostname(path, strlen(path)), 0);
	give_locks(dir, id);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path) && errno != ENOENT && errno != EBUSY;
}

void host_remove(const char *dir)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void host_be(unsigned id)
{
	host_be_in(scratch(), id);
}

struct maru_pool *host_open(void)
{
	struct maru_pool *p = test_open(MARU_OPEN_NO_BEAT);

	p->client.now_ns = told;
	return p;
}

struct maru_pool *host_start(void)
{
	HOST_CLOCK = 1000 * HOST_NS;
	host_be(HOST_ID(1, 1));
	host_format(HOST_MS);
	return host_open();
}

void host_format(uint32_t host_ms)
{
	struct maru_create_opts o = test_opts();

	if (!getenv("MARU_LOCK_DIR"))
		give_locks(scratch(), 0); /* of the real host */
	o.share = MARU_SHARE_FABRIC;
	o.host_ms = host_ms;
	o.flags |= MARU_CREATE_CRC; /* so that a repair keeps what is whole */
	test_format(&o);
}

static test_client_fn host_fn;

static void run_as(struct maru_pool *none, unsigned id)
{
	host_be(id);
	host_fn(none, id);
}

pid_t host_fork(test_client_fn fn, unsigned id)
{
	host_fn = fn;
	return test_fork(run_as, id);
}

void host_as(test_client_fn fn, unsigned id)
{
	test_ended(host_fork(fn, id));
}

int host_fsck(uint32_t flags, struct maru_fsck_result *res)
{
	struct maru_fsck_opts o = { .size = sizeof(o), .flags = flags };

	return maru_fsck(test_target(), &o, res);
}

int host_force(void)
{
	struct maru_create_opts o = test_opts();

	o.flags |= MARU_CREATE_FORCE;
	return maru_create(test_target(), &o);
}

int host_try(unsigned flags)
{
	struct maru_open_opts o = { .size = sizeof(o), .flags = flags };
	struct maru_pool *p;
	int rc = maru_open(test_target(), &o, &p);

	if (!rc)
		ck_assert_int_eq(maru_close(p, 0), 0);
	return rc;
}

a64 *host_entry(struct maru_pool *p, uint32_t no)
{
	return &p->client.host.all[no].word;
}

static void be_client(test_client_fn fn, unsigned id)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_NO_BEAT,
	};
	struct maru_pool *p;
	int rc;

	host_be(id);
	rc = maru_open(test_target(), &o, &p);
	ck_assert_msg(rc == 0, "host %u could not open: %d, %s", id, rc,
		      maru_errmsg());
	p->client.now_ns = told;
	fn(p, id);
	ck_assert_int_eq(maru_close(p, 0), 0);
}

static test_client_fn client_fn;

static void run_client(struct maru_pool *none, unsigned id)
{
	(void)none;
	be_client(client_fn, id);
}

pid_t host_client(test_client_fn fn, unsigned id)
{
	client_fn = fn;
	return test_fork(run_client, id);
}

static void pause_ms(void)
{
	const struct timespec t = { 0, 1000000 };

	nanosleep(&t, NULL);
}

pid_t host_staying(struct maru_pool *p, test_client_fn fn, unsigned id)
{
	pid_t pid = host_client(fn, id);
	unsigned tries;

	for (tries = 0; sem_trywait(&test_scene->ready); tries++) {
		ck_assert_uint_lt(tries, PATIENCE);
		maru_tick(p);
		pause_ms();
	}
	return pid;
}

void host_ended(struct maru_pool *p, pid_t pid)
{
	unsigned tries;
	int status;

	for (tries = 0; waitpid(pid, &status, WNOHANG) != pid; tries++) {
		ck_assert_uint_lt(tries, PATIENCE);
		maru_tick(p);
		pause_ms();
	}
	ck_assert_int_eq(status, 0);
}

void host_pass_time(struct maru_pool *p)
{
	unsigned i;

	/* the first look may be the one at which its last beat is seen */
	for (i = 0; i <= 20; i++) {
		HOST_CLOCK += HOST_NS / 20;
		ck_assert_int_ge(maru_tick(p), 0);
	}
}

struct maru_host host_of(struct maru_pool *p, uint32_t no)
{
	struct maru_host all[MARU_HOSTS_MAX], none = { .no = no };
	int nr = maru_hosts(p, all, MARU_HOSTS_MAX), i;

	ck_assert_int_ge(nr, 0);
	for (i = 0; i < nr; i++)
		if (all[i].no == no)
			return all[i];
	return none;
}
