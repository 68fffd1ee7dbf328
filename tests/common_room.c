// SPDX-License-Identifier: BSD-3-Clause
/* Blocks at any step of their life, and clients that are dead. */
#include "common_room.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

struct maru_pool *room_pool(void)
{
	struct maru_create_opts o = test_opts();

	o.unit = 65536;
	return test_pool(&o);
}

void room_key(struct maru_pool *p, struct room_key *k, uint64_t no)
{
	size_t len = test_key(k->bytes, no);

	dir_key_init(&p->dir, &k->k, k->bytes, len);
}

uint64_t room_homed(struct maru_pool *p, struct room_key *k, uint64_t home,
		    uint64_t no)
{
	for (;; no++) {
		room_key(p, k, no);
		if (dir_home(&p->dir, k->k.h.h0) == home)
			return no;
	}
}

uint64_t room_homed_all(struct maru_pool *p, struct room_key *k, unsigned nr)
{
	uint64_t home, no = 0;

	room_key(p, &k[0], no);
	home = dir_home(&p->dir, k[0].k.h.h0);
	for (unsigned i = 1; i < nr; i++)
		no = room_homed(p, &k[i], home, no + 1);
	return home;
}

uint64_t room_word(struct maru_pool *p, uint32_t idx)
{
	return block_load(slab_block(&p->slab, idx));
}

enum block_state room_state(struct maru_pool *p, uint32_t idx)
{
	return block_state(room_word(p, idx));
}

void room_set(struct maru_pool *p, uint32_t idx, enum block_state state,
	      uint64_t flags)
{
	uint64_t w = room_word(p, idx);
	uint64_t kept = ~(BLOCK_FLAGS | 0xf);

	if (state != BLOCK_OWNED && state != BLOCK_READY)
		kept = ~0xffffffffull;
	w = (w & kept) | (uint64_t)state | flags;
	a64_store_full(&slab_block(&p->slab, idx)->word, w);
}

uint16_t room_cell(struct maru_pool *p, uint32_t slot, uint32_t idx)
{
	return a16_load_full(ledger_cell(&p->slab, slot, idx));
}

uint32_t room_alloc(struct maru_pool *p)
{
	uint32_t idx;

	ck_assert_int_eq(slab_alloc(&p->slab, 1, 0, &idx), 0);
	return idx;
}

uint32_t room_owned(struct maru_pool *p, const struct dir_key *k)
{
	uint32_t idx = room_alloc(p);

	ck_assert_int_eq(entry_write(&p->dir, idx, k, 100), 0);
	return idx;
}

uint32_t room_asking(struct maru_pool *p, const struct dir_key *k)
{
	uint32_t idx = room_owned(p, k);

	room_set(p, idx, BLOCK_OWNED, BLOCK_ASKING);
	return idx;
}

uint32_t room_ready(struct maru_pool *p, const struct dir_key *k)
{
	uint32_t idx = room_owned(p, k);

	room_set(p, idx, BLOCK_READY, 0);
	return idx;
}

uint32_t room_live(struct maru_pool *p, const struct dir_key *k)
{
	uint32_t idx = room_ready(p, k);
	struct dir_hit other;

	ck_assert_int_eq(dir_publish(&p->dir, idx, k, DIR_INSERT, 0, &other),
			 0);
	slab_disown(&p->slab, idx);
	ck_assert_int_eq(room_state(p, idx), BLOCK_LIVE);
	return idx;
}

a64 *room_link(struct maru_pool *p, uint32_t idx, const struct dir_key *k,
	       unsigned way)
{
	uint64_t home = dir_home(&p->dir, k->h.h0);
	struct media_bucket *b = &p->dir.buckets[dir_way(&p->dir, home, way)];
	unsigned i = 0;

	while (i < BUCKET_SLOTS && slot_load(&b->slot[i]))
		i++;
	ck_assert_uint_lt(i, BUCKET_SLOTS);
	a64_store_full(&b->slot[i],
		       slot_make(k->h.h0, block_version(room_word(p, idx)),
				 idx));
	return &b->slot[i];
}

