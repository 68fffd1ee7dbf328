// SPDX-License-Identifier: BSD-3-Clause
/* maru_strerror(3): what went wrong, and which library this is. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* Open a pool, or say why not. */
static struct maru_pool *open_or_say(const char *target)
{
	struct maru_pool *pool;
	int err;

	err = maru_open(target, NULL, &pool);
	if (err < 0)
		fprintf(stderr, "%s (%s)\n", maru_errmsg(), maru_strerror(err));
	return pool; /* NULL on failure */
}

/* The program was compiled with a header that fits the library. */
static int fits(void)
{
	return maru_abi_version() == MARU_ABI_VERSION;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	struct maru_pool *pool;
	char target[32];
	int fd;

	if (!fits() || strlen(maru_version()) == 0)
		return 1;
	if (!maru_strerror(0) || !maru_strerror(-12345) ||
	    !strcmp(maru_strerror(MARU_E_STALE), maru_strerror(0)))
		return 2;
	if (open_or_say("/nonexistent/pool") || maru_errmsg()[0] == '\0')
		return 3;
	if (maru_create_mem(&opts, &fd) < 0)
		return 4;
	snprintf(target, sizeof(target), "fd:%d", fd);
	pool = open_or_say(target);
	return !pool || maru_close(pool, 0) < 0 ? 5 : 0;
}
