// SPDX-License-Identifier: BSD-3-Clause
/* Locks that die with their holder, and what a child of fork() keeps. */
#include "base/err.h"
#include "common_plain.h"
#include "dev/dev.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW (UINT64_C(2) << 20)

static const unsigned char uuid[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
					0xcd, 0xef, 0x10, 0x32, 0x54, 0x76,
					0x98, 0xba, 0xdc, 0xfe };
static const char lock_file[] = "01234567-89ab-cdef-1032-547698badcfe.lk";
static char path[4096];

static void fresh_file(void)
{
	strcpy(path, plain_file("pool", 4 * WINDOW));
}

static struct dev_lock opened(unsigned flags, uint64_t off)
{
	struct dev_lock lock;
	struct dev *dev;

	ck_assert_int_eq(dev_open(path, flags, &dev), 0);
	ck_assert_int_eq(dev_lock_open(dev, uuid, off, &lock), 0);
	dev_close(dev);
	return lock;
}

START_TEST(exclusive_excludes_everybody)
{
	struct dev_lock a, b;

	fresh_file();
	a = opened(0, 0);
	b = opened(0, 0);
	ck_assert_int_eq(dev_lock_take(&a, 3, false), 0);
	ck_assert_int_eq(dev_lock_take(&b, 3, false), -EAGAIN);
	ck_assert_int_eq(dev_lock_take(&b, 3, true), -EAGAIN);
	ck_assert_int_eq(dev_lock_held(&b, 3), 1);
	ck_assert_int_eq(dev_lock_held(&a, 3), 0);
	dev_lock_close(&a);
	dev_lock_close(&b);
}
END_TEST

START_TEST(shared_admits_shared_only)
{
	struct dev_lock a, b;

	fresh_file();
	a = opened(0, 0);
	b = opened(0, 0);
	ck_assert_int_eq(dev_lock_take(&a, 0, true), 0);
	ck_assert_int_eq(dev_lock_take(&b, 0, true), 0);
	ck_assert_int_eq(dev_lock_take(&b, 0, false), -EAGAIN);
	ck_assert_int_eq(dev_lock_held(&b, 0), 1);
	ck_assert_int_eq(dev_lock_drop(&a, 0), 0);
	ck_assert_int_eq(dev_lock_take(&b, 0, false), 0);
	dev_lock_close(&a);
	dev_lock_close(&b);
}
END_TEST

START_TEST(numbers_and_windows_are_apart)
{
	struct dev_lock a, b, next;

	fresh_file();
	a = opened(0, 0);
	b = opened(0, 0);
	next = opened(0, WINDOW);
	ck_assert_int_eq(dev_lock_take(&a, 7, false), 0);
	ck_assert_int_eq(dev_lock_take(&b, 6, false), 0);
	ck_assert_int_eq(dev_lock_take(&b, 8, false), 0);
	ck_assert_int_eq(dev_lock_take(&next, 7, false), 0);
	dev_lock_close(&a);
	dev_lock_close(&b);
	dev_lock_close(&next);
}
END_TEST

START_TEST(closing_drops_every_lock)
{
	struct dev_lock a, b;

	fresh_file();
	a = opened(0, 0);
	b = opened(0, 0);
	ck_assert_int_eq(dev_lock_take(&a, 1, false), 0);
	ck_assert_int_eq(dev_lock_take(&a, 2, true), 0);
	dev_lock_close(&a);
	ck_assert_int_eq(dev_lock_held(&b, 1), 0);
	ck_assert_int_eq(dev_lock_held(&b, 2), 0);
	ck_assert_int_eq(dev_lock_take(&a, 1, false), MARU_E_CLOSED);
	dev_lock_close(&b);
}
END_TEST

START_TEST(readers_lock_shared_only)
{
	struct dev_lock reader, writer;

	fresh_file();
	reader = opened(DEV_RDONLY, 0);
	writer = opened(0, 0);
	ck_assert_int_eq(dev_lock_take(&reader, 0, false), -EROFS);
	ck_assert_int_eq(dev_lock_take(&reader, 0, true), 0);
	ck_assert_int_eq(dev_lock_held(&writer, 0), 1);
	ck_assert_int_eq(dev_lock_held(&reader, 0), 0);
	dev_lock_close(&reader);
	dev_lock_close(&writer);
}
END_TEST

