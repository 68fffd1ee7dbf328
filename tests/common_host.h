/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several hosts on one machine: what libmaru knows a host by is its boot id,
 * its machine id and its folder for locks, and each of these a process can
 * have its own of, in a mount namespace.
 *
 * Handles of HOST_OPEN() have no thread, and silence is counted by the test's
 * clock; a newcomer's question is answered when its host is ticked.
 */
#ifndef TESTS_COMMON_HOST_H
#define TESTS_COMMON_HOST_H

#include "common_room.h"

#define HOST_MS 10000u
#define HOST_NS 10000000000ll
#define HOST_CLOCK test_scene->no[62] /* what all handles take for the time */

/* Boot @boot of machine @machine; both from 1 on. */
#define HOST_ID(machine, boot) ((machine)*16u + (boot))

/** host_possible() - may we make namespaces and mount in them? */
bool host_possible(void);

/** host_be() - this process is now of host @id. */
void host_be(unsigned id);
/** host_be_in() - the same; its files are in this folder. */
void host_be_in(const char *dir, unsigned id);

/** host_remove() - that folder, and what hosts and a pool have left there */
void host_remove(const char *dir);

/** host_start() - a fabric pool, this process of host 1.1, and its handle. */
struct maru_pool *host_start(void);

/** host_format() - a fabric pool, values with checksums. */
void host_format(uint32_t host_ms);

/** host_open() - open as whatever host this process is. */
struct maru_pool *host_open(void);

/** host_fork() - run @fn in a child that is host @id and has no handle. */
pid_t host_fork(test_client_fn fn, unsigned id);

/** host_as() - the same, and wait for it to end well. */
void host_as(test_client_fn fn, unsigned id);

/** host_try() - what opening says; closed at once. */
int host_try(unsigned flags);

/** host_fsck() - with these flags; @res may be NULL. */
int host_fsck(uint32_t flags, struct maru_fsck_result *res);

/** host_force() - format a pool of one host over what is there. */
int host_force(void);

/** host_entry() - an entry's word. */
a64 *host_entry(struct maru_pool *p, uint32_t no);

/** host_client() - fork: be host @id, open, run @fn, close. */
pid_t host_client(test_client_fn fn, unsigned id);

/** host_staying() - the same, up to its test_stay(); @p answers meanwhile. */
pid_t host_staying(struct maru_pool *p, test_client_fn fn, unsigned id);

/** host_ended() - wait for a host_client() to end well, ticking @p. */
void host_ended(struct maru_pool *p, pid_t pid);

/** host_pass_time() - as long as a host may be silent, and looks of @p at it. */
void host_pass_time(struct maru_pool *p);

/** host_of() - what @p sees of entry @no; state FREE if it is not there. */
struct maru_host host_of(struct maru_pool *p, uint32_t no);

#endif
