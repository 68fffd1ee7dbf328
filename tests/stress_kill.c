// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kill -9 storm: workers under a mixed load are killed at any instruction,
 * others are stopped in mid-call; the rest must not notice, and at the end
 * nothing may be lost, leaked or wrong.
 *
 * Two pools in two windows of one target.  The low one is too small for its
 * keys, so that all the time something is evicted.  The high one has ample
 * room: what a worker has stored there and not deleted must be there.  Each
 * worker notes in shared memory what it is about to do with its own keys of
 * the high pool, and what came of it; who takes its place reads that.
 */
#include "common_durable.h"
#include "common_load.h"

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
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX DURABLE_WORKERS
#define WINDOW (64ull << 20)
#define STUCK_S 20

struct storm {
	uint32_t stop;
	struct load_board board[WORKERS_MAX];
	struct durable durable;
};

static struct storm *storm;
static char target[256];
static unsigned workers = 6, spared = 2;

/* Workers ------------------------------------------------------------------- */

static struct maru_pool *join(uint64_t offset, int *rc)
{
	struct maru_open_opts o = { .size = sizeof(o), .offset = offset };
	struct maru_pool *pool;

	*rc = maru_open(target, &o, &pool);
	return pool;
}

static void work(unsigned me, uint64_t seed)
{
	struct load_board *b = &storm->board[me];
	struct durable_worker d = { .keys = &storm->durable,
				    .board = b,
				    .me = me,
				    .nr = workers + spared };
	struct maru_pool *low, *high;
	struct load l;
	int rc;

	while (__atomic_load_n(&storm->stop, __ATOMIC_RELAXED) == 0) {
		low = join(0, &rc);
		if (rc != 0)
			load_bad(b, "open", rc, 0);
		high = join(WINDOW, &rc);
		if (rc != 0)
			load_bad(b, "open", rc, 1);
		if (low == NULL || high == NULL)
			_exit(1);
		d.pool = high;
		load_start(&l, low, b, seed);
		do {
			load_step(&l);
			seed = test_random(&l.rnd);
			if ((seed & 3) == 0)
				durable_step(&d, seed >> 8);
		} while (seed >> 32 & 4095 &&
			 __atomic_load_n(&storm->stop, __ATOMIC_RELAXED) == 0);
		load_end(&l);
		if ((rc = maru_close(low, 0)) != 0 ||
		    (rc = maru_close(high, 0)) != 0)
			load_bad(b, "close", rc, 0);
	}
}

struct worker {
	pid_t pid;
	uint64_t ops;
	time_t since; /* when @ops last changed */
	int stopped;
};

static struct worker worker[WORKERS_MAX];
static struct {
	uint64_t kills, stops, restarts, crashes, stuck;
} did;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void start(unsigned i, uint64_t seed)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			work(i, seed);
		_exit(0);
	}
	worker[i] = (struct worker){ .pid = pid, .since = now() };
}

/* The parent ---------------------------------------------------------------- */

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
	for (unsigned i = 0; i < workers + spared; i++) {
		struct worker *w = &worker[i];
		uint64_t ops = load_count(&storm->board[i].ops);

		if (w->stopped || ops != w->ops) {
			w->ops = ops;
			w->since = now();
		} else if (now() - w->since >= STUCK_S) {
			fprintf(stderr, "worker %u, pid %d, is stuck in %s\n",
				i, (int)w->pid,
				load_op_name(load_count(&storm->board[i].op)));
			show_file(w->pid, "wchan");
			show_file(w->pid, "stack");
			show_file(w->pid, "syscall");
			did.stuck++;
		}
	}
	return did.stuck == 0;
}

static uint64_t sum(size_t counter)
{
	uint64_t s = 0;

	for (unsigned i = 0; i < workers + spared; i++)
		s += load_count(
			(const uint64_t *)((const char *)&storm->board[i] +
					   counter));
	return s;
}

#define SUM(counter) sum(offsetof(struct load_board, counter))

/* Nobody but us ends a worker. */
static int no_crash(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);

	if (pid <= 0)
		return 1;
	fprintf(stderr, "worker %d ended by itself, wait status %#x\n",
		(int)pid, (unsigned)status);
	did.crashes++;
	return 0;
}

static void kill_one(uint64_t r)
{
	unsigned i = spared + (unsigned)(r % workers);
	struct worker *w = &worker[i];

	/* Some stand still, wherever they are, until their turn comes again;
	 * then half of them go on as if nothing had been. */
	if (!w->stopped && (r >> 32 & 7) == 0) {
		kill(w->pid, SIGSTOP);
		w->stopped = 1;
		did.stops++;
		return;
	}
	if (w->stopped && (r >> 40 & 1) == 0) {
		kill(w->pid, SIGCONT);
		w->stopped = 0;
		w->since = now();
		return;
	}
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	did.kills++;
	start(i, r);
	did.restarts++;
}

