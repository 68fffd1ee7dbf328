/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hosts of a pool that several share: MARU_SHARE_FABRIC.
 *
 * A host that shows no sign of life for the pool's host_ms is declared gone by
 * any other: its clients' pins are void, and what they were writing is kept
 * back until it is certain that it stores nothing any more.  That is so when
 * it has been restarted and opens the pool again, when it wakes and its own
 * kernel knows those processes to be dead, or when maru_host_confirm() says so.
 */
#ifndef MARU_HOST_H
#define MARU_HOST_H

#include <maru/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MARU_HOSTS_MAX 64

enum maru_host_state {
	MARU_HOST_FREE = 0,
	MARU_HOST_CLAIMED = 1,	 /* is just coming */
	MARU_HOST_ACTIVE = 2,	 /* shows signs of life, or did */
	MARU_HOST_FENCED = 3,	 /* declared gone; it may still store */
	MARU_HOST_CONFIRMED = 4, /* it does not; being cleaned up after */
};

/** A host.  No size in it: it may grow with a minor version until 1.0. */
struct maru_host {
	uint32_t no; /* of its entry, below MARU_HOSTS_MAX */
	enum maru_host_state state;
	uint32_t self;	    /* 1: this one */
	uint32_t recoverer; /* FENCED, CONFIRMED: which host, or UINT32_MAX */
	uint32_t clients;   /* slots that its clients have or had */
	uint32_t beats;	    /* signs of life, modulo 2^32 */
	uint64_t silent_ms; /* since this handle has heard of it */
	unsigned char boot[16]; /* boot id of its kernel */
	char name[64];
};

/**
 * maru_hosts() - who is there, in the order of their entries
 * @out: room for @cap hosts; may be NULL when @cap is 0
 *
 * A pool of one host has none.
 * Return: how many there are (maybe more than @cap); negative errno.
 */
int maru_hosts(struct maru_pool *pool, struct maru_host *out, size_t cap);

/**
 * maru_host_confirm() - host @no, declared gone, stores nothing any more
 *
 * To be said only of a host that is off or cut from the memory: what it was
 * writing is used for others afterwards.
 * Return: 0; -ENOENT, no such host; -EBUSY, it has not been declared gone.
 */
int maru_host_confirm(struct maru_pool *pool, uint32_t no);

/**
 * maru_tick() - a sign of life, and a look after dead clients and silent hosts
 *
 * A thread of the library does so for each handle of a fabric pool, unless it
 * was opened with MARU_OPEN_NO_BEAT: then call it at least ten times in the
 * pool's host_ms.  Never blocks.
 * Return: how many clients were cleaned up after; MARU_E_CLOSED, this host was
 *	declared gone: close the handle and open the pool anew.
 */
int maru_tick(struct maru_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
