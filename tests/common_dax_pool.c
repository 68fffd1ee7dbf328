// SPDX-License-Identifier: BSD-3-Clause
/* Three made-up devices to put pools on, and what tests say of these. */
#include "common_dax_pool.h"
#include "common_plain.h"
#include "common_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* dax0.0, dax0.1 and dax1.0, each with bytes of its own. */
struct dax_fake dax_pool_fakes[3];
int dax_pool_memory[3];

void dax_pool_prepare(void)
{
	static const char *const names[] = { "dax0.0", "dax0.1", "dax1.0" };
	static const char *const nodes[] = { "/dev/zero", "/dev/full",
					     "/dev/null" };

	for (int i = 0; i < 3; i++) {
		dax_pool_fakes[i] = (struct dax_fake){
			.name = names[i],
			.node = nodes[i],
			.driver = "device_dax",
			.size = DAX_POOL_BYTES,
			.align = 2 * MIB,
			.target_node = 3 + i,
		};
		dax_pool_memory[i] = wrap_memory(nodes[i], DAX_POOL_BYTES);
	}
	setenv("MARU_LOCK_DIR", plain_path("."), 1);
	ck_assert_int_eq(mkdir(plain_path("."), 0755), 0);
}

void dax_pool_all(void)
{
	dax_pool_prepare();
	dax_fake(dax_pool_fakes, 3);
}

void dax_pool_format(const char *target, const char *label)
{
	struct maru_create_opts o = {
		.size = sizeof(o),
		.unit = 4096,
		.max_clients = 4,
		.label = label,
	};

	ck_assert_msg(maru_create(target, &o) == 0, "%s", maru_errmsg());
}

struct maru_pool *dax_pool_opened(const char *target)
{
	struct maru_pool *pool;

	ck_assert_msg(maru_open(target, NULL, &pool) == 0, "%s", maru_errmsg());
	return pool;
}

void dax_pool_says(const char *word)
{
	ck_assert_msg(strstr(maru_errmsg(), word), "no \"%s\" in: %s", word,
		      maru_errmsg());
}

void dax_pool_refused(const char *target, int rc, const char *word)
{
	int before = plain_fds();
	struct maru_pool *pool;

	ck_assert_msg(maru_open(target, NULL, &pool) == rc, "not %d: %s", rc,
		      maru_errmsg());
	ck_assert_ptr_null(pool);
	dax_pool_says(word);
	ck_assert_int_eq(plain_fds(), before);
}

struct maru_super dax_pool_super(const char *target)
{
	struct maru_pool *pool = dax_pool_opened(target);
	struct maru_super super;

	ck_assert_int_eq(maru_inspect_super(pool, &super), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	return super;
}

const char *dax_pool_target(const char *prefix, const unsigned char *uuid)
{
	static char text[64];
	int n = sprintf(text, "%s:", prefix);

	for (int i = 0; i < 16; i++)
		n += sprintf(text + n, "%s%02X",
			     i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			     uuid[i]);
	return text;
}

void dax_pool_label(const char *target, const char *label)
{
	ck_assert_str_eq(dax_pool_super(target).label, label);
}
