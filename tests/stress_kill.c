// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kill -9 storm: workers under a mixed load are killed at any instruction,
 * others are stopped in mid-call; the rest must not notice, and at the end
 * nothing may be lost, leaked or wrong.
 *
 * Two pools in two windows of one target.  The low one is too small for its
 * keys, so that all the time something is evicted, and has fewer slots than
 * there are workers.  The high one has ample room: what a worker has stored
 * there and not deleted must be there.  Each worker notes in shared memory what
 * it is about to do with its own keys of the high pool, and what came of it;
 * who takes its place reads that.
 *
 * The workers live in wards, some of them in pid namespaces of their own.
 */
#include "common_storm.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STUCK_S 30

static unsigned wards = 3, per_ward = 3, spared = 2;
static uint64_t kills = 10000, seed;
static time_t seconds;

static struct {
	pid_t pid;
	uint64_t ops;
	time_t since; /* when @ops last changed */
} watched[STORM_WORKERS];

static uint64_t stuck, ended;

/* The wards -------------------------------------------------------------------- */

#define WARD_SUM(counter) ward_sum(offsetof(struct storm_ward, counter))

static uint64_t ward_sum(size_t counter)
{
	uint64_t s = 0;

	for (unsigned i = 0; i < wards; i++)
		s += load_count(
			(const uint64_t *)(const void *)((const char *)&storm
								 ->ward[i] +
							 counter));
	return s;
}

/* The first one lives with us, every second of the others has its own /proc. */
static int start_wards(void)
{
	for (unsigned i = 0; i < wards; i++) {
		struct storm_ward *w = &storm->ward[i];
		int rc;

		w->first = spared + i * per_ward;
		w->nr = per_ward;
		w->own_pids = storm->namespaces && i > 0;
		w->own_proc = i % 2;
		rc = storm_ward_start(i, seed + i);
		if (rc == -EPERM && w->own_pids) {
			printf("no pid namespaces: may not make them\n");
			storm->namespaces = 0;
			w->own_pids = 0;
			rc = storm_ward_start(i, seed + i);
		}
		if (rc != 0) {
			fprintf(stderr, "ward: %s\n", strerror(-rc));
			return 0;
		}
	}
	return 1;
}

/* With the first process of a namespace all of it is killed. */
static void raze_one(uint64_t r)
{
	struct storm_ward *w = &storm->ward[r % wards];

	if (!w->own_pids)
		return;
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	for (unsigned i = 0; i < w->nr; i++)
		__atomic_store_n(&storm->waiting[w->first + i], 0,
				 __ATOMIC_RELAXED);
	w->kills += w->nr;
	w->houses++;
	if (storm_ward_start((unsigned)(r % wards), r) != 0)
		ended++;
}

static void show_file(pid_t pid, const char *name)
{
	char path[64], text[2048] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	f = fopen(path, "r");
	if (f != NULL) {
		if (fread(text, 1, sizeof(text) - 1, f) > 0)
			fprintf(stderr, "  %s: %s\n", name, text);
		fclose(f);
	}
}

/* All running workers get on; 0 when one has not for too long. */
static int survivors_get_on(void)
{
	for (unsigned i = 0; i < storm->workers; i++) {
		uint64_t ops = load_count(&storm->board[i].ops);

		if (ops != watched[i].ops ||
		    __atomic_load_n(&storm->waiting[i], __ATOMIC_RELAXED)) {
			watched[i].ops = ops;
			watched[i].since = storm_now();
		} else if (storm_now() - watched[i].since >= STUCK_S) {
			fprintf(stderr, "worker %u is stuck in %s\n", i,
				load_op_name(load_count(&storm->board[i].op)));
			if (watched[i].pid > 0) {
				show_file(watched[i].pid, "wchan");
				show_file(watched[i].pid, "stack");
				show_file(watched[i].pid, "syscall");
			}
			stuck++;
		}
	}
	return stuck == 0;
}

/* Nobody but us ends a ward, and nobody at all a spared worker. */
static void bury(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < wards; i++)
			ended += pid == storm->ward[i].pid;
		for (unsigned i = 0; i < spared; i++)
			ended += pid == watched[i].pid;
		if (ended > 0)
			fprintf(stderr, "%d ended by itself: %#x\n", (int)pid,
				(unsigned)status);
	}
}

