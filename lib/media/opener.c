// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which machine a pool of one host was last opened on: under another boot id
 * it is either the past of this machine, or another one that may be at work.
 */
#include "media/media.h"

#include "base/err.h"
#include "base/id.h"

#include <string.h>
#include <unistd.h>

#define NAME 64

/* Words, so that two threads that open the pool at once do not race. */
static void put_name(a64 *to)
{
	uint64_t name[NAME / 8] = { 0 };
	unsigned i;

	gethostname((char *)name, NAME - 1);
	for (i = 0; i < NAME / 8; i++)
		a64_store_rlx(&to[i], name[i]); /* relaxed: M2 orders them */
}

void media_note_opener(struct media_control *c, const uint64_t boot[2])
{
	uint64_t machine[2];

	id_read("/etc/machine-id", machine);
	put_name(c->opener_name);
	/* relaxed, all of these: M2 orders them */
	a64_store_rlx(&c->opener_machine[0], machine[0]);
	a64_store_rlx(&c->opener_machine[1], machine[1]);
	a64_store_rlx(&c->opener_boot[0], boot[0]); /* relaxed, as above */
	a64_store_rlx(&c->opener_boot[1], boot[1]);
}

/* Noted by whoever opened it last, and not by one before who knew how to. */
static bool is_known(const struct media_control *c, uint64_t machine[2])
{
	/* relaxed, all of these: M2 ordered them */
	machine[0] = a64_load_rlx(&c->opener_machine[0]);
	machine[1] = a64_load_rlx(&c->opener_machine[1]);
	return a64_load_rlx(&c->opener_boot[0]) == a64_load_rlx(&c->boot[0]) &&
	       a64_load_rlx(&c->opener_boot[1]) == a64_load_rlx(&c->boot[1]) &&
	       (machine[0] || machine[1]);
}

bool media_is_elsewhere(const struct media_control *c, char name[64])
{
	uint64_t machine[2], ours[2], word;
	unsigned i;

	/* M2 acquire, pairs with change() */
	if ((a64_load_full(&c->state) & 0xff) == MEDIA_CLEAN)
		return false;
	if (!is_known(c, machine) || !id_read("/etc/machine-id", ours) ||
	    id_equal(machine, ours))
		return false;
	for (i = 0; i < NAME / 8; i++) {
		word = a64_load_rlx(&c->opener_name[i]); /* relaxed, as above */
		memcpy(name + 8 * i, &word, 8);
	}
	name[NAME - 1] = '\0';
	return true;
}

int media_refuse_elsewhere(const struct media_control *c, const char *target)
{
	char name[NAME];

	if (!media_is_elsewhere(c, name))
		return 0;
	return err_set(
		-EBUSY,
		"%s: is in use by host %s, or was when that went down; if it is certainly down, say so with maru-fsck -y --takeover",
		target, name);
}
