// SPDX-License-Identifier: BSD-3-Clause
/* Making pools, and opening what is none: refusals that name the reason. */
#include "common.h"

#include "base/hash.h"
#include "media/format.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the superblocks of a pool of test_opts() are. */
static const off_t copy_at[] = { 0, 4096, (32 << 20) - 4096 };

static int create(const char *path, unsigned flags)
{
	struct maru_create_opts o = test_opts();

	o.flags |= flags;
	return maru_create(path, &o);
}

static int open_close(const char *path)
{
	struct maru_pool *pool = NULL;
	int rc = maru_open(path, NULL, &pool);

	if (rc != 0) {
		ck_assert_ptr_null(pool);
		ck_assert_str_ne(maru_errmsg(), "");
		return rc;
	}
	ck_assert_int_eq(maru_close(pool, 0), 0);
	return 0;
}

START_TEST(a_new_file_has_the_size_and_mode_asked_for)
{
	struct maru_create_opts o = test_opts();
	struct stat st;

	umask(0);
	o.mode = 0640;
	o.bytes = 16u << 20;
	ck_assert_int_eq(maru_create(test_path("p"), &o), 0);
	ck_assert_int_eq(stat(test_path("p"), &st), 0);
	ck_assert_int_eq(st.st_size, 16 << 20);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(open_close(test_path("p")), 0);
	unlink(test_path("p"));
}
END_TEST

START_TEST(an_empty_file_becomes_a_pool)
{
	const char *path = test_file("p", 0, 0);

	ck_assert_int_eq(create(path, 0), 0);
	ck_assert_int_eq(open_close(path), 0);
	unlink(path);
}
END_TEST

START_TEST(a_file_of_zeroes_becomes_a_pool_of_its_size)
{
	const char *path = test_file("p", 0, 0);
	struct maru_create_opts o = { .size = sizeof(o) };
	struct maru_pool *pool;

	ck_assert_int_eq(truncate(path, 24 << 20), 0);
	ck_assert_int_eq(maru_create(path, &o), 0);
	ck_assert_int_eq(maru_open(path, NULL, &pool), 0);
	ck_assert_uint_eq(test_stats(pool).pool_bytes, 24u << 20);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	unlink(path);
}
END_TEST

START_TEST(a_pool_is_not_formatted_over_unless_forced)
{
	const char *path = test_path("p");
	struct maru_pool *pool;

	unlink(path);
	ck_assert_int_eq(create(path, 0), 0);
	ck_assert_int_eq(maru_open(path, NULL, &pool), 0);
	ck_assert_int_eq(maru_store(pool, S("k"), S("v")), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(create(path, 0), -EEXIST);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "pool"));
	ck_assert_int_eq(maru_open(path, NULL, &pool), 0);
	ck_assert_int_eq(maru_exists(pool, S("k")), 1);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(create(path, MARU_CREATE_FORCE), 0);
	ck_assert_int_eq(maru_open(path, NULL, &pool), 0);
	ck_assert_int_eq(maru_exists(pool, S("k")), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	unlink(path);
}
END_TEST

START_TEST(a_file_with_data_is_not_formatted_over_unless_forced)
{
	static const off_t at[] = { 0, 1, 4095, 1 << 20, (2 << 20) - 1 };

	for (size_t i = 0; i < TEST_LEN(at); i++) {
		const char *path = test_file("p", 0, 0);
		int fd = open(path, O_RDWR);

		ck_assert_int_eq(ftruncate(fd, 32 << 20), 0);
		ck_assert_int_eq(pwrite(fd, "x", 1, at[i]), 1);
		close(fd);
		ck_assert_int_eq(create(path, 0), -EEXIST);
		ck_assert_str_ne(maru_errmsg(), "");
	}
	ck_assert_int_eq(create(test_path("p"), MARU_CREATE_FORCE), 0);
	ck_assert_int_eq(open_close(test_path("p")), 0);
	unlink(test_path("p"));
}
END_TEST

START_TEST(a_pool_larger_than_its_file_is_not_made)
{
	const char *path = test_file("p", 0, 0);

	ck_assert_int_eq(truncate(path, 16 << 20), 0);
	ck_assert_int_eq(create(path, 0), -ENOSPC);
	ck_assert_int_eq(create(path, MARU_CREATE_FORCE), -ENOSPC);
	unlink(path);
}
END_TEST

