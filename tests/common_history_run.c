// SPDX-License-Identifier: BSD-3-Clause
/* Recording a history: processes that play, are killed, stopped and replaced. */
#include "common_history.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2u
#define PATIENCE_S (TEST_SLOW ? 60 : 20)

/* Players --------------------------------------------------------------------- */

static void pause_ns(uint64_t ns)
{
	struct timespec t = { 0, (long)ns };

	nanosleep(&t, NULL);
}

static void wait_for_go(struct history *h)
{
	__atomic_fetch_add(&h->here, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&h->go, __ATOMIC_RELAXED) == 0)
		sched_yield();
}

static void *play(void *arg)
{
	struct history_player *p = arg;
	unsigned moves = 4 + (unsigned)(test_random(&p->rnd) % 14);

	wait_for_go(p->h);
	test_disturb(test_random(&p->rnd));
	/* a move may take a batch, and what is held must be given back */
	while (moves-- > 0 && history_room(p, 12)) {
		uint64_t r = test_random(&p->rnd);

		/* to hold something while others get on, and to be killed */
		if (r % 8 == 0)
			pause_ns((r >> 8) % 400000);
		else if (r % 2 == 0)
			sched_yield();
		history_move(p);
	}
	history_leave(p);
	test_disturb_end();
	return NULL;
}

struct team {
	const struct history_play *play;
	struct history *h;
	uint64_t seed;
	unsigned client, line, lines;
};

static void name_of(const struct team *t, char name[MARU_NAME_MAX + 1])
{
	snprintf(name, MARU_NAME_MAX + 1, "round %llu client %u",
		 (unsigned long long)t->play->round, t->client);
}

static struct maru_pool *join(const struct team *t, int rdonly)
{
	char name[MARU_NAME_MAX + 1];
	struct maru_open_opts o = { .size = sizeof(o), .name = name };
	struct maru_pool *pool;

	name_of(t, name);
	o.flags = rdonly ? MARU_OPEN_RDONLY : 0;
	if (maru_open(t->play->target, &o, &pool) != 0) {
		fprintf(stderr, "player: open: %s\n", maru_errmsg());
		_exit(1);
	}
	return pool;
}

/* One process; its first thread plays itself. */
static void play_team(const struct team *t)
{
	struct history_player *p = calloc(t->lines, sizeof(*p));
	int rdonly = t->seed % 8 == 0;
	struct maru_pool *pool;
	struct history_op *op;
	pthread_t id[THREADS];

	/* who joins cleans up after the dead */
	p->line = &t->h->line[t->line];
	op = history_begin(p, HISTORY_reap, HISTORY_NO_KEY, 0);
	pool = join(t, rdonly);
	history_end(op, 0);
	for (unsigned i = 0; i < t->lines; i++) {
		p[i].h = t->h;
		p[i].me = t->line + i;
		p[i].line = &t->h->line[t->line + i];
		p[i].pool = pool;
		p[i].rdonly = rdonly;
		p[i].rnd = test_mix(t->seed + i);
		p[i].round = t->play->round;
		if (i > 0 && pthread_create(&id[i], NULL, play, &p[i]) != 0)
			_exit(2);
	}
	play(&p[0]);
	for (unsigned i = 1; i < t->lines; i++)
		pthread_join(id[i], NULL);
	if (maru_close(pool, 0) != 0) {
		fprintf(stderr, "player: close: %s\n", maru_errmsg());
		_exit(3);
	}
	free(p);
	_exit(0);
}

/* The referee ------------------------------------------------------------------ */

struct referee {
	struct history_play *play;
	struct history *h;
	struct history_player self;
	uint64_t rnd;
	pid_t pid[HISTORY_CLIENTS];	/* 0: has ended */
	unsigned threads;		/* of all teams */
	uint64_t pins, buffers, claims; /* that the caller holds itself */
};

