// SPDX-License-Identifier: BSD-3-Clause
/* Opening, making and reading what a pool may live in. */
#include "base/err.h"
#include "common_plain.h"
#include "dev/dev.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static int open_rc(const char *target, unsigned flags)
{
	struct dev *dev;
	int rc = dev_open(target, flags, &dev);

	if (rc)
		ck_assert_ptr_null(dev);
	else
		dev_close(dev);
	return rc;
}

static void says(const char *a, const char *b)
{
	ck_assert_msg(strstr(maru_errmsg(), a) && strstr(maru_errmsg(), b),
		      "neither \"%s\" nor \"%s\" in: %s", a, b, maru_errmsg());
}

START_TEST(open_names_what_is_missing)
{
	const char *path = plain_path("missing");

	ck_assert_int_eq(open_rc(path, 0), -ENOENT);
	says(path, "maru-mkpool");
}
END_TEST

START_TEST(open_refuses_what_is_no_path)
{
	char longer[PATH_MAX + 10];

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(open_rc(longer, 0), -ENAMETOOLONG);
	ck_assert_int_eq(open_rc("", 0), -EINVAL);
	ck_assert_int_eq(open_rc(NULL, 0), -EINVAL);
	ck_assert_int_eq(open_rc("fd:", 0), -EINVAL);
	ck_assert_int_eq(open_rc("fd:-1", 0), -EINVAL);
	ck_assert_int_eq(open_rc("fd:3x", 0), -EINVAL);
	ck_assert_int_eq(open_rc("fd:99999999999999999999", 0), -EINVAL);
	ck_assert_int_eq(open_rc("fd:1000000", 0), -EBADF);
	ck_assert_int_eq(open_rc(plain_file("plain", 4096), 0x80), -EINVAL);
}
END_TEST

START_TEST(open_refuses_other_kinds_of_file)
{
	const char *pipe = plain_path("pipe");

	ck_assert_int_eq(mkfifo(pipe, 0666), 0);
	ck_assert_int_eq(open_rc(pipe, 0), -ENOTSUP);
	says(pipe, "is a pipe");
	ck_assert_int_eq(open_rc("/", 0), -EISDIR);
	ck_assert_int_eq(open_rc("/dev/null", 0), -ENODEV);
	says("/dev/null", "libdaxctl");
}
END_TEST

