/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tools share: exit statuses, arguments, messages, output. */
#ifndef TOOLS_COMMON_H
#define TOOLS_COMMON_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <maru.h>

/* Exit statuses, those of fsck(8). */
enum {
	TOOL_OK = 0,
	TOOL_FIXED = 1,	  /* maru-fsck: faults, all mended */
	TOOL_REFUSED = 1, /* maru-mkpool: something is there or in use */
	TOOL_DAMAGED = 4, /* faults are left */
	TOOL_FAILED = 8,  /* could not run */
	TOOL_USAGE = 16,
};

/* common.c: arguments and messages -------------------------------------- */

/* To be the child of each tool's parser: --help, --version. */
extern const struct argp tool_argp;

/* Call it first. From then on output that cannot be written ends in 8. */
void tool_start(void);

/* A size with K, M, G or T, or the end with a message that names @what. */
uint64_t tool_size(const struct argp_state *state, const char *what,
		   const char *text);

/* As tool_size(), and not 0. */
uint64_t tool_size_some(const struct argp_state *state, const char *what,
			const char *text);

/* What a number may be. */
struct tool_range {
	uint64_t min, max;
	int base; /* 8 or 10 */
};

/* A number in a range, or the end with a message that names @what. */
uint64_t tool_number(const struct argp_state *state, const char *what,
		     const char *text, const struct tool_range *range);

/* "PROGRAM: TARGET: sentence" on stderr. */
__attribute__((format(printf, 2, 3))) void tool_say(const char *target,
						    const char *fmt, ...);

/* What the call that has just failed with @err says, without @target. */
const char *tool_errmsg(const char *target, int err);

#define TOOL_KEY_TEXT (2 * MARU_KEY_MAX + 3)

/* A key as text if all of it can be printed, else as x:HEX; never both. */
const char *tool_key_text(char text[TOOL_KEY_TEXT], const void *key,
			  size_t klen);

/* The other way round; ends the program on what is no key. */
size_t tool_key(const struct argp_state *state, const char *what,
		const char *text, unsigned char key[MARU_KEY_MAX]);

/* Two digits a byte, however they look. */
const char *tool_hex_text(char text[TOOL_KEY_TEXT], const void *key,
			  size_t klen);

#define TOOL_UUID_TEXT 37

const char *tool_uuid_text(char text[TOOL_UUID_TEXT],
			   const unsigned char uuid[16]);

#define TOOL_SIZE_TEXT 24

/* 1536 -> "1.5 KiB" */
const char *tool_size_text(char text[TOOL_SIZE_TEXT], uint64_t bytes);

/* MARU_SHARE_* as a word. */
const char *tool_share(uint32_t share);

/* And back; ends the program on what is none. */
uint32_t tool_share_of(const struct argp_state *state, const char *text);

/* common_out.c: tables for people, or one JSON object ------------------- */

#define OUT_WIDTH 100 /* columns of a table row */

/* A table's column: head and width, negative to the left; {0} ends. */
struct out_column {
	const char *head;
	int width;
};

struct out {
	bool json;
	const struct out_column *columns; /* NULL: not in a table's row */
	unsigned depth;			  /* JSON: brackets open */
	unsigned some; /* JSON: bit per depth, it has a member */
	unsigned at;   /* table: the next cell's column */
	int used;      /* table: characters of this row so far */
	uint64_t rows; /* table: rows so far */
};

void out_open(struct out *out, bool json);
void out_close(struct out *out);

/* A titled list of fields; inside a row or an object: JSON only. */
void out_object(struct out *out, const char *name);
void out_object_end(struct out *out);

/* JSON only: an array; its elements have no name. */
void out_list(struct out *out, const char *name);
void out_list_end(struct out *out);

void out_table(struct out *out, const char *name,
	       const struct out_column *columns);
void out_table_end(struct out *out);
void out_row(struct out *out);
void out_row_end(struct out *out);

/* A field of an object or the next cell of a row. */
void out_u64(struct out *out, const char *name, uint64_t value);
void out_int(struct out *out, const char *name, int64_t value);
void out_hex(struct out *out, const char *name, uint64_t value);
void out_size(struct out *out, const char *name, uint64_t bytes);
void out_flag(struct out *out, const char *name, bool value);
/* As out_flag(), but 1 or 0 in JSON. */
void out_bit(struct out *out, const char *name, uint64_t value);
void out_none(struct out *out, const char *name);
void out_text(struct out *out, const char *name, const char *text);
void out_addr(struct out *out, const char *name, uint64_t addr);
/* Nanoseconds since 1970: when, or how long ago. */
void out_time(struct out *out, const char *name, uint64_t ns);
void out_age(struct out *out, const char *name, uint64_t ns);
/* A number that people want explained. */
void out_counter(struct out *out, const char *name, uint64_t value,
		 const char *meaning);

/* common_host.c: hosts, as maru-dump and maru-fence show them ------------- */

extern const struct out_column tool_host_columns[];

/* Its name; NULL: it is no state. */
const char *tool_host_state(enum maru_host_state state);

/* The cells of a row that has begun. */
void tool_host_cells(struct out *out, const struct maru_host *host);

#endif
