/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The superblock and the control line: what a region is and what lies where.
 *
 *   0        4 KiB    superblock A, and B behind it; C is the last 4 KiB
 *   8 KiB    control
 *   12 KiB   region table
 *   16 KiB   the sections of the other rooms, in the order of enum section_id
 *   data     2 MiB aligned, 1 GiB aligned in a region of 64 GiB or more
 *
 * That is region 0.  A further region has no section of what there is once in
 * a pool, see media_is_of_root(): they have no bytes there.
 *
 * A superblock never changes after creation.  Numbers are little-endian; a
 * reader of another endianness refuses by the tag.
 */
#ifndef MEDIA_FORMAT_H
#define MEDIA_FORMAT_H

#include "arch/atomic.h"

#include <assert.h>
#include <stddef.h>

#define MEDIA_SIZE(type, bytes) \
	static_assert(sizeof(type) == (bytes), #type " has its size")
#define MEDIA_AT(type, field, off) \
	static_assert(offsetof(type, field) == (off), #type "." #field)

#define MEDIA_MAGIC "MARUPOOL"
#define MEDIA_MAJOR 1
#define MEDIA_MINOR 0
#define MEDIA_ENDIAN 0x01020304u
#define MEDIA_PAGE 4096u
#define MEDIA_DATA_ALIGN (2u << 20)
#define MEDIA_REGION_MAX 64u
#define MEDIA_LABEL 64

/* An unknown incompat bit: do not open.  An unknown ro bit: only read. */
#define MEDIA_COMPAT_KNOWN 0ull
#define MEDIA_RO_KNOWN 0ull
#define MEDIA_INCOMPAT_QUARANTINE 1ull /* quarantine_ms is not 0 */
#define MEDIA_INCOMPAT_HOSTS 2ull      /* share is not MEDIA_SHARE_HOST */
#define MEDIA_INCOMPAT_REGIONS 4ull    /* region_nr is not 0 */
#define MEDIA_INCOMPAT_KNOWN                                \
	(MEDIA_INCOMPAT_QUARANTINE | MEDIA_INCOMPAT_HOSTS | \
	 MEDIA_INCOMPAT_REGIONS)

#define MEDIA_QUARANTINE_MAX 86400000u /* ms: a day */

/* Whose caches the atomic operations on a pool go through. */
enum media_share {
	MEDIA_SHARE_HOST = 0,	     /* those of one host */
	MEDIA_SHARE_FABRIC = 1,	     /* of several; the fabric keeps them one */
	MEDIA_SHARE_NONCOHERENT = 2, /* of several that nobody keeps coherent */
};

#define MEDIA_HOSTS_MAX 64u /* of a fabric pool, at a time */
#define MEDIA_HOST_MS_MIN 100u
#define MEDIA_HOST_MS_MAX 3600000u /* an hour */

enum section_id {
	SECTION_SUPER_A,
	SECTION_SUPER_B,
	SECTION_CONTROL,
	SECTION_REGIONS,
	SECTION_HANDS,
	SECTION_ACTIVE,
	SECTION_CLIENTS,
	SECTION_COUNTERS,
	SECTION_SLABS,
	SECTION_SLAB_MAPS,
	SECTION_BUCKETS,
	SECTION_LEDGER,
	SECTION_BLOCKS,
	SECTION_DATA,
	SECTION_SUPER_C,
	SECTION_HOSTS, /* lies before the clients; length 0 but in a fabric pool */
	SECTION_NR,
};

/* Bytes from the region's start.  A length of 0: not in this region. */
struct media_section {
	uint64_t off;
	uint64_t len;
};
MEDIA_SIZE(struct media_section, 16);
MEDIA_AT(struct media_section, off, 0);
MEDIA_AT(struct media_section, len, 8);

/* A size class: how the data is cut up.  In rising order of units. */
#define MEDIA_CLASS_MAX 64u

struct media_class {
	uint32_t units; /* of a block; 0 = end of the table */
	uint16_t group; /* slabs of an extent */
	uint16_t exact; /* 1: asked for at creation */
	uint64_t bytes; /* exact: the value size asked for */
	uint8_t zero[16];
};
MEDIA_SIZE(struct media_class, 32);
MEDIA_AT(struct media_class, units, 0);
MEDIA_AT(struct media_class, group, 4);
MEDIA_AT(struct media_class, exact, 6);
MEDIA_AT(struct media_class, bytes, 8);

/* Three copies, written once.  Owner: super.c. */
struct media_super {
	uint8_t magic[8];
	uint16_t major;
	uint16_t minor;
	uint32_t endian;
	uint64_t compat;
	uint64_t ro_compat;
	uint64_t incompat;
	uint8_t pool_uuid[16];
	uint8_t region_uuid[16];
	uint64_t nonce;	     /* a new one at every creation: the incarnation */
	uint64_t created_ns; /* CLOCK_REALTIME */
	uint64_t region_bytes;
	uint64_t max_bytes; /* what the directory was sized for */
	uint64_t secret[2]; /* key of the key hash */
	uint32_t region_no;
	uint32_t unit_shift; /* log2 bytes of a unit */
	uint32_t unit_nr;
	uint32_t slab_shift; /* log2 units of a slab */
	uint32_t slab_nr;
	uint32_t client_nr; /* slots */
	uint32_t class_nr;
	uint32_t lane_nr;      /* counter lanes of a client */
	uint64_t bucket_nr;    /* a power of two */
	uint64_t row_bytes;    /* a client's ledger row */
	uint32_t hash_alg;     /* enum hash_alg */
	uint32_t create_flags; /* MARU_CREATE_DURABLE, _SIPHASH, _CRC */
	char label[MEDIA_LABEL];
	struct media_section section[32];
	struct media_class class[MEDIA_CLASS_MAX];
	uint32_t quarantine_ms; /* blocks of the dead are kept back so long */
	uint32_t share;		/* enum media_share */
	uint32_t host_ms; /* a host that is silent for so long is fenced; or 0 */
	uint32_t region_nr; /* regions at creation, if more than one; else 0 */
	uint8_t zero[1276];
	uint32_t crc; /* CRC-32C of all before it */
};
MEDIA_SIZE(struct media_super, 4096);
MEDIA_AT(struct media_super, magic, 0);
MEDIA_AT(struct media_super, major, 8);
MEDIA_AT(struct media_super, minor, 10);
MEDIA_AT(struct media_super, endian, 12);
MEDIA_AT(struct media_super, compat, 16);
MEDIA_AT(struct media_super, ro_compat, 24);
MEDIA_AT(struct media_super, incompat, 32);
MEDIA_AT(struct media_super, pool_uuid, 40);
MEDIA_AT(struct media_super, region_uuid, 56);
MEDIA_AT(struct media_super, nonce, 72);
MEDIA_AT(struct media_super, created_ns, 80);
MEDIA_AT(struct media_super, region_bytes, 88);
MEDIA_AT(struct media_super, max_bytes, 96);
MEDIA_AT(struct media_super, secret, 104);
MEDIA_AT(struct media_super, region_no, 120);
MEDIA_AT(struct media_super, unit_shift, 124);
MEDIA_AT(struct media_super, unit_nr, 128);
MEDIA_AT(struct media_super, slab_shift, 132);
MEDIA_AT(struct media_super, slab_nr, 136);
MEDIA_AT(struct media_super, client_nr, 140);
MEDIA_AT(struct media_super, class_nr, 144);
MEDIA_AT(struct media_super, lane_nr, 148);
MEDIA_AT(struct media_super, bucket_nr, 152);
MEDIA_AT(struct media_super, row_bytes, 160);
MEDIA_AT(struct media_super, hash_alg, 168);
MEDIA_AT(struct media_super, create_flags, 172);
MEDIA_AT(struct media_super, label, 176);
MEDIA_AT(struct media_super, section, 240);
MEDIA_AT(struct media_super, class, 752);
MEDIA_AT(struct media_super, quarantine_ms, 2800);
MEDIA_AT(struct media_super, share, 2804);
MEDIA_AT(struct media_super, host_ms, 2808);
MEDIA_AT(struct media_super, region_nr, 2812);
MEDIA_AT(struct media_super, zero, 2816);
MEDIA_AT(struct media_super, crc, 4092);

#define MEDIA_CLEAN 1u
#define MEDIA_DIRTY 2u

/* First half of the boot id while a repair is at work: no kernel has it. */
#define MEDIA_BOOT_REPAIR UINT64_MAX

/* Region 0 only.  Owner: control.c. */
struct media_control {
	a64 state;   /* MEDIA_CLEAN or MEDIA_DIRTY */
	a64 boot[2]; /* boot id of the kernel that last opened it to write */
	a64 opens;   /* how often it was opened to write */
	uint8_t zero[32];
	/* of a pool of one host, where that is; believed if its boot is boot */
	a64 opener_boot[2], opener_machine[2];
	a64 opener_crc; /* CRC-32C of the two before and the name */
	uint8_t zero2[24];
	a64 opener_name[8]; /* text */
	uint8_t zero3[3904];
};
MEDIA_SIZE(struct media_control, 4096);
MEDIA_AT(struct media_control, state, 0);
MEDIA_AT(struct media_control, boot, 8);
MEDIA_AT(struct media_control, opens, 24);
MEDIA_AT(struct media_control, zero, 32);
MEDIA_AT(struct media_control, opener_boot, 64);
MEDIA_AT(struct media_control, opener_machine, 80);
MEDIA_AT(struct media_control, opener_crc, 96);
MEDIA_AT(struct media_control, opener_name, 128);

enum media_region_state {
	MEDIA_REGION_EMPTY = 0,
	MEDIA_REGION_ACTIVE = 2,
};

/* Region 0's list of all regions; entry 0 is itself.  Owner: media. */
struct media_region_entry {
	a64 state; /* enum media_region_state */
	uint8_t uuid[16];
	uint64_t bytes;
	uint32_t unit_shift;
	uint32_t unit_nr;
	uint8_t zero[24];
};
MEDIA_SIZE(struct media_region_entry, 64);
MEDIA_AT(struct media_region_entry, state, 0);
MEDIA_AT(struct media_region_entry, uuid, 8);
MEDIA_AT(struct media_region_entry, bytes, 24);
MEDIA_AT(struct media_region_entry, unit_shift, 32);
MEDIA_AT(struct media_region_entry, unit_nr, 36);

#endif
