// SPDX-License-Identifier: BSD-3-Clause
/*
 * The order of steps within one client: what a death after any instruction, or
 * a loss of power, would leave behind is looked at after every instruction.
 */
#include "common_room.h"
#include "common_single.h"

#include <stdlib.h>
#include <string.h>

#define WATCHED 8u
#define VALUE 0x5a

static struct maru_pool *p, *other;
static struct room_key key;
static uint32_t watched[WATCHED], watched_nr, slabs_nr;
static uint64_t home;
static uint32_t joining; /* a slot whose lock is looked at, or CLIENT_NONE */
static unsigned char *medium; /* what a loss of power would leave */

/* Rows ---------------------------------------------------------------------- */

static bool owned_by_somebody(uint32_t idx)
{
	for (uint32_t slot = 0; slot < p->slab.client_nr; slot++)
		if (room_cell(p, slot, idx) & CELL_OWN)
			return true;
	return false;
}

static const char *look_at_block(uint32_t idx)
{
	uint64_t w = room_word(p, idx);
	uint32_t slot = block_owner(w);

	if (block_state(w) == BLOCK_DYING && !owned_by_somebody(idx))
		return "a DYING block that no row answers for";
	if (block_state(w) == BLOCK_LIVE &&
	    (!entry_is(&p->dir, idx, &key.k) ||
	     slab_data(&p->slab, idx)[0] != VALUE))
		return "a LIVE block without its key and value";
	if (block_state(w) != BLOCK_OWNED && block_state(w) != BLOCK_READY)
		return NULL;
	if (!(room_cell(p, slot, idx) & CELL_OWN))
		return "a block whose owner's row does not say so";
	if (client_state(client_word(&p->client, slot)) == CLIENT_FREE)
		return "a block whose owner is gone";
	return NULL;
}

static const char *look_at_clients(void)
{
	for (uint32_t slot = 0; slot < p->slab.client_nr; slot++) {
		if (client_state(client_word(&p->client, slot)) != CLIENT_FREE)
			continue;
		if (ledger_is_active(&p->slab, slot))
			return "a FREE slot that counts as active";
		for (uint32_t i = 0; i < watched_nr; i++)
			if (room_cell(p, slot, watched[i]))
				return "a FREE slot whose row is not zero";
	}
	if (joining == CLIENT_NONE ||
	    client_state(client_word(&p->client, joining)) == CLIENT_FREE ||
	    dev_lock_held(&p->client.lock, CLIENT_LOCK_SLOT + joining) == 1)
		return NULL;
	return "a slot that is taken without its lock";
}

/* Slots, heads and slabs ---------------------------------------------------- */

static const char *look_at_slots(void)
{
	uint32_t named = room_pending(p, home);
	bool has_slot = false;

	for (unsigned way = 0; way < BUCKET_WAYS; way++) {
		const struct media_bucket *b =
			&p->dir.buckets[dir_way(&p->dir, home, way)];

		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t slot = slot_load(&b->slot[i]), w;

			if (!slot)
				continue;
			has_slot |= slot_idx(slot) + 1 == named;
			w = room_word(p, slot_idx(slot));
			if (slot_is_of(slot, w) && !block_is_placed(w) &&
			    block_state(w) != BLOCK_FREE)
				return "a slot before its block may have one";
		}
	}
	if (named && !block_is_placed(room_word(p, named - 1)))
		return "a head that names a block which is not placed";
	return named && !has_slot ? "a named block without a slot" : NULL;
}

static const char *look_at_slabs(void)
{
	for (uint32_t i = 0; i < slabs_nr; i++) {
		uint64_t w = room_slab(p, i), head;

		if (slab_word_state(w) != SLAB_TAIL)
			continue;
		head = room_slab(p, i - slab_word_run(w));
		if (slab_word_state(head) == SLAB_EMPTY ||
		    slab_word_run(head) <= slab_word_run(w))
			return "a tail without a head";
	}
	return NULL;
}

