// SPDX-License-Identifier: BSD-3-Clause
/* Finding the device that a name or a UUID means. */
#include "media/target.h"

#include "base/err.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A search: what for, and what has been said of the devices so far. */
struct search {
	const char *target;
	unsigned char uuid[16];
	uint64_t window;
	const struct scan *hit;
	unsigned hits;
	int unread; /* why the first that could not be opened could not */
	struct words {
		char text[360];
		size_t len;
	} seen, copies; /* "dax0.0: empty, dax1.0: not read, ..." */
};

static int nibble(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_uuid(const char *text, unsigned char uuid[16])
{
	unsigned i, at = 0;

	if (strlen(text) != MEDIA_UUID_TEXT - 1)
		return false;
	for (i = 0; i < 16; i++) {
		int high, low;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (text[at++] != '-')
				return false;
		high = nibble(text[at++]);
		low = nibble(text[at++]);
		if (high < 0 || low < 0)
			return false;
		uuid[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

const char *media_uuid_text(const unsigned char uuid[16],
			    char text[MEDIA_UUID_TEXT])
{
	char *p = text;

	for (int i = 0; i < 16; i++)
		p += sprintf(p,
			     i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" :
								     "%02x",
			     uuid[i]);
	return text;
}

/* The message without the name that it begins with. */
static void keep_reason(struct media_found *f, const char *name, int rc)
{
	const char *msg = maru_errmsg();
	size_t len = strlen(name);

	if (!strncmp(msg, name, len) && !strncmp(msg + len, ": ", 2))
		msg += len + 2;
	f->rc = rc;
	snprintf(f->why, sizeof(f->why), "%s", msg);
}

static bool has_magic(struct dev *dev, uint64_t window)
{
	char magic[sizeof(MEDIA_MAGIC) - 1];

	return !dev_read(dev, window, magic, sizeof(magic)) &&
	       !memcmp(magic, MEDIA_MAGIC, sizeof(magic));
}

/* Not ours, or too small for a pool: then what is it? */
static void name_other(struct dev *dev, uint64_t window, struct media_found *f)
{
	int rc = dev_probe(dev, window, dev->size - window, f->what,
			   sizeof(f->what));

	if (rc < 0)
		keep_reason(f, dev->name, rc);
	else
		f->content = rc ? MEDIA_OTHER : MEDIA_EMPTY;
}

static void look_inside(struct dev *dev, uint64_t window, struct media_found *f)
{
	uint32_t ok;
	int rc = media_super_read(dev, window, &f->sb, &ok);
	bool ours = rc == MARU_E_CORRUPT ||
		    (rc == MARU_E_FORMAT && has_magic(dev, window));

	if (!rc) {
		f->content = MEDIA_POOL;
	} else if (rc == MARU_E_FORMAT && !ours && window < dev->size) {
		name_other(dev, window, f);
	} else {
		keep_reason(f, dev->name, rc);
		if (!ours)
			return;
		f->content = MEDIA_OTHER;
		snprintf(f->what, sizeof(f->what), "a maru pool%s",
			 rc == MARU_E_CORRUPT ? " that is damaged" :
						" of an unknown format");
	}
}

void media_look(const struct scan *s, uint64_t window, struct media_found *f)
{
	struct dev *dev;
	int rc = scan_refuse(s, s->path);

	memset(f, 0, sizeof(*f));
	if (!rc)
		rc = dev_open(s->path, DEV_RDONLY, &dev);
	if (rc) {
		keep_reason(f, s->path, rc);
		return;
	}
	look_inside(dev, window, f);
	dev_close(dev);
	if (f->rc || !faccessat(AT_FDCWD, s->path, W_OK, AT_EACCESS))
		return;
	f->rc = err_sys("%s: may only be read, see its mode and owner",
			s->path);
	keep_reason(f, s->path, f->rc);
}

/* What does not fit ends in dots. */
__attribute__((format(printf, 2, 3))) static void say(struct words *w,
						      const char *fmt, ...)
{
	size_t room = sizeof(w->text) - w->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->text + w->len, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < room) {
		w->len += (size_t)n;
	} else {
		w->len = sizeof(w->text) - 1;
		memcpy(w->text + w->len - 3, "...", 3);
	}
}

static void say_found(struct words *w, const struct scan *s,
		      const struct media_found *f)
{
	char text[MEDIA_UUID_TEXT];

	say(w, "%s%s: ", w->len ? ", " : "", s->name);
	switch (f->content) {
	case MEDIA_POOL:
		say(w, "pool %s", media_uuid_text(f->sb.region_uuid, text));
		if (memcmp(f->sb.region_uuid, f->sb.pool_uuid, 16))
			say(w, " (region %u)", f->sb.region_no);
		break;
	case MEDIA_EMPTY:
		say(w, "empty");
		break;
	case MEDIA_OTHER:
		say(w, "%s", f->what);
		break;
	case MEDIA_UNSEEN:
		say(w, "not read, %s", f->why);
	}
}

static bool is_it(const struct media_found *f, const unsigned char uuid[16])
{
	return f->content == MEDIA_POOL && !memcmp(f->sb.region_uuid, uuid, 16);
}

static void look_at(struct search *q, const struct scan *s)
{
	struct media_found *f = malloc(sizeof(*f));

	if (!f) {
		q->unread = -ENOMEM;
		return;
	}
	media_look(s, q->window, f);
	if (is_it(f, q->uuid)) {
		say(&q->copies, "%s%s", q->hits++ ? ", " : "", s->path);
		q->hit = s;
	} else {
		say_found(&q->seen, s, f);
	}
	/* what is no devdax can hold it for nobody */
	if (f->content == MEDIA_UNSEEN && s->mode == SCAN_DEVDAX && !q->unread)
		q->unread = f->rc;
	free(f);
}

static int verdict(const struct search *q, int nr, char path[PATH_MAX])
{
	if (q->hits == 1) {
		err_clear();
		snprintf(path, PATH_MAX, "%s", q->hit->path);
		return 0;
	}
	if (q->hits)
		return err_set(-ENOTUNIQ,
			       "%s: is on %u devices, so all but one are "
			       "copies: %s; name the one that is meant",
			       q->target, q->hits, q->copies.text);
	if (!nr)
		return err_set(-ENOENT,
			       "%s: this host has no DAX devices; see `daxctl "
			       "list -R`",
			       q->target);
	return err_set(q->unread ? q->unread : -ENOENT,
		       "%s: is on none of %d DAX devices; %s", q->target, nr,
		       q->seen.text);
}

static int find_uuid(struct search *q, char path[PATH_MAX])
{
	struct scan *list;
	int nr = scan_devices(&list), rc;

	if (nr < 0)
		return nr;
	for (int i = 0; i < nr; i++)
		look_at(q, &list[i]);
	rc = verdict(q, nr, path);
	free(list);
	return rc;
}

static void say_names(struct words *w, const struct scan *list, int nr)
{
	for (int i = 0; i < nr; i++)
		say(w, "%s%s", i ? ", " : "", list[i].name);
}

static int find_name(struct search *q, const char *name, char path[PATH_MAX])
{
	struct scan *list;
	int nr = scan_devices(&list), rc = -ENOENT;

	if (nr < 0)
		return nr;
	for (int i = 0; i < nr && rc == -ENOENT; i++) {
		if (strcmp(list[i].name, name) != 0)
			continue;
		snprintf(path, PATH_MAX, "%s", list[i].path);
		rc = scan_refuse(&list[i], q->target);
	}
	say_names(&q->seen, list, nr);
	free(list);
	if (rc != -ENOENT)
		return rc;
	return err_set(rc, "%s: no DAX device is called so; there %s %s",
		       q->target, nr == 1 ? "is" : "are",
		       nr ? q->seen.text : "none");
}

static int no_uuid(const char *target)
{
	return err_set(-EINVAL,
		       "%s: no UUID after uuid:, 36 digits and dashes (a file "
		       "of that name is ./%s)",
		       target, target);
}

bool media_target_uuid(const char *target, unsigned char uuid[16])
{
	if (!strncmp(target, "uuid:", 5))
		return parse_uuid(target + 5, uuid);
	return !strncmp(target, "dax:", 4) && parse_uuid(target + 4, uuid);
}

int media_target(const char *target, uint64_t window, char path[PATH_MAX])
{
	bool by_uuid = !strncmp(target, "uuid:", 5);
	struct search q = { .target = target, .window = window };

	if (!by_uuid && strncmp(target, "dax:", 4) != 0) {
		if (strlen(target) >= PATH_MAX)
			return err_set(-ENAMETOOLONG,
				       "%.40s...: path is too long", target);
		strcpy(path, target);
		return 0;
	}
	if (media_target_uuid(target, q.uuid))
		return find_uuid(&q, path);
	return by_uuid ? no_uuid(target) : find_name(&q, target + 4, path);
}
