// SPDX-License-Identifier: BSD-3-Clause
/* What the others do when the client is dead, or stopped, or has gone on. */
#include "common_step.h"

#include "common.h"

#include "cache/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Is a result one of those, or a success? */
#define ONE_OF(rc, ...) one_of(rc, (const int[]){ __VA_ARGS__, 0 })

static bool one_of(int rc, const int *list)
{
	while (*list != 0 && *list != rc)
		list++;
	return rc == 0 || *list == rc;
}

static enum image_is expected(const struct step_key *k)
{
	if (step_scene.shared->returned)
		return k->after;
	return k->before == k->after ? k->before : IMAGE_EITHER;
}

/* What the image must be like with these survivors and nobody else. */

static void told(void *ctx, unsigned invariant, const char *what)
{
	step_bad("%s: invariant %u: %s", (const char *)ctx, invariant, what);
}

static void check_image(const char *when, bool keys, bool survivors)
{
	struct step_scene *sc = &step_scene;
	char bytes[STEP_KEYS][STEP_KEY];
	unsigned char value[STEP_KEYS][STEP_LEN];
	struct image_key list[STEP_KEYS];
	struct image_terms terms = { .before = sc->before,
				     .keys = list,
				     .quarantine = sc->waits,
				     .cut = sc->waits && sc->copy,
				     .fault = told,
				     .ctx = (void *)(uintptr_t)when };

	for (unsigned i = 0; keys && i < STEP_KEYS && sc->op->keys[i].no; i++) {
		const struct step_key *k = &sc->op->keys[i];

		list[i].klen = step_key(sc, bytes[i], k->no);
		list[i].key = bytes[i];
		list[i].is = expected(k);
		test_fill(value[i], STEP_LEN, k->no);
		list[i].value = value[i];
		list[i].vlen = STEP_LEN;
		terms.key_nr++;
	}
	terms.only_keys = keys && !(sc->op->flags & STEP_EVICTS);
	if (survivors) {
		terms.living[0] = 1ull << sc->s->client.self |
				  1ull << sc->t->client.self;
		terms.exact = sc->copy || !(sc->op->flags & STEP_OTHERS);
	}
	image_check(sc->map, sc->len, &terms);
}

void step_check_image(const char *when)
{
	check_image(when, false, true);
}

static void nothing_is_held(void)
{
	struct step_scene *sc = &step_scene;
	struct maru_stats st = { .size = sizeof(st) };

	if (maru_stats(sc->s, &st) != 0)
		step_bad("stats: %s", maru_errmsg());
	if (st.used_bytes != image_used(sc->map))
		step_bad("the library counts %llu bytes used, they are %llu",
			 (unsigned long long)st.used_bytes,
			 (unsigned long long)image_used(sc->map));
	if (!sc->copy && sc->op->flags & STEP_OTHERS)
		return;
	if (st.pins || st.buffers || st.claims)
		step_bad("held by nobody: %llu pins, %llu buffers",
			 (unsigned long long)st.pins,
			 (unsigned long long)st.buffers);
	if (!sc->waits && st.clients != 2)
		step_bad("%u clients where there are 2", st.clients);
}

static void tell_fault(void *ctx, const struct maru_fault *f)
{
	(void)ctx;
	step_bad("maru_check: invariant %u at %#llx: %s", f->invariant,
		 (unsigned long long)f->addr, f->what);
}

static void clean_up(void)
{
	int rc = maru_reap(step_scene.s);

	if (rc < 0)
		step_bad("reap: %d, %s", rc, maru_errmsg());
	/* who is owed to by others' debts sees to them now and then */
	if (step_scene.op->flags & STEP_OTHERS) {
		dir_settle(&step_scene.s->dir);
		dir_settle(&step_scene.t->dir);
	}
	check_image("cleaned up", true, true);
	nothing_is_held();
	maru_check(step_scene.s, tell_fault, NULL);
}

