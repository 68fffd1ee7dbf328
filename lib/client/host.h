/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hosts of a fabric pool: who is there, who is silent, who cleans up.
 *
 *   FREE --claim--> CLAIMED --> ACTIVE(beat) --leave--> FREE(epoch + 1)
 *                      |          |                        ^
 *               silent '----------+--> FENCED --> CONFIRMED'
 *                                      pins void   may be used again
 *
 * A kernel knows which of its own processes are dead, and nothing of another
 * host's.  So each host's clients count up a beat in its entry, and whoever
 * finds that word unchanged for host_ms, counted by its own clock while it was
 * itself awake, exchanges that very word for FENCED.  A beat in between makes
 * the exchange fail.  No two clocks are ever compared.
 *
 * FENCED is no proof: a host that was only stopped may wake and finish the
 * step it was about to make.  So nothing that it could still store to is used
 * again, be it a block, a slot, a slab or the entry, before it is CONFIRMED:
 * by its having been restarted, by its own kernel, or by an operator.
 *
 * Invariants: every slot that is not FREE names an entry that is not FREE; one
 * host at a time recovers an entry, and who takes that over from a FENCED one
 * waits for that one to be CONFIRMED as well.
 *
 * Ordering (label: release side -> acquire side, what becomes visible):
 *  H1: introduce(), host_beat() and others -> host_word()  boot and machine id,
 *	the name; what a host did before it beat, was recovered, or left
 *  H2: host_ask() -> answer_one()  the question
 *  H3: answer_one() -> host_is_answered()  the answer
 *
 * Dekker (each side changes its own, then looks at the other's, all full):
 *  K8: the slot to JOINING, then host_beat() <-> the slots looked at, then the
 *	entry's word as it was before to FREE  no client of a FREE entry
 *  K9: the entry to ACTIVE, then media_enter() <-> media_begin_repair(),
 *	media_mark_repair(), then the entries looked at  nobody joins a pool
 *	that is being repaired or formatted
 */
#ifndef CLIENT_HOST_H
#define CLIENT_HOST_H

#include "client/format.h"
#include "media/media.h"

struct client;

#define HOST_NR MEDIA_HOSTS_MAX
#define HOST_NONE UINT32_MAX

/* What this handle has seen of another host. */
struct host_seen {
	a64 word;
	a64 silent_ns; /* unchanged for so long, while we were awake */
};

/* This process' side; nothing of it is used in a pool of one host. */
struct host_self {
	struct media_host *all; /* NULL: a pool of one host */
	uint32_t no;		/* our entry, or HOST_NONE */
	uint32_t epoch;		/* of it */
	uint64_t machine[2];
	bool fresh; /* nobody of ours had it before we came */
	uint64_t timeout_ns, nonce, question;
	a32 looking;	    /* a thread is at host_tick() */
	uint64_t looked_ns; /* when we last looked, by our clock */
	struct host_seen seen[HOST_NR];
};

/* Words. */
static inline enum host_state host_state(uint64_t w)
{
	return (enum host_state)(w & 0xf);
}

/* Whoever recovers it, or HOST_NONE. */
static inline uint32_t host_by(uint64_t w)
{
	return (uint32_t)(w >> 4 & 0xff) - 1;
}

static inline uint32_t host_epoch(uint64_t w)
{
	return w >> 12 & 0xfffff;
}

static inline uint32_t host_beats(uint64_t w)
{
	return (uint32_t)(w >> 32);
}

static inline uint64_t host_make(enum host_state state, uint32_t by,
				 uint32_t epoch, uint32_t beat)
{
	return (uint64_t)state | (uint64_t)((by + 1) & 0xff) << 4 |
	       (uint64_t)(epoch & 0xfffff) << 12 | (uint64_t)beat << 32;
}

/** host_silent_ns() - for so long, at least, its word has been @w */
static inline uint64_t host_silent_ns(const struct host_self *h, uint32_t no,
				      uint64_t w)
{
	/* relaxed: of this process, and a number for people */
	return a64_load_rlx(&h->seen[no].word) == w ?
		       a64_load_rlx(&h->seen[no].silent_ns) :
		       0;
}

/** host_is_there() - may it be alive? */
static inline bool host_is_there(uint64_t w)
{
	return host_state(w) == HOST_ACTIVE || host_state(w) == HOST_CLAIMED;
}

static inline uint64_t host_word(const struct host_self *h, uint32_t no)
{
	/* H1 acquire; K8 full, K9 full */
	return a64_load_full(&h->all[no].word);
}

/* What is to be answered: of this pool, so that another's answer is none. */
static inline uint64_t host_answer(const struct host_self *h, uint64_t ask)
{
	return ask ^ h->nonce;
}

/* host.c */

/** host_attach() - find the table; none in a pool of one host */
void host_attach(struct client *c, const struct media *m);
/** host_enter() - have an entry of this host's; -EUSERS */
int host_enter(struct client *c);
/** host_beat() - we are alive; false: we have been fenced */
bool host_beat(struct client *c);
/** host_leave() - if no client is left on this host: give the entry back */
void host_leave(struct client *c);
/** host_claim_tag() - by it, who comes after a claimer's death knows it as ours */
uint32_t host_claim_tag(const struct client *c);
/** host_is_ours() - entry @no is of this running kernel */
bool host_is_ours(const struct client *c, uint32_t no);
/**
 * host_prove() - do the hosts that are there and we see each other's stores?
 *
 * Asks, and waits for at most host_ms.  *survivor: one of them, or a life of
 * this host, had the pool open and still lives.
 * Return: 0; -ENOTSUP, they do not.
 */
int host_prove(struct client *c, bool *survivor);

/* watch.c */

/**
 * host_tick() - beat, look after the other hosts, undo those that are gone
 *
 * To be called about twenty times in host_ms.  Return: slots cleaned up after.
 */
int host_tick(struct client *c);
/** host_confirm() - entry @no stores nothing any more; -ENOENT, -EBUSY */
int host_confirm(struct client *c, uint32_t no);
/** host_recovers() - is the client with slot word @w ours to undo? */
bool host_recovers(const struct client *c, uint64_t w);
/** host_releases() - may what that client could store to be used again? */
bool host_releases(const struct client *c, uint64_t w);
/** host_name() - as it called itself, when it came */
void host_name(const struct host_self *h, uint32_t no, char name[64]);
void host_machine(const struct media_host *m, uint64_t id[2]);

/* alone.c */

/**
 * host_alone() - is no other host there?  Waits for the silent to be fenced
 * @takeover: they store nothing any more, says an operator
 *
 * With the pool's lock, so that nobody of this host is.
 * Return: 0; -EBUSY, with the name of one that is there, or unconfirmed.
 */
int host_alone(struct client *c, bool takeover);
/** host_alone_at() - the same of a pool that is just about to be formatted */
int host_alone_at(const struct dev_map *map, const struct media_super *sb,
		  const char *target);
/** host_is_lone_survivor() - only this host had it open, and still lives */
bool host_is_lone_survivor(const struct client *c);
/** host_anybody() - has another host come? */
bool host_anybody(const struct client *c);
/** host_rebuild() - all entries FREE; nobody is there */
void host_rebuild(struct client *c);

#endif