/* The medium ---------------------------------------------------------------- */

static struct {
	const void *what;
	size_t len;
} flushed[8];
static unsigned flushed_nr;

static void flush(const void *what, size_t len)
{
	ck_assert_uint_lt(flushed_nr, TEST_LEN(flushed));
	flushed[flushed_nr].what = what;
	flushed[flushed_nr++].len = len;
}

static void drain(void)
{
	const unsigned char *base = media_region(&p->media, 0)->map.base;

	for (unsigned i = 0; i < flushed_nr; i++) {
		const unsigned char *what = flushed[i].what;

		memcpy(medium + (what - base), what, flushed[i].len);
	}
	flushed_nr = 0;
}

static const void *on_medium(const volatile void *what)
{
	const unsigned char *base = media_region(&p->media, 0)->map.base;

	return medium + ((const volatile unsigned char *)what - base);
}

static bool is_on_medium(const void *what, size_t len)
{
	return memcmp(what, on_medium(what), len) == 0;
}

static const char *look_at_extents(void)
{
	const struct media_slab *slabs = p->slab.region[0].slabs;

	for (uint32_t i = 0; i < slabs_nr; i++) {
		const struct media_slab *there = on_medium(&slabs[i]);
		uint64_t w = room_slab(p, i);
		uint64_t m = a64_load_rlx(&there->word);

		if (slab_word_state(w) == SLAB_ACTIVE &&
		    slab_word_state(m) == SLAB_EMPTY)
			return "an ACTIVE extent, EMPTY on the medium";
		if (slab_word_state(w) == SLAB_TAIL &&
		    slab_word_state(m) != SLAB_TAIL &&
		    slab_word_state(room_slab(p, i - slab_word_run(w))) ==
			    SLAB_ACTIVE)
			return "an ACTIVE extent without its tail there";
	}
	return NULL;
}

static const char *look_at_medium(uint32_t idx)
{
	const struct media_block *b = slab_block(&p->slab, idx);
	const struct media_block *there = on_medium(b);
	const unsigned char *value = slab_data(&p->slab, idx);
	uint64_t w = room_word(p, idx), m = a64_load_rlx(&there->word);

	if ((block_state(w) == BLOCK_FREE || block_state(w) == BLOCK_OWNED) &&
	    block_state(m) == BLOCK_LIVE)
		return "FREE before the end of the entry is on the medium";
	if (block_state(w) != BLOCK_READY && block_state(w) != BLOCK_LIVE)
		return NULL;
	if (value[0] != *(const unsigned char *)on_medium(value))
		return "READY before the value is on the medium";
	if (!is_on_medium(b->key, sizeof(b->key)))
		return "READY before the key is on the medium";
	if (block_klen(b) > BLOCK_KEY_INLINE &&
	    !is_on_medium(value + slab_block_bytes(&p->slab, idx) - 8, 8))
		return "READY before the long key is on the medium";
	if (block_state(w) == BLOCK_LIVE && room_pending(p, home) != idx + 1 &&
	    m != w)
		return "a head gone on before LIVE is on the medium";
	return NULL;
}

/* Together ------------------------------------------------------------------ */

static const char *look(void)
{
	const char *wrong = look_at_clients();

	for (uint32_t i = 0; wrong == NULL && i < watched_nr; i++) {
		wrong = look_at_block(watched[i]);
		if (wrong == NULL && medium != NULL)
			wrong = look_at_medium(watched[i]);
	}
	if (wrong == NULL)
		wrong = look_at_slots();
	if (wrong == NULL)
		wrong = look_at_slabs();
	if (wrong == NULL && medium != NULL)
		wrong = look_at_extents();
	return wrong;
}

/* Blocks are taken from the watched ones, new extents from nowhere. */
static bool only_watched;