/* Lookups: what was there is there, with its bytes. */
static void look(struct maru_pool *p, const struct step_key *k)
{
	enum image_is is = expected(k);
	int rc = step_get(p, k->no), has = step_has(p, k->no);

	if (rc == -EILSEQ)
		step_bad("key %u has not the bytes that were written", k->no);
	else if (!ONE_OF(rc, -ENOENT))
		step_bad("key %u: read gives %d", k->no, rc);
	if (rc == -ENOENT && is == IMAGE_PRESENT)
		step_bad("key %u is lost", k->no);
	if (rc == 0 && is == IMAGE_ABSENT)
		step_bad("key %u is there", k->no);
	if (has != (rc == 0))
		step_bad("key %u: exists gives %d after read %d", k->no, has,
			 rc);
}

/* Claim it or find it; store; hold; pin; delete.  Nobody else is at it. */
static void use(struct maru_pool *p, unsigned no)
{
	char key[STEP_KEY];
	size_t klen = step_key(&step_scene, key, no);
	struct maru_view view;
	struct maru_buf buf;
	int rc = maru_reserve(p, key, klen, STEP_LEN, &buf);

	if (rc == -EINPROGRESS && !step_scene.copy &&
	    step_scene.op->flags & STEP_OTHERS)
		return; /* a survivor's */
	if (rc == 0) {
		test_fill(buf.data, STEP_LEN, no);
		rc = maru_commit(p, &buf, key, klen, NULL);
		if (rc != 0)
			step_bad("key %u: commit of a claim: %d", no, rc);
	} else if (rc != MARU_EXISTED) {
		step_bad("key %u: reserve: %d, %s", no, rc, maru_errmsg());
	}
	rc = step_put(p, no);
	if (rc != MARU_EXISTED)
		step_bad("key %u: store after commit: %d", no, rc);
	rc = step_hold(p, no, &view);
	if (rc != 0 || !test_verify(view.data, view.len, no))
		step_bad("key %u: retrieve: %d", no, rc);
	if (rc == 0 && (rc = maru_release(p, &view)) != 0)
		step_bad("key %u: release: %d", no, rc);
	rc = maru_pin(p, key, klen, 2);
	if (rc != 0 || (rc = maru_unpin(p, key, klen, 2)) != 0)
		step_bad("key %u: pin or unpin: %d", no, rc);
	rc = step_del(p, no);
	if (!ONE_OF(rc, step_scene.op->flags & STEP_OTHERS ? -EBUSY : 0))
		step_bad("key %u: delete: %d", no, rc);
}

static void each_key(void (*fn)(struct maru_pool *p, const struct step_key *k))
{
	const struct step_op *op = step_scene.op;

	for (unsigned i = 0; i < STEP_KEYS && op->keys[i].no; i++)
		fn(i % 2 ? step_scene.s : step_scene.t, &op->keys[i]);
}

static void use_key(struct maru_pool *p, const struct step_key *k)
{
	use(p, k->no);
}

static void release(void)
{
	struct step_scene *sc = &step_scene;

	if (!sc->copy && sc->op->release)
		sc->op->release(sc);
	maru_reap(sc->s);
}

static size_t data_bytes(void)
{
	const struct media_super *sb = (const void *)step_scene.pristine;

	return (size_t)sb->unit_nr << sb->unit_shift;
}

/* All entries go, and then all of the pool can be had in one piece. */
static void all_is_free(void)
{
	struct step_scene *sc = &step_scene;
	struct maru_buf buf;
	int rc = maru_clear(sc->s, NULL);

	if (rc != 0)
		step_bad("clear: %d", rc);
	check_image("cleared", false, true);
	if (image_used(sc->map) != 0)
		step_bad("%llu bytes are used by nobody",
			 (unsigned long long)image_used(sc->map));
	rc = maru_alloc(sc->t, data_bytes(), &buf);
	if (rc != 0)
		step_bad("the whole pool cannot be had: %d", rc);
	else if (maru_abort(sc->t, &buf) != 0)
		step_bad("abort");
}

