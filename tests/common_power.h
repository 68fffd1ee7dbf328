/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss of power: every image that the log of a run allows, repaired and read.
 *
 *   power_begin()            a fresh pool, watched
 *   power_store() ...        what happens to it; what was promised is noted
 *   power_cut()              the log replayed: images, repaired, read, judged
 *
 * The medium: a line of 64 bytes holds any prefix of what was stored to it, in
 * program order, but at least what was stored before a flush of the line that
 * a drain of the same process completed.  Lines do not depend on each other.
 * A word of eight bytes is never torn.  That is what x86-64 with persistent
 * memory gives: stores leave the cache by lines, and all of a line that were
 * done are in it.  In half of the images by chance lines tear between any two
 * words, in any order: a streaming store may do so, and nobody promises more
 * than eight bytes for a line that is on its way when the power goes.
 */
#ifndef TESTS_COMMON_POWER_H
#define TESTS_COMMON_POWER_H

#include "common_record.h"

#include <maru.h>
#include <stddef.h>
#include <stdio.h>

#define POWER_KEYS 24
#define POWER_VERSIONS 60 /* of a key; bits of a mask, from 1 */
#define POWER_OPS 2000
#define POWER_NEVER UINT32_MAX
#define POWER_HOST_MS 10000u

enum power_kind { POWER_STORE, POWER_DELETE, POWER_SWEEP, POWER_SYNC };

/* Something that was done: between which entries, and what it promises. */
struct power_op {
	uint32_t begin, end; /* POWER_NEVER: the client died in it */
	uint8_t kind, key, version;
	bool sweeps; /* any entry may have been evicted by it */
	int rc;
	uint64_t seen; /* keys that were found at its end */
};

/* Shared with children. */
struct power_story {
	uint64_t evicted; /* so far */
	bool weak; /* nothing is promised but that what is there is whole */
	uint32_t op_nr;
	uint32_t child; /* where in the log power_child() began its @fn */
	struct power_op op[POWER_OPS];
	uint8_t version[POWER_KEYS]; /* the last one */
	uint16_t salt[POWER_KEYS];   /* in the key, for its place */
	uint32_t len[POWER_KEYS][POWER_VERSIONS];
};

extern struct power_story *power_story;

