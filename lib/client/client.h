/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is alive, what they hold, undoing the dead.
 *
 *   FREE --join--> JOINING --> ACTIVE --leave--> FREE(incarnation + 1)
 *                     |           | death proved
 *                     '-----------+--> DEAD (pins void) --reap--> FREE
 *                                       |                          ^
 *                            was writing '--> QUARANTINED ---due----'
 *
 * Alive is what the kernel says: a client holds an open-file-description lock
 * on its slot's byte, which goes when its last thread is gone.  Where the lock
 * is gone but the process of that pid and start time still maps the pool (it
 * closed all its descriptors), it is alive as well.
 *
 * Invariants: a FREE slot's row is all zero, and so is its due; the row of a
 * QUARANTINED one has own bits only, of the blocks that wait; one reaper at a
 * time works on a slot (a lock byte of its own), so that it never clears the
 * row of the next client there.
 *
 * Ordering (label: release side -> acquire side, what becomes visible):
 *  C1: join() -> client_word()   the slot's identity and counters' base
 *  C2: tell() -> client_alive()  start time, boot id, pid namespace
 *  C3: client_leave(), client_free_slot() -> client_word()  the row is empty, nothing
 *	of the last client's is left to be done
 *
 * Dekker (each side changes its own, then looks at the other's, all full):
 *  K7: change() to dirty, then join(), then change() again <-> the slot freed,
 *	then the slots looked at, then change() to clean  nobody is in a clean
 *	pool
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "client/format.h"
#include "client/host.h"
#include "dir/dir.h"

#include <pthread.h>

#define CLIENT_NONE UINT32_MAX
#define CLIENT_LOCK_POOL 0u /* shared: a user; exclusive: format, repair */
#define CLIENT_LOCK_SLOT 1u
#define CLIENT_LOCK_REAP 2048u
#define CLIENT_LOCK_HOST 4000u /* of this host's processes: its entry */

/* A process, for good: no other one will ever be the same. */
struct client_identity {
	uint64_t pid, start, boot[2], pidns;
	int64_t shift; /* start times that we see are so many ticks ahead */
};

/* This process' side. */
struct client {
	struct media_client *slots;
	struct media_lane *lanes;
	uint32_t slot_nr, lane_nr;
	uint32_t self;	    /* CLIENT_NONE on a read-only handle */
	uint64_t self_word; /* ACTIVE with our incarnation */
	struct dev_lock lock;
	struct dir *dir;
	struct client_identity me;
	struct host_self host;
	/* Private to the process: its threads share the lock's description,
	 * which therefore does not keep them from each other. */
	pthread_mutex_t reaping;
	a64 tick_ns; /* when the slow tick looks at the next slot */
	a32 tick_slot;
	a32 lane_next; /* lanes given out */
	uint64_t id;   /* of this handle, unique in the process */
	const char *target;
	uint64_t early_reaps, early_blocks; /* reaped before we had a slot */
	uint64_t quarantine_ns;
	int64_t shift_ns; /* of this process' time namespace */
	/* What due is told by, ns; tests put theirs here. */
	uint64_t (*now_ns)(const struct client *c);
};

/* client.c */

int client_attach(struct client *c, const struct media *m, struct dir *d);
/** client_join() - take a slot, reaping the dead if none is free; -EUSERS */
int client_join(struct client *c, const char *name);
/** client_leave() - give everything back, then the slot. */
void client_leave(struct client *c);
/** client_others() - has anybody else a slot, or left it to be reaped? */
bool client_others(const struct client *c);
/** client_holds() - entries held or pinned, and buffers, by this client. */
void client_holds(const struct client *c, uint32_t slot, uint64_t *entries,
		  uint64_t *pins, uint64_t *buffers);

static inline uint64_t client_word(const struct client *c, uint32_t slot)
{
	/* C1 acquire, C3 acquire; K7 full */
	return a64_load_full(&c->slots[slot].word);
}

static inline enum client_state client_state(uint64_t w)
{
	return (enum client_state)(w & 0xf);
}

static inline uint32_t client_inc(uint64_t w)
{
	return (uint32_t)(w >> 32);
}

static inline uint64_t client_make(enum client_state state, uint32_t inc)
{
	return (uint64_t)state | (uint64_t)inc << 32;
}

/* The same client in another state. */
static inline uint64_t client_as(uint64_t w, enum client_state state)
{
	return (w & ~0xfull) | (uint64_t)state;
}

/** client_host() - the entry of its host, or HOST_NONE */
static inline uint32_t client_host(uint64_t w)
{
	return (uint32_t)(w >> 4 & 0xff) - 1;
}

static inline uint64_t client_at(uint64_t w, uint32_t host)
{
	return w | (uint64_t)((host + 1) & 0xff) << 4;
}

/* Its host was declared gone: nothing of it is used before that is confirmed */
#define CLIENT_FENCED 0x1000ull

/** client_ok() - nobody has declared us dead. */
static inline bool client_ok(const struct client *c)
{
	/* relaxed: a fence of ours only matters once it is there */
	return a64_load_rlx(&c->slots[c->self].word) == c->self_word;
}

/* alive.c */

int client_identity(struct client_identity *me);
/** client_shift_ns() - of a clock ("monotonic"), by our time namespace */
int64_t client_shift_ns(const char *clock);
/**
 * client_alive() - 1 alive, 0 certainly gone, -1 cannot tell (alive then)
 *
 * Of another host: until that is declared gone.
 */
int client_alive(struct client *c, uint32_t slot);
/** client_alive_here() - what this host's kernel says, whatever was declared */
int client_alive_here(struct client *c, uint32_t slot);
/** client_is_here() - does this host's kernel decide about that client? */
bool client_is_here(const struct client *c, uint64_t w);
/** client_sure() - how sure it is that a dead one stores nothing any more */
enum dir_sure client_sure(const struct client *c, uint64_t w);
/** client_same_boot() - are two host entries of one running kernel? */
bool client_same_boot(const struct client *c, uint32_t a, uint32_t b);

/* reap.c */

/** client_reap() - clean up after @slot if it is dead or due; 1 done, 0 not */
int client_reap(struct client *c, uint32_t slot);
/** client_struck() - this thread was led out of a call; it may have reaped */
void client_struck(struct client *c);
/** client_reap_all() - how many were cleaned up after */
int client_reap_all(struct client *c);
/** client_tick() - every 100 ms, for slow paths: one slot and our debts */
void client_tick(struct client *c);

struct client_undone {
	uint64_t freed;	      /* blocks given back */
	uint64_t zombies;     /* own bits that stay, as somebody pins them */
	uint64_t quarantined; /* own bits that stay until due */
};

/** client_undo_row() - free what a row says, and clear it as far as may be */
struct client_undone client_undo_row(struct client *c, uint32_t slot,
				     uint32_t inc, enum dir_sure sure);
/** client_look_after_debts() - zombies of everybody alive */
void client_look_after_debts(struct client *c);
/** client_persist_slot() - of a pool of several hosts: whose it is, or that it
 *	is nobody's, before an entry of the hosts' table is FREE */
void client_persist_slot(const struct client *c, uint32_t slot);
/** client_free_slot() - as the client @w it is of is undone; false: not now */
bool client_free_slot(struct client *c, uint32_t slot, uint64_t w);
void client_count_reap(struct client *c, uint64_t reaps, uint64_t blocks);

/* fence.c */

/** client_fence() - of a host that we recover, with the slot's lock held */
int client_fence(struct client *c, uint32_t slot, uint64_t w);

/* quarantine.c */

#define CLIENT_DUE_NONSENSE UINT64_MAX

void client_clock_start(struct client *c, uint32_t quarantine_ms);
/** client_due_set() - from now on, as its death has been proved */
void client_due_set(struct client *c, uint32_t slot);
/** client_due_in() - ns; 0: it is over; NONSENSE: to be set anew */
uint64_t client_due_in(const struct client *c, uint32_t slot);
/** client_due_left() - the same, set anew where it was nonsense */
uint64_t client_due_left(struct client *c, uint32_t slot);
/** client_quarantined() - slots in quarantine, and when the first is due */
uint32_t client_quarantined(const struct client *c, uint64_t *first_ns);

/* lane.c */

/** client_lane() - this thread's lane number */
unsigned client_lane(struct client *c);
void client_count(struct client *c, enum client_counter what, uint64_t n);
/** client_counters() - a slot's COUNT_NR sums, of all who ever had it */
void client_counters(const struct client *c, uint32_t slot, uint64_t *out);
/** client_counters_since() - since the present client joined */
void client_counters_since(const struct client *c, uint32_t slot,
			   uint64_t *out);
void client_counters_start(struct client *c, uint32_t slot);

#endif