static void set_up(void)
{
	struct extent e;

	p = room_pool();
	joining = CLIENT_NONE;
	slabs_nr = p->slab.region[0].slab_nr;
	room_key(p, &key, 1);
	home = dir_home(&p->dir, key.k.h.h0);
	/* one extent of the smallest class, all its blocks in sight */
	e = room_claim(p, 0, 1);
	watched_nr = e.blocks < WATCHED ? e.blocks : WATCHED;
	room_hints_set(&e, (1ull << watched_nr) - 1);
	for (uint32_t i = 0; i < watched_nr; i++)
		watched[i] = extent_idx(&e, i);
	only_watched = true;
	medium = NULL;
}

/* A medium that has what is there now. */
static void set_up_durable(void)
{
	struct media_region *m = media_region(&p->media, 0);

	medium = malloc(m->map.len);
	ck_assert_ptr_nonnull(medium);
	memcpy(medium, m->map.base, m->map.len);
	m->map.flush = flush;
	m->map.drain = drain;
	p->slab.durable = true;
}

static void stepped(void (*fn)(void))
{
	const char *wrong;
	uint64_t n;

	ck_assert_ptr_null(look());
	if (only_watched)
		room_hide_empty(p);
	n = single_through(fn, look, &wrong);
	room_show_empty(p);
	if (wrong != NULL)
		ck_abort_msg("%s", wrong);
	ck_assert(!single_can() || n > 100);
}

static void store(void)
{
	unsigned char value[64];

	memset(value, VALUE, sizeof(value));
	ck_assert_int_eq(pool_store(p, &key.k, value, sizeof(value)), 0);
}

static void delete (void)
{
	ck_assert_int_eq(pool_delete(p, &key.k), 0);
}

START_TEST(a_store_leaves_a_trace_at_every_instruction)
{
	set_up();
	stepped(store);
	stepped(delete);
	stepped(store);
}
END_TEST

static void reserve_and_commit(void)
{
	const struct maru_commit_opts o = { .size = sizeof(o) };
	const struct dir_key none = { 0 };
	struct maru_buf buf;

	ck_assert_int_eq(pool_reserve(p, &key.k, 64, &buf), 0);
	memset(buf.data, VALUE, 64);
	ck_assert_int_eq(pool_commit(p, &buf, &none, &o), 0);
}

START_TEST(a_claim_leaves_a_trace_at_every_instruction)
{
	set_up();
	stepped(reserve_and_commit);
}
END_TEST

static void reserve_and_abort(void)
{
	struct maru_buf buf;

	ck_assert_int_eq(pool_reserve(p, &key.k, 64, &buf), 0);
	ck_assert_int_eq(pool_abort(p, &buf), 0);
}

START_TEST(a_withdrawal_leaves_a_trace_at_every_instruction)
{
	set_up();
	stepped(reserve_and_abort);
	ck_assert_int_eq(room_state(p, watched[0]), BLOCK_FREE);
}
END_TEST

static uint32_t zombie;

static void release_zombie(void)
{
	ck_assert_int_eq(dir_drop(&p->dir, zombie, 1), 0);
}

static void settle(void)
{
	dir_settle(&other->dir);
}

START_TEST(a_zombie_is_answered_for_at_every_instruction)
{
	struct dir_hit hit;

	set_up();
	store();
	other = test_open(0);
	ck_assert_int_eq(dir_hold(&p->dir, &key.k, 1, &hit), 0);
	zombie = hit.idx;
	room_ghost(p, CLIENT_ACTIVE);
	room_ghost_owes(p, zombie);
	/* another handle takes over what the dead one owed */
	ck_assert_int_eq(client_reap(&other->client, GHOST), 1);
	stepped(release_zombie);
	ck_assert_int_eq(room_state(p, zombie), BLOCK_FREE);
	stepped(settle);
}
END_TEST

static void reap(void)
{
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
}

