// SPDX-License-Identifier: BSD-3-Clause
/*
 * Devices that go on writing when their process is dead.
 *
 * Each seat has a writer, which stores values by a device, and the device, a
 * process of its own with the memory mapped.  Writers are killed; the device
 * scribbles over the buffer that it was told of until it is told to stop, and
 * only then is the dead one's slot made due.  The delay itself is a day, so
 * nothing here depends on how fast anybody is.  All the while everybody checks
 * what they read: a byte of scribble in a value is a block that was handed out
 * too early.  With --none the pool has no quarantine, to see that it shows.
 */
#include "common_load.h"

#include "cache/pool.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEATS 4u
#define BYTES (24u << 20)
#define DAY_MS 86400000u
#define STUCK_S 30

/* What a writer has told its device. */
enum step {
	NOTHING,
	BEGUN,	/* write the value of number @no */
	DONE,	/* device: it is written */
	TAKEN,	/* the device will not write any more */
	ORPHAN, /* director: the writer is dead; go on */
	ENOUGH, /* director: stop now */
	STOPPED /* device: not another byte */
};

struct seat {
	a64 step;
	a64 off, len, no; /* of the buffer in the memory; the value */
	a64 slot;	  /* of the writer in the pool */
	a64 idx;	  /* of the buffer */
	a64 scribbled;	  /* times that the device went over it */
	struct load_board board;
};

static struct scene {
	a64 stop;
	struct seat seat[SEATS];
} * scene;

static char target[32];
static unsigned failures;
static uint64_t deaths, waited, live;

static bool stopped(void)
{
	return a64_load_rlx(&scene->stop) != 0; /* a hint to end */
}

/* Devices ------------------------------------------------------------------- */

static void scribble(struct seat *s, unsigned char *memory)
{
	/* relaxed: ordered by the step */
	unsigned char *at = memory + a64_load_rlx(&s->off);

	memset(at, 0xee, a64_load_rlx(&s->len));
	a64_add_rlx(&s->scribbled, 1);
}

static void be_device(struct seat *s, unsigned char *memory)
{
	while (!stopped()) {
		uint64_t step = a64_load_acq(&s->step);

		if (step == BEGUN) {
			test_fill(memory + a64_load_rlx(&s->off),
				  a64_load_rlx(&s->len), a64_load_rlx(&s->no));
			/* unless the director has just said ORPHAN */
			a64_cas_full(&s->step, &step, DONE);
		} else if (step == ORPHAN) {
			scribble(s, memory);
		} else if (step == ENOUGH) {
			a64_store_rel(&s->step, STOPPED);
		}
		sched_yield();
	}
}

/* Writers ------------------------------------------------------------------- */

/* Tell the device and wait; the buffer is its until it says so. */
static bool write_by_device(struct seat *s, struct maru_pool *p,
			    const struct maru_buf *buf, uint64_t no)
{
	uint32_t idx = 0;

	pool_idx(p, &buf->ref, &idx);
	a64_store_rlx(&s->idx, idx); /* ordered by the step, all of them */
	a64_store_rlx(&s->off,
		      (uint64_t)((unsigned char *)buf->data -
				 media_region(&p->media, 0)->map.base));
	a64_store_rlx(&s->len, buf->len);
	a64_store_rlx(&s->no, no);
	a64_store_rel(&s->step, BEGUN);
	while (a64_load_acq(&s->step) != DONE) {
		if (stopped())
			return false;
		sched_yield();
	}
	a64_store_rel(&s->step, TAKEN);
	return true;
}

