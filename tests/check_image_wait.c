// SPDX-License-Identifier: BSD-3-Clause
/* The image checker on blocks that wait for devices of the dead, and on BAD. */
#include "common_image.h"
#include "common_quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A sound image in which the ghost's block waits, and what was said of it. */
static unsigned char *image;
static size_t image_len;
static struct image_terms terms;
static uint32_t waits, entry; /* units */
static char said[8000];

static void note(void *ctx, unsigned invariant, const char *what)
{
	size_t len = strlen(said);

	(void)ctx;
	snprintf(said + len, sizeof(said) - len, "%u: %s\n", invariant, what);
}

static size_t check(void)
{
	said[0] = '\0';
	return image_check(image, image_len, &terms);
}

static void says(const char *words)
{
	check();
	ck_assert_msg(strstr(said, words) != NULL, "not said: %s; but:\n%s",
		      words, said);
}

static void *at(enum section_id id, size_t off)
{
	return image + ((struct media_super *)(void *)image)->section[id].off +
	       off;
}

static uint64_t *block(uint32_t unit)
{
	return at(SECTION_BLOCKS, unit * 256);
}

static uint64_t *slot(void)
{
	return at(SECTION_CLIENTS, GHOST * 256);
}

static uint16_t *cell(uint32_t unit)
{
	const struct media_super *sb = (const void *)image;

	return at(SECTION_LEDGER, GHOST * sb->row_bytes + unit * 2);
}

static uint64_t *due(void)
{
	return slot() + 15;
}

static void begin(void)
{
	struct maru_pool *p = wait_start();
	unsigned char *map = p->media.region[0]->map.base;

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	waits = wait_begun(p);
	image_len = p->media.region[0]->map.len;
	image = malloc(image_len);
	memcpy(image, map, image_len);
	entry = 0;
	while ((block(entry)[0] & 15) != BLOCK_LIVE)
		entry++;
	terms = (struct image_terms){ .quarantine = true, .fault = note };
	terms.living[0] = 1ull << p->client.self;
	ck_assert_msg(check() == 0, "%s", said);
}

#define WAIT_TEST(name)              \
	static void name##_in(void); \
	START_TEST(name)             \
	{                            \
		begin();             \
		name##_in();         \
		free(image);         \
	}                            \
	END_TEST                     \
	static void name##_in(void)

WAIT_TEST(what_waits_is_named_where_it_must_not)
{
	terms.quarantine = false;
	says("is QUARANTINED");
}

WAIT_TEST(what_waits_of_a_client_that_does_not_is_named)
{
	*slot() = *slot() >> 32 << 32 | CLIENT_FREE;
	says("21: block");
	says("who does not wait");
}

WAIT_TEST(what_waits_of_another_incarnation_is_named)
{
	*block(waits) += 1u << 20;
	says("who does not wait");
}

WAIT_TEST(what_waits_without_an_own_bit_is_named)
{
	*cell(waits) = 0;
	says("its cell of client");
}

WAIT_TEST(what_waits_with_flags_is_named)
{
	*block(waits) |= BLOCK_CLAIMED;
	says("QUARANTINED, word");
}

WAIT_TEST(a_slot_that_waits_for_nothing_is_named)
{
	*block(waits) = *block(waits) >> 32 << 32 | BLOCK_FREE;
	says("is gone, its own bit");
	says("nobody cleaned up after");
	/* but for an end that was cut short */
	terms.cut = true;
	ck_assert_uint_eq(check(), 0);
}

WAIT_TEST(a_slot_that_is_never_due_is_named)
{
	*due() = 0;
	says("never due");
}

WAIT_TEST(a_free_slot_that_is_due_is_named)
{
	*slot() = *slot() >> 32 << 32 | CLIENT_FREE;
	says("and is due at");
}

WAIT_TEST(an_entry_that_came_to_wait_is_named)
{
	unsigned char *before = malloc(image_len);

	memcpy(before, image, image_len);
	terms.before = before;
	*block(entry) = *block(entry) >> 32 << 32 | BLOCK_QUARANTINED |
			GHOST << 8;
	says("state 5 after 3 in one life");
	free(before);
}

WAIT_TEST(a_bad_block_is_named_unless_it_may_be)
{
	*block(waits) = *block(waits) >> 32 << 32 | BLOCK_BAD;
	*cell(waits) = 0;
	*slot() = *slot() >> 32 << 32 | CLIENT_FREE;
	*due() = 0;
	says("state 6");
	terms.bad = true;
	ck_assert_msg(check() == 0, "%s", said);
}

int main(void)
{
	const TTest *const tests[] = {
		what_waits_is_named_where_it_must_not,
		what_waits_of_a_client_that_does_not_is_named,
		what_waits_of_another_incarnation_is_named,
		what_waits_without_an_own_bit_is_named,
		what_waits_with_flags_is_named,
		a_slot_that_waits_for_nothing_is_named,
		a_slot_that_is_never_due_is_named,
		a_free_slot_that_is_due_is_named,
		an_entry_that_came_to_wait_is_named,
		a_bad_block_is_named_unless_it_may_be,
	};

	return test_run("image, waiting", TEST_MEM, tests, TEST_LEN(tests));
}
