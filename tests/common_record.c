// SPDX-License-Identifier: BSD-3-Clause
/* Stores, one instruction at a time; flushes and drains as libpmem2 does them. */
#include "common_record.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libpmem2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <ucontext.h>
#include <unistd.h>
#include <urcu-bp.h>

#define PAGE 4096u
#define LINE 64u
#define MAPS 8
#define OPEN_MAX_PAGES 4 /* of one instruction: from and to, over an end */
#define TRAP_FLAG 0x100

struct record *record;
unsigned char *record_base, *record_now;

static struct {
	unsigned char *base;
	int prot; /* PROT_NONE: its loads are noted */
} maps[MAPS];
static unsigned map_nr;
static bool loads;
static unsigned char *seen; /* lines: noted as loaded, and not stored to since */
static struct {
	unsigned char *at;
	uint64_t off;
	int prot;
} open_page[OPEN_MAX_PAGES];
static unsigned open_nr;
static unsigned me;
static bool on, quiet;
static dev_t file_dev;
static ino_t file_ino;
static pmem2_persist_fn real_persist;
static pmem2_flush_fn real_flush;
static pmem2_drain_fn real_drain;

static void stop_here(const char *why)
{
	ssize_t n = write(2, why, strlen(why));

	(void)n;
	abort();
}

static void note(enum record_kind kind, uint64_t off, uint64_t word)
{
	if (record->nr == RECORD_MAX)
		stop_here("record: the log is full\n");
	record->log[record->nr++] =
		(struct record_entry){ .off = off,
				       .word = word,
				       .kind = (uint16_t)kind,
				       .who = (uint16_t)me };
}

/* Where in the pool an address is, and by which mapping; -1: not in it. */
static int find(const void *p, uint64_t *off)
{
	const unsigned char *at = p;

	for (unsigned i = 0; i < map_nr; i++)
		if (at >= maps[i].base && at < maps[i].base + record->bytes) {
			*off = (uint64_t)(at - maps[i].base);
			return (int)i;
		}
	return -1;
}

/* Stores ------------------------------------------------------------------- */

#if defined(__x86_64__)

static void set_trap(void *context, bool set)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	*flags = set ? *flags | TRAP_FLAG : *flags & ~(greg_t)TRAP_FLAG;
}

static void note_load(uint64_t off)
{
	if (!seen[off / LINE])
		note(RECORD_LOAD, off, 0);
	seen[off / LINE] = 1;
}

/* An access begins: open its page, and stop behind the instruction. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	unsigned char *page =
		(unsigned char *)((uintptr_t)info->si_addr & ~(PAGE - 1ull));
	uint64_t off;
	int i = find(page, &off);

	(void)sig;
	if (!on || i < 0 || open_nr == OPEN_MAX_PAGES ||
	    mprotect(page, PAGE, PROT_READ | PROT_WRITE)) {
		signal(SIGSEGV, SIG_DFL); /* a fault of its own: once more */
		return;
	}
	if (maps[i].prot == PROT_NONE)
		note_load(off + ((uintptr_t)info->si_addr & (PAGE - 1)));
	open_page[open_nr].at = page;
	open_page[open_nr].prot = maps[i].prot;
	open_page[open_nr++].off = off;
	set_trap(context, true);
}

static void note_page(const unsigned char *page, uint64_t off)
{
	uint64_t is, was;

	for (unsigned i = 0; i < PAGE; i += 8) {
		memcpy(&is, page + i, 8);
		memcpy(&was, record_now + off + i, 8);
		if (is == was)
			continue;
		note(RECORD_STORE, off + i, is);
		seen[(off + i) / LINE] = 0;
		memcpy(record_now + off + i, &is, 8);
	}
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	set_trap(context, false);
	for (unsigned i = 0; i < open_nr; i++) {
		note_page(open_page[i].at, open_page[i].off);
		mprotect(open_page[i].at, PAGE, open_page[i].prot);
	}
	open_nr = 0;
	if (me && record->nr >= record->die_at)
		kill(getpid(), SIGKILL);
}

static int watch(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO };
	struct sigaction trap = { .sa_sigaction = on_trap,
				  .sa_flags = SA_SIGINFO };

	return sigaction(SIGSEGV, &fault, NULL) ||
			       sigaction(SIGTRAP, &trap, NULL) ?
		       -errno :
		       0;
}

#else

static int watch(void)
{
	return -ENOTSUP;
}

#endif

/* Mappings ----------------------------------------------------------------- */

/* A line of /proc/self/maps that shows the whole pool, to be written. */
static bool is_pool(const char *line, uintptr_t *start)
{
	uintptr_t end;
	char perms[5];
	unsigned major, minor;
	unsigned long inode;

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*x %x:%x %lu", start,
		   &end, perms, &major, &minor, &inode) != 6)
		return false;
	return end - *start == record->bytes && inode == file_ino &&
	       makedev(major, minor) == file_dev && perms[3] == 's';
}

/* How a mapping is to be: as before, or as it is wanted of a new one. */
static int prot_of(const unsigned char *start, unsigned known)
{
	for (unsigned i = 0; i < known; i++)
		if (maps[i].base == start)
			return maps[i].prot;
	return loads ? PROT_NONE : PROT_READ;
}

