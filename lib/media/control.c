// SPDX-License-Identifier: BSD-3-Clause
/* Was the pool left in order, and under which running kernel? */
#include "media/media.h"

#include "base/err.h"
#include "base/id.h"

int media_boot_id(uint64_t id[2])
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";

	return id_read(path, id) ? 0 : err_sys("%s", path);
}

static struct media_control *control(const struct media *m)
{
	return media_at(media_region(m, 0), SECTION_CONTROL);
}

static uint64_t make(uint64_t clean, uint64_t changes)
{
	return clean | changes << 8;
}

uint64_t media_state(const struct media *m)
{
	/* M2 acquire, pairs with change(); K7 full */
	return a64_load_full(&control(m)->state);
}

bool media_is_clean(const struct media *m)
{
	return (media_state(m) & 0xff) == MEDIA_CLEAN;
}

/* Also of a pool that is not durable: what it says of itself must be true. */
static void persist(struct media *m)
{
	struct media_region *r = media_region(m, 0);

	dev_sync(&r->map, r->sb.section[SECTION_CONTROL].off,
		 sizeof(struct media_control));
}

/* False: it is not @seen any more. */
static bool change(struct media *m, uint64_t seen, uint64_t clean)
{
	/* M2 release, pairs with media_state(); K7 full */
	if (!a64_cas_full(&control(m)->state, &seen,
			  make(clean, (seen >> 8) + 1)))
		return false;
	persist(m);
	return true;
}

static bool is_same_boot(const struct media *m)
{
	const struct media_control *c = control(m);
	uint64_t id[2];

	/* relaxed: written before the state, by whoever came first */
	return !media_boot_id(id) && a64_load_rlx(&c->boot[0]) == id[0] &&
	       a64_load_rlx(&c->boot[1]) == id[1];
}

bool media_was_repaired_here(const struct media *m)
{
	const struct media_control *c = control(m);
	uint64_t id[2];

	/* relaxed: as in is_same_boot() */
	return a64_load_rlx(&c->boot[0]) == MEDIA_BOOT_REPAIR &&
	       !media_boot_id(id) && a64_load_rlx(&c->boot[1]) == id[1];
}

/*
 * Of several hosts: those that live have lost nothing, whoever else went down.
 * That one lives is for the caller to know.
 */
static bool is_sound_shared(const struct media *m)
{
	/* relaxed: as in is_same_boot() */
	return a64_load_rlx(&control(m)->boot[0]) != MEDIA_BOOT_REPAIR &&
	       (m->survivor || media_is_clean(m));
}

bool media_is_sound(const struct media *m)
{
	const struct media_control *c = control(m);

	if (media_shared(media_region(m, 0)))
		return is_sound_shared(m);
	/* relaxed: as in is_same_boot() */
	if (!a64_load_rlx(&c->boot[0]) && !a64_load_rlx(&c->boot[1]))
		return true; /* never used */
	return is_same_boot(m) || (m->durable && media_is_clean(m));
}

static int refuse(const struct media *m)
{
	const char *name = media_region(m, 0)->dev->name;

	/* relaxed: as in is_same_boot() */
	if (a64_load_rlx(&control(m)->boot[0]) == MEDIA_BOOT_REPAIR)
		return err_set(
			MARU_E_CORRUPT,
			"%s: a repair has not come to its end; run maru-fsck -y",
			name);
	if (!media_shared(media_region(m, 0))) {
		int rc = media_refuse_elsewhere(control(m), name);

		if (rc)
			return rc;
	}
	return err_set(
		MARU_E_CORRUPT,
		media_shared(media_region(m, 0)) ?
			"%s: was in use when the last of its hosts went down; run maru-fsck -y" :
		m->durable ?
			"%s: was in use when its host went down; run maru-fsck -y" :
			"%s: is not durable, and its host was restarted since; run maru-fsck -y, or make it anew",
		name);
}

int media_enter(struct media *m)
{
	struct media_control *c = control(m);
	uint64_t id[2];
	int rc = media_boot_id(id), tries;

	if (rc)
		return rc;
	if (!media_is_sound(m))
		return refuse(m);
	/* relaxed: M2 orders them.  Of several hosts none is the one, and the
	 * place is kept for a repair's mark. */
	if (!media_shared(media_region(m, 0))) {
		a64_store_rlx(&c->boot[0], id[0]);
		a64_store_rlx(&c->boot[1], id[1]);
		media_note_opener(c, id);
	}
	a64_add_rlx(&c->opens, 1); /* relaxed, as above */
	/* a failure means that somebody else comes or goes just then */
	for (tries = 0; tries < 100000; tries++) {
		if (!change(m, media_state(m), MEDIA_DIRTY))
			continue;
		m->survivor = true; /* from here on we are one */
		return 0;
	}
	return err_set(MARU_E_CORRUPT, "%s: its state does not come to rest",
		       media_region(m, 0)->dev->name);
}

void media_make_clean(struct media *m, uint64_t seen)
{
	change(m, seen, MEDIA_CLEAN);
}

void media_begin_repair(struct media *m)
{
	struct media_control *c = control(m);
	uint64_t id[2];

	if (!media_is_sound(m) && !media_shared(media_region(m, 0)))
		return; /* and so it will stay, whatever comes */
	if (media_boot_id(id))
		id[1] = 0;
	/* relaxed: alone with it; on one line with the state */
	a64_store_rlx(&c->boot[0], MEDIA_BOOT_REPAIR);
	a64_store_rlx(&c->boot[1], id[1]);
	change(m, media_state(m), MEDIA_DIRTY);
}

void media_cancel_repair(struct media *m)
{
	struct media_control *c = control(m);

	/* relaxed: M2 orders them */
	a64_store_rlx(&c->boot[0], 0);
	a64_store_rlx(&c->boot[1], 0);
	change(m, media_state(m), MEDIA_DIRTY);
}

void media_mark_repair(struct media_control *c, bool on)
{
	uint64_t seen = a64_load_full(&c->state); /* no pair: the exchange is */

	/* relaxed: M2 orders them */
	a64_store_rlx(&c->boot[0], on ? MEDIA_BOOT_REPAIR : 0);
	a64_store_rlx(&c->boot[1], 0);
	/* no pair: who sees it refuses; K9 full.  If it fails somebody comes or goes, and his
	 * host's entry says so. */
	a64_cas_full(&c->state, &seen, make(MEDIA_DIRTY, (seen >> 8) + 1));
}

void media_set_clean(struct media *m)
{
	struct media_control *c = control(m);

	/* relaxed: alone with it; nobody's host has gone down since */
	a64_store_rlx(&c->boot[0], 0);
	a64_store_rlx(&c->boot[1], 0);
	change(m, media_state(m), MEDIA_CLEAN);
}
