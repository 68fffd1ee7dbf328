// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which machine a pool of one host was last opened on: under another boot id
 * it is either the past of this machine, or another one that may be at work.
 */
#include "media/media.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"

#include <string.h>
#include <unistd.h>

/* A copy; the pool's may change at any time. */
struct opener {
	uint64_t boot[2], machine[2], name[8];
};

static uint64_t crc_of(const struct opener *o)
{
	return hash_crc32c(0, o, sizeof(*o));
}

/* Words, so that two threads that open the pool at once do not race. */
static void put(a64 *to, const uint64_t *from, unsigned nr)
{
	while (nr--)
		a64_store_rlx(&to[nr], from[nr]); /* relaxed: M2 orders them */
}

static void get(uint64_t *to, const a64 *from, unsigned nr)
{
	while (nr--)
		to[nr] = a64_load_rlx(&from[nr]); /* relaxed: M2 ordered them */
}

void media_note_opener(struct media_control *c, const uint64_t boot[2])
{
	struct opener o = { .boot = { boot[0], boot[1] } };
	uint64_t crc;

	id_read("/etc/machine-id", o.machine);
	gethostname((char *)o.name, sizeof(o.name) - 1);
	crc = crc_of(&o);
	put(c->opener_boot, o.boot, 2);
	put(c->opener_machine, o.machine, 2);
	put(c->opener_name, o.name, 8);
	put(&c->opener_crc, &crc, 1);
}

/* Noted by whoever opened it last, and not by one before who knew how to. */
static bool is_known(const struct media_control *c, struct opener *o)
{
	uint64_t boot[2], crc;

	get(o->boot, c->opener_boot, 2);
	get(o->machine, c->opener_machine, 2);
	get(o->name, c->opener_name, 8);
	get(&crc, &c->opener_crc, 1);
	get(boot, c->boot, 2);
	return crc == crc_of(o) && id_equal(boot, o->boot) &&
	       (o->machine[0] || o->machine[1]);
}

/* In use, and last opened on another machine? */
static bool is_elsewhere(const struct media_control *c, struct opener *o)
{
	uint64_t ours[2];

	/* no pair: what is read next has a checksum */
	if ((a64_load_full(&c->state) & 0xff) == MEDIA_CLEAN)
		return false;
	return is_known(c, o) && id_read("/etc/machine-id", ours) &&
	       !id_equal(o->machine, ours);
}

int media_refuse_elsewhere(const struct media_control *c, const char *target)
{
	struct opener o;

	if (!is_elsewhere(c, &o))
		return 0;
	return err_set(
		-EBUSY,
		"%s: is in use by host %.63s, or was when that went down; if it is certainly down, say so with maru-fsck -y --takeover",
		target, (const char *)o.name);
}