static void close_all(void)
{
	struct step_scene *sc = &step_scene;
	int rc;

	if (sc->t && (rc = maru_close(sc->t, 0)) != 0)
		step_bad("close: %d, %s", rc, maru_errmsg());
	if (sc->s && (rc = maru_close(sc->s, 0)) != 0)
		step_bad("close: %d, %s", rc, maru_errmsg());
	check_image("all gone", false, false);
	if (sc->map[((const struct media_super *)(const void *)sc->pristine)
			    ->section[SECTION_CONTROL]
			    .off] != 1)
		step_bad("all are gone and the pool is not clean");
}

/* By turns: clean up first, work first, want all room first, or none. */
void step_after_death(void)
{
	struct step_scene *sc = &step_scene;
	struct maru_buf buf;

	/* the second proof of death may come later than the first */
	sc->shared->now_ns += sc->n % 2 ? 1000000 : 0;
	step_wait_note();
	each_key(look);
	switch (sc->n % (sc->waits ? 4 : 3)) {
	case 0:
		clean_up();
		each_key(use_key);
		break;
	case 1:
		each_key(use_key);
		break;
	case 2:
		if (maru_alloc(sc->t, data_bytes(), &buf) == 0)
			maru_abort(sc->t, &buf);
		else if (step_wait_keeps())
			break;
		else if (!(sc->op->flags & STEP_OTHERS))
			step_bad("what the dead had cannot be had");
		break;
	default:
		break;
	}
	step_wait_end();
	release();
	all_is_free();
	step_wait_slots();
	close_all();
}

/* In a child: only who does not map the copy is dead for it. */
static void look_at_copy(void)
{
	struct step_scene *sc = &step_scene;

	sc->copy = true;
	sc->map = mmap(NULL, sc->len, PROT_READ, MAP_SHARED, sc->copy_fd, 0);
	sc->s = sc->t = NULL;
	step_wait_copy();
	step_wait_note();
	if (sc->map == MAP_FAILED || maru_open(sc->copy_target, NULL, &sc->s) ||
	    maru_open(sc->copy_target, NULL, &sc->t)) {
		step_bad("cannot open the image: %s", maru_errmsg());
		return;
	}
	step_clock(sc->s);
	step_clock(sc->t);
	step_wait_check("open");
	each_key(look);
	clean_up();
	each_key(use_key);
	step_wait_end();
	all_is_free();
	step_wait_slots();
	close_all();
}

static void copy_image(void)
{
	struct step_scene *sc = &step_scene;
	const struct media_super *sb = (const void *)sc->pristine;
	const unsigned char *blocks = sc->map + sb->section[SECTION_BLOCKS].off;
	ssize_t n = pwrite(sc->copy_fd, sc->map, sc->meta, 0);

	for (uint32_t i = 0; i < sb->unit_nr; i++) {
		uint64_t at = sb->section[SECTION_DATA].off +
			      ((uint64_t)i << sb->unit_shift);
		uint64_t end = at + (1u << sb->unit_shift) - 512;

		if ((blocks[i * 256] & 15) == BLOCK_FREE)
			continue;
		n += pwrite(sc->copy_fd, sc->map + at, STEP_LEN, (off_t)at);
		n += pwrite(sc->copy_fd, sc->map + end, 512, (off_t)end);
	}
	if (n < (ssize_t)sc->meta)
		step_bad("cannot copy the image");
}

void step_after_image(void)
{
	uint64_t now_ns = step_scene.shared->now_ns;
	int status;
	pid_t pid;

	copy_image();
	pid = fork();
	if (pid == 0) {
		step_watch(PATIENCE);
		look_at_copy();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0)
		step_bad("who looked at the image did not come back");
	/* the clock of those who go on is where it was */
	step_scene.shared->now_ns = now_ns;
}

/* Stopped -------------------------------------------------------------------- */

/* What the stopped client has, as the tables say: nobody may take it. */

static const unsigned char *block_at(uint32_t unit)
{
	const struct media_super *sb = (const void *)step_scene.pristine;

	return step_scene.map + sb->section[SECTION_BLOCKS].off + unit * 256;
}

