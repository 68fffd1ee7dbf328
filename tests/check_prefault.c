// SPDX-License-Identifier: BSD-3-Clause
/* Faulting in ahead: what it allocates, how it fails, and old kernels. */
#include "base/err.h"
#include "common_plain.h"
#include "common_wrap.h"
#include "dev/dev.h"

#include <maru.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 0x0004u
#endif

static struct dev *dev;
static struct dev_map map;

static void have(uint64_t bytes)
{
	ck_assert_int_eq(dev_create_mem("test", bytes, true, &dev), 0);
	ck_assert_int_eq(dev_map(dev, 0, bytes, &map), 0);
}

static void done(void)
{
	dev_unmap(&map);
	dev_close(dev);
}

static uint64_t allocated(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(dev->fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

START_TEST(a_kernel_that_cannot_populate_has_its_pages_touched)
{
	have(4 * MIB);
	memcpy(map.base + 2 * MIB, "kept", 5);
	wrap_populate(EINVAL, 100);
	ck_assert_int_eq(dev_prefault(&map, MIB, 2 * MIB), 0);
	ck_assert_uint_eq(wrap_populated(), 1);
	ck_assert_uint_eq(allocated(), 2 * MIB);
	ck_assert_str_eq((char *)map.base + 2 * MIB, "kept");
	done();
}
END_TEST

START_TEST(touching_writes_nothing_where_it_may_only_read)
{
	const char *path = plain_file("file", 4 * MIB);

	plain_put(path, MIB, "kept", 5);
	ck_assert_int_eq(dev_open(path, DEV_RDONLY, &dev), 0);
	ck_assert_int_eq(dev_map(dev, 0, 4 * MIB, &map), 0);
	wrap_populate(EINVAL, 100);
	ck_assert_int_eq(dev_prefault(&map, 100, 4 * MIB - 100), 0);
	ck_assert_str_eq((char *)map.base + MIB, "kept");
	done();
}
END_TEST

START_TEST(a_signal_does_not_end_it)
{
	have(MIB);
	wrap_populate(EINTR, 5);
	ck_assert_int_eq(dev_prefault(&map, 0, MIB), 0);
	ck_assert_uint_eq(wrap_populated(), 6);
	ck_assert_uint_eq(allocated(), MIB);
	done();
}
END_TEST

START_TEST(it_does_not_try_for_ever)
{
	have(MIB);
	wrap_populate(EAGAIN, 1000000);
	ck_assert_int_eq(dev_prefault(&map, 0, MIB), -EAGAIN);
	ck_assert_uint_le(wrap_populated(), 1000);
	done();
}
END_TEST

static void fails(int err, const char *word)
{
	wrap_populate(err, 1);
	ck_assert_int_eq(dev_prefault(&map, 4096, MIB - 4096), -err);
	ck_assert_msg(strstr(maru_errmsg(), word) &&
			      strstr(maru_errmsg(), "from 4096"),
		      "no %s in: %s", word, maru_errmsg());
}

START_TEST(a_failure_says_what_to_do)
{
	have(MIB);
	fails(EHWPOISON, "memory has failed there; maru-fsck");
	fails(EFAULT, "the file system is full");
	fails(ENOMEM, "no memory left");
	fails(EIO, "Input/output error");
	done();
}
END_TEST

/* No made-up kernel here: a tmpfs of 2 MiB. */
START_TEST(a_full_file_system_is_an_error_and_no_signal)
{
	const char *dir = plain_path("small");
	char path[4200];

	ck_assert_int_eq(mkdir(dir, 0755), 0);
	if (plain_namespace() || mount("small", dir, "tmpfs", 0, "size=2M"))
		return;
	snprintf(path, sizeof(path), "%s/pool", dir);
	ck_assert_int_eq(dev_create_file(path, 8 * MIB, 0600, true, &dev), 0);
	ck_assert_int_eq(dev_map(dev, 0, 8 * MIB, &map), 0);
	ck_assert_int_eq(dev_prefault(&map, 0, 8 * MIB), -EFAULT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "file system is full"));
	done();
	ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
}
END_TEST

static int open_pool(const char *path, uint32_t flags)
{
	struct maru_open_opts o = { .size = sizeof(o), .flags = flags };
	struct maru_pool *pool;
	int rc = maru_open(path, &o, &pool);

	ck_assert_int_eq(maru_close(pool, 0), 0);
	return rc;
}

START_TEST(opening_a_pool_faults_in_tables_or_all)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = 32 * MIB,
				      .flags = MARU_CREATE_SPARSE };
	const char *path = plain_path("pool");
	struct stat st;

	ck_assert_int_eq(maru_create(path, &o), 0);
	wrap_populate(0, 0);
	ck_assert_int_eq(open_pool(path, 0), 0);
	ck_assert_uint_eq(wrap_populated(), 0);
	ck_assert_int_eq(open_pool(path, MARU_OPEN_PREFAULT_META), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_blocks * 512, 32 << 20);
	ck_assert_int_eq(open_pool(path, MARU_OPEN_PREFAULT_ALL), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, 32 << 20);
	ck_assert_int_eq(
		open_pool(path, MARU_OPEN_PREFAULT_ALL | MARU_OPEN_RDONLY), 0);
	ck_assert_uint_eq(wrap_populated(), 3);
}
END_TEST

