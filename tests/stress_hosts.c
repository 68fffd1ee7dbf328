// SPDX-License-Identifier: BSD-3-Clause
/*
 * Hosts that crash, stop and are restarted, under a load that checks all.
 *
 * Each host is a group of processes with a boot id, a machine id and locks of
 * its own.  The director crashes a host (all its processes at once), restarts
 * it with the next boot id; stops one for longer than it may be silent, lets
 * it go on, in the midst of whatever it was doing; or kills one process.
 * Whoever is fenced has to notice, closes, and comes back.  The first host is
 * only ever robbed of single processes, so that somebody lives.
 *
 * Every value follows from its key's number: a byte of another one, in what
 * was read or in a view that was released in order, is a block that was used
 * too early.  At the end all hosts go, and nothing may be left.
 *
 * usage: stress_hosts [--seconds N] [--seed N]; $STRESS_TIME
 */
#include "common_host.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOSTS 3u
#define WORKERS 2u /* of a host */
#define SILENT_MS 400u
#define KEYS 400u
#define BYTES (16u << 20)

enum { OPS, WRONG, FENCED, OPENS, REFUSED, COUNTS };

static struct shared {
	a64 count[COUNTS];
	a64 stop;
} * shared;

static struct {
	unsigned boot;
	pid_t worker[WORKERS];
	bool down;
} host[HOSTS];

static char dir[] = "/dev/shm/maru-hosts-XXXXXX", target[64];
static uint64_t crashes, stops, kills;

static void count(unsigned what)
{
	a64_add_rlx(&shared->count[what], 1); /* a number for people */
}

static bool stopped(void)
{
	return a64_load_rlx(&shared->stop) != 0; /* a hint to end */
}

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Workers ------------------------------------------------------------------- */

static size_t size_of(uint64_t no)
{
	return 500 + test_mix(no) % 20000;
}

static void wrong(const char *what, uint64_t no)
{
	fprintf(stderr, "key %llu: %s\n", (unsigned long long)no, what);
	count(WRONG);
}

/* Bytes are looked at for as long as a view is held. */
static int hold(struct maru_pool *p, uint64_t no, unsigned looks)
{
	struct maru_view v;
	bool good = true;
	int rc = test_hold(p, no, &v);

	if (rc)
		return rc;
	while (looks--)
		good &= test_verify(v.data, v.len, no) && v.len == size_of(no);
	rc = maru_release(p, &v);
	/* in order: then they were the value's all the time */
	if (!rc && !good)
		wrong("a view that was released in order had other bytes", no);
	return rc;
}

/* Slowly, so that it is often stopped there. */
static int write_slowly(struct maru_pool *p, uint64_t no, bool reserve)
{
	size_t len = size_of(no);
	unsigned char *bytes = malloc(len);
	char key[TEST_KEY];
	size_t klen = test_key(key, no), at;
	struct maru_buf buf;
	int rc = reserve ? maru_reserve(p, key, klen, len, &buf) :
			   maru_alloc(p, len, &buf);

	test_fill(bytes, len, no);
	for (at = 0; !rc && at < len; at += 64)
		memcpy((char *)buf.data + at, bytes + at,
		       bits_min(64, len - at));
	free(bytes);
	if (rc)
		return rc;
	return maru_commit(p, &buf, key, klen, NULL);
}

static int act(struct maru_pool *p, uint64_t *seed)
{
	uint64_t no = test_random(seed) % KEYS;
	int rc;

	count(OPS);
	switch (test_random(seed) % 8) {
	case 0:
		return test_drop(p, no);
	case 1:
	case 2:
		return write_slowly(p, no, test_random(seed) % 2);
	case 3:
		return test_put(p, no, size_of(no));
	case 4:
		return hold(p, no, 20);
	case 5:
		return maru_evict(p, 40000, NULL);
	default:
		rc = test_get(p, no, size_of(no));
		if (rc == -EILSEQ)
			wrong("read with other bytes", no);
		return rc;
	}
}

static void serve(unsigned id, uint64_t seed)
{
	struct maru_open_opts o = { .size = sizeof(o) };
	struct maru_pool *p;
	int rc = maru_open(target, &o, &p);

	if (rc) {
		/* all that may be: the others are silent, or too many slots */
		count(REFUSED);
		if (rc != -EBUSY && rc != -EUSERS && rc != MARU_E_CORRUPT) {
			fprintf(stderr, "host %u: open: %d, %s\n", id, rc,
				maru_errmsg());
			count(WRONG);
		}
		pause_ms(20);
		return;
	}
	count(OPENS);
	while (!stopped() && rc != MARU_E_CLOSED)
		rc = act(p, &seed);
	if (rc == MARU_E_CLOSED)
		count(FENCED);
	maru_close(p, MARU_CLOSE_FORCE);
}

static void be_worker(unsigned id, uint64_t seed)
{
	test_is_child = true;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	host_be_in(dir, id);
	while (!stopped())
		serve(id, test_random(&seed));
	_exit(0);
}

/* The director --------------------------------------------------------------- */

static void start_worker(unsigned h, unsigned w, uint64_t *seed)
{
	uint64_t s = test_random(seed);
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (!pid)
		be_worker(HOST_ID(h + 1, host[h].boot), s);
	host[h].worker[w] = pid;
}

static void end_worker(unsigned h, unsigned w)
{
	kill(host[h].worker[w], SIGKILL);
	waitpid(host[h].worker[w], NULL, 0);
}

static void signal_host(unsigned h, int sig)
{
	for (unsigned w = 0; w < WORKERS; w++)
		kill(host[h].worker[w], sig);
}