#define power_need(good) \
	((good) ? (void)0 : power_stop(__FILE__, __LINE__, #good))
void power_stop(const char *file, int line, const char *what)
	__attribute__((noreturn));

/** power_ready() - go on with what the runs need in the environment; or 77 */
int power_ready(char **argv);

/** power_begin() - a fresh pool, watched from here on */
void power_begin(const struct maru_create_opts *opts);

/** power_begin_empty() - nothing but zero bytes */
void power_begin_empty(uint64_t bytes);

const char *power_target(void);

/** power_watch() - the pool as it is; @keep: and the promises that were made */
void power_watch(bool keep);

struct maru_pool *power_open(void);
void power_close(struct maru_pool *pool);

/** power_key() - the key of a number: 6 to 1000 bytes */
size_t power_key(char key[MARU_KEY_MAX], unsigned no);

int power_store(struct maru_pool *pool, unsigned key, size_t len);
/** power_write() - by maru_alloc(), or by maru_reserve() if @claim */
int power_write(struct maru_pool *pool, unsigned key, size_t len, bool claim);
/** power_place() - by maru_alloc() of @room bytes, of which @len are used */
int power_place(struct maru_pool *pool, unsigned key, size_t len, size_t room);
int power_delete(struct maru_pool *pool, unsigned key);
void power_clear(struct maru_pool *pool);
void power_sync(struct maru_pool *pool);

/** power_op() - begin one by hand; power_done() - it is over */
struct power_op *power_op(enum power_kind kind, unsigned key);
void power_done(struct maru_pool *pool, struct power_op *op, int rc);

/** power_fill() - the value of a key's version */
void power_fill(void *buf, size_t len, unsigned key, unsigned version);

/** power_drains() - of the last operation */
unsigned power_drains(void);

/** power_child() - @fn in another client, killed after @stores; false: not */
bool power_child(void (*fn)(struct maru_pool *pool), uint32_t stores);

struct power_plan {
	unsigned subsets; /* all of them of up to so many lines */
	unsigned singles; /* lines that are held back, or go alone */
	unsigned randoms; /* images by chance */
	unsigned stride;  /* of the stores that repair does not believe */
	unsigned cuts;	  /* at most so many, evenly spread; 0: no limit */
	unsigned usable;  /* every so manyth image is filled and emptied */
	uint32_t from;	  /* the first entry of interest */
	uint64_t seed;
	double until; /* CLOCK_MONOTONIC, or 0 */
	uint32_t fsck_flags;
	bool lost; /* with a host, whose processes are not 0; 0 lives on */
};

struct power_count {
	uint64_t cuts, images, distinct, accepted, refused, bad;
	uint64_t kept; /* entries after repair, of all distinct images */
};

/**
 * power_cut() - cut the power everywhere; what was wrong goes to stderr
 *
 * Return: how many images were bad, in count->bad as well.
 */
uint64_t power_cut(const struct power_plan *plan, struct power_count *count);

/** power_cut_host() - lose a host everywhere, with what its caches held */
uint64_t power_cut_host(const struct power_plan *plan,
			struct power_count *count);

/** power_lose() - make the pool what is surely there after @entries */
void power_lose(uint32_t entries);

/* common_scene.c */

/**
 * struct power_scene - something that happens to a pool
 * @run: do it, with the log on; @variant: where a client dies, if one does;
 *	false: it had done all before
 * @closely: the stride to cut it with, as it may be opened as it is
 */
struct power_scene {
	const char *name;
	bool (*run)(unsigned variant);
	unsigned closely;
	bool dies;
	bool lossy; /* may be played with the loss of a host, too */
};

extern const struct power_scene power_scenes[];
extern const unsigned power_scene_nr;

/** power_leave() - one buffer takes all but @slabs slabs; nobody writes it */
struct maru_buf power_leave(struct maru_pool *pool, unsigned slabs);
struct maru_create_opts power_opts(void);

/** power_share() - scenes are played in a pool of several hosts from now on */
void power_share(bool on);

/** power_scene() - by its name, of all that there are */
const struct power_scene *power_scene(const char *name);

/** power_random() - anything, of two clients in turn */
void power_random(uint64_t seed, unsigned steps);

/* common_loss_scene.c */

extern const struct power_scene loss_scenes[];
extern const unsigned loss_scene_nr;

/** loss_random() - anything, of a host that is lost and one that lives */
void loss_random(uint64_t seed, unsigned steps);

/* common_loss.c */

/** loss_ready() - pools are of several hosts from now on; loss_over() - tidy */
bool loss_ready(void);
void loss_over(void);

/** loss_survivor() - the handle @a is of a host that is lost; one of another */
struct maru_pool *loss_survivor(struct maru_pool *a);

/* common_power_image.c */

/* What a pool holds: of each key the versions that fit, by bit; 0: absent. */
struct power_found {
	uint64_t version[POWER_KEYS];
};

/** power_read() - false: something in it is not whole, or not ours */
bool power_read(struct maru_pool *pool, struct power_found *found);

/** power_judge() - were the promises kept, with power lost after @at entries? */
bool power_judge(const struct power_found *found, uint32_t at);

/** power_as_is() - open it: 1 accepted and read, 0 refused, -1 told on stderr */
int power_as_is(const char *path, struct power_found *found);

/** power_check() - no faults; tells them */
bool power_check(struct maru_pool *pool);

/** power_use() - empty it, use it, and have all blocks */
bool power_use(struct maru_pool *pool);

/**
 * power_repair() - repair it, twice, and look
 * @use: and fill and empty it
 * Return: 1 a pool, 0 none, -1 something is wrong and told on stderr.
 */
int power_repair(const char *path, uint32_t flags, bool use,
		 struct power_found *found);

#endif
