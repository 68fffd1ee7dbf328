// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each pair of a release and an acquire, alone, for ThreadSanitizer.
 *
 * Two threads of this process are two clients of one mapping.  One writes
 * plain bytes and does what has the release; the other, told by relaxed
 * stores, which order nothing, does what has the acquire and reads the bytes.
 * If either end is weakened there is a race to report; tests/order/weaken
 * tries each.  Where a later release would hide the one in question the first
 * thread stands still in between, where the library flushes a durable pool.
 */
#include "common_pair.h"
#include "common_room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct maru_pool *p, *q; /* the first thread's client, the second's */
static struct maru_pool *r;	/* one that has no slot yet */
static volatile uint64_t plain;
static struct room_key key, rival;
static uint32_t block, rival_block;
static uint64_t home;
static struct extent ext;

static volatile unsigned char *bytes_of(uint32_t idx)
{
	return slab_data(&p->slab, idx);
}

static void write_plain(const void *what)
{
	(void)what;
	plain++;
}

/* Let the other one look, and wait until it has. */
static void stand_still(void)
{
	pair_pass(1);
	pair_await(2);
}

static void read_plain(void)
{
	pair_must(plain > 0);
	pair_pass(2);
}

/* B1: a writer stands still between its READY and its LIVE, as there is
 * another's change of this home that it has to help first. */
static uint32_t seen; /* the writer's block, by its flush */

static void note_block(const void *what)
{
	const struct media_block *b = what;
	const struct slab_region *g = &p->slab.region[0];

	if (b < g->blocks || b >= g->blocks + g->unit_nr)
		return;
	if (b == slab_block(&p->slab, rival_block)) {
		pair_at_flush = NULL;
		stand_still();
		return;
	}
	plain++;
	__atomic_store_n(&seen, (uint32_t)(b - g->blocks), __ATOMIC_RELAXED);
}

static void set_rival(void)
{
	struct room_key both[2];

	home = room_homed_all(p, both, 2);
	room_key(p, &rival, 0);
	key = both[1];
	key.k.data = key.bytes;
	rival_block = room_ready(p, &rival.k);
	room_link(p, rival_block, &rival.k, 0);
	room_pend(p, home, rival_block);
}

static void store(void)
{
	unsigned char value[64];

	memset(value, 7, sizeof(value));
	pair_at_flush = note_block;
	pair_must(pool_store(p, &key.k, value, sizeof(value)) == 0);
}

static void see_ready(void)
{
	uint32_t idx;

	pair_await(1);
	idx = __atomic_load_n(&seen, __ATOMIC_RELAXED);
	pair_must(block_state(block_load(slab_block(&q->slab, idx))) ==
		  BLOCK_READY);
	pair_must(bytes_of(idx)[0] == 7);
	read_plain();
}

/* What is written between OWNED and ASKING is flushed by nobody; but the key's
 * bytes are read there, and the second thread overwrites them.  The first one
 * reads them again later, so the way back orders. */
static a32 back;

static void note_asking(const void *what)
{
	const struct slab_region *g = &p->slab.region[0];
	uint32_t i = 0;

	if (what != slab_block(&p->slab, rival_block))
		return;
	pair_at_flush = NULL;
	while (!(block_guess(&g->blocks[i]) & BLOCK_ASKING))
		i++;
	__atomic_store_n(&seen, i, __ATOMIC_RELAXED);
	stand_still();
	pair_must(a32_load_acq(&back) == 1);
}

static void reserve(void)
{
	struct maru_buf buf;

	pair_at_flush = note_asking;
	pair_must(pool_reserve(p, &key.k, 64, &buf) == 0);
}

static void see_asking(void)
{
	uint64_t w;

	pair_await(1);
	w = block_load(
		slab_block(&q->slab, __atomic_load_n(&seen, __ATOMIC_RELAXED)));
	pair_must(block_state(w) == BLOCK_OWNED && (w & BLOCK_ASKING));
	*(volatile unsigned char *)key.bytes = key.bytes[0];
	a32_store_rel(&back, 1);
	pair_pass(2);
}

/* B2, D3: helping another's block. */

static void help(void)
{
	plain++;
	dir_help(&p->dir, home, head_load(&p->dir, home));
	pair_pass(1);
}

static void see_live(void)
{
	pair_await(1);
	pair_must(block_state(block_load(slab_block(&q->slab, rival_block))) ==
		  BLOCK_LIVE);
	read_plain();
}

static void see_head_gone_on(void)
{
	pair_await(1);
	pair_must(head_pending(head_load(&q->dir, home)) == 0);
	read_plain();
}

/* B3: the last use of a block's bytes, and the next one's. */