static void store_by_device(struct seat *s, struct load *l, uint64_t r)
{
	uint64_t no = (r >> 8) % l->keys;
	char key[TEST_KEY];
	size_t klen = test_key(key, no);
	struct maru_buf buf;
	int rc = r & 1 ? maru_reserve(l->pool, key, klen, load_len(l, no),
				      &buf) :
			 maru_alloc(l->pool, load_len(l, no), &buf);

	if (rc == -ENOSPC || rc == -EINPROGRESS || rc == MARU_EXISTED)
		return;
	if (rc != 0) {
		load_bad(l->board, "alloc for a device", rc, no);
		return;
	}
	if (!write_by_device(s, l->pool, &buf, no)) {
		maru_abort(l->pool, &buf);
		return;
	}
	rc = maru_commit(l->pool, &buf, key, klen, NULL);
	if (rc != 0 && rc != MARU_EXISTED && rc != -ENOSPC)
		load_bad(l->board, "commit for a device", rc, no);
}

static void be_writer(struct seat *s, uint64_t seed)
{
	struct maru_pool *p;
	struct load l;
	int rc = maru_open(target, NULL, &p);

	if (rc != 0) {
		load_bad(&s->board, "open", rc, 0);
		_exit(1);
	}
	a64_store_rlx(&s->slot, p->client.self);
	load_start(&l, p, &s->board, seed);
	l.keys = 600;
	while (!stopped()) {
		uint64_t r = test_random(&l.rnd);

		if (r & 3)
			load_step(&l);
		else
			store_by_device(s, &l, r >> 2);
	}
	load_end(&l);
	rc = maru_close(p, 0);
	if (rc != 0)
		load_bad(&s->board, "close", rc, 0);
}

/* The director -------------------------------------------------------------- */

static pid_t begin(struct seat *s, unsigned char *device, uint64_t seed)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (device != NULL)
		be_device(s, device);
	else
		be_writer(s, seed);
	_exit(0);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void wrong(const char *what)
{
	fprintf(stderr, "FAIL: %s\n", what);
	failures++;
}

/* Until the others have got on a little. */
static void let_others_work(const struct seat *but)
{
	uint64_t was = 0, is;
	time_t end = now() + STUCK_S;

	for (unsigned round = 0; now() < end; round++) {
		is = 0;
		for (unsigned i = 0; i < SEATS; i++)
			if (&scene->seat[i] != but)
				is += __atomic_load_n(&scene->seat[i].board.ops,
						      __ATOMIC_RELAXED);
		if (round == 0)
			was = is;
		if (is > was + 300)
			return;
		sched_yield();
	}
	wrong("the others stand still");
}

static void wait_for(struct seat *s, enum step step)
{
	time_t end = now() + STUCK_S;

	while (a64_load_acq(&s->step) != step)
		if (now() > end) {
			wrong("a device does not stop");
			return;
		} else {
			sched_yield();
		}
}

/* What the device may still be writing is not free, whoever has reaped. */
static void see_waiting(struct maru_pool *p, const struct seat *s)
{
	uint64_t w = block_load(
		slab_block(&p->slab, (uint32_t)a64_load_rlx(&s->idx)));

	waited += block_state(w) == BLOCK_QUARANTINED;
	if (block_state(w) != BLOCK_QUARANTINED)
		wrong("a block that its device writes to does not wait");
}

static void make_due(struct maru_pool *p, uint32_t slot)
{
	uint64_t w = client_word(&p->client, slot);

	if (client_state(w) != CLIENT_QUARANTINED)
		return;
	a64_store_rlx(&p->client.slots[slot].due, 1); /* a number */
	maru_reap(p);
}

static void kill_writer(struct maru_pool *p, struct seat *s, pid_t pid)
{
	uint32_t slot = (uint32_t)a64_load_rlx(&s->slot);
	uint64_t step;

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	deaths++;
	step = a64_load_acq(&s->step);
	/* from BEGUN to DONE the device itself may go meanwhile */
	while ((step == BEGUN || step == DONE) &&
	       !a64_cas_full(&s->step, &step, ORPHAN))
		;
	if (step == BEGUN || step == DONE) {
		let_others_work(s);
		maru_reap(p);
		if (p->client.quarantine_ns)
			see_waiting(p, s);
		a64_store_rel(&s->step, ENOUGH);
		wait_for(s, STOPPED);
	} else {
		maru_reap(p);
		live++;
	}
	make_due(p, slot);
	a64_store_rel(&s->step, NOTHING);
}

