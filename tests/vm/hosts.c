// SPDX-License-Identifier: BSD-3-Clause
/*
 * What two hosts do with one pool: one run of this program on each, at once.
 *
 * They tell each other where they are by keys in the pool itself.  A scene
 * asserts by ending with 1 and a line that says why.
 *
 * usage: hosts SCENE a|b TARGET
 */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60 /* seconds; a slow machine's, not a host's */
#define KEYS 200u
#define RACES 300u
#define LEN 3000u
#define PID 700 /* of both clients */

static char me, other;
static const char *target;

#define MUST(what)                                                            \
	do {                                                                  \
		if (!(what)) {                                                \
			printf("%s:%d: not so: %s; %s\n", __FILE__, __LINE__, \
			       #what, maru_errmsg());                         \
			exit(1);                                              \
		}                                                             \
	} while (0)

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The other one may be just making it. */
static struct maru_pool *join(void)
{
	struct maru_open_opts o = { .size = sizeof(o), .name = "hosts" };
	double end = now() + PATIENCE;
	struct maru_pool *p;
	int rc;

	while ((rc = maru_open(target, &o, &p)) && now() < end)
		pause_ms(50);
	MUST(rc == 0);
	return p;
}

/* Where we are ------------------------------------------------------------- */

static void say(struct maru_pool *p, const char *what, uint64_t nr)
{
	char key[64];
	int n = snprintf(key, sizeof(key), "%c %s", me, what);

	MUST(maru_store(p, key, (size_t)n, &nr, sizeof(nr)) >= 0);
}

static uint64_t hear(struct maru_pool *p, const char *what)
{
	double end = now() + PATIENCE;
	uint64_t nr = 0;
	char key[64];
	int n = snprintf(key, sizeof(key), "%c %s", other, what), rc;
	size_t len;

	while ((rc = maru_read(p, key, (size_t)n, &nr, sizeof(nr), &len)) &&
	       now() < end)
		pause_ms(5);
	if (rc)
		printf("%s was not heard of\n", key);
	MUST(rc == 0);
	return nr;
}

static void meet(struct maru_pool *p, const char *what)
{
	say(p, what, 0);
	hear(p, what);
}

static struct maru_stats stats_of(struct maru_pool *p)
{
	struct maru_stats st = { .size = sizeof(st) };

	MUST(maru_stats(p, &st) == 0);
	return st;
}

static void tell(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	printf("fault: invariant %u: %s\n", fault->invariant, fault->what);
}

/* Another host than this one, by the state it is in. */
static bool has_other(struct maru_pool *p, enum maru_host_state state)
{
	struct maru_host all[MARU_HOSTS_MAX];
	int nr = maru_hosts(p, all, MARU_HOSTS_MAX), i;

	MUST(nr >= 0);
	for (i = 0; i < nr; i++)
		if (!all[i].self && all[i].state == state)
			return true;
	return false;
}

static void await_other(struct maru_pool *p, enum maru_host_state state)
{
	double end = now() + PATIENCE;

	while (!has_other(p, state) && now() < end)
		pause_ms(5);
	MUST(has_other(p, state));
}

/* Nothing of the other host is left but what is visible. */
static void await_all_back(struct maru_pool *p)
{
	double end = now() + PATIENCE;

	while ((stats_of(p).quarantined || has_other(p, MARU_HOST_FENCED) ||
		has_other(p, MARU_HOST_CONFIRMED)) &&
	       now() < end)
		pause_ms(10);
	MUST(stats_of(p).quarantined == 0);
	MUST(!has_other(p, MARU_HOST_FENCED));
	MUST(!has_other(p, MARU_HOST_CONFIRMED));
}

/* Scenes --------------------------------------------------------------------- */

static uint64_t number(char host, unsigned i)
{
	return (uint64_t)(unsigned char)host * 10000 + i;
}

static void all_there(struct maru_pool *p)
{
	for (unsigned i = 0; i < KEYS; i++) {
		MUST(test_get(p, number('a', i), LEN) == 0);
		MUST(test_get(p, number('b', i), LEN) == 0);
	}
}

/*
 * Each stores its own keys, and all those that both want: of these each is
 * stored by one of them.  The one who counts all stores finds just so many.
 */
static void exchange(struct maru_pool *p)
{
	uint64_t won = 0, sum,
		 words = 2 * 3; /* what say() has stored by then */
	char key[32];

	meet(p, "here");
	for (unsigned i = 0; i < KEYS; i++)
		MUST(test_put(p, number(me, i), LEN) == 0);
	for (unsigned i = 0; i < RACES; i++) {
		int n = snprintf(key, sizeof(key), "race %u", i);

		won += maru_store(p, key, (size_t)n, &me, 1) == 0;
	}
	say(p, "won", won);
	sum = won + hear(p, "won");
	MUST(sum == RACES);
	all_there(p);
	meet(p, "looked");
	printf("%llu of %u races won\n", (unsigned long long)won, RACES);
	if (me == 'b') { /* says nothing while a counts */
		hear(p, "counted");
		return;
	}
	MUST(stats_of(p).total.stores == 2 * KEYS + RACES + words);
	MUST(stats_of(p).entries == 2 * KEYS + RACES + words);
	MUST(stats_of(p).clients == 2);
	say(p, "counted", 0);
}

/* A reader's view holds off an eviction by the other host. */
static void pins(struct maru_pool *p)
{
	struct maru_view v;
	uint64_t i;

	if (me == 'b') {
		MUST(test_put(p, 1, LEN) == 0);
		MUST(test_hold(p, 1, &v) == 0);
		say(p, "holds", 0);
		hear(p, "flooded");
		MUST(test_verify(v.data, v.len, 1));
		MUST(maru_release(p, &v) == 0);
		say(p, "released", 0);
		hear(p, "gone");
		return;
	}
	hear(p, "holds");
	MUST(test_drop(p, 1) == -EBUSY);
	/* by far more than there is room for */
	for (i = 0; !stats_of(p).total.evictions || i < 64; i++)
		MUST(test_put(p, 1000 + i, 1u << 20) == 0);
	MUST(test_has(p, 1) == 1);
	say(p, "flooded", 0);
	hear(p, "released");
	MUST(test_drop(p, 1) == 0);
	say(p, "gone", 0);
}

/* Run @fn in a process of this pid. */
static int as_pid(pid_t want, void (*fn)(void))
{
	int status = 0, tries;
	pid_t pid = 0;

	for (tries = 0; tries < 40000 && pid < want; tries++) {
		pid = fork();
		if (pid == 0 && getpid() == want) {
			fn();
			_exit(0);
		}
		if (pid == 0)
			_exit(0);
		MUST(pid > 0);
		MUST(waitpid(pid, &status, 0) == pid);
	}
	MUST(pid == want);
	return status;
}

static void die_with_a_pin(void)
{
	struct maru_pool *p = join();
	struct maru_view v;

	say(p, "pid", (uint64_t)getpid());
	MUST(hear(p, "pid") == PID);
	MUST(test_put(p, 7, LEN) >= 0);
	MUST(test_hold(p, 7, &v) == 0);
	say(p, "pinned", 0);
	hear(p, "pinned");
	raise(SIGKILL);
}

/* Its pid dies on the other host, and here it is alive. */
static void live_with_a_pin(void)
{
	struct maru_pool *p = join();
	struct maru_view v;

	say(p, "pid", (uint64_t)getpid());
	MUST(hear(p, "pid") == PID);
	hear(p, "pinned");
	MUST(test_hold(p, 7, &v) == 0);
	say(p, "pinned", 0);
	hear(p, "reaped");
	MUST(test_verify(v.data, v.len, 7));
	MUST(maru_release(p, &v) == 0);
	say(p, "alive", 0);
	hear(p, "seen");
	MUST(maru_close(p, 0) == 0);
}

static void pids(struct maru_pool *p)
{
	if (me == 'a') {
		MUST(as_pid(PID, live_with_a_pin) == 0);
		return;
	}
	MUST(WTERMSIG(as_pid(PID, die_with_a_pin)) == SIGKILL);
	/* this host's kernel knows which of the two is dead */
	MUST(maru_reap(p) >= 0);
	MUST(test_drop(p, 7) == -EBUSY);
	MUST(stats_of(p).pins == 1);
	say(p, "reaped", 0);
	hear(p, "alive");
	MUST(test_drop(p, 7) == 0);
	say(p, "seen", 0);
}

static void hold_things(struct maru_pool *p)
{
	static struct maru_view v;
	static struct maru_buf buf, claim;

	hear(p, "here"); /* else nobody knows that the pool is sound */
	MUST(test_put(p, 1, LEN) >= 0);
	MUST(test_hold(p, 1, &v) == 0);
	MUST(maru_alloc(p, LEN, &buf) == 0);
	MUST(maru_reserve(p, S("claimed"), LEN, &claim) == 0);
	memset(buf.data, 'x', LEN);
	say(p, "holds", 0);
}

static void see_it_go(struct maru_pool *p)
{
	double begin;

	say(p, "here", 0);
	hear(p, "holds");
	begin = now();
	MUST(test_drop(p, 1) == -EBUSY);
	await_other(p, MARU_HOST_FENCED);
	printf("silent host declared gone after %.2f s\n", now() - begin);
	/* pins and claims are void; what was written is kept back */
	while (test_drop(p, 1) == -EBUSY)
		MUST(now() < begin + PATIENCE);
	MUST(maru_store(p, S("claimed"), S("by a")) == 0);
	pause_ms(500);
	/* two, and what it was just storing when it was stopped */
	MUST(stats_of(p).quarantined >= 2);
	MUST(maru_check(p, tell, NULL) == 0);
}

/* b dies at once, and is restarted with the scene "again". */
static void dies(struct maru_pool *p)
{
	if (me == 'b') {
		hold_things(p);
		fflush(stdout);
		execlp("sh", "sh", "-c",
		       "echo b >/proc/sysrq-trigger; sleep 60", NULL);
		exit(1);
	}
	see_it_go(p);
	hear(p, "again");
	await_all_back(p);
	MUST(maru_check(p, tell, NULL) == 0);
	say(p, "clean", 0);
	hear(p, "done");
}

static void again(struct maru_pool *p)
{
	MUST(maru_exists(p, S("claimed")) == 1);
	say(p, "again", 0);
	hear(p, "clean");
	say(p, "done", 0);
}

/* Stopped with its process; awake again it hears of what has happened. */
static void sleep_and_wake(struct maru_pool *p)
{
	struct maru_view v;
	struct maru_buf buf;

	hear(p, "here");
	MUST(test_put(p, 1, LEN) >= 0);
	MUST(test_hold(p, 1, &v) == 0);
	MUST(maru_alloc(p, LEN, &buf) == 0);
	MUST(maru_reserve(p, S("claimed"), LEN, &buf) == 0);
	say(p, "holds", 0);
	raise(SIGSTOP);
	memset(buf.data, 'y', LEN); /* the store it was about to make */
	MUST(maru_commit(p, &buf, NULL, 0, NULL) == MARU_E_CLOSED);
	MUST(maru_release(p, &v) < 0);
	MUST(test_put(p, 2, LEN) == MARU_E_CLOSED);
	MUST(maru_close(p, MARU_CLOSE_FORCE) == 0);
	p = join();
	MUST(maru_exists(p, S("claimed")) == 1);
	say(p, "woke", 0);
	hear(p, "clean");
	say(p, "done", 0);
	MUST(maru_close(p, 0) == 0);
}

/* The whole machine is stopped, in the midst of this. */
static void work_until_fenced(struct maru_pool *p)
{
	struct maru_buf buf;
	struct maru_view v;
	double end;
	uint64_t i;

	hear(p, "here");
	MUST(test_put(p, 1, LEN) >= 0);
	MUST(test_hold(p, 1, &v) == 0);
	MUST(maru_alloc(p, LEN, &buf) == 0);
	MUST(maru_reserve(p, S("claimed"), LEN, &buf) == 0);
	say(p, "holds", 0);
	printf("stop me\n");
	end = now() + PATIENCE;
	for (i = 0; test_put(p, 100 + i % 50, LEN) >= 0 && now() < end; i++)
		memset(buf.data, (int)i, LEN);
	MUST(test_put(p, 2, LEN) == MARU_E_CLOSED);
	MUST(maru_commit(p, &buf, NULL, 0, NULL) == MARU_E_CLOSED);
	MUST(maru_release(p, &v) < 0);
	MUST(maru_close(p, MARU_CLOSE_FORCE) == 0);
}

static void pause_and_return(void)
{
	struct maru_pool *p = join();

	work_until_fenced(p);
	p = join();
	MUST(maru_exists(p, S("claimed")) == 1);
	say(p, "woke", 0);
	hear(p, "clean");
	say(p, "done", 0);
	MUST(maru_close(p, 0) == 0);
}

/* All is stored and read by both, and then both are gone. */
static void crash(struct maru_pool *p)
{
	for (unsigned i = 0; i < KEYS; i++)
		MUST(test_put(p, number(me, i), LEN) == 0);
	meet(p, "stored");
	all_there(p);
	meet(p, "read");
	fflush(stdout);
	execlp("sh", "sh", "-c", "echo b >/proc/sysrq-trigger; sleep 60", NULL);
	exit(1);
}

static void stop_and_continue(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sleep_and_wake(join());
		exit(0);
	}
	MUST(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	/* until the other one is through with it; this one is no client */
	pause_ms(8000);
	kill(pid, SIGCONT);
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void wakes(struct maru_pool *p)
{
	see_it_go(p);
	hear(p, "woke");
	await_all_back(p);
	MUST(maru_check(p, tell, NULL) == 0);
	say(p, "clean", 0);
	hear(p, "done");
}

/* After a reboot: what was stored is still there. */
static void warm(struct maru_pool *p)
{
	all_there(p);
	MUST(maru_check(p, tell, NULL) == 0);
}

static bool is_in_use(void)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT,
	};
	struct maru_super super = { .clean = 1 };
	struct maru_pool *p;

	if (maru_open(target, &o, &p))
		return false; /* not yet made */
	MUST(maru_inspect_super(p, &super) == 0);
	MUST(maru_close(p, 0) == 0);
	return !super.clean;
}

