// SPDX-License-Identifier: BSD-3-Clause
/* Every call of a writing handle, on a pool whose bytes say anything. */
#include "common_fuzz.h"

#include "base/err.h"

#include <maru.h>
#include <string.h>

#define CALL(call, errors) (err_clear(), fuzz_rc(#call, call, errors))
/* What a writing call on a damaged pool can say besides its own errors. */
#define ANY "ESHUTDOWN EUCLEAN "

/* A call of the script with its key. */
struct act {
	struct fuzz_hand *h;
	struct maru_pool *p;
	struct fuzz_input *in;
	const struct fuzz_call *c;
	unsigned char key[MARU_KEY_MAX];
	size_t klen;
	struct maru_view *view;
	struct maru_buf *buf;
	struct maru_ref *ref;
};

static size_t some_len(unsigned a)
{
	static const size_t len[] = { 0,     1,	    100,      4096,
				      4097,  9000,  4096 - 8, 20000,
				      65536, 81920, 100000,   FUZZ_VALUE };

	return len[a % TEST_LEN(len)];
}

/* Counts as the caller's: mostly one. */
static unsigned some_count(unsigned a)
{
	static const unsigned count[] = {
		1, 1, 1, 2, 0, 100, MARU_PIN_MAX, MARU_PIN_MAX + 1
	};

	return count[a % TEST_LEN(count)];
}

static void do_store(struct act *a)
{
	size_t len = some_len(a->c->a);

	CALL(maru_store(a->p, a->key, a->klen, fuzz_value(), len),
	     ANY "ENOSPC EFBIG EOVERFLOW ESTALE");
}

static void do_retrieve(struct act *a)
{
	int rc;

	if (a->view->data != NULL)
		return;
	rc = CALL(maru_retrieve(a->p, a->key, a->klen, a->view),
		  ANY "ENOENT EOVERFLOW");
	if (rc == 0) {
		fuzz_inside(a->p, a->view->data, a->view->len);
		*a->ref = a->view->ref;
	} else {
		FUZZ_MUST(a->view->data == NULL && a->view->len == 0);
	}
}

static void do_release(struct act *a)
{
	CALL(maru_release(a->p, a->view), "ESTALE ESHUTDOWN");
	/* that of a client which was declared dead is not even looked at */
	memset(a->view, 0, sizeof(*a->view));
}

static void do_read(struct act *a)
{
	fuzz_read_key(a->p, a->c->key % FUZZ_KEYS, some_len(a->c->a) + 1);
}

static void do_touch(struct act *a)
{
	CALL(maru_touch(a->p, a->key, a->klen), ANY "ENOENT");
}

static void do_pin(struct act *a)
{
	CALL(maru_pin(a->p, a->key, a->klen, some_count(a->c->a)),
	     ANY "ENOENT EOVERFLOW EINVAL");
}

static void do_unpin(struct act *a)
{
	CALL(maru_unpin(a->p, a->key, a->klen, some_count(a->c->a)),
	     ANY "ENOENT EINVAL");
}

static void do_delete(struct act *a)
{
	CALL(maru_delete(a->p, a->key, a->klen),
	     ANY "ENOENT EBUSY EINPROGRESS");
}

/* All of the buffer may be written. */
static void filled(struct act *a)
{
	if (a->buf->data == NULL)
		return;
	fuzz_inside(a->p, a->buf->data, a->buf->len);
	memset(a->buf->data, 0x5a, a->buf->len);
}

static void do_alloc(struct act *a)
{
	CALL(maru_alloc(a->p, some_len(a->c->a), a->buf), ANY "ENOSPC EFBIG");
	filled(a);
}

static void do_reserve(struct act *a)
{
	CALL(maru_reserve(a->p, a->key, a->klen, some_len(a->c->a), a->buf),
	     ANY "EINPROGRESS ENOSPC EFBIG ESTALE");
	filled(a);
}

static void do_commit(struct act *a)
{
	struct maru_commit_opts o = { .size = sizeof(o),
				      .pins = a->c->a % 3,
				      .view = a->c->a & 8 ? a->view : NULL };
	bool key = a->c->a & 16;
	int rc;

	if (o.view != NULL && o.view->data != NULL)
		o.view = NULL;
	if (a->c->a & 32 && a->buf->len)
		a->buf->len /= 2;
	rc = CALL(maru_commit(a->p, a->buf, key ? a->key : NULL,
			      key ? a->klen : 0, a->c->a & 64 ? NULL : &o),
		  ANY "ESTALE EINVAL ENOSPC EFBIG EOVERFLOW");
	if (rc >= 0 && !(a->c->a & 64) && o.view != NULL)
		fuzz_inside(a->p, o.view->data, o.view->len);
}

static void do_abort(struct act *a)
{
	CALL(maru_abort(a->p, a->buf), "ESTALE ESHUTDOWN");
}

static void do_evict(struct act *a)
{
	uint64_t freed, bytes = (uint64_t)a->c->a << (a->c->b % 24);
	int rc = CALL(maru_evict(a->p, bytes, &freed), ANY "ENOSPC");

	FUZZ_MUST(rc != 0 || freed >= bytes);
}