static int all_is_well(void)
{
	bury();
	return ended == 0 && survivors_get_on() &&
	       STORM_SUM(bad) + STORM_SUM(wrong) + WARD_SUM(crashes) == 0;
}

static int storm_rages(void)
{
	time_t begin = storm_now(), shown = begin, razed = begin;

	for (unsigned i = 0; i < storm->workers; i++)
		watched[i].since = begin;
	for (unsigned i = 0; i < spared; i++)
		watched[i].pid = storm_start(i, test_random(&seed));
	if (!start_wards())
		return 0;
	while (WARD_SUM(kills) < kills &&
	       (seconds == 0 || storm_now() - begin < seconds)) {
		storm_pause_us(20000);
		if (!all_is_well())
			return 0;
		if (storm_now() != razed) {
			razed = storm_now();
			raze_one(test_random(&seed));
		}
		if (storm_now() - shown >= 10) {
			shown = storm_now();
			fprintf(stderr, "%llu kills after %lld s\n",
				(unsigned long long)WARD_SUM(kills),
				(long long)(shown - begin));
		}
	}
	return 1;
}

static void wait_for(pid_t pid)
{
	time_t since = storm_now();

	while (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
		storm_pause_us(1000);
		if (storm_now() - since < 2 * STUCK_S)
			continue;
		fprintf(stderr, "%d does not end\n", (int)pid);
		stuck++;
		kill(pid, SIGKILL);
		since = storm_now();
	}
}

static void calm_down(void)
{
	__atomic_store_n(&storm->stop, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < wards; i++)
		wait_for(storm->ward[i].pid);
	for (unsigned i = 0; i < spared; i++)
		wait_for(watched[i].pid);
	/* orphans of workers, for a last few milliseconds */
	for (unsigned i = 0; i < 1000 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		storm_pause_us(1000);
}

/* The beginning ----------------------------------------------------------------- */

static int open_target(const char *path)
{
	struct stat st;
	int fd = path != NULL ? open(path, O_RDWR | O_CREAT, 0660) :
				memfd_create("storm", MFD_ALLOW_SEALING);

	if (fd < 0 || fstat(fd, &st) != 0 ||
	    (S_ISREG(st.st_mode) && st.st_size == 0 &&
	     ftruncate(fd, 2 * STORM_WINDOW) != 0)) {
		perror(path != NULL ? path : "memfd");
		return -1;
	}
	/* Refused by what is no memfd. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	return fd;
}

/* Each of a list; how many, or -1. */
static int open_targets(const char *list)
{
	char names[256], *name, *rest = names;
	int nr = 0;

	snprintf(names, sizeof(names), "%s", list);
	while ((name = strsep(&rest, ",")) != NULL && nr >= 0)
		nr = open_target(name) < 0 ? -1 : nr + 1;
	return nr;
}

/*
 * The low pool lacks slots and knows no quarantine; the high one has slots for
 * who stands still, and for the dead whose buffers wait.
 */
static int make_pools(const char *path, char *fsck_path, size_t cap)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = STORM_WINDOW / 2,
				      .unit = 4096,
				      .max_clients = storm->workers - 1,
				      .flags = MARU_CREATE_FORCE |
					       MARU_CREATE_SPARSE,
				      .quarantine_ms = MARU_QUARANTINE_NONE };
	int fd = path == NULL ? open_target(NULL) : -1, rc;
	int nr = path == NULL ? 1 : open_targets(path);

	if (nr < 0 || (path == NULL && fd < 0))
		return -1;
	o.bytes /= (unsigned)nr;
	if (path != NULL) {
		snprintf(storm->target, sizeof(storm->target), "%s", path);
		snprintf(fsck_path, cap, "%s", path);
	} else {
		snprintf(storm->target, sizeof(storm->target), "fd:%d", fd);
		snprintf(fsck_path, cap, "/proc/%d/fd/%d", (int)getpid(), fd);
	}
	if ((rc = maru_create(storm->target, &o)) == 0) {
		o.offset = STORM_WINDOW;
		o.bytes = STORM_WINDOW / (unsigned)nr;
		o.max_clients = storm->workers + 64;
		o.quarantine_ms = STORM_QUARANTINE_MS;
		rc = maru_create(storm->target, &o);
	}
	if (rc != 0)
		fprintf(stderr, "cannot make the pools: %s\n", maru_errmsg());
	return rc;
}

