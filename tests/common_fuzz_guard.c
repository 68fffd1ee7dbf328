// SPDX-License-Identifier: BSD-3-Clause
/*
 * Fences around a mapped pool and in the gaps between its sections, in
 * programs that are linked with --wrap=mmap and --wrap=munmap.
 *
 * Pages without access lie before and behind the mapping; AddressSanitizer,
 * which cannot know that a mapping has parts, is told of the gaps.
 */
#include "common_fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#if TEST_SLOW && !defined(__SANITIZE_THREAD__)
#include <sanitizer/asan_interface.h>
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
#endif

#define GUARD (1u << 20)
#define GUARDS 16u

/* Undefined, and never called, in programs that are not so linked. */
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
	__attribute__((weak));
int __real_munmap(void *at, size_t len) __attribute__((weak));
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *at, size_t len);

static struct guard {
	unsigned char *base;
	size_t len;
	void *before, *behind;
} guards[GUARDS];
static bool strict;

void fuzz_guard_strict(bool on)
{
	strict = on;
}

static void *fence(unsigned char *at)
{
	void *p = __real_mmap(at, GUARD, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				      MAP_FIXED_NOREPLACE,
			      -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void poison(const struct guard *g, uint64_t from, uint64_t to)
{
	if (from < to && to <= g->len)
		ASAN_POISON_MEMORY_REGION(g->base + from, to - from);
}

/* The superblock by which the library goes. */
static bool find_super(const struct guard *g, struct media_super *sb)
{
	const size_t at[] = { 0, MEDIA_PAGE, g->len - MEDIA_PAGE };

	for (unsigned i = 0; i < TEST_LEN(at); i++) {
		memcpy(sb, g->base + at[i], sizeof(*sb));
		if (media_super_check(sb, g->len, "guard") == 0)
			return true;
	}
	return false;
}

static void poison_gaps(const struct guard *g)
{
	struct media_super sb;
	uint64_t end = 0;

	if (g->len < 4 * MEDIA_PAGE || !find_super(g, &sb))
		return;
	for (unsigned i = 0; i < SECTION_NR; i++) {
		const struct media_section *s =
			&sb.section[media_section_order(i)];

		if (end && s->len)
			poison(g, end, s->off);
		if (s->len)
			end = s->off + s->len;
	}
	if (!strict)
		return;
	poison(g, 0, 2 * MEDIA_PAGE);
	poison(g, sb.section[SECTION_SUPER_C].off, g->len);
}

static void put(unsigned char *base, size_t len)
{
	for (unsigned i = 0; i < GUARDS; i++) {
		struct guard *g = &guards[i];

		if (g->base != NULL)
			continue;
		g->base = base;
		g->len = len;
		g->before = fence(base - GUARD);
		g->behind = fence(base + len);
		poison_gaps(g);
		return;
	}
}

static void drop(const void *base)
{
	for (unsigned i = 0; i < GUARDS; i++) {
		struct guard *g = &guards[i];

		if (g->base != base || g->base == NULL)
			continue;
		ASAN_UNPOISON_MEMORY_REGION(g->base, g->len);
		if (g->before != NULL)
			__real_munmap(g->before, GUARD);
		if (g->behind != NULL)
			__real_munmap(g->behind, GUARD);
		memset(g, 0, sizeof(*g));
	}
}

/* Only a pool is mapped at a fixed place. */
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = __real_mmap(at, len, prot, flags, fd, off);

	if (p != MAP_FAILED && (flags & MAP_FIXED) && fd >= 0) {
		int err = errno;

		put(p, len);
		errno = err;
	}
	return p;
}

int __wrap_munmap(void *at, size_t len)
{
	drop(at);
	return __real_munmap(at, len);
}