START_TEST(a_pool_in_use_is_not_formatted_even_if_forced)
{
	struct maru_pool *pool = test_pool(NULL);

	ck_assert_int_eq(test_put(pool, 1, 100), 0);
	ck_assert_int_eq(create(test_target(), MARU_CREATE_FORCE), -EBUSY);
	ck_assert_str_ne(maru_errmsg(), "");
	ck_assert_int_eq(test_get(pool, 1, 100), 0);
}
END_TEST

static void stay(struct maru_pool *pool, unsigned no)
{
	(void)pool;
	(void)no;
	test_stay();
}

START_TEST(a_pool_in_use_by_another_process_is_not_formatted)
{
	pid_t user;

	test_format(NULL);
	user = test_staying(stay, 0);
	ck_assert_int_eq(create(test_target(), MARU_CREATE_FORCE), -EBUSY);
	test_kill(user);
	ck_assert_int_eq(create(test_target(), MARU_CREATE_FORCE), 0);
}
END_TEST

START_TEST(a_failed_create_leaves_no_file)
{
	struct maru_create_opts o = test_opts();

	unlink(test_path("p"));
	o.bytes = 4096;
	ck_assert_int_eq(maru_create(test_path("p"), &o), -EINVAL);
	ck_assert_int_ne(access(test_path("p"), F_OK), 0);
}
END_TEST

/* One option is wrong; the message must name it. */
static void refused(struct maru_create_opts *o, const char *name)
{
	const char *path = test_path("p");
	int rc;

	unlink(path);
	rc = maru_create(path, o);
	ck_assert_msg(rc == -EINVAL, "%s: returned %d", name, rc);
	ck_assert_msg(strstr(maru_errmsg(), name) != NULL,
		      "\"%s\" does not name %s", maru_errmsg(), name);
	ck_assert_int_ne(access(path, F_OK), 0);
	*o = test_opts();
}

START_TEST(a_wrong_option_is_named)
{
	static const uint64_t zero_class[] = { 0 };
	uint64_t classes[17];
	struct maru_create_opts o = test_opts();
	char label[MARU_LABEL_MAX + 2];

	memset(label, 'l', sizeof(label));
	label[sizeof(label) - 1] = '\0';
	for (unsigned i = 0; i < TEST_LEN(classes); i++)
		classes[i] = (i + 1) * 8192;
	o.bytes = 0;
	refused(&o, "bytes");
	o.bytes = MARU_POOL_MIN - (2 << 20);
	refused(&o, "bytes");
	o.max_bytes = 1;
	refused(&o, "max_bytes");
	o.unit = 2048;
	refused(&o, "unit");
	o.unit = 4 << 20;
	refused(&o, "unit");
	o.unit = 12288;
	refused(&o, "unit");
	o.max_clients = MARU_CLIENTS_MAX + 1;
	refused(&o, "max_clients");
	o.flags = 0x8000;
	refused(&o, "flags");
	o.offset = 4096;
	refused(&o, "offset");
	o.mode = 010000;
	refused(&o, "mode");
	o.label = label;
	refused(&o, "label");
	o.classes = classes;
	o.class_nr = TEST_LEN(classes);
	refused(&o, "class");
	o.classes = zero_class;
	o.class_nr = 1;
	refused(&o, "class");
	o.classes = NULL;
	o.class_nr = 1;
	refused(&o, "class");
	o.size = 0;
	refused(&o, "size");
}
END_TEST

START_TEST(create_options_with_an_unknown_tail_are_refused)
{
	struct {
		struct maru_create_opts o;
		uint64_t more;
	} big = { .o = test_opts(), .more = 1 };

	big.o.size = sizeof(big);
	unlink(test_path("p"));
	ck_assert_int_lt(maru_create(test_path("p"), &big.o), 0);
	big.more = 0;
	ck_assert_int_eq(maru_create(test_path("p"), &big.o), 0);
	unlink(test_path("p"));
}
END_TEST

START_TEST(a_memory_pool_needs_its_size)
{
	struct maru_create_opts o = test_opts();
	int fd = -2;

	o.bytes = 0;
	ck_assert_int_eq(maru_create_mem(&o, &fd), -EINVAL);
	o = test_opts();
	o.offset = 2 << 20;
	ck_assert_int_eq(maru_create_mem(&o, &fd), -EINVAL);
	ck_assert_int_eq(maru_create_mem(NULL, &fd), -EINVAL);
}
END_TEST