static void set_block(enum block_state state)
{
	room_key(p, &key, 1);
	block = room_ready(p, &key.k);
	pair_must(extent_of(&p->slab, block, &ext));
	/* its hints are there already: no change of them orders anything */
	room_hints_set(&ext, ~0ull);
	maps_set(ext.r, ext.class, ext.head);
	room_set(p, block, state, 0);
	if (state == BLOCK_DYING)
		slab_disown(&p->slab, block);
}

static void set_dying(void)
{
	set_block(BLOCK_DYING);
}

static void set_owned(void)
{
	set_block(BLOCK_OWNED);
}

static void set_ghost(void)
{
	set_block(BLOCK_OWNED);
	p->dir.quarantine = false;
	room_ghost(p, CLIENT_ACTIVE);
	room_ghost_owns(p, block);
}

static void set_waiting(void)
{
	a64 *word;

	set_ghost();
	room_ghost(p, CLIENT_QUARANTINED);
	word = &slab_block(&p->slab, block)->word;
	a64_store_rlx(word, block_quarantined(a64_load_rlx(word)));
}

static void reclaim(void)
{
	struct media_block *b = slab_block(&p->slab, block);

	bytes_of(block)[0] = 1;
	pair_must(dir_reclaim(&p->dir, block, block_guess(b)));
	pair_pass(1);
}

static void give(void)
{
	struct media_block *b = slab_block(&p->slab, block);

	bytes_of(block)[0] = 1;
	pair_must(slab_free(&p->slab, block, block_guess(b)));
	pair_pass(1);
}

static void reap_block(void)
{
	bytes_of(block)[0] = 1;
	pair_must(dir_reap(&p->dir, block, GHOST, GHOST_INC));
	pair_pass(1);
}

static void unquarantine(void)
{
	bytes_of(block)[0] = 1;
	pair_must(slab_unquarantine(&p->slab, block, GHOST, GHOST_INC));
	pair_pass(1);
}

static void take(void)
{
	uint32_t at, idx;

	pair_await(1);
	pair_must(extent_block(&ext, block, &at));
	pair_must(slab_take(&q->slab, &ext, at, &idx));
	bytes_of(block)[0] = 2;
}

/* L1 to L3: a holder's last look at the bytes, and who overwrites them. */

static void set_held(void)
{
	room_key(p, &key, 1);
	block = room_live(p, &key.k);
	pair_must(ledger_pin(ledger_cell(&p->slab, p->slab.self, block)));
}

static void unpin(void)
{
	pair_must(bytes_of(block)[0] == 0);
	pair_must(dir_drop(&p->dir, block, 1) == 0);
	pair_pass(1);
}

static void empty_row(void)
{
	pair_must(bytes_of(block)[0] == 0);
	client_undo_row(&p->client, p->client.self,
			client_inc(p->client.self_word), DIR_DEAD);
	pair_pass(1);
}

/* The row is of a client that counts no more; here it does. */
static void end_quarantine(void)
{
	pair_must(bytes_of(block)[0] == 0);
	pair_must(client_reap(&p->client, GHOST) == 1);
	pair_pass(1);
}

static void leave_held(void)
{
	pair_must(bytes_of(block)[0] == 0);
	client_leave(&p->client);
	pair_pass(1);
}

static void overwrite(void)
{
	pair_await(1);
	pair_must(!ledger_held(&q->slab, block));
	bytes_of(block)[0] = 2;
}

static void activate(void)
{
	plain++;
	ledger_activate(&p->slab, GHOST);
	pair_pass(1);
}

static void look_at_rows(void)
{
	pair_await(1);
	pair_must(ledger_pins(&q->slab, 0) == 0);
	read_plain();
}

/* D1, D2: the head names a block, which has its slot. */

static void set_ready(void)
{
	room_key(p, &key, 1);
	home = dir_home(&p->dir, key.k.h.h0);
	block = room_ready(p, &key.k);
}

static void in_own_help(const void *what)
{
	(void)what;
	stand_still();
}

static void publish(void)
{
	struct dir_hit other;

	plain++;
	pair_at_flush = in_own_help;
	pair_must(!dir_publish(&p->dir, block, &key.k, DIR_INSERT, 0, &other));
}

static void see_named(void)
{
	pair_await(1);
	pair_must(head_pending(head_load(&q->dir, home)) == block + 1);
	read_plain();
}

static void see_slot(void)
{
	const struct media_bucket *b = &q->dir.buckets[home];
	unsigned i = 0;

	pair_await(1);
	while (slot_idx(a64_load_rlx(&b->slot[i])) != block)
		i++;
	pair_must(slot_idx(slot_load(&b->slot[i])) == block);
	read_plain();
}

/* D4: one thread at a time goes through the debts. */

static void set_debt(void)
{
	a64_store_rlx(p->dir.owes, 1);
}

