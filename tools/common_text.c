/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, sizes and UUIDs as text, and keys from it. */
#include <stdio.h>
#include <string.h>
#include "common.h"

static bool printable(const unsigned char *key, size_t klen)
{
	/* What looks like our notation for bytes is written as bytes. */
	if (klen >= 2 && key[0] == 'x' && key[1] == ':')
		return false;
	for (size_t i = 0; i < klen; i++) {
		if (key[i] < 0x20 || key[i] > 0x7e)
			return false;
	}
	return true;
}

static void hex(char *to, const unsigned char *from, size_t len)
{
	*to = '\0';
	for (size_t i = 0; i < len; i++)
		sprintf(to + 2 * i, "%02x", from[i]);
}

const char *tool_key_text(char text[TOOL_KEY_TEXT], const void *key,
			  size_t klen)
{
	const unsigned char *k = key;

	if (klen > MARU_KEY_MAX)
		klen = MARU_KEY_MAX;
	if (printable(k, klen)) {
		memcpy(text, k, klen);
		text[klen] = '\0';
		return text;
	}
	memcpy(text, "x:", 2);
	hex(text + 2, k, klen);
	return text;
}

const char *tool_hex_text(char text[TOOL_KEY_TEXT], const void *key,
			  size_t klen)
{
	hex(text, key, klen > MARU_KEY_MAX ? MARU_KEY_MAX : klen);
	return text;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool from_hex(const char *hex, unsigned char *key)
{
	for (; hex[0]; hex += 2, key++) {
		int high = nibble(hex[0]);
		int low = high < 0 ? -1 : nibble(hex[1]);

		if (low < 0)
			return false;
		*key = (unsigned char)(high << 4 | low);
	}
	return true;
}

size_t tool_key(const struct argp_state *state, const char *what,
		const char *text, unsigned char key[MARU_KEY_MAX])
{
	bool as_hex = !strncmp(text, "x:", 2);
	size_t klen = as_hex ? (strlen(text) - 1) / 2 : strlen(text);

	if (!klen || klen > MARU_KEY_MAX)
		argp_error(state, "%s: a key has 1 to %d bytes", what,
			   MARU_KEY_MAX);
	else if (!as_hex)
		memcpy(key, text, klen);
	else if (!from_hex(text + 2, key))
		argp_error(state, "%s: '%s' is not pairs of hex digits", what,
			   text);
	return klen;
}

const char *tool_size_text(char text[TOOL_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = { "B",   "KiB", "MiB", "GiB",
					     "TiB", "PiB", "EiB" };
	unsigned unit = 0;
	uint64_t one = 1;

	while (unit < 6 && bytes / one >= 1024) {
		one <<= 10;
		unit++;
	}
	if (bytes % one == 0)
		snprintf(text, TOOL_SIZE_TEXT, "%ju %s",
			 (uintmax_t)(bytes / one), units[unit]);
	else
		snprintf(text, TOOL_SIZE_TEXT, "%.1f %s",
			 (double)bytes / (double)one, units[unit]);
	return text;
}

const char *tool_uuid_text(char text[TOOL_UUID_TEXT],
			   const unsigned char uuid[16])
{
	char *p = text;

	for (int i = 0; i < 16; i++)
		p += sprintf(p,
			     i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" :
								     "%02x",
			     uuid[i]);
	return text;
}
