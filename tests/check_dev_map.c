// SPDX-License-Identifier: BSD-3-Clause
/* Mapping windows of a device, and what reaches the medium. */
#include "base/err.h"
#include "common_plain.h"
#include "dev/dev.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static struct dev *open_new(uint64_t bytes, unsigned flags)
{
	struct dev *dev;

	ck_assert_int_eq(dev_open(plain_file("plain", bytes), flags, &dev), 0);
	return dev;
}

static struct dev_map mapped(struct dev *dev, uint64_t off, uint64_t len)
{
	struct dev_map map;

	ck_assert_int_eq(dev_map(dev, off, len, &map), 0);
	ck_assert(map.base && map.len == len);
	return map;
}

static void done(struct dev *dev, struct dev_map *map)
{
	dev_unmap(map);
	ck_assert_ptr_null(map->base);
	dev_close(dev);
}

/* Does touching it kill?  A child finds out, with no handler of a sanitizer. */
static bool faults(unsigned char *p, bool write)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		if (write)
			*(volatile unsigned char *)p = 1;
		else
			(void)*(volatile unsigned char *)p;
		_exit(0);
	}
	status = plain_wait(pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

START_TEST(large_mappings_are_aligned_for_huge_pages)
{
	struct dev *dev = open_new(16 * MIB, 0);
	struct dev_map map;

	for (int i = 0; i < 4; i++) {
		map = mapped(dev, 0, 4 * MIB);
		ck_assert_uint_eq((uintptr_t)map.base % (2 * MIB), 0);
		dev_unmap(&map);
	}
	map = mapped(dev, 2 * MIB, 14 * MIB);
	ck_assert_uint_eq((uintptr_t)map.base % (2 * MIB), 0);
	done(dev, &map);
}
END_TEST

START_TEST(a_window_shows_its_own_bytes)
{
	struct dev *dev = open_new(8 * MIB, 0);
	struct dev_map map = mapped(dev, 3 * MIB, MIB);
	char buf[4];

	memcpy(map.base, "left", 4);
	memcpy(map.base + MIB - 4, "edge", 4);
	ck_assert_int_eq(dev_read(dev, 3 * MIB, buf, 4), 0);
	ck_assert_mem_eq(buf, "left", 4);
	ck_assert_int_eq(dev_read(dev, 4 * MIB - 4, buf, 4), 0);
	ck_assert_mem_eq(buf, "edge", 4);
	done(dev, &map);
}
END_TEST

START_TEST(two_mappings_show_the_same_bytes)
{
	struct dev *dev = open_new(MIB, 0);
	struct dev_map a = mapped(dev, 0, MIB), b = mapped(dev, 0, MIB);

	a.base[77] = 42;
	ck_assert_uint_eq(b.base[77], 42);
	dev_unmap(&b);
	done(dev, &a);
}
END_TEST

START_TEST(an_unaligned_window_is_refused)
{
	struct dev *dev = open_new(MIB, 0);
	struct dev_map map;

	ck_assert_int_eq(dev_map(dev, 100, 4096, &map), -EINVAL);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), dev->name));
	ck_assert_int_eq(dev_map(dev, 0, 4097, &map), -EINVAL);
	ck_assert_int_eq(dev_map(dev, 0, 0, &map), -EINVAL);
	ck_assert_ptr_null(map.base);
	dev_close(dev);
}
END_TEST

START_TEST(a_window_beyond_the_end_is_refused)
{
	struct dev *dev = open_new(MIB, 0);
	const uint64_t huge = UINT64_MAX & ~(dev->align - 1);
	struct dev_map map;

	ck_assert_int_eq(dev_map(dev, 0, MIB + dev->align, &map), -ENOSPC);
	ck_assert_int_eq(dev_map(dev, MIB, dev->align, &map), -ENOSPC);
	ck_assert_int_eq(dev_map(dev, huge, dev->align, &map), -ENOSPC);
	ck_assert_int_eq(dev_map(dev, dev->align, huge, &map), -ENOSPC);
	ck_assert_int_eq(dev_map(dev, huge, huge, &map), -ENOSPC);
	ck_assert_ptr_null(map.base);
	dev_close(dev);
}
END_TEST

START_TEST(a_file_truncated_since_is_not_mapped)
{
	struct dev *dev = open_new(MIB, 0);
	struct dev_map map;

	ck_assert_int_eq(ftruncate(dev->fd, MIB / 2), 0);
	ck_assert_int_eq(dev_map(dev, 0, MIB, &map), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "truncated"));
	dev_close(dev);
}
END_TEST

START_TEST(a_read_only_mapping_cannot_be_written)
{
	struct dev *dev = open_new(MIB, DEV_RDONLY);
	struct dev_map map = mapped(dev, 0, MIB);

	ck_assert(!map.writable);
	ck_assert_uint_eq(map.base[5], 0);
	ck_assert_int_eq(madvise(map.base, MIB, MADV_DOFORK), 0);
	ck_assert(!faults(map.base, false));
	ck_assert(faults(map.base, true));
	ck_assert_int_eq(dev_sync(&map, 0, MIB), 0);
	done(dev, &map);
}
END_TEST