static void settle_first(void)
{
	plain++; /* as if in there: the exchange that lets it in has no release */
	dir_settle(&p->dir);
	pair_pass(1);
}

static void settle_next(void)
{
	pair_await(1);
	dir_settle(&p->dir);
	read_plain();
}

/* C1 to C3, M2: slots, and the pool's state. */

static void join(void)
{
	pair_must(client_join(&r->client, "third") == 0);
	__atomic_store_n(&seen, r->client.self, __ATOMIC_RELAXED);
	pair_pass(1);
}

static uint32_t third(void)
{
	pair_await(1);
	return __atomic_load_n(&seen, __ATOMIC_RELAXED);
}

static void see_name(void)
{
	uint32_t slot = third();

	pair_must(client_state(client_word(&q->client, slot)) == CLIENT_ACTIVE);
	pair_must(q->client.slots[slot].name[0] == 't');
}

static void set_third(void)
{
	pair_must(client_join(&r->client, "third") == 0);
	seen = r->client.self;
}

static void leave(void)
{
	plain++;
	client_leave(&r->client);
	pair_pass(1);
}

static void see_free(void)
{
	uint32_t slot = third();

	pair_must(client_state(client_word(&q->client, slot)) == CLIENT_FREE);
	read_plain();
}

static void set_died(void)
{
	room_key(p, &key, 1);
	block = room_died(p, &key.k, BLOCK_READY, ROOM_PENDING);
	seen = GHOST;
}

static void reap(void)
{
	pair_at_flush = write_plain;
	pair_must(client_reap(&p->client, GHOST) == 1);
	pair_must(plain > 0);
	pair_pass(1);
}

static void say_clean(void)
{
	plain++;
	media_make_clean(&p->media, media_state(&p->media));
	pair_pass(1);
}

static void see_clean(void)
{
	pair_await(1);
	pair_must(media_is_clean(&q->media));
	read_plain();
}

static void nothing(void)
{
}

static const struct scene {
	const char *name;
	void (*set)(void), (*first)(void), (*second)(void);
} scenes[] = {
	{ "store", set_rival, store, see_ready },
	{ "reserve", set_rival, reserve, see_asking },
	{ "help", set_rival, help, see_live },
	{ "help-head", set_rival, help, see_head_gone_on },
	{ "reclaim", set_dying, reclaim, take },
	{ "free", set_owned, give, take },
	{ "reap-block", set_ghost, reap_block, take },
	{ "unquarantine", set_waiting, unquarantine, take },
	{ "end-quarantine", set_waiting, end_quarantine, overwrite },
	{ "unpin", set_held, unpin, overwrite },
	{ "undo-row", set_held, empty_row, overwrite },
	{ "activate", nothing, activate, look_at_rows },
	{ "deactivate", set_held, leave_held, overwrite },
	{ "extent", nothing, pair_claim_extent, pair_see_extent },
	{ "retire-head", pair_set_extent, pair_retire, pair_grab_head },
	{ "retire-tail", pair_set_extent, pair_retire, pair_grab_tail },
	{ "publish", set_ready, publish, see_named },
	{ "slot", set_ready, publish, see_slot },
	{ "settle", set_debt, settle_first, settle_next },
	{ "join", nothing, join, see_name },
	{ "leave", set_third, leave, see_free },
	{ "reap", set_died, reap, see_free },
	{ "clean", nothing, say_clean, see_clean },
};
#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

static void *second_thread(void *scene)
{
	((const struct scene *)scene)->second();
	return NULL;
}

static void play(const struct scene *s)
{
	pthread_t id;

	pair_open();
	p = pair_client[0];
	q = pair_client[1];
	r = pair_client[2];
	s->set();
	pair_must(!pthread_create(&id, NULL, second_thread,
				  (void *)(uintptr_t)s));
	s->first();
	pair_must(!pthread_join(id, NULL));
}

START_TEST(both_ends_of_a_pair_order_what_they_are_to)
{
	play(&scenes[_i]);
}
END_TEST

/* All of them, each in a process of its own; or the one that is named, here. */
int main(int argc, char **argv)
{
	Suite *s = suite_create("order");
	TCase *tc = tcase_create("order");
	SRunner *sr = srunner_create(s);
	int from = 0, to = SCENES, failed;

	if (argc == 2) {
		while (from < to && strcmp(argv[1], scenes[from].name) != 0)
			from++;
		to = from + 1;
		srunner_set_fork_status(sr, CK_NOFORK);
		alarm(60);
	}
	if (argc > 2 || from == SCENES) {
		fprintf(stderr, "usage: %s [SCENE]\n", argv[0]);
		return 16;
	}
	tcase_add_loop_test(tc, both_ends_of_a_pair_order_what_they_are_to,
			    from, to);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
