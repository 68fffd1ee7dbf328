// SPDX-License-Identifier: BSD-3-Clause
/* An input is a pool to start from, edits of its bytes, and calls. */
#include "common_fuzz.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	int fd;
	char target[32];
	unsigned char *bytes; /* as the pool is */
	const struct fuzz_image *image;
	unsigned char *before; /* tables, for fuzz_same() */
} work = { .fd = -1 };

void fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("FAIL: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

const unsigned char *fuzz_value(void)
{
	static unsigned char *value;

	if (value == NULL) {
		value = malloc(FUZZ_VALUE);
		if (value == NULL)
			fuzz_fail("no memory");
		for (uint32_t i = 0; i < FUZZ_VALUE; i++)
			value[i] = (unsigned char)(i * 7 + (i >> 8));
	}
	return value;
}

void fuzz_parse(struct fuzz_input *in, const uint8_t *data, size_t size)
{
	size_t room;

	memset(in, 0, sizeof(*in));
	if (size < FUZZ_HEAD)
		return;
	memcpy(in, data, FUZZ_HEAD);
	data += FUZZ_HEAD;
	size -= FUZZ_HEAD;
	room = size / sizeof(struct fuzz_edit);
	in->edit_nr = (uint8_t)bits_min(in->edit_nr % (FUZZ_EDITS + 1), room);
	memcpy(in->edit, data, in->edit_nr * sizeof(struct fuzz_edit));
	data += in->edit_nr * sizeof(struct fuzz_edit);
	size -= in->edit_nr * sizeof(struct fuzz_edit);
	in->call_nr =
		(unsigned)bits_min(size / sizeof(struct fuzz_call), FUZZ_CALLS);
	memcpy(in->call, data, in->call_nr * sizeof(struct fuzz_call));
}

size_t fuzz_write(const struct fuzz_input *in, uint8_t *data, size_t max)
{
	size_t edits = in->edit_nr * sizeof(struct fuzz_edit);
	size_t calls = in->call_nr * sizeof(struct fuzz_call);

	if (FUZZ_HEAD + edits + calls > max)
		return 0;
	memcpy(data, in, FUZZ_HEAD);
	memcpy(data + FUZZ_HEAD, in->edit, edits);
	memcpy(data + FUZZ_HEAD + edits, in->call, calls);
	return FUZZ_HEAD + edits + calls;
}

static void start(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, FUZZ_BYTES) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
		fuzz_fail("memfd");
	work.bytes = mmap(NULL, FUZZ_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);
	work.before = malloc(FUZZ_BYTES);
	if (work.bytes == MAP_FAILED || work.before == NULL)
		fuzz_fail("mmap");
	snprintf(work.target, sizeof(work.target), "fd:%d", fd);
	work.fd = fd;
}

static void punch(size_t from, size_t to)
{
	if (from < to &&
	    fallocate(work.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)from, (off_t)(to - from)) != 0)
		fuzz_fail("punch");
}

/* Pages that were written since and that are zero in the image. */
static void forget_pages(const struct fuzz_image *im)
{
	off_t at = (off_t)im->meta, end;
	size_t from, page;

	while ((at = lseek(work.fd, at, SEEK_DATA)) >= 0) {
		end = lseek(work.fd, at, SEEK_HOLE);
		from = (size_t)at;
		for (page = from; page < (size_t)end; page += MEDIA_PAGE) {
			if (!im->holds[page / MEDIA_PAGE])
				continue;
			punch(from, page);
			from = page + MEDIA_PAGE;
		}
		punch(from, (size_t)end);
		at = end;
	}
}

/* Tables are copied; values are few pages of many, mostly unchanged. */
static void restore(const struct fuzz_image *im)
{
	memcpy(work.bytes, im->bytes, im->meta);
	forget_pages(im);
	for (uint32_t i = 0; i < im->page_nr; i++) {
		size_t at = (size_t)im->pages[i] * MEDIA_PAGE;

		if (memcmp(work.bytes + at, im->bytes + at, MEDIA_PAGE) != 0)
			memcpy(work.bytes + at, im->bytes + at, MEDIA_PAGE);
	}
	work.image = im;
}

static uint32_t units_of(uint32_t want)
{
	return (uint32_t)bits_min(want, work.image->sb.unit_nr);
}

/* Where a key of @klen bytes lies; it is in the pool whatever units says. */
static unsigned char *key_at(struct media_block *b, uint32_t idx, uint32_t klen)
{
	const struct media_super *sb = &work.image->sb;
	uint64_t units = bits_min(units_of(b->units.v), sb->unit_nr - idx);
	uint64_t room = units << sb->unit_shift;

	if (klen <= BLOCK_KEY_INLINE)
		return (unsigned char *)b->key;
	if (bits_round_up(klen, 8) > room)
		return NULL;
	return work.bytes + sb->section[SECTION_DATA].off +
	       ((uint64_t)idx << sb->unit_shift) + room -
	       bits_round_up(klen, 8);
}