START_TEST(open_tells_that_it_may_not)
{
	const char *path = plain_file("private", 4096);

	ck_assert_int_eq(chmod(path, 0400), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert_int_eq(seteuid(65534), 0);
	}
	ck_assert_int_eq(open_rc(path, 0), -EACCES);
	says(path, "read-only");
	ck_assert_int_eq(open_rc(path, DEV_RDONLY), 0);
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

START_TEST(a_failed_open_holds_nothing)
{
	const char *gone = plain_path("gone");
	int before = plain_fds();

	for (int i = 0; i < 20; i++) {
		open_rc(gone, 0);
		open_rc("/dev/zero", 0);
		open_rc("fd:0", 0);
	}
	ck_assert_int_eq(plain_fds(), before);
}
END_TEST

START_TEST(an_open_file_is_described)
{
	struct dev *dev;

	ck_assert_int_eq(dev_open(plain_file("plain", 3 * MIB), 0, &dev), 0);
	ck_assert(dev->kind == DEV_FILE || dev->kind == DEV_FSDAX);
	ck_assert_uint_eq(dev->size, 3 * MIB);
	ck_assert_uint_eq(dev->align % (uint64_t)sysconf(_SC_PAGESIZE), 0);
	ck_assert_int_eq(dev->numa_node, -1);
	ck_assert(dev->writable && !dev->made);
	ck_assert_int_eq(fcntl(dev->fd, F_GETFD), FD_CLOEXEC);
	dev_close(dev);
}
END_TEST

START_TEST(a_handed_descriptor_is_opened_anew)
{
	char target[32];
	struct dev *dev;
	int fd = open(plain_file("plain", MIB), O_RDWR | O_CLOEXEC);

	snprintf(target, sizeof(target), "fd:%d", fd);
	ck_assert_int_eq(dev_open(target, 0, &dev), 0);
	ck_assert_int_ne(dev->fd, fd);
	ck_assert_int_eq(lseek(dev->fd, 100, SEEK_SET), 100);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
	dev_close(dev);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	close(fd);
}
END_TEST

START_TEST(a_read_only_descriptor_stays_so)
{
	char target[32];
	int fd = open(plain_file("plain", MIB), O_RDONLY | O_CLOEXEC);

	snprintf(target, sizeof(target), "fd:%d", fd);
	ck_assert_int_eq(open_rc(target, 0), -EACCES);
	ck_assert_int_eq(open_rc(target, DEV_RDONLY), 0);
	close(fd);
}
END_TEST

START_TEST(descriptors_keep_clear_of_stdio)
{
	const char *path = plain_file("plain", MIB);
	struct dev *dev;
	int rc, fd, spare = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	close(STDIN_FILENO);
	close(STDERR_FILENO);
	rc = dev_open(path, 0, &dev);
	fd = rc ? -1 : dev->fd;
	ck_assert_int_eq(dup2(spare, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(rc, 0);
	ck_assert_int_gt(fd, STDERR_FILENO);
	ck_assert_int_lt(fcntl(STDIN_FILENO, F_GETFD), 0);
	dev_close(dev);
	close(spare);
}
END_TEST

START_TEST(create_makes_a_file_of_size_and_mode)
{
	const char *path = plain_path("new");
	struct dev *dev;
	struct stat st;

	umask(077);
	ck_assert_int_eq(dev_create_file(path, 4 * MIB, 0660, false, &dev), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, 4 * MIB);
	ck_assert_uint_ge((uint64_t)st.st_blocks * 512, 4 * MIB);
	ck_assert_int_eq(st.st_mode & 07777, 0660);
	ck_assert(dev->made && dev->size == 4 * MIB);
	dev_close(dev);
}
END_TEST

START_TEST(create_sparse_allocates_nothing)
{
	const char *path = plain_path("sparse");
	struct dev *dev;
	struct stat st;

	ck_assert_int_eq(dev_create_file(path, 64 * MIB, 0600, true, &dev), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_lt((uint64_t)st.st_blocks * 512, MIB);
	dev_close(dev);
}
END_TEST

START_TEST(create_without_a_size_leaves_nothing)
{
	const char *path = plain_path("sizeless");
	struct dev *dev;

	ck_assert_int_eq(dev_create_file(path, 0, 0600, true, &dev), -EINVAL);
	says(path, "large");
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_ne(dev_create_file(path, UINT64_MAX, 0600, true, &dev),
			 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(no_file_is_made_where_a_device_has_been)
{
	const char *const name[] = { "/dev/dax99.0", "/dev/./dax99.0",
				     "/dev//dax99.0", "dax99.0" };
	struct dev *dev;

	ck_assert_int_eq(chdir("/dev"), 0);
	for (size_t i = 0; i < PLAIN_LEN(name); i++) {
		ck_assert_int_eq(dev_create_file(name[i], 4 * MIB, 0600, true,
						 &dev),
				 -ENOENT);
		ck_assert_ptr_nonnull(strstr(maru_errmsg(), "maru-mkpool"));
		ck_assert_int_ne(access("/dev/dax99.0", F_OK), 0);
	}
}
END_TEST

START_TEST(create_keeps_the_size_of_a_file_with_content)
{
	const char *path = plain_file("filled", MIB);
	struct dev *dev;
	struct stat st;

	ck_assert_int_eq(dev_create_file(path, 0, 0600, false, &dev), 0);
	ck_assert(dev->size == MIB && !dev->made);
	dev_abandon(dev);
	ck_assert_int_eq(dev_create_file(path, MIB + 1, 0600, false, &dev),
			 -ENOSPC);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, MIB);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
}
END_TEST

START_TEST(create_gives_an_empty_file_its_size)
{
	const char *path = plain_file("empty", 0);
	struct dev *dev;
	struct stat st;

	ck_assert_int_eq(dev_create_file(path, MIB, 0600, true, &dev), 0);
	ck_assert_uint_eq(dev->size, MIB);
	dev_abandon(dev);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
}
END_TEST

START_TEST(create_on_a_full_tmpfs_fails_now_and_leaves_nothing)
{
	const char *dir = plain_path("small");
	char path[PATH_MAX];
	struct dev *dev;

	ck_assert_int_eq(mkdir(dir, 0700), 0);
	if (plain_namespace() || mount("small", dir, "tmpfs", 0, "size=1m")) {
		puts("no tmpfs can be mounted here: not tested");
		return;
	}
	snprintf(path, sizeof(path), "%s/pool", dir);
	ck_assert_int_eq(dev_create_file(path, 2 * MIB, 0600, false, &dev),
			 -ENOSPC);
	says(path, "No space");
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(dev_create_file(path, 2 * MIB, 0600, true, &dev), 0);
	dev_close(dev);
	umount(dir);
}
END_TEST

START_TEST(abandon_removes_what_was_made)
{
	const char *path = plain_path("new");
	struct dev *dev;

	ck_assert_int_eq(dev_create_file(path, MIB, 0600, true, &dev), 0);
	dev_abandon(dev);
	ck_assert_int_ne(access(path, F_OK), 0);
	dev_abandon(NULL);
}
END_TEST

START_TEST(abandon_spares_another_file_of_the_name)
{
	const char *path = plain_path("new");
	struct dev *dev;

	ck_assert_int_eq(dev_create_file(path, MIB, 0600, true, &dev), 0);
	ck_assert_int_eq(rename(plain_file("other", 7), path), 0);
	dev_abandon(dev);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_memfd_can_neither_shrink_nor_grow)
{
	struct dev *dev;

	ck_assert_int_eq(dev_create_mem("test", MIB, false, &dev), 0);
	ck_assert(dev->kind == DEV_MEM && dev->size == MIB && dev->writable);
	ck_assert_int_ne(ftruncate(dev->fd, 4096), 0);
	ck_assert_int_ne(ftruncate(dev->fd, 2 * (off_t)MIB), 0);
	dev_close(dev);
}
END_TEST

START_TEST(a_memfd_that_could_shrink_is_refused)
{
	char target[32];
	struct dev *dev;
	int fd = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	snprintf(target, sizeof(target), "fd:%d", fd);
	ck_assert_int_eq(ftruncate(fd, MIB), 0);
	ck_assert_int_eq(open_rc(target, 0), -EPERM);
	says(target, "F_SEAL_SHRINK");
	ck_assert_int_eq(dev_create_file(target, 0, 0, true, &dev), 0);
	ck_assert_int_eq(dev->kind, DEV_MEM);
	dev_close(dev);
	ck_assert_int_eq(open_rc(target, 0), 0);
	close(fd);
}
END_TEST

START_TEST(a_file_called_like_a_memfd_is_a_file)
{
	struct dev *dev;

	ck_assert_int_eq(dev_open(plain_file("memfd:x", MIB), 0, &dev), 0);
	ck_assert_int_ne(dev->kind, DEV_MEM);
	dev_close(dev);
}
END_TEST

START_TEST(reading_ends_at_the_end)
{
	const char *path = plain_file("plain", 8192);
	unsigned char buf[16];
	struct dev *dev;

	plain_put(path, 8188, "tail", 4);
	ck_assert_int_eq(dev_open(path, DEV_RDONLY, &dev), 0);
	ck_assert_int_eq(dev_read(dev, 8188, buf, 4), 0);
	ck_assert_mem_eq(buf, "tail", 4);
	ck_assert_int_eq(dev_read(dev, 8192, buf, 0), 0);
	ck_assert_int_eq(dev_read(dev, 8189, buf, 4), -ENODATA);
	ck_assert_int_eq(dev_read(dev, UINT64_MAX, buf, 4), -ENODATA);
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_assert_int_eq(dev_read(dev, 4096, buf, 4), -ENODATA);
	dev_close(dev);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		open_names_what_is_missing,
		open_refuses_what_is_no_path,
		open_refuses_other_kinds_of_file,
		open_tells_that_it_may_not,
		a_failed_open_holds_nothing,
		an_open_file_is_described,
		a_handed_descriptor_is_opened_anew,
		a_read_only_descriptor_stays_so,
		descriptors_keep_clear_of_stdio,
		create_makes_a_file_of_size_and_mode,
		create_sparse_allocates_nothing,
		create_without_a_size_leaves_nothing,
		no_file_is_made_where_a_device_has_been,
		create_keeps_the_size_of_a_file_with_content,
		create_gives_an_empty_file_its_size,
		create_on_a_full_tmpfs_fails_now_and_leaves_nothing,
		abandon_removes_what_was_made,
		abandon_spares_another_file_of_the_name,
		a_memfd_can_neither_shrink_nor_grow,
		a_memfd_that_could_shrink_is_refused,
		a_file_called_like_a_memfd_is_a_file,
		reading_ends_at_the_end,
	};

	return plain_run("dev", tests, PLAIN_LEN(tests));
}
