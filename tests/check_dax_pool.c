// SPDX-License-Identifier: BSD-3-Clause
/* Pools on made-up DAX devices: found by UUID, by name, and not mistaken. */
#include "common_dax.h"
#include "common_plain.h"
#include "common_wrap.h"

#include <maru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define BYTES (32 * MIB)

/* dax0.0, dax0.1 and dax1.0, each with bytes of its own. */
static struct dax_fake fakes[3];
static int memory[3];

static void prepare(void)
{
	static const char *const names[] = { "dax0.0", "dax0.1", "dax1.0" };
	static const char *const nodes[] = { "/dev/zero", "/dev/full",
					     "/dev/null" };

	for (int i = 0; i < 3; i++) {
		fakes[i] = (struct dax_fake){
			.name = names[i],
			.node = nodes[i],
			.driver = "device_dax",
			.size = BYTES,
			.align = 2 * MIB,
			.target_node = 3 + i,
		};
		memory[i] = wrap_memory(nodes[i], BYTES);
	}
	setenv("MARU_LOCK_DIR", plain_path("."), 1);
	ck_assert_int_eq(mkdir(plain_path("."), 0755), 0);
}

static void devices(int nr)
{
	dax_fake(fakes, (size_t)nr);
}

static void all(void)
{
	prepare();
	devices(3);
}

static void format(const char *target, const char *label)
{
	struct maru_create_opts o = {
		.size = sizeof(o),
		.unit = 4096,
		.max_clients = 4,
		.label = label,
	};

	ck_assert_msg(maru_create(target, &o) == 0, "%s", maru_errmsg());
}

static struct maru_pool *opened(const char *target)
{
	struct maru_pool *pool;

	ck_assert_msg(maru_open(target, NULL, &pool) == 0, "%s", maru_errmsg());
	return pool;
}

static void says(const char *word)
{
	ck_assert_msg(strstr(maru_errmsg(), word), "no \"%s\" in: %s", word,
		      maru_errmsg());
}

static void refused(const char *target, int rc, const char *word)
{
	int before = plain_fds();
	struct maru_pool *pool;

	ck_assert_msg(maru_open(target, NULL, &pool) == rc, "not %d: %s", rc,
		      maru_errmsg());
	ck_assert_ptr_null(pool);
	says(word);
	ck_assert_int_eq(plain_fds(), before);
}

/* The target that names the pool on a device by its UUID. */
static struct maru_super super_of(const char *target)
{
	struct maru_pool *pool = opened(target);
	struct maru_super super;

