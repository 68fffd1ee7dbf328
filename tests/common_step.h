/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client is taken through one call instruction by instruction; at any of
 * them it is killed, or stopped, and others go on.
 *
 *   common_step_trace.c   the processor: single steps, run to an instruction
 *   common_step_scene.c   a pool as it was, survivors, what must be balanced
 *   common_step_walk.c    once through a call, then to any of its instructions
 *   common_step_after.c   what survivors do when the client is dead or stopped
 *   common_step_write.c   the calls that write      (struct step_op each)
 *   common_step_read.c    the calls that hold, pin and remove
 *   common_step_reap.c    joining, leaving, and cleaning up after a first death
 *   common_step_wait.c    pools with a quarantine: what waits, and its end
 *   common_step_end.c     the calls that begin and end one
 */
#ifndef TESTS_COMMON_STEP_H
#define TESTS_COMMON_STEP_H

#include "common_image.h"

#include "media/format.h"

#include <maru.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The processor -------------------------------------------------------------- */

/** The places of one run through a call: pc[n] is where n steps lead to. */
struct step_trace {
	uint64_t *pc;
	uint32_t *arrivals; /* at pc[n] so far */
	uint32_t *last;	    /* by a hash of the place: where it was last */
	size_t nr, room;
};

enum step_stop { STEP_THERE, STEP_MARK, STEP_GONE };

/** step_supported() - can it be done on this machine? */
bool step_supported(void);

/** step_mark() - in the client: here begins, here ends what is stepped. */
void step_mark(void);

/** step_spawn() - a traced child that runs @fn; stopped at its first mark. */
pid_t step_spawn(void (*fn)(void *), void *arg);

/** step_once() - one instruction. */
enum step_stop step_once(pid_t pid);

uint64_t step_pc(pid_t pid);

/** step_note() - the trace goes on at @pc. */
void step_note(struct step_trace *t, uint64_t pc);

/** step_to() - from @from steps to @to; STEP_MARK: it ended before. */
enum step_stop step_to(pid_t pid, const struct step_trace *t, size_t from,
		       size_t to);

/** step_kill() - SIGKILL, and wait until it is gone. */
void step_kill(pid_t pid);

/** step_run_out() - let it run to its end; its wait status. */
int step_run_out(pid_t pid);

/** step_where() - name the place: function+offset (file:line). */
const char *step_where(uint64_t pc);

/* Operations ----------------------------------------------------------------- */

#define STEP_KEYS 8
#define STEP_KEY 320	/* room for a key */
#define STEP_LONG 1000	/* numbers from here on have a long key */
#define STEP_HOMED 2000 /* and from here on one home */
#define STEP_HOMES 32
#define STEP_LEN 200 /* bytes of a value */

struct step_key {
	unsigned no; /* 0: none */
	enum image_is before, after;
};

/** The client that is stepped. */
struct step_client {
	struct maru_pool *pool;
	const char *target;
	struct maru_view view[4];
	struct maru_buf buf[4];
	struct maru_ref ref;
	const struct step_op *op;
};

struct step_scene;

/** A first death: of a client in @op, as soon as the pool's bytes say so. */
struct step_wreck {
	const struct step_op *op;
	bool (*when)(const struct step_scene *sc);
	bool at_end; /* when the call has returned */
};

#define STEP_EVICTS 1u	  /* entries may go that it does not name */
#define STEP_OTHERS 2u	  /* the survivors hold something all the while */
#define STEP_NO_POOL 4u	  /* the client has no handle before, or after */
#define STEP_LONE 8u	  /* too long for every n: images, and some kills */
#define STEP_TICK 16u	  /* its slow tick is due */
#define STEP_OWN_KEYS 32u /* stores what is there before itself */

/* Kinds of pool; an operation may be gone through in several. */
enum step_kind {
	STEP_PLAIN,
	STEP_WAIT,    /* with a quarantine, by a clock of the test's */
	STEP_DURABLE, /* durable, with checksums, SipHash and small units */
	STEP_KINDS,
};

#define STEP_ALSO(kind) (1u << (kind))
#define STEP_WAITS STEP_ALSO(STEP_WAIT)
#define STEP_LASTS STEP_ALSO(STEP_DURABLE)
#define STEP_DELAY_NS (MEDIA_QUARANTINE_MAX * UINT64_C(1000000))

struct step_op {
	const char *name;
	enum step_kind kind;
	unsigned also; /* in these kinds too: STEP_ALSO() */
	struct step_key keys[STEP_KEYS];
	unsigned flags;
	int allowed[6];			       /* results but 0 and >0 */
	void (*setup)(struct step_scene *sc);  /* survivors, before it is */
	int (*prepare)(struct step_client *c); /* itself, not stepped */
	bool (*pause)(const struct step_scene *sc); /* here */
	void (*meanwhile)(struct step_scene *sc);   /* survivors, then */
	int (*act)(struct step_client *c);	    /* what is stepped */
	void (*finish)(struct step_client *c);	    /* if it lives: give back */
	void (*release)(struct step_scene *sc);	    /* survivors give back */
	const struct step_wreck *wreck;
};

extern const struct step_op step_ops_write[], step_ops_read[], step_ops_reap[],
	step_ops_wait[];

