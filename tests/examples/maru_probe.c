// SPDX-License-Identifier: BSD-3-Clause
/* maru_probe(3): failed memory is an error code before a value is read. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Write a value out in place; -EIO if its memory has failed. */
static int send_value(struct maru_pool *pool, const char *key, FILE *to)
{
	struct maru_view view;
	int err, late;

	err = maru_retrieve(pool, key, strlen(key), &view);
	if (err < 0)
		return err;
	err = maru_probe(pool, &view);
	if (!err && fwrite(view.data, 1, view.len, to) != view.len)
		err = -ENOSPC;
	late = maru_release(pool, &view);
	return err ? err : late;
}

static int check(struct maru_pool *pool, FILE *to)
{
	struct maru_view none = { 0 };
	char back[6] = "";

	if (maru_probe(pool, &none) != MARU_E_STALE)
		return -EINVAL;
	if (send_value(pool, "k", to) != -ENOENT)
		return -EINVAL;
	if (maru_store(pool, "k", 1, "value", 5) != 0)
		return -EINVAL;
	if (send_value(pool, "k", to) != 0)
		return -EINVAL;
	rewind(to);
	if (fread(back, 1, 5, to) != 5 || strcmp(back, "value") != 0)
		return -EINVAL;
	return 0;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	struct maru_open_opts guard = {
		.size = sizeof(guard),
		.flags = MARU_OPEN_GUARD,
	};
	struct maru_pool *pool;
	FILE *to = tmpfile();
	char target[32];
	int fd, err;

	if (!to || maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	if (maru_open(target, &guard, &pool) < 0)
		return 1;
	err = check(pool, to);
	if (!err)
		err = maru_close(pool, 0);
	fclose(to);
	if (err)
		fprintf(stderr, "not as documented: %s\n", maru_strerror(err));
	return err != 0;
}
