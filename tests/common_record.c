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
#define MAPS 8
#define OPEN_MAX_PAGES 2 /* an instruction may write over a page's end */
#define TRAP_FLAG 0x100

struct record *record;
unsigned char *record_base, *record_now;

static unsigned char *map_base[MAPS];
static unsigned map_nr;
static struct {
	unsigned char *at;
	uint64_t off;
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

/* Where in the pool an address is; false: not in it. */
static bool find(const void *p, uint64_t *off)
{
	const unsigned char *at = p;

	for (unsigned i = 0; i < map_nr; i++)
		if (at >= map_base[i] && at < map_base[i] + record->bytes) {
			*off = (uint64_t)(at - map_base[i]);
			return true;
		}
	return false;
}

/* Stores ------------------------------------------------------------------- */

#if defined(__x86_64__)

static void set_trap(void *context, bool set)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	*flags = set ? *flags | TRAP_FLAG : *flags & ~(greg_t)TRAP_FLAG;
}

/* A store begins: open its page, and stop behind the instruction. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	unsigned char *page =
		(unsigned char *)((uintptr_t)info->si_addr & ~(PAGE - 1ull));
	uint64_t off;

	(void)sig;
	if (!on || !find(page, &off) || open_nr == OPEN_MAX_PAGES ||
	    mprotect(page, PAGE, PROT_READ | PROT_WRITE)) {
		signal(SIGSEGV, SIG_DFL); /* a fault of its own: once more */
		return;
	}
	open_page[open_nr].at = page;
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
		memcpy(record_now + off + i, &is, 8);
	}
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	set_trap(context, false);
	for (unsigned i = 0; i < open_nr; i++) {
		note_page(open_page[i].at, open_page[i].off);
		mprotect(open_page[i].at, PAGE, PROT_READ);
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

/* The library has just made one more, and others may be gone. */
static void find_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	uintptr_t start;

	map_nr = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (!is_pool(line, &start))
			continue;
		if (map_nr == MAPS)
			stop_here("record: too many mappings\n");
		map_base[map_nr++] = (unsigned char *)start;
		/* what is read-only for its client stays so */
		mprotect((void *)start, record->bytes, PROT_READ);
	}
	if (f)
		fclose(f);
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
		record_base = NULL;
	}
	if (!rc && !record_base) {
		record_base = shared((uint64_t)st.st_size);
		record_now = shared((uint64_t)st.st_size);
	}
	record->bytes = (uint64_t)st.st_size;
	file_dev = st.st_dev;
	file_ino = st.st_ino;
	if (!rc && (!record_base || !record_now ||
		    pread(fd, record_now, record->bytes, 0) != st.st_size))
		rc = -EIO;
	if (!rc)
		memcpy(record_base, record_now, record->bytes);
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
		mprotect(map_base[i], record->bytes, PROT_READ | PROT_WRITE);
	map_nr = 0;
	on = false;
}

void record_be(unsigned who, uint32_t die_at)
{
	me = who;
	record->die_at = die_at;
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

	if (on && bytes && find(p, &off))
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
