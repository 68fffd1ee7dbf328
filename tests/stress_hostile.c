// SPDX-License-Identifier: BSD-3-Clause
/*
 * Readers and writers run every call while another process scribbles on the
 * pool under them: lengths that change between two looks, slots and heads that
 * lead elsewhere, words out of the past.  Calls may fail and values be wrong;
 * nobody may crash, run in circles, or touch a byte outside.
 */
#include "common_fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 2u
#define VICTIMS 3u /* the last one only reads */
#define STUCK 300u /* tenths of a second without a call's end */

struct shared {
	a32 stop;
	a64 calls[VICTIMS];
	a64 shut[VICTIMS]; /* the pool could not be opened just then */
	a64 call[VICTIMS]; /* what it is at */
	a64 hot;	   /* key + 1 that is fought over */
	a64 edits;
};

static struct shared *shared;
static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	return (uint32_t)(test_random(&seed) % n);
}

static bool stopped(void)
{
	return a32_load_full(&shared->stop);
}

/* Numbers for people and for who looks whether a victim gets on. */
static void count(a64 *n)
{
	a64_add_rlx(n, 1);
}

/* There and back, fast: who looks twice sees two things. */
static void toggle(const struct fuzz_edit *e)
{
	struct fuzz_edit back = *e;

	back.op = FUZZ_SET;
	back.repeat = 0;
	back.value = fuzz_word(e);
	for (unsigned i = rnd(3000) + 1; i > 0; i--) {
		fuzz_edit(e);
		fuzz_edit(&back);
	}
}

static struct media_block *block_of(const struct fuzz_image *im, unsigned no)
{
	unsigned char key[MARU_KEY_MAX];
	struct hash128 h = hash_key((enum hash_alg)im->sb.hash_alg,
				    im->sb.secret, key, fuzz_key(key, no));
	struct media_block *b =
		(void *)(fuzz_bytes() + im->sb.section[SECTION_BLOCKS].off);

	for (uint32_t i = 0; i < im->sb.unit_nr; i++)
		if (a64_load_rlx(&b[i].h0) == h.h0)
			return &b[i];
	return NULL;
}

/* The word whose change is meant to fall between two looks at it. */
static a64 *some_word(struct media_block *b, uint64_t *odd)
{
	uint64_t klen = rnd(2) ? a64_load_rlx(&b->size) >> 48 : rnd(65536);
	uint64_t len = rnd(2) ? BLOCK_LEN_MAX >> rnd(30) : rnd(1 << 23);

	switch (rnd(4)) {
	case 0: /* units and what is beside it, in one word */
		*odd = UINT32_MAX >> rnd(32);
		return (a64 *)(void *)&b->units;
	case 1:
		*odd = a64_load_rlx(&b->word) ^ (rnd(2) ? rnd(8) : 1ull << 32);
		return &b->word;
	default:
		*odd = len | klen << 48;
		return &b->size;
	}
}

/* One entry, one word, there and back as fast as can be. */
static void duel(const struct fuzz_image *im, unsigned no)
{
	struct media_block *b = block_of(im, no);
	uint64_t old, odd;
	a64 *w;

	if (b == NULL)
		return;
	w = some_word(b, &odd);
	old = a64_load_rlx(w);
	a64_store_rlx(&shared->hot, no + 1);
	for (unsigned i = 0; i < 100000 && !stopped(); i++) {
		a64_store_rlx(w, odd);
		a64_store_rlx(w, old);
	}
	a64_store_rlx(&shared->hot, 0);
}

/* Few keys, so that the victims meet what is being changed. */
static uint8_t hot_key(void)
{
	static const uint8_t hot[] = { 0, 2, 5, 7, 15, 23, 30, 31 };

	return hot[rnd(TEST_LEN(hot))];
}

static void scribble(unsigned base)
{
	const struct fuzz_image *im = fuzz_image(base);
	struct fuzz_edit e;

	while (!stopped()) {
		fuzz_edit_any(&seed, im, &e);
		if (e.section == SECTION_SUPER_A && rnd(20))
			continue;
		if (!rnd(8))
			duel(im, hot_key());
		switch (rnd(64)) {
		case 0:
			fuzz_heal(); /* all tables as they were */
			break;
		case 1:
		case 2:
		case 3:
			fuzz_edit(&e);
			break;
		default:
			e.repeat = 0;
			if (e.op != FUZZ_SEAL)
				toggle(&e);
		}
		count(&shared->edits);
	}
}

