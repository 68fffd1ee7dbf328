/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes on in the pool: counters, clients, reaping. */
#ifndef MARU_STAT_H
#define MARU_STAT_H

#include <maru/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Counters, one line each: name and meaning.  They only grow, for the life of
 * the pool, and reading them changes nothing.
 */
#define MARU_COUNTERS(X)                                                    \
	X(hits, "retrieves, reads and pins that found their key")           \
	X(misses, "retrieves, reads and pins that did not")                 \
	X(hit_bytes, "bytes of values found")                               \
	X(exists_hits, "exists calls that found their key")                 \
	X(exists_misses, "exists calls that did not")                       \
	X(releases, "holds given back")                                     \
	X(stale, "releases, commits or aborts of something no longer held") \
	X(stores, "values made visible by store or commit")                 \
	X(store_bytes, "bytes of values made visible")                      \
	X(existed, "stores and commits that found the key there")           \
	X(reserves, "keys claimed")                                         \
	X(in_progress, "reserves that met a claim")                         \
	X(aborts, "buffers given back unwritten")                           \
	X(deletes, "entries deleted")                                       \
	X(busy, "deletes refused for a pin")                                \
	X(evictions, "entries evicted")                                     \
	X(evict_bytes, "bytes of blocks evicted")                           \
	X(no_room, "allocations that failed with -ENOSPC")                  \
	X(retires, "slabs taken back from their class")                     \
	X(reaps, "dead clients cleaned up after")                           \
	X(reaped_blocks, "blocks of dead clients given back")               \
	X(corrupt, "entries dropped for a bad checksum")                    \
	X(bad, "blocks taken out of use for a memory error")                \
	X(fenced, "hosts declared gone")

struct maru_counters {
#define MARU_X(name, text) uint64_t name;
	MARU_COUNTERS(MARU_X)
#undef MARU_X
};

/** The pool at a glance. */
struct maru_stats {
	size_t size;		 /* in: sizeof(struct maru_stats) */
	uint64_t pool_bytes;	 /* all regions, tables included */
	uint64_t data_bytes;	 /* what values can occupy */
	uint64_t used_bytes;	 /* blocks of entries and buffers, not bad */
	uint64_t value_bytes;	 /* bytes of visible values */
	uint64_t entries;	 /* visible keys */
	uint64_t buffers;	 /* blocks being written */
	uint64_t claims;	 /* of these, reserved for a key */
	uint64_t pinned_entries; /* entries that somebody holds or pins */
	uint64_t pins;		 /* their holds and pins */
	uint32_t regions;
	uint32_t clients; /* slots in use */
	uint32_t max_clients;
	uint32_t bad;		    /* blocks out of use: memory errors */
	struct maru_counters total; /* all clients that ever were */
	struct maru_counters self;  /* this handle's client; 0 if read-only */
	uint64_t quarantined;	    /* blocks that dead clients were writing */
	uint64_t quarantined_bytes; /* their bytes, in used_bytes too */
};

/**
 * maru_stats() - count; walks the descriptors, so not for a hot path
 * @st: st->size set by the caller
 */
int maru_stats(struct maru_pool *pool, struct maru_stats *st);

/**
 * maru_stats_json() - the same as one JSON object
 * @buf: room for @cap bytes, NUL included; may be NULL when @cap is 0
 *
 * Return: the length without NUL, as snprintf(); negative errno.
 */
int maru_stats_json(struct maru_pool *pool, char *buf, size_t cap);

enum maru_client_state {
	MARU_CLIENT_FREE = 0,
	MARU_CLIENT_JOINING = 1,
	MARU_CLIENT_ACTIVE = 2,
	MARU_CLIENT_DEAD = 3, /* pins void, its blocks not yet given back */
	MARU_CLIENT_QUARANTINED = 4, /* dead, devices may write its blocks */
};

/** A client of the pool. */
struct maru_client {
	uint32_t slot;
	uint32_t incarnation;
	enum maru_client_state state;
	int alive;   /* 1 the kernel says so, 0 it is gone, -1 cannot tell */
	int32_t pid; /* in its own pid namespace */
	uint32_t buffers; /* blocks it is writing */
	uint64_t pinned_entries;
	uint64_t pins;
	uint32_t quarantined; /* blocks kept back after its death */
	uint32_t due_ms;      /* QUARANTINED: for so long, at least */
	uint64_t joined_ns;   /* CLOCK_REALTIME when it opened the pool */
	char name[MARU_NAME_MAX + 1];
	struct maru_counters counters; /* since it joined */
	uint32_t host; /* no of struct maru_host, or UINT32_MAX */
};

/**
 * maru_clients() - who is there, oldest first
 * @out: room for @cap clients; may be NULL when @cap is 0
 *
 * Return: how many there are (maybe more than @cap); negative errno.
 */
int maru_clients(struct maru_pool *pool, struct maru_client *out, size_t cap);

/**
 * maru_reap() - clean up after dead clients now
 *
 * Also done by the library itself on open, for lack of room, on obstacles and
 * on a slow tick.  A pool with a quarantine gives the blocks that a dead client
 * was writing back later, when they are due; ask again then.
 *
 * Return: how many were cleaned up after, or had theirs given back; negative
 *	errno.
 */
int maru_reap(struct maru_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