static void look_over(struct maru_pool *p)
{
	struct maru_stats st = { .size = sizeof(st) };
	struct maru_iter it = { 0 };
	struct maru_entry e;
	uint64_t bytes = 0;

	for (uint32_t slot = 0; slot < p->client.slot_nr; slot++)
		make_due(p, slot);
	while (maru_iter_next(p, &it, &e) > 0)
		bytes += e.block;
	maru_stats(p, &st);
	if (st.quarantined || st.buffers || st.pins || st.used_bytes != bytes)
		wrong("something is left");
	if (maru_check(p, NULL, NULL) != 0)
		wrong("maru_check() finds faults");
	printf("%llu deaths, %llu with the device at work, %llu blocks that "
	       "waited, %llu reaped\n",
	       (unsigned long long)deaths, (unsigned long long)(deaths - live),
	       (unsigned long long)waited,
	       (unsigned long long)st.total.reaped_blocks);
}

static void rage(struct maru_pool *p, unsigned char *memory, time_t seconds)
{
	pid_t writer[SEATS], device[SEATS];
	time_t end = now() + seconds;
	uint64_t rnd = (uint64_t)time(NULL);

	printf("seed %llu\n", (unsigned long long)rnd);
	fflush(stdout);
	for (unsigned i = 0; i < SEATS; i++) {
		device[i] = begin(&scene->seat[i], memory, 0);
		writer[i] = begin(&scene->seat[i], NULL, test_random(&rnd));
	}
	while (now() < end && !failures) {
		uint64_t r = test_random(&rnd);
		struct timespec t = { 0, (long)(r >> 8) % 3000000 };
		unsigned i = r % SEATS;

		/* not to wait for anything: to hit another instruction */
		nanosleep(&t, NULL);
		kill_writer(p, &scene->seat[i], writer[i]);
		writer[i] = begin(&scene->seat[i], NULL, test_random(&rnd));
	}
	a64_store_rel(&scene->stop, 1);
	for (unsigned i = 0; i < SEATS; i++) {
		waitpid(writer[i], NULL, 0);
		waitpid(device[i], NULL, 0);
	}
}

static void tell_boards(void)
{
	uint64_t ops = 0, errors = 0, bad = 0, scribbled = 0;

	for (unsigned i = 0; i < SEATS; i++) {
		const struct load_board *b = &scene->seat[i].board;

		ops += b->ops;
		errors += b->wrong;
		bad += b->bad;
		scribbled += a64_load_rlx(&scene->seat[i].scribbled);
		if (b->text[0] != '\0')
			fprintf(stderr, "FAIL: writer %u: %s\n", i, b->text);
	}
	printf("operations %llu, times scribbled %llu, wrong values %llu, bad "
	       "answers %llu\n",
	       (unsigned long long)ops, (unsigned long long)scribbled,
	       (unsigned long long)errors, (unsigned long long)bad);
	failures += errors + bad != 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "none", no_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = BYTES,
				      .unit = 4096,
				      .max_clients = 4 * SEATS,
				      .quarantine_ms = DAY_MS };
	const char *time_s = getenv("STRESS_TIME");
	time_t seconds = time_s != NULL ? atoi(time_s) : 10;
	struct maru_pool *p;
	unsigned char *memory;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			o.quarantine_ms = MARU_QUARANTINE_NONE;
		else if (c == 's')
			seconds = atoi(optarg);
		else
			return 16;
	}
	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (scene == MAP_FAILED || maru_create_mem(&o, &fd) != 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED || maru_open(target, NULL, &p) != 0)
		return 1;
	rage(p, memory, seconds);
	look_over(p);
	tell_boards();
	maru_close(p, 0);
	return failures != 0;
}
