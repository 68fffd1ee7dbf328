// SPDX-License-Identifier: BSD-3-Clause
/* Scenes of two clients between whom slabs change hands. */
#include "common_pair.h"
#include "common_room.h"

static volatile uint64_t plain;
static uint32_t seen; /* where the extent is */
static struct extent ext;

static void in_claim(const void *what)
{
	static unsigned times;

	(void)what;
	if (times++ == 0)
		plain++;
}

void pair_claim_extent(void)
{
	uint32_t idx;

	pair_at_flush = in_claim;
	pair_must(extent_claim(&pair_client[0]->slab, 0, 0, 1, &idx) == 0);
	__atomic_store_n(&seen, idx, __ATOMIC_RELAXED);
	pair_pass(1);
}

void pair_see_extent(void)
{
	uint32_t idx;

	pair_await(1);
	idx = __atomic_load_n(&seen, __ATOMIC_RELAXED);
	pair_must(slab_word_state(slab_word(
			  &pair_client[1]->slab.region[0],
			  idx >> pair_client[1]->slab.region[0].slab_shift)) ==
		  SLAB_ACTIVE);
	pair_must(plain > 0);
	pair_pass(2);
}

/* The maps as if they had been changed before: no change of them orders. */
static void show_only(uint32_t slab)
{
	const struct slab_region *g = &pair_client[0]->slab.region[0];

	for (uint32_t i = 0; i < g->slab_nr; i += 64) {
		uint64_t bits = ~0ull;

		if (slab - i < 64)
			bits &= ~(1ull << (slab - i));
		a64_store_rlx(maps_word(g, maps_busy(&pair_client[0]->slab), i),
			      bits);
	}
}

static void hide_extent(void)
{
	const struct slab_region *g = &pair_client[0]->slab.region[0];

	for (uint32_t i = 0; i < g->slab_nr; i += 64) {
		a64_store_rlx(maps_word(g, maps_busy(&pair_client[0]->slab), i),
			      0);
		a64_store_rlx(maps_word(g, ext.class, i), 0);
	}
}

void pair_set_extent(void)
{
	ext = room_claim(pair_client[0], 0, 2);
	hide_extent();
}

void pair_retire(void)
{
	pair_must(extent_retire_begin(&pair_client[0]->slab, &ext));
	plain++;
	pair_must(extent_retire_end(&pair_client[0]->slab, &ext));
	pair_pass(1);
}

static void in_grab(const void *what)
{
	(void)what;
	pair_must(plain > 0);
	pair_at_flush = NULL;
}

static void grab_slab(uint32_t slab)
{
	uint32_t idx;

	pair_await(1);
	show_only(slab);
	pair_at_flush = in_grab;
	pair_must(extent_claim(&pair_client[1]->slab, 0, 1, 1, &idx) == 0);
	pair_must(idx >> pair_client[1]->slab.region[0].slab_shift == slab);
}

void pair_grab_head(void)
{
	grab_slab(ext.head);
}

void pair_grab_tail(void)
{
	grab_slab(ext.head + 1);
}