/* A pool of one host: whoever has it open, another one is told so. */
static void refused(void)
{
	double end = now() + PATIENCE;
	struct maru_pool *p;

	if (me == 'a') {
		p = join();
		pause_ms(6000);
		MUST(maru_close(p, 0) == 0);
		return;
	}
	while (!is_in_use() && now() < end)
		pause_ms(20);
	MUST(maru_open(target, NULL, &p) != 0);
	printf("refused: %s\n", maru_errmsg());
	MUST(strstr(maru_errmsg(), "host-a") != NULL);
}

static const struct scene {
	const char *name;
	void (*with)(struct maru_pool *p);
	void (*alone)(void); /* of b, or of both: opens it itself */
} scenes[] = {
	{ "exchange", exchange, NULL },
	{ "pins", pins, NULL },
	{ "pids", pids, NULL },
	{ "dies", dies, NULL },
	{ "again", again, NULL },
	{ "wakes", wakes, stop_and_continue },
	{ "paused", wakes, pause_and_return },
	{ "crash", crash, NULL },
	{ "warm", warm, NULL },
	{ "refused", NULL, refused },
};

int main(int argc, char **argv)
{
	struct maru_pool *p;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 4 || (argv[2][0] != 'a' && argv[2][0] != 'b')) {
		fprintf(stderr, "usage: hosts SCENE a|b TARGET\n");
		return 2;
	}
	me = argv[2][0];
	other = me == 'a' ? 'b' : 'a';
	target = argv[3];
	for (size_t i = 0; i < TEST_LEN(scenes); i++) {
		const struct scene *s = &scenes[i];

		if (strcmp(s->name, argv[1]) != 0)
			continue;
		if (s->alone && (me == 'b' || !s->with)) {
			s->alone();
			return 0;
		}
		p = join();
		s->with(p);
		MUST(maru_close(p, 0) == 0);
		return 0;
	}
	fprintf(stderr, "hosts: no scene %s\n", argv[1]);
	return 2;
}