void room_pend(struct maru_pool *p, uint64_t home, uint32_t idx)
{
	uint64_t h = head_load(&p->dir, home);

	ck_assert_uint_eq(head_pending(h), 0);
	a64_store_full(&p->dir.buckets[home].head,
		       head_next(h, head_flags(h), idx + 1));
}

void room_ghost(struct maru_pool *p, enum client_state state)
{
	struct media_client *m = &p->client.slots[GHOST];

	a64_store_rlx(&m->pid, 0);
	if (state == CLIENT_ACTIVE)
		ledger_activate(&p->slab, GHOST);
	a64_store_full(&m->word, client_make(state, GHOST_INC));
}

void room_ghost_owns(struct maru_pool *p, uint32_t idx)
{
	uint64_t w = room_word(p, idx);

	ck_assert(block_owned_by(w, p->slab.self, p->slab.self_inc));
	a16_or_full(ledger_cell(&p->slab, GHOST, idx), CELL_OWN);
	a64_store_full(&slab_block(&p->slab, idx)->word,
		       block_word(block_state(w), w & BLOCK_FLAGS, GHOST,
				  GHOST_INC, block_version(w)));
	slab_disown(&p->slab, idx);
}

void room_ghost_owes(struct maru_pool *p, uint32_t idx)
{
	ck_assert_int_eq(room_state(p, idx), BLOCK_LIVE);
	a16_or_full(ledger_cell(&p->slab, GHOST, idx), CELL_OWN);
	room_set(p, idx, BLOCK_DYING, 0);
}

bool room_row_is_zero(struct maru_pool *p, uint32_t slot)
{
	uint32_t idx = 0;

	return !ledger_walk(&p->slab, slot, &idx);
}

void room_ghost_gone(struct maru_pool *p)
{
	ck_assert_int_eq(client_reap(&p->client, GHOST), 1);
	ck_assert_uint_eq(client_word(&p->client, GHOST),
			  client_make(CLIENT_FREE, GHOST_INC + 1));
	ck_assert(!ledger_is_active(&p->slab, GHOST));
	ck_assert(room_row_is_zero(p, GHOST));
}

uint64_t room_slab(struct maru_pool *p, uint32_t slab)
{
	return slab_word(&p->slab.region[0], slab);
}

void room_slab_set(struct maru_pool *p, uint32_t slab, uint64_t w)
{
	a64_store_full(&p->slab.region[0].slabs[slab].word, w);
}

bool room_busy(struct maru_pool *p, uint32_t slab)
{
	uint32_t at = slab;

	return maps_find_set(&p->slab.region[0], maps_busy(&p->slab), &at) &&
	       at == slab;
}

bool room_mapped(const struct extent *e)
{
	uint32_t at = e->head;

	return maps_find_set(e->r, e->class, &at) && at == e->head;
}

uint64_t room_hints(const struct extent *e)
{
	return a64_load_full(&e->r->slabs[e->head].hint[0]);
}

void room_hints_set(const struct extent *e, uint64_t bits)
{
	for (unsigned i = 0; i < 16; i++)
		a64_store_full(&e->r->slabs[e->head].hint[i], i ? 0 : bits);
}

struct extent room_claim(struct maru_pool *p, uint32_t class, uint32_t run)
{
	struct extent e;
	uint32_t idx;

	ck_assert_int_eq(extent_claim(&p->slab, 0, class, run, &idx), 0);
	ck_assert(extent_of(&p->slab, idx, &e));
	ck_assert_uint_eq(e.run, run);
	ck_assert_uint_eq(e.class, class);
	return e;
}

uint32_t room_take(struct maru_pool *p, const struct extent *e, uint32_t block)
{
	uint32_t idx;

	ck_assert(slab_take(&p->slab, e, block, &idx));
	ck_assert_uint_eq(idx, extent_idx(e, block));
	return idx;
}

void room_give(struct maru_pool *p, uint32_t idx)
{
	ck_assert(slab_free(&p->slab, idx, room_word(p, idx)));
}

