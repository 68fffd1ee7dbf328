// SPDX-License-Identifier: BSD-3-Clause
/* A folder, children and namespaces for tests of the lower rooms. */
#include "common_plain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[PATH_MAX / 2];

static int drop(const char *path, const struct stat *st, int flag,
		struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void leave_folder(void)
{
	nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void make_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/maru-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	/* Some tests go on as somebody else. */
	ck_assert_int_eq(chmod(folder, 0755), 0);
}

int plain_run(const char *name, const TTest *const *tests, size_t nr)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(tcase, make_folder, leave_folder);
	for (size_t i = 0; i < nr; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

const char *plain_path(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, PATH_MAX, "%s/%s-%d", folder, name, (int)getpid());
	return p;
}

const char *plain_file(const char *name, size_t len)
{
	const char *path = plain_path(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)len), 0);
	close(fd);
	return path;
}

void plain_put(const char *path, off_t off, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, off), (ssize_t)len);
	close(fd);
}

int plain_wait(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

int plain_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static int become_root(uid_t uid, gid_t gid)
{
	char line[64];

	if (write_text("/proc/self/setgroups", "deny") && errno != ENOENT)
		return -1;
	snprintf(line, sizeof(line), "0 %u 1", (unsigned)uid);
	if (write_text("/proc/self/uid_map", line))
		return -1;
	snprintf(line, sizeof(line), "0 %u 1", (unsigned)gid);
	return write_text("/proc/self/gid_map", line);
}

int plain_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	/* Root has no need of a user namespace, which threads are not given. */
	if (unshare(CLONE_NEWNS) &&
	    (unshare(CLONE_NEWUSER | CLONE_NEWNS) || become_root(uid, gid)))
		return -1;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

void plain_golden(const char *path, void (*print)(FILE *out))
{
	const char *mode = getenv("MARU_GOLDEN");
	bool anew = mode && !strcmp(mode, "write");
	char was[256], is[256], *more, *text = NULL;
	FILE *file, *out;
	size_t len = 0;
	unsigned no = 0;

	out = open_memstream(&text, &len);
	print(out);
	ck_assert_int_eq(fclose(out), 0);
	file = fopen(path, anew ? "w+e" : "re");
	ck_assert_msg(file != NULL, "%s: run in the top folder", path);
	if (anew)
		ck_assert_int_ge(fputs(text, file), 0);
	rewind(file);
	out = fmemopen(text, len, "r");
	do {
		no++;
		strcpy(was, "the end\n");
		strcpy(is, "the end\n");
		more = fgets(was, sizeof(was), file);
		if (fgets(is, sizeof(is), out))
			more = is;
		ck_assert_msg(!strcmp(was, is), "%s:%u: was %sis %s", path, no,
			      was, is);
	} while (more);
	fclose(out);
	fclose(file);
	free(text);
}