static void do_clear(struct act *a)
{
	CALL(maru_clear(a->p, NULL), ANY);
}

static void do_wait(struct act *a)
{
	CALL(maru_wait(a->p, a->key, a->klen, 0), ANY "ENOENT ETIMEDOUT");
}

static void do_reap(struct act *a)
{
	CALL(maru_reap(a->p), ANY);
}

static void do_sync(struct act *a)
{
	CALL(maru_sync(a->p), ANY);
}

static void do_check(struct act *a)
{
	FUZZ_MUST(maru_check(a->p, NULL, NULL) >= 0);
}

static void do_look(struct act *a)
{
	fuzz_look(a->p, 1u << a->c->a % 6);
}

static void do_ref(struct act *a)
{
	const void *data;
	size_t len;
	int rc;

	if (a->c->a & 128)
		a->ref->addr ^= 1ull << (a->c->a % 64);
	rc = CALL(maru_ref_pin(a->p, a->ref, some_count(a->c->b)),
		  ANY "ESTALE EOVERFLOW EINVAL");
	if (rc == 0 && CALL(maru_ref_data(a->p, a->ref, &data, &len),
			    ANY "ESTALE EINVAL") == 0)
		fuzz_inside(a->p, data, len);
}

static void do_unref(struct act *a)
{
	CALL(maru_ref_unpin(a->p, a->ref, some_count(a->c->a)),
	     ANY "ESTALE EINVAL");
}

/* Three keys from this one on, by every call that takes a pack. */
static void do_batch(struct act *a)
{
	unsigned char blob[3 * MARU_KEY_MAX];
	struct maru_value vals[3];
	struct maru_view views[3];
	struct maru_buf bufs[3];
	size_t lens[3];
	uint64_t off[4] = { 0 };
	struct maru_keys k = { .blob = blob, .off = off, .nr = 3 };

	for (unsigned i = 0; i < 3; i++) {
		off[i + 1] = off[i] + fuzz_key(blob + off[i],
					       (a->c->key + i) % FUZZ_KEYS);
		lens[i] = some_len(a->c->b + i);
		vals[i] = (struct maru_value){ fuzz_value(), lens[i] };
	}
	switch (a->c->a % 6) {
	case 0:
		CALL(maru_retrieve_batch(a->p, &k, views, NULL), ANY "EINVAL");
		CALL(maru_release_batch(a->p, views, 3, NULL), ANY "EINVAL");
		break;
	case 1:
		CALL(maru_store_batch(a->p, &k, vals, NULL), ANY "EINVAL");
		break;
	case 2:
		CALL(maru_pin_batch(a->p, &k, NULL), ANY "EINVAL");
		CALL(maru_unpin_batch(a->p, &k, NULL), ANY "EINVAL");
		break;
	case 3:
		if (CALL(maru_reserve_batch(a->p, &k, lens, bufs, NULL),
			 ANY "EINVAL ENOSPC EFBIG") >= 0)
			CALL(maru_commit_batch(a->p, &k, bufs, NULL),
			     ANY "EINVAL");
		break;
	case 4:
		CALL(maru_delete_batch(a->p, &k, NULL), ANY "EINVAL");
		break;
	default:
		CALL(maru_exists_batch(a->p, &k, NULL), ANY "EINVAL");
		CALL(maru_touch_batch(a->p, &k, NULL), ANY "EINVAL");
	}
}

static void do_edit(struct act *a)
{
	fuzz_edit_next(a->in);
}

/* Leave and come back, as the next client. */
static void do_rejoin(struct act *a)
{
	fuzz_leave(a->h);
	a->h->pool = fuzz_open(a->c->a & 1 ? MARU_OPEN_VERIFY : 0);
}

static void (*const acts[])(struct act *a) = {
	do_store, do_store,  do_retrieve, do_retrieve, do_release, do_read,
	do_touch, do_pin,    do_unpin,	  do_delete,   do_alloc,   do_reserve,
	do_abort, do_commit, do_commit,	  do_evict,    do_clear,   do_wait,
	do_reap,  do_sync,   do_check,	  do_look,     do_ref,	   do_unref,
	do_batch, do_batch,  do_edit,	  do_edit,     do_rejoin,
};

void fuzz_act(struct fuzz_hand *h, struct fuzz_input *in,
	      const struct fuzz_call *c)
{
	struct act a = { .h = h, .p = h->pool, .in = in, .c = c };

	a.klen = fuzz_key(a.key, c->key % FUZZ_KEYS);
	a.view = &h->view[c->b % FUZZ_SLOTS];
	a.buf = &h->buf[c->b % FUZZ_SLOTS];
	a.ref = &h->ref[c->b % FUZZ_SLOTS];
	acts[(c->what & 127) % TEST_LEN(acts)](&a);
}

void fuzz_leave(struct fuzz_hand *h)
{
	int rc = CALL(maru_close(h->pool, 0), "EBUSY");

	if (rc != 0)
		FUZZ_MUST(maru_close(h->pool, MARU_CLOSE_FORCE) == 0);
	memset(h, 0, sizeof(*h));
}