START_TEST(a_pool_that_cannot_be_faulted_in_is_not_opened)
{
	struct maru_create_opts o = { .size = sizeof(o), .bytes = 8 * MIB };
	const char *path = plain_path("pool");
	int before;

	ck_assert_int_eq(maru_create(path, &o), 0);
	before = plain_fds();
	wrap_populate(EHWPOISON, 2);
	ck_assert_int_eq(open_pool(path, MARU_OPEN_PREFAULT_META), -EHWPOISON);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), path));
	ck_assert_int_eq(open_pool(path,
				   MARU_OPEN_PREFAULT_ALL | MARU_OPEN_GUARD),
			 -EHWPOISON);
	ck_assert_int_eq(plain_fds(), before);
	ck_assert_int_eq(open_pool(path, 0), 0);
}
END_TEST

/* Where the system has no huge pages to give there is nothing to see. */
START_TEST(huge_pages_are_mapped_whole)
{
	int fd = memfd_create("huge",
			      MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	char target[32];

	if (fd < 0 || ftruncate(fd, 8 * MIB) || fallocate(fd, 0, 0, 8 * MIB))
		return;
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	snprintf(target, sizeof(target), "fd:%d", fd);
	ck_assert_int_eq(dev_open(target, 0, &dev), 0);
	ck_assert_uint_eq(dev->align, 2 * MIB);
	ck_assert_int_eq(dev_map(dev, 4096, 4 * MIB, &map), -EINVAL);
	ck_assert_int_eq(dev_map(dev, 2 * MIB, 6 * MIB, &map), 0);
	ck_assert_uint_eq((uintptr_t)map.base % (2 * MIB), 0);
	ck_assert_int_eq(dev_prefault(&map, 0, 6 * MIB), 0);
	done();
	close(fd);
}
END_TEST

START_TEST(files_and_memory_are_mapped_for_huge_pages)
{
	for (unsigned i = 0; i < 8; i++) {
		have(4 * MIB + i * 4096);
		ck_assert_uint_eq((uintptr_t)map.base % (2 * MIB), 0);
		done();
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_kernel_that_cannot_populate_has_its_pages_touched,
		touching_writes_nothing_where_it_may_only_read,
		a_signal_does_not_end_it,
		it_does_not_try_for_ever,
		a_failure_says_what_to_do,
		a_full_file_system_is_an_error_and_no_signal,
		opening_a_pool_faults_in_tables_or_all,
		a_pool_that_cannot_be_faulted_in_is_not_opened,
		huge_pages_are_mapped_whole,
		files_and_memory_are_mapped_for_huge_pages,
	};

	return plain_run("faulting in ahead", tests, PLAIN_LEN(tests));
}