static uint64_t word_at(uint32_t unit)
{
	uint64_t w;

	memcpy(&w, block_at(unit), sizeof(w));
	return w;
}

static uint16_t cell_at(uint32_t unit)
{
	const struct media_super *sb = (const void *)step_scene.pristine;
	uint16_t cell;

	memcpy(&cell,
	       step_scene.map + sb->section[SECTION_LEDGER].off +
		       step_scene.client * sb->row_bytes + unit * 2,
	       sizeof(cell));
	return cell;
}

/* An entry that it pins, or a block that it is writing and nobody can help. */
static bool is_kept(uint32_t unit)
{
	uint64_t w = word_at(unit);

	if (block_state(w) == BLOCK_LIVE || block_state(w) == BLOCK_DYING)
		return cell_at(unit) & CELL_PINS;
	return block_state(w) == BLOCK_OWNED &&
	       block_owner(w) == step_scene.client &&
	       cell_at(unit) & CELL_OWN && !(w & BLOCK_ASKING);
}

static struct kept {
	uint32_t unit;
	uint64_t word;
	unsigned char value[STEP_LEN];
} kept[STEP_UNITS];
static unsigned kept_nr;

static const unsigned char *value_at(uint32_t unit)
{
	const struct media_super *sb = (const void *)step_scene.pristine;

	return step_scene.map + sb->section[SECTION_DATA].off +
	       ((uint64_t)unit << sb->unit_shift);
}

static void note_kept(void)
{
	const struct media_super *sb = (const void *)step_scene.pristine;

	kept_nr = 0;
	for (uint32_t unit = 0; unit < sb->unit_nr; unit++) {
		if ((step_scene.op->flags & STEP_NO_POOL) || !is_kept(unit))
			continue;
		kept[kept_nr].unit = unit;
		kept[kept_nr].word = word_at(unit);
		memcpy(kept[kept_nr++].value, value_at(unit), STEP_LEN);
	}
}

/* The same life, and the same bytes; an entry may have become a zombie. */
static void check_kept(const char *after)
{
	for (unsigned i = 0; i < kept_nr; i++) {
		const struct kept *k = &kept[i];

		if (word_at(k->unit) >> 32 != k->word >> 32 ||
		    block_state(word_at(k->unit)) < block_state(k->word))
			step_bad("%s: block %u of the stopped client became "
				 "another's",
				 after, k->unit);
		if (memcmp(value_at(k->unit), k->value, STEP_LEN) != 0)
			step_bad("%s: bytes of block %u of the stopped client "
				 "changed",
				 after, k->unit);
	}
}

static bool claim_is_kept(void)
{
	for (unsigned i = 0; i < kept_nr; i++)
		if (block_state(kept[i].word) == BLOCK_OWNED &&
		    kept[i].word & BLOCK_CLAIMED)
			return true;
	return false;
}

static bool key_is_kept(unsigned no)
{
	unsigned char value[STEP_LEN];

	test_fill(value, STEP_LEN, no);
	for (unsigned i = 0; i < kept_nr; i++)
		if (block_state(kept[i].word) == BLOCK_LIVE &&
		    memcmp(kept[i].value, value, STEP_LEN) == 0)
			return true;
	return false;
}

unsigned step_take(struct maru_pool *p, struct maru_buf *buf, unsigned room)
{
	unsigned nr = 0;
	int rc = 0;

	while (nr < room && (rc = maru_alloc(p, STEP_LEN, &buf[nr])) == 0)
		nr++;
	if (rc != -ENOSPC)
		step_bad("alloc of all there is: %d, %s", rc, maru_errmsg());
	return nr;
}

/* As much as may be asked for. */
static void take_all(struct maru_pool *p)
{
	static struct maru_buf buf[STEP_UNITS];
	unsigned nr = step_take(p, buf, STEP_UNITS);
	int rc;

	for (unsigned i = 0; i < nr; i++) {
		rc = maru_abort(p, &buf[i]);
		if (rc != 0)
			step_bad("abort: %d", rc);
	}
}