/* Let a block's hash and checksums be right for what it says now. */
static void seal(uint32_t idx)
{
	const struct media_super *sb = &work.image->sb;
	struct media_block *b =
		(struct media_block *)(void *)(work.bytes +
					       sb->section[SECTION_BLOCKS].off) +
		idx;
	uint32_t klen = (uint32_t)(b->size.v >> 48);
	unsigned char *key;
	struct hash128 h;
	uint64_t v[5];

	if (!klen || klen > MARU_KEY_MAX)
		return;
	key = key_at(b, idx, klen);
	if (key == NULL)
		return;
	memset(key + klen, 0, bits_round_up(klen, 8) - klen);
	h = hash_key((enum hash_alg)sb->hash_alg, sb->secret, key, klen);
	b->h0.v = h.h0;
	b->h1.v = h.h1;
	v[0] = h.h0;
	v[1] = h.h1;
	v[2] = b->size.v;
	v[3] = b->units.v;
	v[4] = block_version(b->word.v);
	b->crc_desc.v = hash_crc32c(hash_crc32c(0, v, sizeof(v)), key, klen);
}

static uint64_t load(const unsigned char *p, unsigned width)
{
	uint64_t v = 0;

	memcpy(&v, p, width);
	return v;
}

static uint64_t change(const struct fuzz_edit *e, uint64_t old, uint64_t from)
{
	switch (e->op % FUZZ_OPS) {
	case FUZZ_XOR:
		return old ^ e->value;
	case FUZZ_ADD:
		return old + e->value;
	case FUZZ_COPY:
		return from;
	default:
		return e->value;
	}
}

/* The hosts' has a number of its own: those of the corpus stay what they are */
static unsigned section_of(const struct fuzz_edit *e)
{
	if (e->section >= FUZZ_HOSTS && work.image->sb.share)
		return SECTION_HOSTS;
	return e->section % (SECTION_SUPER_C + 1u);
}

void fuzz_edit(const struct fuzz_edit *e)
{
	unsigned section = section_of(e);
	const struct media_section *s = &work.image->sb.section[section];
	unsigned width = 1u << (e->width & 3);
	unsigned step = e->width & FUZZ_STRIDE ? fuzz_record(section) : width;
	unsigned char *base = work.bytes + s->off;
	uint64_t off = e->off % s->len, from = e->value % s->len;

	if (e->op % FUZZ_OPS == FUZZ_SEAL) {
		seal(e->off % work.image->sb.unit_nr);
		return;
	}
	for (unsigned i = 0; i <= e->repeat; i++) {
		uint64_t v;

		if (off + width > s->len || from + width > s->len)
			return;
		v = change(e, load(base + off, width),
			   load(base + from, width));
		memcpy(base + off, &v, width);
		off += step;
		from += step;
	}
}

uint64_t fuzz_word(const struct fuzz_edit *e)
{
	unsigned section = section_of(e);
	const struct media_section *s = &work.image->sb.section[section];
	unsigned width = 1u << (e->width & 3);
	uint64_t off = e->off % s->len;

	return off + width > s->len ? 0 :
				      load(work.bytes + s->off + off, width);
}

void fuzz_heal(void)
{
	memcpy(work.bytes, work.image->bytes, work.image->meta);
}

void fuzz_heal_super(void)
{
	const struct fuzz_image *im = work.image;

	memcpy(work.bytes, im->bytes, 2 * MEDIA_PAGE);
	memcpy(work.bytes + im->sb.section[SECTION_SUPER_C].off, im->bytes,
	       MEDIA_PAGE);
}

/* What was done to copy A is meant to get past the checksum. */
static void reseal(unsigned flags)
{
	const struct media_super *base = &work.image->sb;
	struct media_super sb;

	memcpy(&sb, work.bytes, sizeof(sb));
	if (!memcmp(&sb, base, sizeof(sb)))
		return;
	if (flags & FUZZ_RESEAL)
		sb.crc = hash_crc32c(0, &sb, offsetof(struct media_super, crc));
	memcpy(work.bytes, &sb, sizeof(sb));
	if (!(flags & FUZZ_COPIES))
		return;
	memcpy(work.bytes + MEDIA_PAGE, &sb, sizeof(sb));
	memcpy(work.bytes + base->section[SECTION_SUPER_C].off, &sb,
	       sizeof(sb));
}

void fuzz_set_up(struct fuzz_input *in)
{
	unsigned now = in->flags & FUZZ_LATER ? in->edit_nr / 2 : in->edit_nr;

	if (work.fd < 0)
		start();
	restore(fuzz_image(in->base));
	while (in->edited < now)
		fuzz_edit(&in->edit[in->edited++]);
	reseal(in->flags);
}

void fuzz_edit_next(struct fuzz_input *in)
{
	if (in->edited < in->edit_nr)
		fuzz_edit(&in->edit[in->edited++]);
}

const char *fuzz_target(void)
{
	return work.target;
}

unsigned char *fuzz_bytes(void)
{
	return work.bytes;
}

void fuzz_remember(void)
{
	memcpy(work.before, work.bytes, work.image->meta);
}

bool fuzz_same(void)
{
	return memcmp(work.before, work.bytes, work.image->meta) == 0;
}