static int make_storm(void)
{
	storm_fd = memfd_create("boards", 0);
	if (storm_fd < 0 || ftruncate(storm_fd, sizeof(*storm)) != 0)
		return -1;
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED,
		     storm_fd, 0);
	if (storm == MAP_FAILED)
		return -1;
	storm->workers = spared + wards * per_ward;
	storm->namespaces = wards > 1;
	prctl(PR_SET_CHILD_SUBREAPER, 1ul);
	return 0;
}

static int usage(const char *name)
{
	fprintf(stderr,
		"usage: %s [--kills N] [--workers N (of a ward)] [--wards N] "
		"[--pool PATH[,PATH] (is formatted!)] [--seconds N] [--seed N]\n",
		name);
	return 16;
}

static int options(int argc, char **argv, const char **path)
{
	static const struct option known[] = {
		{ "kills", required_argument, NULL, 'k' },
		{ "workers", required_argument, NULL, 'w' },
		{ "wards", required_argument, NULL, 'n' },
		{ "pool", required_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'k')
			kills = strtoull(optarg, NULL, 0);
		else if (c == 'w')
			per_ward = (unsigned)atoi(optarg);
		else if (c == 'n')
			wards = (unsigned)atoi(optarg);
		else if (c == 'p')
			*path = optarg;
		else if (c == 's')
			seconds = atoi(optarg);
		else if (c == 'r')
			seed = strtoull(optarg, NULL, 0);
		else
			return -1;
	}
	return wards >= 1 && wards <= STORM_WARDS && per_ward >= 1 &&
			       spared + wards * per_ward <= STORM_WORKERS ?
		       0 :
		       -1;
}

static uint64_t told(void)
{
	uint64_t nr = 0;

	for (unsigned i = 0; i < storm->workers; i++) {
		if (storm->board[i].text[0] == '\0')
			continue;
		nr++;
		fprintf(stderr, "FAIL: worker %u: %s\n", i,
			storm->board[i].text);
	}
	return nr;
}

static void show(uint64_t full, uint64_t odd)
{
	printf("kills %llu, of them in %llu whole namespaces; stops %llu, "
	       "restarts %llu, with the same pid %llu\n",
	       (unsigned long long)WARD_SUM(kills),
	       (unsigned long long)WARD_SUM(houses),
	       (unsigned long long)WARD_SUM(stops),
	       (unsigned long long)WARD_SUM(restarts),
	       (unsigned long long)WARD_SUM(reused));
	printf("operations %llu, no room %llu, no slot %llu, odd things %llu\n",
	       (unsigned long long)STORM_SUM(ops),
	       (unsigned long long)STORM_SUM(no_room), (unsigned long long)full,
	       (unsigned long long)odd);
	printf("stuck %llu, crashed %llu, wrong values %llu, bad answers %llu\n",
	       (unsigned long long)stuck,
	       (unsigned long long)(WARD_SUM(crashes) + ended),
	       (unsigned long long)STORM_SUM(wrong),
	       (unsigned long long)STORM_SUM(bad));
}

int main(int argc, char **argv)
{
	const char *path = NULL, *time_s = getenv("STRESS_TIME");
	char fsck_path[256];
	uint64_t failures;
	int calm;

	if (argc > 1 && strcmp(argv[1], "--worker") == 0)
		return storm_after_exec(argv + 2);
	seconds = time_s != NULL ? atoi(time_s) : 0;
	seed = (uint64_t)time(NULL);
	if (options(argc, argv, &path) != 0)
		return usage(argv[0]);
	if (make_storm() != 0 ||
	    make_pools(path, fsck_path, sizeof(fsck_path)) != 0)
		return 1;
	printf("seed %llu, %u wards of %u workers and %u that are spared\n",
	       (unsigned long long)seed, wards, per_ward, spared);
	fflush(stdout);
	calm = storm_rages();
	calm_down();
	failures = storm_look_over(fsck_path) + told() + !calm;
	show(storm_sum((const char *)storm->full, sizeof(storm->full[0])),
	     storm_sum((const char *)storm->odd, sizeof(storm->odd[0])));
	return failures + stuck + ended + WARD_SUM(crashes) != 0;
}