/* A child that holds @no and says so on a pipe; it ends by a signal only. */
static pid_t holder(uint32_t no)
{
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct dev_lock lock = opened(0, 0);

		c = dev_lock_take(&lock, no, false) ? 'n' : 'y';
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(c, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

START_TEST(the_kernel_drops_a_killed_holders_lock)
{
	struct dev_lock lock;
	pid_t pid;

	fresh_file();
	lock = opened(0, 0);
	pid = holder(9);
	ck_assert_int_eq(dev_lock_held(&lock, 9), 1);
	ck_assert_int_eq(dev_lock_take(&lock, 9, false), -EAGAIN);
	kill(pid, SIGKILL);
	plain_wait(pid);
	ck_assert_int_eq(dev_lock_held(&lock, 9), 0);
	ck_assert_int_eq(dev_lock_take(&lock, 9, false), 0);
	dev_lock_close(&lock);
}
END_TEST

START_TEST(a_stopped_holder_keeps_its_lock)
{
	struct dev_lock lock;
	pid_t pid;
	int status;

	fresh_file();
	lock = opened(0, 0);
	pid = holder(9);
	kill(pid, SIGSTOP);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_int_eq(dev_lock_held(&lock, 9), 1);
	kill(pid, SIGKILL);
	plain_wait(pid);
	dev_lock_close(&lock);
}
END_TEST

/* Takes @no, forks a child that lives on until the pipe ends, and dies. */
static void die_before_child(uint32_t no, const int end[2])
{
	struct dev_lock lock = opened(0, 0);
	int ready[2];
	char c = 0;

	if (dev_lock_take(&lock, no, false) || pipe(ready))
		_exit(1);
	if (fork() == 0) {
		close(end[1]);
		if (write(ready[1], &c, 1) != 1)
			_exit(1);
		_exit(read(end[0], &c, 1) == 0 ? 0 : 1);
	}
	/* Until the child has come back from fork() it holds the lock too. */
	if (read(ready[0], &c, 1) == 1)
		raise(SIGKILL);
	_exit(1);
}

START_TEST(a_child_does_not_keep_its_parents_lock)
{
	struct dev_lock lock;
	int end[2];
	pid_t pid;

	fresh_file();
	lock = opened(0, 0);
	ck_assert_int_eq(pipe(end), 0);
	pid = fork();
	if (pid == 0)
		die_before_child(4, end);
	ck_assert(WIFSIGNALED(plain_wait(pid)));
	ck_assert_int_eq(dev_lock_held(&lock, 4), 0);
	close(end[0]);
	close(end[1]);
	dev_lock_close(&lock);
}
END_TEST

/* The number of the parent's descriptor is free for the child's own files. */
static int use_stale(struct dev_lock *lock)
{
	const int nr = lock->fd;

	if (fcntl(nr, F_GETFD) >= 0)
		return 1;
	if (dup2(STDERR_FILENO, nr) != nr)
		return 2;
	if (dev_lock_take(lock, 0, true) != MARU_E_CLOSED ||
	    dev_lock_drop(lock, 0) != MARU_E_CLOSED ||
	    dev_lock_held(lock, 0) != MARU_E_CLOSED)
		return 3;
	dev_lock_close(lock);
	return fcntl(nr, F_GETFD) >= 0 ? 0 : 4;
}

START_TEST(a_child_cannot_use_its_parents_handle)
{
	struct dev_lock lock;
	pid_t pid;

	fresh_file();
	lock = opened(0, 0);
	ck_assert_int_eq(dev_lock_take(&lock, 0, false), 0);
	pid = fork();
	if (pid == 0)
		_exit(use_stale(&lock));
	ck_assert_int_eq(plain_wait(pid), 0);
	ck_assert_int_eq(dev_lock_drop(&lock, 0), 0);
	dev_lock_close(&lock);
}
END_TEST

static void *open_and_close(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		struct dev_lock lock = opened(0, 0);

		dev_lock_close(&lock);
	}
	return NULL;
}

START_TEST(fork_amid_threads_leaves_both_sides_working)
{
	pthread_t threads[2];
	int stop = 0, bad = 0;

	fresh_file();
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, open_and_close, &stop);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			int rc = dev_close_on_fork(STDIN_FILENO);

			dev_close_on_fork_end(STDIN_FILENO);
			_exit(rc != 0);
		}
		waitpid(pid, &status, 0);
		bad += status != 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(bad, 0);
}
END_TEST