static int start_team(struct referee *r)
{
	struct history *h = r->h;
	struct team t = { .play = r->play,
			  .h = h,
			  .seed = test_random(&r->rnd),
			  .client = h->client_nr,
			  .line = h->line_nr,
			  .lines = 1 + (unsigned)(test_random(&r->rnd) & 1) };
	pid_t parent = getpid(), pid;

	h->client[h->client_nr++] = (struct history_client){ HISTORY_NEVER,
							     HISTORY_NEVER,
							     HISTORY_NEVER };
	for (unsigned i = 0; i < t.lines; i++)
		h->line[h->line_nr++].client = t.client;
	r->threads += t.lines;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			play_team(&t);
		_exit(4);
	}
	r->pid[t.client] = pid > 0 ? pid : 0;
	return pid > 0 ? 0 : -1;
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int all_here(const struct referee *r)
{
	time_t since = seconds();

	while (__atomic_load_n(&r->h->here, __ATOMIC_RELAXED) < r->threads) {
		sched_yield();
		if (seconds() - since > PATIENCE_S) {
			fprintf(stderr, "referee: not all players came\n");
			return -1;
		}
	}
	return 0;
}

/* Has somebody cleaned up after that client? */
static int is_reaped(const struct referee *r, unsigned client)
{
	const struct team t = { .play = r->play, .client = client };
	struct maru_client all[64];
	char name[MARU_NAME_MAX + 1];
	int nr = maru_clients(r->play->pool, all, TEST_LEN(all));

	name_of(&t, name);
	for (int i = 0; i < nr && i < (int)TEST_LEN(all); i++)
		if (strcmp(all[i].name, name) == 0)
			return 0;
	return nr >= 0;
}

/* Clean up, as any client may, and note after whom this is done for sure. */
static void referee_reaps(struct referee *r)
{
	struct history_op *op =
		history_begin(&r->self, HISTORY_reap, HISTORY_NO_KEY, 0);

	history_end(op, maru_reap(r->play->pool));
	for (unsigned c = 1; c < r->h->client_nr; c++) {
		struct history_client *cl = &r->h->client[c];

		if (cl->gone != HISTORY_NEVER && cl->reaped == HISTORY_NEVER &&
		    is_reaped(r, c))
			cl->reaped = history_stamp();
	}
}

static unsigned any_team(struct referee *r)
{
	unsigned c =
		1 + (unsigned)(test_random(&r->rnd) % (r->h->client_nr - 1));

	return r->pid[c] != 0 ? c : 0;
}

static int kill_team(struct referee *r, unsigned c)
{
	struct history_client *cl = &r->h->client[c];
	int status;

	cl->killed = history_stamp();
	kill(r->pid[c], SIGKILL);
	if (waitpid(r->pid[c], &status, 0) != r->pid[c])
		return -1;
	cl->gone = history_stamp();
	r->pid[c] = 0;
	/* it was quicker: what it did is what it did */
	if (WIFEXITED(status)) {
		cl->killed = cl->gone = HISTORY_NEVER;
		return status;
	}
	if (test_random(&r->rnd) & 1)
		referee_reaps(r);
	if (test_random(&r->rnd) & 1 && r->h->client_nr < HISTORY_CLIENTS &&
	    r->h->line_nr + THREADS <= HISTORY_LINES) {
		r->play->replaced++;
		return start_team(r);
	}
	return 0;
}

static void stop_team(struct referee *r, unsigned c)
{
	kill(r->pid[c], SIGSTOP);
	pause_ns(test_random(&r->rnd) % 400000);
	kill(r->pid[c], SIGCONT);
	r->play->stops++;
}

static int disturb(struct referee *r)
{
	unsigned times = (unsigned)(test_random(&r->rnd) % 5), c;

	for (unsigned i = 0; i < times; i++) {
		pause_ns(test_random(&r->rnd) % 700000);
		c = any_team(r);
		if (c == 0)
			continue;
		if (test_random(&r->rnd) % 3 == 0)
			stop_team(r, c);
		else if (kill_team(r, c) != 0)
			return -1;
	}
	return 0;
}