static uint8_t some_key(void)
{
	uint64_t hot = a64_load_rlx(&shared->hot);

	if (hot != 0 && rnd(8))
		return (uint8_t)(hot - 1);
	return rnd(3) ? hot_key() : (uint8_t)rnd(FUZZ_KEYS);
}

/* Look at what is fought over as often as can be. */
static void hunt(struct maru_pool *p, bool reads, unsigned no)
{
	uint64_t hot = a64_load_rlx(&shared->hot);
	unsigned char key[MARU_KEY_MAX], buf[256];
	size_t klen, len;

	if (hot == 0)
		return;
	klen = fuzz_key(key, (unsigned)hot - 1);
	for (unsigned i = 0; i < 2000; i++) {
		struct maru_view view;

		if (a64_load_rlx(&shared->hot) != hot)
			break;
		if (!reads && maru_retrieve(p, key, klen, &view) == 0) {
			fuzz_inside(p, view.data, view.len);
			maru_release(p, &view);
		}
		if (maru_read(p, key, klen, buf, sizeof(buf), &len) == 0)
			FUZZ_MUST(len <= sizeof(buf));
	}
	count(&shared->calls[no]);
}

static void write_on(struct fuzz_hand *h, unsigned no)
{
	static struct fuzz_input none;

	for (unsigned i = 0; i < 300 && h->pool != NULL && !stopped(); i++) {
		struct fuzz_call c = { (uint8_t)rnd(128), some_key(),
				       (uint8_t)rnd(256), (uint8_t)rnd(256) };

		a64_store_rlx(&shared->call[no], c.what | (uint64_t)c.a << 8);
		hunt(h->pool, false, no);
		fuzz_act(h, &none, &c);
		count(&shared->calls[no]);
	}
}

static void fsck(uint32_t flags)
{
	struct maru_fsck_opts o = { .size = sizeof(o), .flags = flags };

	fuzz_rc("maru_fsck", maru_fsck(fuzz_target(), &o, NULL),
		"EMEDIUMTYPE EUCLEAN EINVAL EBUSY ENOSPC");
}

static void read_on(struct fuzz_hand *h, unsigned no)
{
	for (unsigned i = 0; i < 300 && !stopped(); i++) {
		uint32_t what = rnd(32);

		a64_store_rlx(&shared->call[no], what);
		hunt(h->pool, true, no);
		if (what == 0)
			fsck(rnd(2) ? MARU_FSCK_DATA : 0);
		else if (what == 1)
			FUZZ_MUST(maru_check(h->pool, NULL, NULL) >= 0);
		else if (what < 5)
			fuzz_look(h->pool, 1u << rnd(6));
		else
			fuzz_read_key(h->pool, some_key(), rnd(10000) + 1);
		count(&shared->calls[no]);
	}
}

static void suffer(unsigned no)
{
	struct fuzz_hand h;
	uint32_t flags = rnd(2) ? MARU_OPEN_VERIFY : 0;

	memset(&h, 0, sizeof(h));
	while (!stopped()) {
		if (h.pool == NULL) {
			h.pool = fuzz_open(no < WRITERS ? flags :
							  MARU_OPEN_RDONLY);
			count(h.pool ? &shared->calls[no] : &shared->shut[no]);
			continue;
		}
		if (no < WRITERS)
			write_on(&h, no);
		else
			read_on(&h, no);
		if (h.pool != NULL && !rnd(8))
			fuzz_leave(&h);
	}
	if (h.pool != NULL)
		fuzz_leave(&h);
}

static pid_t start(unsigned no, unsigned base, uint64_t from)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed = test_mix(from * 16 + no);
	if (no == VICTIMS)
		scribble(base);
	else
		suffer(no);
	_exit(0);
}