/* As if all other slabs were taken: they are hard to find from now on. */
void room_hide_empty(struct maru_pool *p)
{
	const struct slab_region *r = &p->slab.region[0];

	for (uint32_t i = 0; i < r->slab_nr; i++)
		maps_set(r, maps_busy(&p->slab), i);
}

void room_show_empty(struct maru_pool *p)
{
	const struct slab_region *r = &p->slab.region[0];

	for (uint32_t i = 0; i < r->slab_nr; i++)
		if (slab_word_state(slab_word(r, i)) == SLAB_EMPTY)
			maps_clear(r, maps_busy(&p->slab), i);
}

void room_empty(struct maru_pool *p, uint32_t from, uint32_t nr)
{
	for (uint32_t i = from; i < from + nr; i++) {
		ck_assert_int_eq(slab_word_state(room_slab(p, i)), SLAB_EMPTY);
		ck_assert(!room_busy(p, i));
	}
}

unsigned room_flags(struct maru_pool *p, uint64_t home)
{
	return head_flags(head_load(&p->dir, home));
}

uint32_t room_pending(struct maru_pool *p, uint64_t home)
{
	return head_pending(head_load(&p->dir, home));
}

int room_publish(struct maru_pool *p, uint32_t idx, const struct dir_key *k,
		 enum dir_mode mode, struct dir_hit *other)
{
	return dir_publish(&p->dir, idx, k, mode, 0, other);
}

bool room_has(struct maru_pool *p, const struct dir_key *k, uint32_t idx)
{
	struct dir_hit hit;

	if (dir_peek(&p->dir, k, &hit))
		return false;
	ck_assert_uint_eq(hit.idx, idx);
	ck_assert_uint_eq(hit.word, room_word(p, idx));
	return true;
}

void room_drop(struct maru_pool *p, uint32_t idx)
{
	ck_assert_int_eq(dir_remove(&p->dir, idx, room_word(p, idx)), 0);
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
}

void room_withdraw(struct maru_pool *p, uint32_t idx)
{
	ck_assert(dir_withdraw(&p->dir, idx, room_word(p, idx)));
	ck_assert_int_eq(room_state(p, idx), BLOCK_FREE);
}

/* @nr entries of one home; the home. */
uint64_t room_crowd(struct maru_pool *p, struct room_key *k, uint32_t *idx,
		    unsigned nr)
{
	uint64_t home = room_homed_all(p, k, nr);

	for (unsigned i = 0; i < nr; i++)
		idx[i] = room_live(p, &k[i].k);
	return home;
}

uint32_t room_died(struct maru_pool *p, const struct dir_key *k,
		   enum block_state state, enum room_step step)
{
	uint32_t idx = state == BLOCK_READY ? room_ready(p, k) :
					      room_asking(p, k);

	room_ghost(p, CLIENT_ACTIVE);
	room_link(p, idx, k, 0);
	if (step == ROOM_PENDING)
		room_pend(p, dir_home(&p->dir, k->h.h0), idx);
	room_ghost_owns(p, idx);
	return idx;
}

/* The ghost's zombie, pinned once by @holder. */
uint32_t room_zombie(struct maru_pool *p, struct maru_pool *holder, uint64_t no)
{
	struct room_key k;
	struct dir_hit hit;
	uint32_t idx;

	room_key(p, &k, no);
	idx = room_live(p, &k.k);
	ck_assert_int_eq(dir_hold(&holder->dir, &k.k, 1, &hit), 0);
	room_ghost(p, CLIENT_ACTIVE);
	room_ghost_owes(p, idx);
	return idx;
}

uint64_t room_owes(struct maru_pool *p)
{
	return a64_load_full(&p->client.slots[p->client.self].owes);
}

