/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside an instance: its request at hand, and the two ways to do the work. */
#ifndef BENCH_COMMON_INSTANCE_H
#define BENCH_COMMON_INSTANCE_H

#include "common_key.h"
#include "common_replay.h"

struct instance_ops;

struct instance {
	uint32_t no;
	uint32_t nr, hits; /* blocks of the request; of these, cached first */
	struct replay_shared *shared;
	struct replay_seat *seat;
	struct maru_pool *pool;
	const struct instance_ops *ops;
	const char *tag;
	size_t value_len;
	uint32_t think_us;
	/* One element a block of the request. */
	unsigned char *blob; /* keys, KEY_LEN each */
	uint64_t *off;	     /* where they begin, and the end */
	struct key_hash *hash;
	struct maru_view *view;
	struct maru_buf *buf;
	size_t *len;
	int *res;
	unsigned char *new_blob; /* keys of the buffers that we got */
	void *copy;		 /* one value */
};

/** How an instance uses the pool. */
struct instance_ops {
	void (*find)(struct instance *in);  /* sets hits, verifies them */
	void (*store)(struct instance *in); /* the blocks beyond hits */
	void (*release)(struct instance *in);
};

/** instance_ops() - in place, or by copying with opts->copy */
const struct instance_ops *instance_ops(const struct replay_opts *opts);

_Noreturn void instance_fail(struct instance *in, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** instance_timed() - note a call that began at @start and had @keys keys */
void instance_timed(struct instance *in, enum replay_call call, uint64_t start,
		    uint32_t keys);

/** instance_keys() - blocks @first up to @first + @nr of the request */
struct maru_keys instance_keys(const struct instance *in, uint32_t first,
			       uint32_t nr);

/** instance_verify() - all bytes of block @i, or fail */
void instance_verify(struct instance *in, uint32_t i, const void *data,
		     size_t len);

/** instance_hold() - a place where the director may have it stand still */
void instance_hold(struct instance *in, uint32_t bufs);

#endif
