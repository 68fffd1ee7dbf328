// SPDX-License-Identifier: BSD-3-Clause
/*
 * Do several hosts really share coherent memory?  Each adds to two counters of
 * a raw device, one by fetch-and-add, one by compare-and-swap; not one addition
 * may be lost.  Runs that did not overlap would show nothing, so all go on
 * until each has seen the others' additions between its own often enough.
 *
 * All of the device's first 2 MiB must be zero when the first one starts.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define WINDOW (2u << 20)
#define CHUNK 1000u
#define SEEN 100u /* chunks during which somebody else added */
#define PATIENCE 60

struct line {
	uint64_t nr;
	uint64_t unused[7];
};

static struct lines {
	struct line arrived, added, swapped, saw, own, left;
} * shared;

static uint64_t hosts;
static time_t end;

static uint64_t add(struct line *l, uint64_t nr)
{
	return __atomic_fetch_add(&l->nr, nr, __ATOMIC_SEQ_CST);
}

static uint64_t look(struct line *l)
{
	return __atomic_load_n(&l->nr, __ATOMIC_SEQ_CST);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* 0 when all @hosts have come. */
static int meet(struct line *l)
{
	add(l, 1);
	while (look(l) < hosts) {
		if (now() > end)
			return -1;
		usleep(100);
	}
	return 0;
}

static void swap_in(void)
{
	uint64_t old = look(&shared->swapped);

	while (!__atomic_compare_exchange_n(&shared->swapped.nr, &old, old + 1,
					    0, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST))
		;
}

/* How many were added; @seen: chunks in which others added too. */
static uint64_t work(uint64_t least, unsigned *seen)
{
	uint64_t done = 0;

	while ((done < least || look(&shared->saw) < hosts) && now() <= end) {
		uint64_t before = look(&shared->added);

		for (unsigned i = 0; i < CHUNK; i++) {
			add(&shared->added, 1);
			swap_in();
		}
		if (look(&shared->added) - before > CHUNK && ++*seen == SEEN)
			add(&shared->saw, 1);
		done += CHUNK;
	}
	return done;
}

static int judge(uint64_t own, unsigned seen)
{
	uint64_t all = look(&shared->own);
	uint64_t added = look(&shared->added), swapped = look(&shared->swapped);

	printf("own %llu, all %llu; added %llu, swapped %llu; overlaps %u\n",
	       (unsigned long long)own, (unsigned long long)all,
	       (unsigned long long)added, (unsigned long long)swapped, seen);
	if (added != all || swapped != all) {
		puts("additions were lost: this memory is not coherent");
		return 1;
	}
	if (seen < SEEN) {
		puts("the hosts did not meet often enough to tell");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t least, own;
	unsigned seen = 0;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: %s DEVICE HOSTS ADDITIONS\n", argv[0]);
		return 2;
	}
	hosts = strtoull(argv[2], NULL, 0);
	if (hosts < 2)
		return 2;
	least = strtoull(argv[3], NULL, 0);
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	shared = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || shared == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	end = now() + PATIENCE; /* to come and to add */
	if (meet(&shared->arrived)) {
		puts("nobody else came");
		return 1;
	}
	own = work(least, &seen);
	add(&shared->own, own);
	end = now() + PATIENCE;
	if (meet(&shared->left)) {
		puts("somebody did not end");
		return 1;
	}
	return judge(own, seen);
}