/* Any of these may be the answer while another is in the middle of it. */
static void try_key(struct maru_pool *p, const struct step_key *k)
{
	char key[STEP_KEY];
	size_t klen = step_key(&step_scene, key, k->no);
	struct maru_buf buf;
	struct maru_view view;
	int rc = step_get(p, k->no), want;

	if (!ONE_OF(rc, -ENOENT))
		step_bad("key %u: read gives %d", k->no, rc);
	want = rc == 0 ? MARU_EXISTED : -EINPROGRESS;
	rc = maru_reserve(p, key, klen, STEP_LEN, &buf);
	if (k->no == 1 && claim_is_kept() && rc != want)
		step_bad("reserve of a key that is claimed: %d", rc);
	if (rc == 0)
		rc = maru_abort(p, &buf);
	if (!ONE_OF(rc, MARU_EXISTED, -EINPROGRESS, -ENOSPC))
		step_bad("key %u: reserve or abort: %d", k->no, rc);
	rc = step_put(p, k->no);
	if (!ONE_OF(rc, MARU_EXISTED, -ENOSPC))
		step_bad("key %u: store: %d", k->no, rc);
	rc = step_hold(p, k->no, &view);
	if (rc == 0) {
		if (!test_verify(view.data, view.len, k->no))
			step_bad("key %u: held bytes are wrong", k->no);
		rc = maru_release(p, &view);
	}
	if (!ONE_OF(rc, -ENOENT))
		step_bad("key %u: retrieve or release: %d", k->no, rc);
	rc = step_del(p, k->no);
	if (!ONE_OF(rc, -ENOENT, -EBUSY, -EINPROGRESS))
		step_bad("key %u: delete: %d", k->no, rc);
	if (rc == 0 && key_is_kept(k->no))
		step_bad("key %u: was deleted, though it is held", k->no);
}

/* Who closes with a debt leaves its slot to be reaped. */
static bool has_left_dead(void)
{
	const struct client *c = &step_scene.s->client;

	return client_state(client_word(c, step_scene.client)) == CLIENT_DEAD;
}

void step_while_stopped(void)
{
	struct step_scene *sc = &step_scene;
	uint64_t freed;
	bool dead;
	int rc;

	sc->stands = true;
	note_kept();
	step_wait_note();
	each_key(look);
	each_key(try_key);
	check_kept("work");
	step_wait_check("work");
	dead = sc->op->wreck || has_left_dead();
	rc = maru_reap(sc->s);
	if (rc < 0 || (rc > 0 && !dead))
		step_bad("reap while nobody is dead: %d", rc);
	rc = step_put(sc->t, 77);
	if (!ONE_OF(rc, -ENOSPC))
		step_bad("store of another key: %d", rc);
	rc = maru_evict(sc->s, data_bytes(), &freed);
	if (!ONE_OF(rc, -ENOSPC))
		step_bad("evict: %d", rc);
	check_kept("evict");
	take_all(sc->t);
	check_kept("all that can be had");
	step_wait_check("all that can be had");
	sc->stands = false;
}

void step_after_life(void)
{
	struct step_scene *sc = &step_scene;
	int rc = sc->shared->rc;

	if (sc->shared->bad[0])
		step_bad("the client: %s", sc->shared->bad);
	if (!sc->shared->returned)
		step_bad("the client's call did not return");
	else if (rc < 0 && !one_of(rc, sc->op->allowed))
		step_bad("the client's call gave %d", rc);
	/* it has left in order: nothing waits but what was there before it */
	sc->waits = sc->waits && sc->op->wreck;
	step_wait_note();
	release();
	dir_settle(&sc->s->dir);
	dir_settle(&sc->t->dir);
	check_image("it went on and left", false, true);
	maru_check(sc->s, tell_fault, NULL);
	step_wait_end();
	all_is_free();
	close_all();
}