START_TEST(a_reaping_can_be_taken_up_at_every_instruction)
{
	const enum room_step steps[] = { ROOM_LINKED, ROOM_PENDING };

	for (unsigned i = 0; i < TEST_LEN(steps); i++) {
		set_up();
		watched[0] = room_died(p, &key.k, BLOCK_READY, steps[i]);
		slab_data(&p->slab, watched[0])[0] = VALUE;
		watched_nr = 1;
		stepped(reap);
	}
}
END_TEST

START_TEST(a_debt_is_taken_over_before_it_is_given_up)
{
	struct dir_hit hit;

	set_up();
	store();
	ck_assert_int_eq(dir_hold(&p->dir, &key.k, 1, &hit), 0);
	room_ghost(p, CLIENT_ACTIVE);
	room_ghost_owes(p, hit.idx);
	stepped(reap);
	ck_assert_int_eq(room_state(p, hit.idx), BLOCK_DYING);
	ck_assert_uint_eq(room_owes(p), 1);
	ck_assert_int_eq(dir_drop(&p->dir, hit.idx, 1), 0);
}
END_TEST

static struct extent made;

static void make_extent(void)
{
	made = room_claim(p, 0, 3);
}

static void retire_extent(void)
{
	ck_assert(extent_retire_begin(&p->slab, &made));
	ck_assert(extent_retire_end(&p->slab, &made));
}

START_TEST(an_extent_has_its_head_at_every_instruction)
{
	set_up();
	only_watched = false;
	stepped(make_extent);
	stepped(retire_extent);
}
END_TEST

static void join(void)
{
	ck_assert_int_eq(client_join(&other->client, "other"), 0);
}

static void leave(void)
{
	client_leave(&other->client);
}

START_TEST(a_slot_is_taken_only_with_its_lock_at_every_instruction)
{
	set_up();
	other = test_open(0);
	joining = other->client.self;
	stepped(leave);
	stepped(join);
}
END_TEST

START_TEST(a_store_is_on_the_medium_in_order)
{
	set_up();
	set_up_durable();
	stepped(store);
	stepped(delete);
	slab_data(&p->slab, watched[0])[0] = 0;
	stepped(store);
}
END_TEST

START_TEST(a_long_key_is_on_the_medium_in_order)
{
	static unsigned char long_key[MARU_KEY_MAX];

	set_up();
	memset(long_key, 7, sizeof(long_key));
	dir_key_init(&p->dir, &key.k, long_key, sizeof(long_key));
	home = dir_home(&p->dir, key.k.h.h0);
	set_up_durable();
	stepped(store);
}
END_TEST

START_TEST(an_extent_is_on_the_medium_in_order)
{
	set_up();
	only_watched = false;
	set_up_durable();
	stepped(make_extent);
	ck_assert(is_on_medium(&p->slab.region[0].slabs[made.head], 8));
}
END_TEST

START_TEST(a_head_never_comes_back)
{
	uint64_t before;

	set_up();
	before = head_load(&p->dir, home);
	for (unsigned i = 0; i < 3; i++) {
		store();
		delete ();
		ck_assert_uint_ne(head_load(&p->dir, home), before);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_store_leaves_a_trace_at_every_instruction,
		a_claim_leaves_a_trace_at_every_instruction,
		a_withdrawal_leaves_a_trace_at_every_instruction,
		a_zombie_is_answered_for_at_every_instruction,
		a_reaping_can_be_taken_up_at_every_instruction,
		a_debt_is_taken_over_before_it_is_given_up,
		an_extent_has_its_head_at_every_instruction,
		a_slot_is_taken_only_with_its_lock_at_every_instruction,
		a_store_is_on_the_medium_in_order,
		a_long_key_is_on_the_medium_in_order,
		an_extent_is_on_the_medium_in_order,
		a_head_never_comes_back,
	};

	return test_run("order of steps", TEST_MEM, tests, TEST_LEN(tests));
}