static void pause_us(uint64_t us)
{
	struct timespec t = { (time_t)(us / 1000000),
			      (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}

static int storm_rages(uint64_t kills, time_t seconds, uint64_t seed)
{
	time_t begin = now();
	uint64_t shown = 0;

	for (unsigned i = 0; i < workers + spared; i++)
		start(i, test_random(&seed));
	while (did.kills < kills && (seconds == 0 || now() - begin < seconds)) {
		uint64_t r = test_random(&seed);

		/* Often soon after the start, when much is half done. */
		pause_us((r & 3) == 0 ? (r >> 8) % 1000 : (r >> 8) % 20000);
		if (!no_crash() || SUM(bad) + SUM(wrong) > 0 ||
		    !survivors_get_on())
			return 0;
		kill_one(test_random(&seed));
		if (did.kills / 1000 != shown) {
			shown = did.kills / 1000;
			fprintf(stderr, "%llu kills after %lld s\n",
				(unsigned long long)did.kills,
				(long long)(now() - begin));
		}
	}
	return 1;
}

/* Half of them may close, the others are killed as they are. */
static void calm_down(void)
{
	__atomic_store_n(&storm->stop, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < workers + spared; i++)
		if (worker[i].stopped || i % 2)
			kill(worker[i].pid, SIGKILL);
	for (unsigned i = 0; i < workers + spared; i++) {
		for (time_t t = now();
		     waitpid(worker[i].pid, NULL, WNOHANG) == 0;
		     pause_us(1000)) {
			if (now() - t < STUCK_S)
				continue;
			fprintf(stderr, "worker %u does not end\n", i);
			did.stuck++;
			kill(worker[i].pid, SIGKILL);
			t = now();
		}
	}
}

/* What is left --------------------------------------------------------------- */

static uint64_t failures;

static void expect(const char *what, uint64_t is, uint64_t want)
{
	if (is == want)
		return;
	fprintf(stderr, "FAIL: %s: %llu, not %llu\n", what,
		(unsigned long long)is, (unsigned long long)want);
	failures++;
}

static void tell(void *ctx, const struct maru_fault *fault)
{
	fprintf(stderr, "FAIL: %s pool: invariant %u at %#llx: %s\n",
		(const char *)ctx, fault->invariant,
		(unsigned long long)fault->addr, fault->what);
}

/* Bytes of the blocks of all entries; those of the load are read, too. */
static uint64_t entries_bytes(struct maru_pool *pool, uint64_t *nr)
{
	struct load_board board = { 0 };
	struct maru_iter it = { 0 };
	struct maru_entry e;
	struct load l;
	uint64_t bytes = 0;
	int rc;

	load_start(&l, pool, &board, 0);
	for (*nr = 0; (rc = maru_iter_next(pool, &it, &e)) == 1; ++*nr) {
		unsigned long long no;
		char key[TEST_KEY] = "";

		bytes += e.block;
		memcpy(key, e.key, e.klen < TEST_KEY ? e.klen : TEST_KEY - 1);
		if (sscanf(key, "number %llu", &no) != 1)
			expect("key of no number", 1, 0);
		else if (no < DURABLE_FIRST)
			expect(key,
			       (uint64_t)test_get(pool, no, load_len(&l, no)),
			       0);
	}
	expect("end of the walk", (uint64_t)rc, 0);
	return bytes;
}

static struct maru_stats looked_over(struct maru_pool *pool, const char *name)
{
	struct maru_stats st = { .size = sizeof(st) };
	char label[2][64];
	uint64_t nr, bytes;

	snprintf(label[0], sizeof(label[0]), "%s", name);
	expect("reap", maru_reap(pool) >= 0, 1);
	expect("stats", (uint64_t)maru_stats(pool, &st), 0);
	expect("clients", st.clients, 1);
	expect("buffers", st.buffers, 0);
	expect("claims", st.claims, 0);
	expect("pins", st.pins, 0);
	bytes = entries_bytes(pool, &nr);
	expect("entries walked", nr, st.entries);
	expect("bytes of their blocks", bytes, st.used_bytes);
	expect("faults", (uint64_t)maru_check(pool, tell, label[0]), 0);
	printf("%s pool: %llu entries, %llu evictions, %llu reaps, %llu blocks "
	       "reaped, %llu bytes leaked\n",
	       name, (unsigned long long)st.entries,
	       (unsigned long long)st.total.evictions,
	       (unsigned long long)st.total.reaps,
	       (unsigned long long)st.total.reaped_blocks,
	       (unsigned long long)(st.used_bytes - bytes));
	return st;
}

static void durable_all(struct maru_pool *pool)
{
	struct durable_count n =
		durable_count(&storm->durable, pool, workers + spared);

	printf("durable keys: %llu there, %llu lost, %llu came back, %llu "
	       "wrong\n",
	       (unsigned long long)n.there, (unsigned long long)n.lost,
	       (unsigned long long)n.back, (unsigned long long)n.wrong);
	expect("durable keys lost", n.lost, 0);
	expect("deleted keys that came back", n.back, 0);
	expect("durable keys with wrong bytes", n.wrong, 0);
}

static void fsck(uint64_t offset, const char *path)
{
	char label[] = "closed";
	struct maru_fsck_opts o = {
		.size = sizeof(o), .offset = offset, .fn = tell, .ctx = label
	};
	struct maru_fsck_result res = { 0 };
	char line[400];
	int status;

	expect("maru_fsck()", (uint64_t)maru_fsck(target, &o, &res), 0);
	expect("its faults", res.faults, 0);
	snprintf(line, sizeof(line),
		 "if command -v maru-fsck >/dev/null; then "
		 "maru-fsck -n --offset %llu '%s'; else exit 99; fi",
		 (unsigned long long)offset, path);
	fflush(stdout);
	status = system(line);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
		printf("maru-fsck is not in PATH\n");
	else
		expect("maru-fsck -n", (uint64_t)status, 0);
}

static void look_over(const char *path)
{
	struct maru_pool *pool;
	int rc;

	pool = join(0, &rc);
	expect("open", (uint64_t)rc, 0);
	if (rc == 0) {
		looked_over(pool, "low");
		expect("close", (uint64_t)maru_close(pool, 0), 0);
	}
	pool = join(WINDOW, &rc);
	expect("open", (uint64_t)rc, 0);
	if (rc == 0) {
		expect("evictions from the high pool",
		       looked_over(pool, "high").total.evictions, 0);
		durable_all(pool);
		expect("close", (uint64_t)maru_close(pool, 0), 0);
	}
	fsck(0, path);
	fsck(WINDOW, path);
}

/* The beginning --------------------------------------------------------------- */

static int make_pools(const char *path, char *fsck_path, size_t cap)
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = WINDOW,
				      .unit = 4096,
				      .max_clients = WORKERS_MAX + 8,
				      .quarantine_ms = MARU_QUARANTINE_NONE,
				      .flags = MARU_CREATE_FORCE |
					       MARU_CREATE_SPARSE };
	struct stat st;
	int fd, rc;

	fd = path != NULL ?
		     open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660) :
		     memfd_create("storm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(path != NULL ? path : "memfd");
		return -1;
	}
	if (S_ISREG(st.st_mode) && st.st_size == 0 &&
	    ftruncate(fd, 2 * WINDOW) != 0) {
		perror("ftruncate");
		return -1;
	}
	/* Refused by what is no memfd. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	if (path != NULL) {
		snprintf(target, sizeof(target), "%s", path);
		snprintf(fsck_path, cap, "%s", path);
	} else {
		snprintf(target, sizeof(target), "fd:%d", fd);
		snprintf(fsck_path, cap, "/proc/%d/fd/%d", (int)getpid(), fd);
	}
	if ((rc = maru_create(target, &o)) == 0) {
		o.offset = WINDOW;
		rc = maru_create(target, &o);
	}
	if (rc != 0)
		fprintf(stderr, "cannot make the pools: %s\n", maru_errmsg());
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kills", required_argument, NULL, 'k' },
		{ "workers", required_argument, NULL, 'w' },
		{ "pool", required_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = NULL, *time_s = getenv("STRESS_TIME");
	uint64_t kills = 10000, seed = (uint64_t)time(NULL);
	time_t seconds = time_s != NULL ? atoi(time_s) : 0;
	char fsck_path[256];
	int c, calm;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			kills = strtoull(optarg, NULL, 0);
			break;
		case 'w':
			workers = (unsigned)atoi(optarg);
			break;
		case 'p':
			path = optarg;
			break;
		case 's':
			seconds = atoi(optarg);
			break;
		case 'r':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr,
				"usage: %s [--kills N] [--workers N] "
				"[--pool PATH (is formatted!)] [--seconds N] "
				"[--seed N]\n",
				argv[0]);
			return 16;
		}
	}
	if (workers < 1 || workers + spared > WORKERS_MAX) {
		fprintf(stderr, "--workers: 1 to %u\n", WORKERS_MAX - spared);
		return 16;
	}
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (storm == MAP_FAILED ||
	    make_pools(path, fsck_path, sizeof(fsck_path)))
		return 1;
	printf("seed %llu, %u workers and %u that are spared\n",
	       (unsigned long long)seed, workers, spared);
	calm = storm_rages(kills, seconds, seed);
	calm_down();
	expect("storm ended early", (uint64_t)!calm, 0);
	look_over(fsck_path);
	for (unsigned i = 0; i < workers + spared; i++)
		if (storm->board[i].text[0] != '\0')
			fprintf(stderr, "FAIL: worker %u: %s\n", i,
				storm->board[i].text);
	printf("kills %llu, stops %llu, restarts %llu, operations %llu, "
	       "no room %llu\n",
	       (unsigned long long)did.kills, (unsigned long long)did.stops,
	       (unsigned long long)did.restarts, (unsigned long long)SUM(ops),
	       (unsigned long long)SUM(no_room));
	printf("stuck %llu, crashed %llu, wrong values %llu, bad answers %llu\n",
	       (unsigned long long)did.stuck, (unsigned long long)did.crashes,
	       (unsigned long long)SUM(wrong), (unsigned long long)SUM(bad));
	return failures + did.stuck + did.crashes + SUM(wrong) + SUM(bad) != 0;
}
