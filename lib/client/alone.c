// SPDX-License-Identifier: BSD-3-Clause
/* Is no other host there?  For who formats or repairs a fabric pool. */
#include "client/client.h"

#include "base/err.h"
#include "base/id.h"

#include <string.h>
#include <time.h>

static int refuse_there(const struct client *c, uint32_t no)
{
	char name[64];

	host_name(&c->host, no, name);
	return err_set(-EBUSY, "%s: is in use by host %s", c->target, name);
}

static int refuse_unsure(const struct client *c, uint32_t no)
{
	char name[64];

	host_name(&c->host, no, name);
	return err_set(
		-EBUSY,
		"%s: host %s has gone silent but may still store; if it is certainly down, say so with maru-fsck --takeover",
		c->target, name);
}

/* Of our own kernel's none is left: the pool's lock is ours. */
static bool is_other(const struct client *c, uint32_t no, uint64_t w)
{
	return host_is_there(w) && !host_is_ours(c, no);
}

/*
 * One look at entry @no, @awake after the last one: -EBUSY, it beats; 1, it is
 * not silent for long enough; 0, nobody is there, or not any more.
 */
static int listen(struct client *c, uint32_t no, uint64_t awake)
{
	struct host_self *h = &c->host;
	struct host_seen *seen = &h->seen[no];
	uint64_t w = host_word(h, no);
	/* relaxed, all of these: one thread is here */
	uint64_t was = a64_load_rlx(&seen->word);
	uint64_t silent = a64_load_rlx(&seen->silent_ns) + awake;

	if (!is_other(c, no, w))
		return 0;
	if (was && was != w)
		return refuse_there(c, no);
	a64_store_rlx(&seen->word, w);		 /* relaxed, as above */
	a64_store_rlx(&seen->silent_ns, silent); /* relaxed, as above */
	if (silent < h->timeout_ns)
		return 1;
	/* H1 acquire; fails if it has beaten in this instant */
	return a64_cas_full(&h->all[no].word, &w,
			    host_make(HOST_FENCED, HOST_NONE, host_epoch(w),
				      host_beats(w))) ?
		       0 :
		       refuse_there(c, no);
}

static int listen_to_all(struct client *c, uint64_t awake)
{
	uint32_t no;
	int rc, left = 0;

	for (no = 0; no < HOST_NR; no++) {
		rc = listen(c, no, awake);
		if (rc < 0)
			return rc;
		left += rc;
	}
	return left;
}

/* It has been restarted since: we are it. */
static bool is_our_past(const struct client *c, uint32_t no)
{
	uint64_t id[2];

	host_machine(&c->host.all[no], id);
	return (id[0] || id[1]) && id_equal(id, c->host.machine);
}

static int are_gone(struct client *c, bool takeover)
{
	uint32_t no;

	for (no = 0; no < HOST_NR; no++) {
		uint64_t w = host_word(&c->host, no);

		if (host_state(w) == HOST_FENCED && !takeover &&
		    !host_is_ours(c, no) && !is_our_past(c, no))
			return refuse_unsure(c, no);
	}
	return 0;
}

int host_alone(struct client *c, bool takeover)
{
	const struct timespec pause = { 0, 10000000 };
	uint64_t last = c->now_ns(c), now = last;
	uint64_t limit = last + 2 * c->host.timeout_ns;
	int rc;

	if (!c->host.all)
		return 0;
	memset(c->host.seen, 0, sizeof(c->host.seen));
	for (;;) {
		rc = listen_to_all(c, now - last);
		if (rc <= 0 || now > limit)
			break;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		last = now;
		now = c->now_ns(c);
	}
	return rc < 0 ? rc : are_gone(c, takeover);
}

/* As a repair does: one that opens it now either sees the mark or is seen. */
static int keep_out(struct client *c, struct media_control *control)
{
	media_mark_repair(control, true);
	if (!host_anybody(c)) /* K9: after the mark */
		return 0;
	media_mark_repair(control, false);
	return err_set(-EBUSY, "%s: another host has just opened it",
		       c->target);
}

int host_alone_at(const struct dev_map *map, const struct media_super *sb,
		  const char *target)
{
	struct client c = { .target = target };
	struct media_control *control =
		(void *)(map->base + sb->section[SECTION_CONTROL].off);
	int rc;

	if (sb->share != MEDIA_SHARE_FABRIC)
		return 0;
	c.host.all = (void *)(map->base + sb->section[SECTION_HOSTS].off);
	c.host.no = HOST_NONE;
	c.host.timeout_ns = sb->host_ms * 1000000ull;
	id_read("/etc/machine-id", c.host.machine);
	client_clock_start(&c, sb->quarantine_ms);
	rc = client_identity(&c.me);
	if (!rc)
		rc = host_alone(&c, false);
	return rc ? rc : keep_out(&c, control);
}

bool host_is_lone_survivor(const struct client *c)
{
	bool ours = false;
	uint32_t no;

	for (no = 0; c->host.all && no < HOST_NR; no++) {
		uint64_t w = host_word(&c->host, no);

		if (host_state(w) == HOST_FENCED && !host_is_ours(c, no))
			return false;
		ours |= host_is_there(w) && host_is_ours(c, no);
	}
	return ours;
}

bool host_anybody(const struct client *c)
{
	uint32_t no;

	for (no = 0; c->host.all && no < HOST_NR; no++)
		/* K9 full */
		if (is_other(c, no, host_word(&c->host, no)))
			return true;
	return false;
}

void host_rebuild(struct client *c)
{
	uint32_t no;

	for (no = 0; c->host.all && no < HOST_NR; no++) {
		struct media_host *m = &c->host.all[no];
		uint64_t w = host_word(&c->host, no);

		/* relaxed, and no pair: the pool is idle */
		a64_store_rlx(&m->wait, 0);
		a64_store_full(
			&m->word, /* no pair: as above */
			host_make(HOST_FREE, HOST_NONE,
				  host_epoch(w) + (host_state(w) != HOST_FREE),
				  0));
	}
}