size_t step_key(const struct step_scene *sc, char key[STEP_KEY], unsigned no);
int step_put(struct maru_pool *p, unsigned no);
int step_get(struct maru_pool *p, unsigned no);
int step_has(struct maru_pool *p, unsigned no);
int step_del(struct maru_pool *p, unsigned no);
int step_hold(struct maru_pool *p, unsigned no, struct maru_view *view);

/** step_debt() - make an entry that is held a zombie, and the debt @p's. */
void step_debt(struct maru_pool *p, unsigned no);

/* Scenes --------------------------------------------------------------------- */

/** What parent and child share. */
struct step_shared {
	uint32_t returned;
	int32_t rc;
	char bad[200];
	uint64_t faults, told; /* told: of this operation */
	uint32_t slot;	       /* the client's */
	uint64_t now_ns;       /* the clock of a pool with a quarantine */
};

struct step_scene {
	int fd, copy_fd; /* the pool; a copy of its image */
	char target[32], copy_target[32];
	unsigned char *map, *pristine, *before;
	size_t len, meta;
	struct maru_pool *s, *t; /* who survives */
	struct maru_view view[4];
	struct maru_buf buf[4];
	unsigned homed[STEP_HOMES];
	const struct step_op *op;
	struct step_shared *shared;
	size_t n; /* instructions that the client made */
	uint64_t pc;
	size_t wreck_n;	 /* and that of the first death */
	uint64_t astray; /* how often it was elsewhere than on the walk */
	uint32_t client; /* its slot */
	const char *mode;
	bool copy;	  /* what is looked at is a copy of the image */
	bool stands;	  /* the client is stopped, not dead */
	bool waits;	  /* blocks of the dead may be QUARANTINED now */
	uint64_t real_ns; /* the kernel's clock when it began */
};

extern struct step_scene step_scene;

/** step_scene_make() - once, for a worker. */
void step_scene_make(unsigned worker);

/** step_scene_use() - the pool of this kind, and how it looks when it is new */
void step_scene_use(enum step_kind kind);

/** step_unit() - bytes of its smallest block. */
size_t step_unit(void);

/** step_fill() - entries of one unit, as many as there is room for. */
void step_fill(struct step_scene *sc);

/** step_pool() - for other programs: such a pool, and one handle. */
struct maru_pool *step_pool(void);

/** step_begin() - a new pool, survivors, and the client before its call. */
pid_t step_begin(const struct step_op *op);

/** step_bad() - report a violation. */
void step_bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** step_check_image() - with the survivors, whatever keys there are. */
void step_check_image(const char *when);

/** step_after_death() - others find, clean up, work; then all is given back. */
void step_after_death(void);

/** step_after_image() - the same for a copy of the image as it is now. */
void step_after_image(void);

/** step_while_stopped() - others work while the client stands still. */
void step_while_stopped(void);

/** step_after_life() - the client has gone on and left. */
void step_after_life(void);

/** step_snapshot() - the tables and values, to compare with later. */
void step_snapshot(unsigned char *to);

/** step_take() - what can be had in blocks of a unit; how many they are. */
unsigned step_take(struct maru_pool *p, struct maru_buf *buf, unsigned room);

#define STEP_UNITS 2100 /* more than a pool has */

/* Waiting -------------------------------------------------------------------- */

/** step_clock() - let a handle go by the test's clock, if it is that kind. */
void step_clock(struct maru_pool *p);

/** step_wait_begin() - what the clock says before anybody has died. */
void step_wait_begin(void);

/** step_wait_copy() - the same for who opens a copy, by the kernel's clock. */
void step_wait_copy(void);

/** step_wait_note() - what the dead were writing, as the tables say. */
void step_wait_note(void);

/** step_wait_keeps() - how many of these are not due. */
unsigned step_wait_keeps(void);

/** step_wait_check() - nobody has got any of them. */
void step_wait_check(const char *after);

/** step_wait_end() - they come back when they are due, and not before. */
void step_wait_end(void);

/** step_wait_slots() - the slots of the dead can be had again. */
void step_wait_slots(void);

/* Walks ---------------------------------------------------------------------- */

/** What is known of a call once it was stepped through. */
struct step_walk {
	struct step_trace trace;
	size_t *changed; /* after these steps the tables were other ones */
	size_t changed_nr, changed_room;
	size_t pause_at; /* the survivors had their turn; 0: never */
};

/** step_walk() - step through a call; @image is told of each new image. */
void step_walk(struct step_walk *w, const struct step_op *op,
	       void (*image)(void));

/** step_reach() - a new scene with the client at instruction @n; -1 failed. */
pid_t step_reach(const struct step_walk *w, const struct step_op *op, size_t n);

/** step_points() - call @fn for all changes, and for @want instructions. */
void step_points(const struct step_walk *w, const struct step_op *op,
		 size_t want,
		 void (*fn)(const struct step_walk *w, const struct step_op *op,
			    size_t n));

/** What the workers found together. */
struct step_total {
	uint64_t ops, steps, images, points, faults, astray;
};

/**
 * step_each_op() - call @fn for all operations with @only in their name
 *
 * By one worker for each processor, each with a pool of its own.
 */
struct step_total step_each_op(const char *only,
			       void (*fn)(const struct step_op *op,
					  struct step_total *sum));

#define PATIENCE 120 /* seconds: this is for loops without end only */

/** step_watch() - die with a message if this point takes for ever. */
void step_watch(unsigned seconds);

#endif