static int ended(struct referee *r, unsigned c)
{
	time_t since = seconds();
	int status;

	while (waitpid(r->pid[c], &status, WNOHANG) == 0) {
		pause_ns(50000);
		if (seconds() - since > PATIENCE_S) {
			fprintf(stderr, "referee: a player is stuck\n");
			kill(r->pid[c], SIGKILL);
			waitpid(r->pid[c], &status, 0);
			break;
		}
	}
	r->pid[c] = 0;
	if (status != 0)
		fprintf(stderr, "referee: player ended with wait status %#x\n",
			(unsigned)status);
	return status;
}

static void tell(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	fprintf(stderr, "fault: invariant %u at %#llx: %s\n", fault->invariant,
		(unsigned long long)fault->addr, fault->what);
}

/* Nobody plays any more: nothing may be left but what the keys have. */
static int look_over(struct referee *r)
{
	struct maru_stats st = { .size = sizeof(st) };
	int bad = 0;

	for (unsigned i = 0; i < 1000; i++) {
		unsigned left = 0;

		referee_reaps(r);
		for (unsigned c = 1; c < r->h->client_nr; c++)
			left += r->h->client[c].gone != HISTORY_NEVER &&
				r->h->client[c].reaped == HISTORY_NEVER;
		if (left == 0)
			break;
		r->self.line->nr--;
		pause_ns(1000000);
		bad = i == 999;
	}
	for (unsigned key = 0; key < r->h->key_nr; key++)
		history_ask(&r->self, key);
	if (maru_stats(r->play->pool, &st) != 0 || st.pins != r->pins ||
	    st.buffers != r->buffers || st.claims != r->claims ||
	    st.clients != 1 || maru_check(r->play->pool, tell, NULL) != 0)
		bad = 1;
	if (bad)
		fprintf(stderr,
			"referee: left are %llu pins, %llu buffers, %llu "
			"claims, %u clients\n",
			(unsigned long long)st.pins,
			(unsigned long long)st.buffers,
			(unsigned long long)st.claims, st.clients);
	return bad ? -1 : 0;
}

static int clear_table(struct referee *r)
{
	char key[TEST_KEY];
	int rc;

	for (unsigned no = 0; no < HISTORY_KEYS; no++) {
		rc = maru_delete(r->play->pool, key, test_key(key, no));
		if (rc != 0 && rc != -ENOENT) {
			fprintf(stderr, "referee: delete at the end: %s\n",
				maru_strerror(rc));
			return -1;
		}
	}
	return 0;
}

static void sit_down(struct referee *r)
{
	struct maru_stats st = { .size = sizeof(st) };

	r->rnd = test_mix(r->play->seed);
	memset(r->h, 0, sizeof(*r->h));
	r->h->pressure = (uint32_t)r->play->pressure;
	/* mostly few keys, so that they are hot */
	r->h->key_nr = 1 + (uint32_t)(test_random(&r->rnd) % HISTORY_KEYS);
	r->h->key_nr = 1 + (uint32_t)(test_random(&r->rnd) % r->h->key_nr);
	/* the referee is client 0, line 0 */
	r->h->client_nr = r->h->line_nr = 1;
	r->h->client[0] = (struct history_client){ HISTORY_NEVER, HISTORY_NEVER,
						   HISTORY_NEVER };
	r->self.h = r->h;
	r->self.line = &r->h->line[0];
	r->self.pool = r->play->pool;
	r->self.round = r->play->round;
	maru_stats(r->play->pool, &st);
	r->pins = st.pins;
	r->buffers = st.buffers;
	r->claims = st.claims;
}

int history_play(struct history_play *p, struct history *h)
{
	struct referee r = { .play = p, .h = h };
	unsigned teams;
	int bad = 0;

	sit_down(&r);
	teams = 2 + (unsigned)(test_random(&r.rnd) % 3);
	for (unsigned i = 0; i < teams; i++)
		bad |= start_team(&r);
	bad |= all_here(&r);
	__atomic_store_n(&h->go, 1, __ATOMIC_RELAXED);
	if (p->kills)
		bad |= disturb(&r);
	for (unsigned c = 1; c < h->client_nr; c++)
		if (r.pid[c] != 0)
			bad |= ended(&r, c);
	bad |= look_over(&r);
	bad |= clear_table(&r);
	return bad != 0 ? -1 : 0;
}