static void crash(unsigned h, uint64_t *seed)
{
	signal_host(h, SIGKILL);
	for (unsigned w = 0; w < WORKERS; w++)
		end_worker(h, w);
	host[h].boot++;
	pause_ms((long)(test_random(seed) % (2 * SILENT_MS)));
	for (unsigned w = 0; w < WORKERS; w++)
		start_worker(h, w, seed);
	crashes++;
}

static void stop_for_a_while(unsigned h, uint64_t *seed)
{
	signal_host(h, SIGSTOP);
	pause_ms((long)(SILENT_MS / 2 + test_random(seed) % (2 * SILENT_MS)));
	signal_host(h, SIGCONT);
	stops++;
}

static void kill_one(uint64_t *seed)
{
	unsigned h = test_random(seed) % HOSTS;
	unsigned w = test_random(seed) % WORKERS;

	end_worker(h, w);
	start_worker(h, w, seed);
	kills++;
}

static void direct(unsigned seconds, uint64_t *seed)
{
	time_t end = time(NULL) + seconds;

	for (unsigned h = 0; h < HOSTS; h++) {
		host[h].boot = 1;
		for (unsigned w = 0; w < WORKERS; w++)
			start_worker(h, w, seed);
	}
	while (time(NULL) < end) {
		unsigned h = 1 + test_random(seed) % (HOSTS - 1);

		pause_ms((long)(test_random(seed) % 200));
		switch (test_random(seed) % 4) {
		case 0:
			if (host[h].boot < 15)
				crash(h, seed);
			break;
		case 1:
			stop_for_a_while(h, seed);
			break;
		default:
			kill_one(seed);
		}
	}
}

static void end_all(void)
{
	a64_store_rlx(&shared->stop, 1);
	for (unsigned h = 0; h < HOSTS; h++)
		for (unsigned w = 0; w < WORKERS; w++)
			waitpid(host[h].worker[w], NULL, 0);
}

/*
 * While others are there: when the last of them has gone, and one of them not
 * in order, nobody could say that nothing was lost with it.
 */
static struct maru_pool *join(void)
{
	struct maru_pool *p;
	int tries, rc = -1;

	host_be_in(dir, HOST_ID(1, 1));
	for (tries = 0; rc && tries < 50; tries++)
		rc = maru_open(target, NULL, &p);
	if (rc)
		fprintf(stderr, "open at the end: %d, %s\n", rc, maru_errmsg());
	return rc ? NULL : p;
}

/* The end -------------------------------------------------------------------- */

static void tell(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	fprintf(stderr, "fault: invariant %u: %s\n", fault->invariant,
		fault->what);
}

/* What is left is of hosts that are gone: confirmed, all has to come back. */
static int settle(struct maru_pool *p)
{
	struct maru_host all[MARU_HOSTS_MAX];
	int tries, nr = 0, i;

	for (tries = 0; tries < 200; tries++) {
		nr = maru_hosts(p, all, MARU_HOSTS_MAX);
		if (nr <= 1)
			break;
		for (i = 0; i < nr; i++)
			if (all[i].state == MARU_HOST_FENCED)
				maru_host_confirm(p, all[i].no);
		pause_ms(SILENT_MS / 20);
	}
	return nr;
}

static int look_over(struct maru_pool *p, uint64_t used_at_start)
{
	struct maru_stats st = { .size = sizeof(st) };
	int hosts, faults;

	hosts = settle(p);
	faults = maru_check(p, tell, NULL);
	maru_clear(p, NULL);
	maru_reap(p);
	maru_stats(p, &st);
	printf("%llu crashes, %llu stops, %llu kills; %llu operations, %llu opens, "
	       "%llu refused, %llu clients fenced, %llu hosts\n",
	       (unsigned long long)crashes, (unsigned long long)stops,
	       (unsigned long long)kills,
	       (unsigned long long)a64_load_rlx(&shared->count[OPS]),
	       (unsigned long long)a64_load_rlx(&shared->count[OPENS]),
	       (unsigned long long)a64_load_rlx(&shared->count[REFUSED]),
	       (unsigned long long)a64_load_rlx(&shared->count[FENCED]),
	       (unsigned long long)st.total.fenced);
	printf("%llu wrong, %d faults, %llu bytes leaked, %llu quarantined, "
	       "%u clients, %d hosts left\n",
	       (unsigned long long)a64_load_rlx(&shared->count[WRONG]), faults,
	       (unsigned long long)(st.used_bytes - used_at_start),
	       (unsigned long long)st.quarantined, st.clients, hosts);
	maru_close(p, MARU_CLOSE_FORCE);
	return a64_load_rlx(&shared->count[WRONG]) || faults ||
	       st.used_bytes != used_at_start || st.quarantined ||
	       st.clients != 1 || hosts != 1;
}

static int make_pool(void)
{
	struct maru_create_opts o = test_opts();

	o.bytes = BYTES;
	o.max_clients = 64;
	o.share = MARU_SHARE_FABRIC;
	o.host_ms = SILENT_MS;
	o.flags |= MARU_CREATE_CRC;
	snprintf(target, sizeof(target), "%s/pool", dir);
	return maru_create(target, &o);
}

static int run(unsigned seconds, uint64_t seed)
{
	struct maru_pool *p;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(dir) || make_pool()) {
		fprintf(stderr, "no pool: %s\n", maru_errmsg());
		return 1;
	}
	direct(seconds, &seed);
	p = join();
	end_all();
	return p ? look_over(p, 0) : 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ 0 },
	};
	const char *time_s = getenv("STRESS_TIME");
	unsigned seconds = time_s ? (unsigned)atoi(time_s) : 10;
	uint64_t seed = (uint64_t)time(NULL);
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 's')
			seconds = (unsigned)atoi(optarg);
		else if (opt == 'r')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (!host_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	test_is_child = true;
	rc = run(seconds, seed);
	host_remove(dir);
	return rc;
}