	ck_assert_int_eq(maru_inspect_super(pool, &super), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	return super;
}

static const char *uuid_target(const char *prefix, const unsigned char *uuid)
{
	static char text[64];
	int n = sprintf(text, "%s:", prefix);

	for (int i = 0; i < 16; i++)
		n += sprintf(text + n, "%s%02X",
			     i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			     uuid[i]);
	return text;
}

static void has_label(const char *target, const char *label)
{
	ck_assert_str_eq(super_of(target).label, label);
}

START_TEST(a_pool_lives_on_a_device)
{
	struct maru_stats st = { .size = sizeof(st) };
	struct maru_region region;
	struct maru_pool *pool;
	char json[8192];

	all();
	format("/dev/dax0.0", "one");
	pool = opened("/dev/dax0.0");
	ck_assert_int_eq(maru_store(pool, "k", 1, "value", 5), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	pool = opened("/dev/dax0.0");
	ck_assert_int_eq(maru_exists(pool, "k", 1), 1);
	ck_assert_int_eq(maru_region(pool, 0, &region), 0);
	ck_assert_int_eq(region.numa_node, 3);
	ck_assert_int_eq(maru_stats(pool, &st), 0);
	ck_assert_int_eq(st.numa_node, 3);
	ck_assert_int_gt(maru_stats_json(pool, json, sizeof(json)), 0);
	ck_assert_ptr_nonnull(strstr(json, "\"numa_node\":3,"));
	ck_assert_int_eq(maru_close(pool, 0), 0);
}
END_TEST

START_TEST(a_pool_is_found_by_its_uuid)
{
	struct maru_super super;

	all();
	format("/dev/dax0.0", "one");
	format("/dev/dax1.0", "two");
	super = super_of("/dev/dax1.0");
	has_label(uuid_target("uuid", super.uuid), "two");
	has_label(uuid_target("dax", super.uuid), "two");
	super = super_of("/dev/dax0.0");
	has_label(uuid_target("uuid", super.uuid), "one");
}
END_TEST

START_TEST(a_uuid_finds_the_pool_under_its_new_number)
{
	struct maru_super super;

	all();
	format("/dev/dax1.0", "two");
	super = super_of("/dev/dax1.0");
	dax_rename("dax1.0", "dax1.1");
	refused("/dev/dax1.0", -ENOENT, "does not exist");
	has_label(uuid_target("uuid", super.uuid), "two");
	has_label("dax:dax1.1", "two");
}
END_TEST

START_TEST(a_device_is_found_by_its_name)
{
	all();
	format("dax:dax0.1", "one");
	has_label("/dev/dax0.1", "one");
	has_label("dax:dax0.1", "one");
	refused("dax:dax0.2", -ENOENT, "dax0.0, dax0.1, dax1.0");
	refused("dax:", -ENOENT, "no DAX device is called so");
}
END_TEST

START_TEST(a_pool_found_twice_is_refused)
{
	struct maru_super super;
	unsigned char *copy = malloc(BYTES);

	all();
	format("/dev/dax0.0", "one");
	super = super_of("/dev/dax0.0");
	ck_assert_int_eq(pread(memory[0], copy, BYTES, 0), BYTES);
	ck_assert_int_eq(pwrite(memory[2], copy, BYTES, 0), BYTES);
	free(copy);
	refused(uuid_target("uuid", super.uuid), -ENOTUNIQ,
		"/dev/dax0.0, /dev/dax1.0");
	has_label("dax:dax1.0", "one");
}
END_TEST

START_TEST(a_pool_not_found_is_told_with_all_that_is_there)
{
	static const unsigned char other[16] = { 1, 2, 3 };
	static const char ext2[2] = { 0x53, (char)0xef };

	all();
	format("/dev/dax0.0", "one");
	ck_assert_int_eq(pwrite(memory[1], ext2, 2, 1080), 2);
	dax_resize("dax1.0", 0);
	refused(uuid_target("uuid", other), -ENOENT, "none of 3 DAX devices");
	says("dax0.0: pool ");
	says("dax0.1: an ext2 file system");
	says("dax1.0: not read, dax1.0 has size 0");
}
END_TEST

START_TEST(what_may_not_be_opened_is_told_of)
{
	static const unsigned char other[16] = { 1, 2, 3 };

	prepare();
	fakes[1].locked = true;
	fakes[2].driver = "kmem";
	devices(3);
	refused(uuid_target("uuid", other), -EACCES, "dax0.0: empty");
	says("dax0.1: not read, cannot open it for reading");
	says("dax1.0: not read, dax1.0 is in use as system RAM");
}
END_TEST

START_TEST(a_host_without_devices_says_so)
{
	static const unsigned char other[16] = { 1, 2, 3 };

	prepare();
	devices(0);
	refused(uuid_target("uuid", other), -ENOENT, "no DAX devices");
	refused("dax:dax0.0", -ENOENT, "there are none");
}
END_TEST

START_TEST(a_uuid_must_be_one)
{
	static const char *const bad[] = {
		"uuid:",
		"uuid:dax0.0",
		"uuid:01020304-0506-0708-090a-0b0c0d0e0f",
		"uuid:01020304-0506-0708-090a-0b0c0d0e0f101",
		"uuid:0102030405060708090a-0b0c0d0e0f100000",
		"uuid:g1020304-0506-0708-090a-0b0c0d0e0f10",
	};

	all();
	for (size_t i = 0; i < PLAIN_LEN(bad); i++)
		refused(bad[i], -EINVAL, "no UUID");
	ck_assert_int_eq(maru_create("uuid:x", NULL), -EINVAL);
}
END_TEST

START_TEST(an_unusable_device_is_refused_by_name)
{
	prepare();
	fakes[0].driver = NULL;
	fakes[1].size = 0;
	fakes[2].driver = "kmem";
	devices(3);
	refused("dax:dax0.0", -EBUSY, "daxctl enable-device dax0.0");
	refused("dax:dax0.1", -ENODEV, "daxctl create-device");
	refused("dax:dax1.0", -EBUSY, "daxctl reconfigure-device");
	ck_assert_int_eq(maru_create("dax:dax1.0", NULL), -EBUSY);
}
END_TEST

START_TEST(a_device_without_node_is_known_all_the_same)
{
	struct maru_super super;

	all();
	format("/dev/dax0.1", "one");
	super = super_of("/dev/dax0.1");
	dax_lose_node("dax0.1");
	refused("dax:dax0.1", -ENODEV, "no node /dev/dax0.1");
	refused(uuid_target("uuid", super.uuid), -ENOENT,
		"dax0.1: not read, the system has dax0.1, but no node");
}
END_TEST

START_TEST(a_pool_is_formatted_anew_by_its_uuid)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .flags = MARU_CREATE_FORCE,
				      .label = "anew" };
	struct maru_super super;
	const char *target;

	all();
	format("/dev/dax0.1", "one");
	super = super_of("/dev/dax0.1");
	target = uuid_target("uuid", super.uuid);
	ck_assert_int_eq(maru_create(target, NULL), -EEXIST);
	ck_assert_int_eq(maru_create(target, &o), 0);
	refused(target, -ENOENT, "dax0.1: pool ");
	has_label("/dev/dax0.1", "anew");
}
END_TEST