/* The number of a victim that does not get on, or VICTIMS. */
static unsigned watch(unsigned tenths)
{
	uint64_t seen[VICTIMS] = { 0 };
	unsigned since[VICTIMS] = { 0 };

	for (unsigned t = 0; t < tenths; t++) {
		const struct timespec pause = { 0, 100000000 };

		nanosleep(&pause, NULL);
		for (unsigned i = 0; i < VICTIMS; i++) {
			uint64_t now = a64_load_rlx(&shared->calls[i]) +
				       a64_load_rlx(&shared->shut[i]);

			since[i] = now != seen[i] ? 0 : since[i] + 1;
			seen[i] = now;
			if (since[i] > STUCK)
				return i;
		}
		if (waitpid(-1, NULL, WNOHANG | WNOWAIT) > 0)
			break; /* somebody has ended before the time */
	}
	return VICTIMS;
}

static int collect(pid_t pid, unsigned no)
{
	int status;

	for (unsigned t = 0; t < STUCK; t++) {
		const struct timespec pause = { 0, 100000000 };
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid && status == 0)
			return 0;
		if (got == pid)
			break;
		nanosleep(&pause, NULL);
		if (t == STUCK - 1) {
			fprintf(stderr, "FAIL: process %u does not end\n", no);
			kill(pid, SIGABRT);
			waitpid(pid, &status, 0);
		}
	}
	fprintf(stderr, "FAIL: process %u at call %#llx: status %#x\n", no,
		no < VICTIMS ?
			(unsigned long long)a64_load_rlx(&shared->call[no]) :
			0,
		(unsigned)status);
	return 1;
}

/* What is left can be repaired, and is clean then. */
static int mend(void)
{
	struct maru_fsck_opts o = { .size = sizeof(o),
				    .flags = MARU_FSCK_REPAIR };
	struct maru_fsck_result res;
	int rc = -EBUSY;

	fuzz_heal_super();
	/* somebody may have written that a slot waits for a device */
	for (unsigned t = 0; rc == -EBUSY && t < STUCK; t++) {
		const struct timespec pause = { 0, 100000000 };

		rc = maru_fsck(fuzz_target(), &o, &res);
		if (rc == -EBUSY)
			nanosleep(&pause, NULL);
	}
	if (rc != 0 || res.fixed != res.faults) {
		fprintf(stderr, "FAIL: repair: %s\n", maru_errmsg());
		return 1;
	}
	o.flags = 0;
	if (maru_fsck(fuzz_target(), &o, &res) != 0 || res.faults != 0) {
		fprintf(stderr, "FAIL: %llu faults after repair\n",
			(unsigned long long)res.faults);
		return 1;
	}
	return 0;
}

static int round_of(unsigned base, unsigned tenths, uint64_t from)
{
	struct fuzz_input in = { .base = (uint8_t)base };
	pid_t pid[VICTIMS + 1];
	unsigned stuck;
	int bad = 0;

	fuzz_set_up(&in);
	a32_store_full(&shared->stop, 0);
	for (unsigned i = 0; i <= VICTIMS; i++)
		pid[i] = start(i, base, from);
	stuck = watch(tenths);
	a32_store_full(&shared->stop, 1);
	if (stuck < VICTIMS) {
		fprintf(stderr, "FAIL: process %u does not get on\n", stuck);
		kill(pid[stuck], SIGABRT);
		bad = 1;
	}
	for (unsigned i = 0; i <= VICTIMS; i++)
		bad |= collect(pid[i], i);
	return bad | mend();
}

int main(int argc, char **argv)
{
	const char *time_s = getenv("STRESS_TIME");
	unsigned seconds = time_s != NULL ? (unsigned)atoi(time_s) : 10;
	uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 0) :
				   (uint64_t)time(NULL);
	unsigned tenths = seconds * 10 / FUZZ_BASES + 1;
	int bad = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	fuzz_live(true);
	fuzz_guard_strict(false); /* maru_check() looks at superblocks */
	fuzz_value();		  /* one for all processes */
	printf("seed %llu\n", (unsigned long long)from);
	fflush(stdout);
	for (unsigned base = 0; base < FUZZ_BASES && !bad; base++)
		bad = round_of(base, tenths, from + base);
	for (unsigned i = 0; i < VICTIMS; i++)
		printf("process %u: %llu calls, pool shut %llu times\n", i,
		       (unsigned long long)a64_load_rlx(&shared->calls[i]),
		       (unsigned long long)a64_load_rlx(&shared->shut[i]));
	printf("%llu edits\n",
	       (unsigned long long)a64_load_rlx(&shared->edits));
	return bad;
}