/* The library has just made one more, and others may be gone. */
static void find_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned char *base[MAPS];
	unsigned nr = 0, i;
	char line[512];
	uintptr_t start;
	int prot[MAPS];

	while (f && fgets(line, sizeof(line), f)) {
		if (!is_pool(line, &start))
			continue;
		if (nr == MAPS)
			stop_here("record: too many mappings\n");
		base[nr] = (unsigned char *)start;
		prot[nr] = prot_of(base[nr], map_nr);
		nr++;
	}
	if (f)
		fclose(f);
	for (i = 0; i < nr; i++) {
		maps[i].base = base[i];
		maps[i].prot = prot[i];
		/* what is read-only for its client stays so */
		mprotect(base[i], record->bytes, prot[i]);
	}
	map_nr = nr;
}

static void *shared(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || (uint64_t)st.st_size < PAGE)
		rc = -EINVAL;
	if (!rc && record_base && record->bytes != (uint64_t)st.st_size) {
		munmap(record_base, record->bytes);
		munmap(record_now, record->bytes);
		munmap(seen, record->bytes / LINE);
		record_base = NULL;
	}
	if (!rc && !record_base) {
		record_base = shared((uint64_t)st.st_size);
		record_now = shared((uint64_t)st.st_size);
		seen = shared((uint64_t)st.st_size / LINE);
	}
	record->bytes = (uint64_t)st.st_size;
	file_dev = st.st_dev;
	file_ino = st.st_ino;
	if (!rc && (!record_base || !record_now || !seen ||
		    pread(fd, record_now, record->bytes, 0) != st.st_size))
		rc = -EIO;
	if (!rc) {
		memcpy(record_base, record_now, record->bytes);
		memset(seen, 0, record->bytes / LINE);
	}
	close(fd);
	return rc;
}

int record_start(const char *path)
{
	int rc;

	if (!record)
		record = shared(sizeof(*record));
	if (!record)
		return -ENOMEM;
	record->nr = 0;
	me = 0;
	rc = read_file(path);
	if (!rc)
		rc = watch();
	on = !rc;
	return rc;
}

void record_stop(void)
{
	for (unsigned i = 0; i < map_nr; i++)
		mprotect(maps[i].base, record->bytes, PROT_READ | PROT_WRITE);
	map_nr = 0;
	on = loads = false;
}

void record_be(unsigned who, uint32_t die_at)
{
	me = who;
	record->die_at = die_at;
}

void record_loads(bool are)
{
	if (on)
		find_maps(); /* a place may be another mapping's next */
	loads = are;
}

void record_poke(const char *path, uint64_t off, uint64_t word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, &word, 8, (off_t)off) != 8)
		stop_here("record: cannot change the pool\n");
	close(fd);
	memcpy(record_base + off, &word, 8);
	memcpy(record_now + off, &word, 8);
}

unsigned record_who(void)
{
	return me;
}

void record_quiet(bool is)
{
	quiet = is;
}

unsigned record_drains(uint32_t from, uint32_t to)
{
	unsigned nr = 0;

	for (uint32_t i = from; i < to && i < record->nr; i++)
		nr += record->log[i].kind == RECORD_DRAIN;
	return nr;
}

uint32_t record_first(unsigned who)
{
	uint32_t i = 0;

	while (i < record->nr && record->log[i].who != who)
		i++;
	return i;
}

/* Flushes and drains --------------------------------------------------------- */

static void note_flush(const void *p, size_t bytes)
{
	uint64_t off;

	if (on && bytes && find(p, &off) >= 0)
		note(RECORD_FLUSH, off, bytes);
}

static void my_flush(const void *p, size_t bytes)
{
	note_flush(p, bytes);
	real_flush(p, bytes);
}

static void my_drain(void)
{
	real_drain();
	if (on)
		note(RECORD_DRAIN, 0, 0);
}

static void my_persist(const void *p, size_t bytes)
{
	note_flush(p, bytes);
	real_persist(p, bytes);
	if (on)
		note(RECORD_DRAIN, 0, 0);
}

static void no_flush(const void *p, size_t bytes)
{
	(void)p, (void)bytes;
}

static void no_drain(void)
{
}

/* These three are found before libpmem2's; they ask it, and go between. */

typedef void (*any_fn)(void);

static any_fn real(const char *name)
{
	any_fn fn;
	void *p = dlsym(RTLD_NEXT, name);

	if (!p)
		stop_here("record: a library lacks a name\n");
	memcpy(&fn, &p, sizeof(fn));
	return fn;
}

pmem2_persist_fn pmem2_get_persist_fn(struct pmem2_map *map)
{
	real_persist =
		((pmem2_persist_fn(*)(struct pmem2_map *))real(__func__))(map);
	if (on)
		find_maps();
	return quiet ? no_flush : on ? my_persist : real_persist;
}

pmem2_flush_fn pmem2_get_flush_fn(struct pmem2_map *map)
{
	real_flush =
		((pmem2_flush_fn(*)(struct pmem2_map *))real(__func__))(map);
	return quiet ? no_flush : on ? my_flush : real_flush;
}

pmem2_drain_fn pmem2_get_drain_fn(struct pmem2_map *map)
{
	real_drain =
		((pmem2_drain_fn(*)(struct pmem2_map *))real(__func__))(map);
	return quiet ? no_drain : on ? my_drain : real_drain;
}

/* A grace period takes milliseconds, and images are read by one thread. */
void synchronize_rcu(void)
{
	if (!quiet)
		real(__func__)();
}