START_TEST(a_memory_pool_cannot_be_shrunk_and_is_not_inherited)
{
	struct maru_create_opts o = test_opts();
	int fd;

	ck_assert_int_eq(maru_create_mem(&o, &fd), 0);
	ck_assert_int_ne(ftruncate(fd, 4096), 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}
END_TEST

START_TEST(the_label_is_kept)
{
	struct maru_create_opts o = test_opts();
	struct maru_super super;

	o.label = "a label of mine";
	ck_assert_int_eq(maru_inspect_super(test_pool(&o), &super), 0);
	ck_assert_str_eq(super.label, "a label of mine");
	ck_assert_uint_eq(super.bytes, o.bytes);
}
END_TEST

START_TEST(two_pools_are_not_the_same)
{
	struct maru_super a, b;
	struct maru_pool *pool;

	ck_assert_int_eq(maru_inspect_super(test_pool(NULL), &a), 0);
	ck_assert_int_eq(create(test_path("p"), 0), 0);
	ck_assert_int_eq(maru_open(test_path("p"), NULL, &pool), 0);
	ck_assert_int_eq(maru_inspect_super(pool, &b), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_mem_ne(a.uuid, b.uuid, sizeof(a.uuid));
	unlink(test_path("p"));
}
END_TEST

START_TEST(two_windows_of_a_file_are_two_pools)
{
	struct maru_create_opts c = test_opts();
	struct maru_open_opts o = { .size = sizeof(o) };
	const char *path = test_file("p", 0, 0);
	struct maru_pool *low, *high;

	ck_assert_int_eq(truncate(path, 64 << 20), 0);
	c.bytes = 30u << 20;
	ck_assert_int_eq(maru_create(path, &c), 0);
	c.offset = 32u << 20;
	ck_assert_int_eq(maru_create(path, &c), 0);
	ck_assert_int_eq(maru_open(path, &o, &low), 0);
	o.offset = c.offset;
	ck_assert_int_eq(maru_open(path, &o, &high), 0);
	ck_assert_int_eq(maru_store(low, S("k"), S("low")), 0);
	ck_assert_int_eq(maru_exists(high, S("k")), 0);
	ck_assert_int_eq(maru_close(low, 0), 0);
	/* The neighbour's life does not keep this one from being formatted. */
	c.flags |= MARU_CREATE_FORCE;
	ck_assert_int_eq(maru_create(path, &c), -EBUSY);
	c.offset = 0;
	ck_assert_int_eq(maru_create(path, &c), 0);
	ck_assert_int_eq(maru_store(high, S("k"), S("high")), 0);
	test_sound(high);
	ck_assert_int_eq(maru_close(high, 0), 0);
	unlink(path);
}
END_TEST

START_TEST(what_is_not_there_is_not_opened)
{
	ck_assert_int_eq(open_close(test_path("no such file")), -ENOENT);
	ck_assert_int_eq(open_close("fd:987"), -EBADF);
	ck_assert_int_lt(open_close("fd:x"), 0);
	ck_assert_int_lt(open_close(""), 0);
}
END_TEST

START_TEST(what_is_no_pool_is_not_opened)
{
	const char *dir = test_path("");

	ck_assert_int_lt(open_close(dir), 0);
	ck_assert_int_lt(create(dir, MARU_CREATE_FORCE), 0);
	ck_assert_int_eq(open_close(test_file("p", 0, 0)), MARU_E_FORMAT);
	ck_assert_int_eq(open_close(test_file("p", 1, 'x')), MARU_E_FORMAT);
	ck_assert_int_eq(open_close(test_file("p", 9 << 20, 0)), MARU_E_FORMAT);
	ck_assert_int_eq(open_close(test_file("p", 9 << 20, 0xff)),
			 MARU_E_FORMAT);
	unlink(test_path("p"));
}
END_TEST

/* Makes the file a pool whose superblocks @change has gone over. */
static const char *changed_pool(void (*change)(struct media_super *sb))
{
	const char *path = test_path("p");
	struct media_super sb;
	int fd;

	unlink(path);
	ck_assert_int_eq(create(path, 0), 0);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(pread(fd, &sb, sizeof(sb), 0), sizeof(sb));
	change(&sb);
	sb.crc = hash_crc32c(0, &sb, offsetof(struct media_super, crc));
	for (unsigned i = 0; i < TEST_LEN(copy_at); i++)
		ck_assert_int_eq(pwrite(fd, &sb, sizeof(sb), copy_at[i]),
				 sizeof(sb));
	close(fd);
	return path;
}

START_TEST(one_whole_superblock_is_enough_to_look)
{
	struct maru_open_opts o = {
		.size = sizeof(o), .flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT
	};
	const char *path = test_path("p");
	struct maru_super super;
	struct maru_pool *pool;

	for (unsigned whole = 0; whole < 3; whole++) {
		int fd;

		unlink(path);
		ck_assert_int_eq(create(path, 0), 0);
		fd = open(path, O_RDWR);
		for (unsigned i = 0; i < 3; i++)
			if (i != whole)
				ck_assert_int_eq(pwrite(fd, "garbage", 7,
							copy_at[i] + 100),
						 7);
		close(fd);
		ck_assert_int_eq(maru_open(path, &o, &pool), 0);
		ck_assert_int_eq(maru_inspect_super(pool, &super), 0);
		ck_assert_uint_eq(super.copies_ok, 1u << whole);
		ck_assert_int_eq(maru_close(pool, 0), 0);
	}
	unlink(path);
}
END_TEST

START_TEST(a_truncated_pool_is_not_opened)
{
	static const off_t len[] = { 4096, 12 << 10, 1 << 20, 5 << 20,
				     (32 << 20) - 4096 };
	const char *path = test_path("p");

	for (size_t i = 0; i < TEST_LEN(len); i++) {
		unlink(path);
		ck_assert_int_eq(create(path, 0), 0);
		ck_assert_int_eq(truncate(path, len[i]), 0);
		ck_assert_int_lt(open_close(path), 0);
	}
	unlink(path);
}
END_TEST

static void make_newer(struct media_super *sb)
{
	sb->major++;
}

static void make_foreign(struct media_super *sb)
{
	sb->endian = 0x04030201;
}

static void add_feature(struct media_super *sb)
{
	sb->incompat |= 1ull << 63;
}

static void add_ro_feature(struct media_super *sb)
{
	sb->ro_compat |= 1ull << 63;
}

static void add_harmless_feature(struct media_super *sb)
{
	sb->compat |= 1ull << 63;
	sb->minor++;
}

START_TEST(a_pool_of_another_format_is_not_opened)
{
	ck_assert_int_eq(open_close(changed_pool(make_newer)), MARU_E_FORMAT);
	ck_assert_int_eq(open_close(changed_pool(make_foreign)), MARU_E_FORMAT);
	ck_assert_int_eq(open_close(changed_pool(add_feature)), MARU_E_FORMAT);
	unlink(test_path("p"));
}
END_TEST

START_TEST(a_pool_with_an_unknown_ro_feature_is_only_read)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = MARU_OPEN_RDONLY };
	const char *path = changed_pool(add_ro_feature);
	struct maru_pool *pool;

	ck_assert_int_lt(open_close(path), 0);
	ck_assert_int_eq(maru_open(path, &o, &pool), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	unlink(path);
}
END_TEST

START_TEST(a_pool_with_an_unknown_harmless_feature_is_opened)
{
	ck_assert_int_eq(open_close(changed_pool(add_harmless_feature)), 0);
	unlink(test_path("p"));
}
END_TEST

int main(void)
{
	const TTest *const own_file[] = {
		a_new_file_has_the_size_and_mode_asked_for,
		an_empty_file_becomes_a_pool,
		a_file_of_zeroes_becomes_a_pool_of_its_size,
		a_pool_is_not_formatted_over_unless_forced,
		a_file_with_data_is_not_formatted_over_unless_forced,
		a_pool_larger_than_its_file_is_not_made,
		a_failed_create_leaves_no_file,
		a_wrong_option_is_named,
		create_options_with_an_unknown_tail_are_refused,
		a_memory_pool_needs_its_size,
		a_memory_pool_cannot_be_shrunk_and_is_not_inherited,
		two_windows_of_a_file_are_two_pools,
		what_is_not_there_is_not_opened,
		what_is_no_pool_is_not_opened,
		one_whole_superblock_is_enough_to_look,
		a_truncated_pool_is_not_opened,
		a_pool_of_another_format_is_not_opened,
		a_pool_with_an_unknown_ro_feature_is_only_read,
		a_pool_with_an_unknown_harmless_feature_is_opened,
	};
	const TTest *const every_medium[] = {
		a_pool_in_use_is_not_formatted_even_if_forced,
		a_pool_in_use_by_another_process_is_not_formatted,
		the_label_is_kept,
		two_pools_are_not_the_same,
	};
	int bad = test_run("making pools", TEST_MEM, own_file,
			   TEST_LEN(own_file));

	return test_run("pools in use", TEST_MEDIA, every_medium,
			TEST_LEN(every_medium)) |
	       bad;
}