START_TEST(fsck_takes_a_uuid)
{
	struct maru_fsck_result res;
	struct maru_super super;

	all();
	format("/dev/dax1.0", "two");
	super = super_of("/dev/dax1.0");
	ck_assert_int_eq(maru_fsck(uuid_target("uuid", super.uuid), NULL, &res),
			 0);
	ck_assert_uint_eq(res.faults, 0);
	super.uuid[0] ^= 1;
	ck_assert_int_eq(maru_fsck(uuid_target("uuid", super.uuid), NULL, &res),
			 -ENOENT);
}
END_TEST

START_TEST(windows_of_one_device_are_told_apart_by_their_offset)
{
	struct maru_create_opts o = { .size = sizeof(o), .bytes = 8 * MIB };
	struct maru_open_opts at = { .size = sizeof(at), .offset = 16 * MIB };
	struct maru_super super;
	struct maru_pool *pool;

	all();
	ck_assert_int_eq(maru_create("/dev/dax0.0", &o), 0);
	o.offset = at.offset;
	ck_assert_int_eq(maru_create("/dev/dax0.0", &o), 0);
	super = super_of("/dev/dax0.0");
	ck_assert_int_eq(maru_open(uuid_target("uuid", super.uuid), &at, &pool),
			 -ENOENT);
	ck_assert_int_eq(maru_open("/dev/dax0.0", &at, &pool), 0);
	ck_assert_int_eq(maru_inspect_super(pool, &super), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(maru_open(uuid_target("uuid", super.uuid), &at, &pool),
			 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
}
END_TEST

static int open_expecting(const unsigned char *uuid, uint64_t incarnation,
			  struct maru_pool **pool)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .expect_incarnation = incarnation };

	if (uuid)
		memcpy(o.expect_uuid, uuid, 16);
	return maru_open("/dev/dax0.0", &o, pool);
}

START_TEST(the_pool_that_is_meant_is_opened)
{
	struct maru_super super;
	struct maru_pool *pool;

	all();
	format("/dev/dax0.0", "one");
	super = super_of("/dev/dax0.0");
	ck_assert_int_eq(open_expecting(super.uuid, super.incarnation, &pool),
			 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(open_expecting(NULL, super.incarnation, &pool), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(open_expecting(super.uuid, 0, &pool), 0);
	ck_assert_int_eq(maru_close(pool, 0), 0);
}
END_TEST

START_TEST(another_pool_of_the_same_name_is_refused)
{
	struct maru_super super, now;
	struct maru_create_opts o = { .size = sizeof(o),
				      .flags = MARU_CREATE_FORCE };
	struct maru_pool *pool;

	all();
	format("/dev/dax0.0", "one");
	super = super_of("/dev/dax0.0");
	ck_assert_int_eq(maru_create("/dev/dax0.0", &o), 0);
	now = super_of("/dev/dax0.0");
	ck_assert_uint_ne(super.incarnation, now.incarnation);
	ck_assert_int_eq(open_expecting(super.uuid, 0, &pool), MARU_E_OTHER);
	ck_assert_int_eq(open_expecting(NULL, super.incarnation, &pool),
			 MARU_E_OTHER);
	/* the same UUID, made anew: a copy of the superblock's other fields */
	ck_assert_int_eq(open_expecting(now.uuid, super.incarnation, &pool),
			 MARU_E_OTHER);
	ck_assert_ptr_null(pool);
}
END_TEST

START_TEST(both_sides_of_a_mistake_are_shown)
{
	static const unsigned char wanted[16] = { 0xab, 0xcd };
	char incarnation[32];
	struct maru_super super;
	struct maru_pool *pool;

	all();
	format("/dev/dax0.0", "one");
	super = super_of("/dev/dax0.0");
	snprintf(incarnation, sizeof(incarnation), "%#018llx",
		 (unsigned long long)super.incarnation);
	ck_assert_int_eq(open_expecting(wanted, 0x1234, &pool), MARU_E_OTHER);
	says("/dev/dax0.0");
	says(incarnation);
	says("abcd0000-0000-0000-0000-000000000000");
	says("0x0000000000001234");
	says("maru-dump");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_pool_lives_on_a_device,
		a_pool_is_found_by_its_uuid,
		a_uuid_finds_the_pool_under_its_new_number,
		a_device_is_found_by_its_name,
		a_pool_found_twice_is_refused,
		a_pool_not_found_is_told_with_all_that_is_there,
		what_may_not_be_opened_is_told_of,
		a_host_without_devices_says_so,
		a_uuid_must_be_one,
		an_unusable_device_is_refused_by_name,
		a_device_without_node_is_known_all_the_same,
		a_pool_is_formatted_anew_by_its_uuid,
		fsck_takes_a_uuid,
		windows_of_one_device_are_told_apart_by_their_offset,
		the_pool_that_is_meant_is_opened,
		another_pool_of_the_same_name_is_refused,
		both_sides_of_a_mistake_are_shown,
	};

	if (!dax_possible()) {
		puts("no mount namespaces are permitted here");
		return 77;
	}
	return plain_run("pools on DAX devices", tests, PLAIN_LEN(tests));
}