/* Device DAX: the lock lies in a directory.  No device is needed for that. */
static int open_dax(struct dev_lock *lock, bool writable)
{
	struct dev dev = { .kind = DEV_DAX, .fd = -1, .writable = writable };

	strcpy(dev.name, "/dev/dax0.0");
	return dev_lock_open(&dev, uuid, 0, lock);
}

static const char *lock_dir(void)
{
	const char *dir = plain_path("locks");

	ck_assert_int_eq(mkdir(dir, 0755), 0);
	ck_assert_int_eq(setenv("MARU_LOCK_DIR", dir, 1), 0);
	return dir;
}

START_TEST(a_device_is_locked_in_the_lock_directory)
{
	struct dev_lock a, b;
	struct stat st;

	umask(077);
	snprintf(path, sizeof(path), "%s/%s", lock_dir(), lock_file);
	ck_assert_int_eq(open_dax(&a, true), 0);
	ck_assert_int_eq(open_dax(&b, true), 0);
	ck_assert_int_eq(dev_lock_take(&a, 5, false), 0);
	ck_assert_int_eq(dev_lock_take(&b, 5, false), -EAGAIN);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0666);
	dev_lock_close(&a);
	dev_lock_close(&b);
}
END_TEST

START_TEST(a_reader_takes_a_lock_file_it_cannot_write)
{
	struct dev_lock lock;

	snprintf(path, sizeof(path), "%s/%s", lock_dir(), lock_file);
	close(open(path, O_CREAT | O_WRONLY, 0444));
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(open_dax(&lock, true), -EACCES);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "MARU_LOCK_DIR"));
	ck_assert_int_eq(open_dax(&lock, false), 0);
	ck_assert_int_eq(dev_lock_take(&lock, 5, true), 0);
	dev_lock_close(&lock);
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

START_TEST(a_lock_file_that_is_none_is_refused)
{
	int before = plain_fds();
	struct dev_lock lock;

	snprintf(path, sizeof(path), "%s/%s", lock_dir(), lock_file);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(open_dax(&lock, true), -ELOOP);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0666), 0);
	ck_assert_int_eq(open_dax(&lock, true), -EINVAL);
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	ck_assert_int_lt(open_dax(&lock, true), 0);
	ck_assert_int_eq(plain_fds(), before);
}
END_TEST

START_TEST(a_missing_lock_directory_is_named)
{
	const char *dir = plain_path("nowhere");
	struct dev_lock lock;

	ck_assert_int_eq(setenv("MARU_LOCK_DIR", dir, 1), 0);
	ck_assert_int_eq(open_dax(&lock, true), -ENOENT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), dir));
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "mkdir"));
	ck_assert_int_eq(lock.fd, -1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		exclusive_excludes_everybody,
		shared_admits_shared_only,
		numbers_and_windows_are_apart,
		closing_drops_every_lock,
		readers_lock_shared_only,
		the_kernel_drops_a_killed_holders_lock,
		a_stopped_holder_keeps_its_lock,
		a_child_does_not_keep_its_parents_lock,
		a_child_cannot_use_its_parents_handle,
		fork_amid_threads_leaves_both_sides_working,
		a_device_is_locked_in_the_lock_directory,
		a_reader_takes_a_lock_file_it_cannot_write,
		a_lock_file_that_is_none_is_refused,
		a_missing_lock_directory_is_named,
	};

	return plain_run("dev_lock", tests, PLAIN_LEN(tests));
}
