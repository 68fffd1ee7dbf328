// SPDX-License-Identifier: BSD-3-Clause
/* maru_wait(3): compute a value once, whoever asks for it first. */
#include <maru.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_int computed;

static void compute(void *data, size_t len)
{
	atomic_fetch_add(&computed, 1);
	memset(data, 'v', len);
}

/* Hold the value of a key; if nobody has it and nobody is at it, make it. */
static int get(struct maru_pool *pool, const char *key, struct maru_view *view)
{
	struct maru_commit_opts opts = { .size = sizeof(opts), .view = view };
	size_t klen = strlen(key);
	struct maru_buf buf;
	int err;

	for (;;) {
		err = maru_retrieve(pool, key, klen, view);
		if (err != -ENOENT)
			return err;
		err = maru_reserve(pool, key, klen, 4096, &buf);
		if (err == 0) {
			compute(buf.data, buf.len);
			err = maru_commit(pool, &buf, NULL, 0, &opts);
			return err < 0 ? err : 0;
		}
		if (err == -EINPROGRESS)
			err = maru_wait(pool, key, klen, -1);
		if (err < 0 && err != -ENOENT)
			return err;
	}
}

static void *run(void *target)
{
	static char ok[1];
	struct maru_pool *pool;
	struct maru_view view;

	if (maru_open(target, NULL, &pool) < 0)
		return NULL;
	for (int i = 0; i < 20; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key %d", i);
		if (get(pool, key, &view) != 0 || view.len != 4096 ||
		    maru_release(pool, &view) != 0)
			return NULL;
	}
	if (maru_wait(pool, "absent", 6, 0) != -ENOENT)
		return NULL;
	return maru_close(pool, 0) < 0 ? NULL : ok;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 32 << 20,
	};
	pthread_t thread[3];
	char target[32];
	int fd, bad = 0;
	void *ok;

	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	for (int i = 0; i < 3; i++) {
		if (pthread_create(&thread[i], NULL, run, target) != 0)
			return 1;
	}
	for (int i = 0; i < 3; i++)
		bad |= pthread_join(thread[i], &ok) != 0 || !ok;
	return bad || atomic_load(&computed) != 20;
}