START_TEST(a_child_has_no_mapping)
{
	struct dev *dev = open_new(MIB, 0);
	struct dev_map map = mapped(dev, 0, MIB);

	ck_assert(faults(map.base, false));
	done(dev, &map);
}
END_TEST

/* Something of the child's own may lie there when it closes its handle. */
static int unmap_in_child(struct dev_map *map)
{
	unsigned char *p =
		mmap(map->base, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != map->base)
		return 1;
	signal(SIGSEGV, SIG_DFL);
	p[0] = 7;
	dev_unmap(map);
	return p[0] == 7 ? 0 : 2;
}

START_TEST(unmapping_in_a_child_spares_what_is_there_now)
{
	struct dev *dev = open_new(MIB, 0);
	struct dev_map map = mapped(dev, 0, MIB);
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(unmap_in_child(&map));
	ck_assert_int_eq(plain_wait(pid), 0);
	done(dev, &map);
}
END_TEST

START_TEST(prefault_allocates_what_it_covers)
{
	struct dev *dev;
	struct dev_map map;
	struct stat st;

	ck_assert_int_eq(dev_create_mem("test", 4 * MIB, true, &dev), 0);
	map = mapped(dev, 0, 4 * MIB);
	ck_assert_int_eq(dev_prefault(&map, MIB, 2 * MIB), 0);
	ck_assert_int_eq(fstat(dev->fd, &st), 0);
	ck_assert_uint_ge((uint64_t)st.st_blocks * 512, 2 * MIB);
	ck_assert_int_eq(dev_prefault(&map, 0, 0), 0);
	ck_assert_int_eq(dev_prefault(&map, MIB, 4 * MIB), -EINVAL);
	ck_assert_int_eq(dev_prefault(&map, UINT64_MAX, 1), -EINVAL);
	done(dev, &map);
}
END_TEST

START_TEST(read_only_mappings_can_be_prefaulted)
{
	struct dev *dev = open_new(MIB, DEV_RDONLY);
	struct dev_map map = mapped(dev, 0, MIB);

	ck_assert_int_eq(dev_prefault(&map, 100, MIB - 100), 0);
	done(dev, &map);
}
END_TEST

static struct dev_map forced(struct dev **dev, const char *granularity)
{
	setenv("PMEM2_FORCE_GRANULARITY", granularity, 1);
	ck_assert_int_eq(dev_create_mem("test", MIB, true, dev), 0);
	return mapped(*dev, 0, MIB);
}

static void persist(struct dev_map *map)
{
	memcpy(map->base + 100, "value", 5);
	dev_flush(map, map->base + 100, 5);
	dev_drain(map);
	map->persist(map->base + 100, 5);
	ck_assert_int_eq(dev_sync(map, 99, 7), 0);
	ck_assert_int_eq(dev_sync(map, 0, MIB), 0);
	ck_assert_int_eq(dev_sync(map, 1, MIB), -EINVAL);
	ck_assert_mem_eq(map->base + 100, "value", 5);
}

START_TEST(page_granularity_flushes_nothing_but_syncs)
{
	struct dev *dev;
	struct dev_map map = forced(&dev, "PAGE");

	ck_assert_int_eq(map.granularity, DEV_PAGE);
	ck_assert(!map.flush && !map.drain);
	persist(&map);
	done(dev, &map);
}
END_TEST

START_TEST(line_granularity_flushes_and_drains)
{
	struct dev *dev;
	struct dev_map map = forced(&dev, "CACHE_LINE");

	ck_assert_int_eq(map.granularity, DEV_LINE);
	ck_assert(map.flush && map.drain);
	persist(&map);
	done(dev, &map);
}
END_TEST

START_TEST(byte_granularity_drains_only)
{
	struct dev *dev;
	struct dev_map map = forced(&dev, "BYTE");

	ck_assert_int_eq(map.granularity, DEV_BYTE);
	ck_assert(!map.flush && map.drain);
	persist(&map);
	done(dev, &map);
}
END_TEST

START_TEST(mapping_leaves_no_descriptor)
{
	struct dev *dev = open_new(MIB, 0);
	int before = plain_fds();
	struct dev_map map;

	for (int i = 0; i < 20; i++) {
		map = mapped(dev, 0, MIB);
		dev_unmap(&map);
		dev_unmap(&map);
		ck_assert_int_ne(dev_map(dev, 0, 2 * MIB, &map), 0);
	}
	ck_assert_int_eq(plain_fds(), before);
	dev_close(dev);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		large_mappings_are_aligned_for_huge_pages,
		a_window_shows_its_own_bytes,
		two_mappings_show_the_same_bytes,
		an_unaligned_window_is_refused,
		a_window_beyond_the_end_is_refused,
		a_file_truncated_since_is_not_mapped,
		a_read_only_mapping_cannot_be_written,
		a_child_has_no_mapping,
		unmapping_in_a_child_spares_what_is_there_now,
		prefault_allocates_what_it_covers,
		read_only_mappings_can_be_prefaulted,
		page_granularity_flushes_nothing_but_syncs,
		line_granularity_flushes_and_drains,
		byte_granularity_drains_only,
		mapping_leaves_no_descriptor,
	};

	return plain_run("dev_map", tests, PLAIN_LEN(tests));
}