/* A child that holds an entry, writes another, and stays. */
void room_busy_client(struct maru_pool *q, unsigned state)
{
	struct media_client *m = &q->client.slots[q->client.self];
	struct room_key k;
	struct extent e;
	struct dir_hit hit;

	room_key(q, &k, 1);
	ck_assert_int_eq(dir_hold(&q->dir, &k.k, 2, &hit), 0);
	room_alloc(q);
	room_alloc(q);
	e = room_claim(q, 0, 1);
	ck_assert(extent_retire_begin(&q->slab, &e));
	test_scene->no[1] = e.head;
	if (state == CLIENT_JOINING)
		a64_store_full(&m->pid, 0);
	if (state == CLIENT_DEAD) {
		/* a reaper died behind this one's first cell */
		ledger_deactivate(&q->slab, q->client.self);
		a16_store_full(ledger_cell(&q->slab, q->client.self, hit.idx),
			       0);
	}
	a64_store_full(&m->word, client_make(state, q->slab.self_inc));
	test_stay();
}

void room_lose_lock(struct maru_pool *q, unsigned no)
{
	(void)no;
	close(q->client.lock.fd);
	test_stay();
	_exit(0);
}

/* A child of its own that nobody told to close the lock. */
void room_leave_heir(struct maru_pool *q, unsigned no)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	(void)q;
	(void)no;
	if (!pid) {
		alarm(60);
		for (;;)
			pause();
	}
	test_scene->no[0] = pid;
	test_stay();
}

/* The ghost, but with this living process' name, changed in one word. */
int room_reap_namesake(struct maru_pool *p, unsigned change)
{
	struct media_client *m = &p->client.slots[GHOST];
	const struct client_identity *me = &p->client.me;

	room_ghost(p, CLIENT_ACTIVE);
	/* no handle of this process came before */
	a64_store_rlx(&m->joined_ns,
		      dev_process_since(UINT64_MAX) - (change == 5));
	a64_store_rlx(&m->start, me->start + (change == 1));
	a64_store_rlx(&m->boot[0], me->boot[0] + (change == 2));
	a64_store_rlx(&m->boot[1], me->boot[1] + (change == 3));
	a64_store_rlx(&m->pidns, me->pidns + (change == 4));
	a64_store_rel(&m->pid, me->pid);
	return client_reap(&p->client, GHOST);
}

static int until_exec[2]; /* a pipe that exec() closes */

static void become_another(struct maru_pool *q, unsigned no)
{
	(void)q;
	(void)no;
	execlp("sleep", "sleep", "60", (char *)NULL);
	_exit(1);
}

pid_t room_exec_client(void)
{
	pid_t child;
	char byte;

	ck_assert_int_eq(pipe2(until_exec, O_CLOEXEC), 0);
	child = test_client(become_another, 0);
	close(until_exec[1]);
	ck_assert_int_eq(read(until_exec[0], &byte, 1), 0);
	close(until_exec[0]);
	return child;
}

int room_reap_soon(struct maru_pool *p, uint32_t slot)
{
	int done = 0;

	for (unsigned i = 0; i < 10000 && !done; i++) {
		done = client_reap(&p->client, slot);
		sched_yield();
	}
	return done;
}

static a64 *ghosts_word;
static a32 ghosts_last;

static void next_ghost(int sig)
{
	uint64_t w = a64_load_full(ghosts_word);
	uint32_t inc = client_inc(w) + 1;

	(void)sig;
	if (client_state(w) == CLIENT_ACTIVE &&
	    a64_cas_full(ghosts_word, &w, client_make(CLIENT_ACTIVE, inc)))
		a32_store_full(&ghosts_last, inc);
}

void room_ghosts(struct maru_pool *p, long every_us)
{
	const struct itimerval every = { .it_interval.tv_usec = every_us,
					 .it_value.tv_usec = every_us };
	struct sigaction act = { .sa_handler = next_ghost,
				 .sa_flags = SA_RESTART };

	ghosts_word = &p->client.slots[GHOST].word;
	ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
}

uint32_t room_ghosts_last(void)
{
	return a32_load_full(&ghosts_last);
}

void room_ghosts_first(struct maru_pool *p)
{
	a32_store_full(&ghosts_last, GHOST_INC);
	room_ghost(p, CLIENT_ACTIVE);
}
