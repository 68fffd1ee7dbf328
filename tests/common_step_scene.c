// SPDX-License-Identifier: BSD-3-Clause
/* The pool that the client is stepped in, as new each time, and who is there. */
#include "common_step.h"

#include "common.h"

#include "cache/pool.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAULTS_TOLD 10 /* of an operation */
#define FILLERS 10000u /* the first key that only takes room */

struct step_scene step_scene;

/* All pools are made here. */
static struct maru_create_opts how(enum step_kind kind)
{
	/* of two slabs, so that there is a class whose extents have tails */
	static const uint64_t classes[] = { 6 << 16 };
	struct maru_create_opts o = {
		.size = sizeof(struct maru_create_opts),
		.bytes = MARU_POOL_MIN,
		.unit = 1 << 16,
		.max_clients = 6,
		.quarantine_ms = MARU_QUARANTINE_NONE,
		.classes = classes,
		.class_nr = TEST_LEN(classes),
	};

	if (kind == STEP_WAIT)
		o.quarantine_ms = MEDIA_QUARANTINE_MAX;
	if (kind == STEP_DURABLE) {
		o.unit = 1 << 12;
		o.classes = NULL;
		o.class_nr = 0;
		o.flags = MARU_CREATE_DURABLE | MARU_CREATE_CRC |
			  MARU_CREATE_SIPHASH;
	}
	return o;
}

static void die(const char *what)
{
	fprintf(stderr, "crash: %s: %s\n", what, maru_errmsg());
	exit(2);
}

/* Keys ----------------------------------------------------------------------- */

static unsigned number(const struct step_scene *sc, unsigned no)
{
	return no >= STEP_HOMED && no - STEP_HOMED < STEP_HOMES ?
		       sc->homed[no - STEP_HOMED] :
		       no;
}

static size_t make_key(const struct step_scene *sc, char key[STEP_KEY],
		       unsigned no)
{
	size_t len = test_key(key, number(sc, no));

	if (no < STEP_LONG || no >= STEP_HOMED)
		return len;
	memset(key + len, 'l', 300 - len);
	return 300;
}

/* The last one of each kind is known: to print it is not to be stepped. */
size_t step_key(const struct step_scene *sc, char key[STEP_KEY], unsigned no)
{
	static struct {
		unsigned no;
		size_t len;
		char key[STEP_KEY];
	} known[16];
	unsigned i = (no + no / 1000 * 4) % TEST_LEN(known);

	if (known[i].no != no || known[i].len == 0) {
		known[i].len = make_key(sc, known[i].key, no);
		known[i].no = no;
	}
	memcpy(key, known[i].key, known[i].len);
	return known[i].len;
}

int step_put(struct maru_pool *p, unsigned no)
{
	unsigned char value[STEP_LEN];
	char key[STEP_KEY];

	test_fill(value, STEP_LEN, no);
	return maru_store(p, key, step_key(&step_scene, key, no), value,
			  STEP_LEN);
}

int step_get(struct maru_pool *p, unsigned no)
{
	unsigned char value[STEP_LEN];
	char key[STEP_KEY];
	size_t len;
	int rc = maru_read(p, key, step_key(&step_scene, key, no), value,
			   STEP_LEN, &len);

	if (rc == 0 && (len != STEP_LEN || !test_verify(value, len, no)))
		return -EILSEQ;
	return rc;
}

int step_has(struct maru_pool *p, unsigned no)
{
	char key[STEP_KEY];

	return maru_exists(p, key, step_key(&step_scene, key, no));
}

int step_del(struct maru_pool *p, unsigned no)
{
	char key[STEP_KEY];

	return maru_delete(p, key, step_key(&step_scene, key, no));
}

int step_hold(struct maru_pool *p, unsigned no, struct maru_view *view)
{
	char key[STEP_KEY];

	return maru_retrieve(p, key, step_key(&step_scene, key, no), view);
}

/* What a remover does whose look at the pins came a moment too early. */
void step_debt(struct maru_pool *p, unsigned no)
{
	char bytes[STEP_KEY];
	struct dir_key k;
	struct dir_hit hit;
	uint64_t w;

	dir_key_init(&p->dir, &k, bytes, step_key(&step_scene, bytes, no));
	if (dir_peek(&p->dir, &k, &hit) != 0)
		die("nobody to be made a zombie");
	w = hit.word;
	if (!block_cas(slab_block(&p->slab, hit.idx), &w,
		       block_unowned(w, BLOCK_DYING)))
		die("no zombie");
	dir_reap(&p->dir, hit.idx, 0, 0);
}

static void find_homed(void)
{
	struct step_scene *sc = &step_scene;
	uint64_t home = 0;
	unsigned no, nr = 0;

	for (no = 1000000; nr < STEP_HOMES; no++) {
		char bytes[TEST_KEY];
		struct dir_key k;

		dir_key_init(&sc->s->dir, &k, bytes, test_key(bytes, no));
		if (nr == 0)
			home = dir_home(&sc->s->dir, k.h.h0);
		if (dir_home(&sc->s->dir, k.h.h0) == home)
			sc->homed[nr++] = no;
	}
}

size_t step_unit(void)
{
	const struct media_super *sb = (const void *)step_scene.pristine;

	return (size_t)1 << sb->unit_shift;
}

void step_fill(struct step_scene *sc)
{
	struct maru_stats st = { .size = sizeof(st) };
	uint64_t room;

	maru_stats(sc->s, &st);
	room = (st.data_bytes - st.used_bytes) / step_unit();
	for (unsigned no = 0; no < room; no++)
		if (step_put(sc->s, FILLERS + no) != 0)
			break;
}

/* Violations ----------------------------------------------------------------- */

void step_bad(const char *fmt, ...)
{
	struct step_scene *sc = &step_scene;
	char what[300];
	va_list ap;

	__atomic_fetch_add(&sc->shared->faults, 1, __ATOMIC_RELAXED);
	if (sc->shared->told++ >= FAULTS_TOLD)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	printf("VIOLATION %s, %s, n=%zu", sc->op->name, sc->mode, sc->n);
	if (sc->op->wreck)
		printf(" (first death: %s, n=%zu)", sc->op->wreck->op->name,
		       sc->wreck_n);
	printf(", at %s: %s\n", sc->pc ? step_where(sc->pc) : "its end", what);
	fflush(stdout);
}

static void too_long(int sig)
{
	(void)sig;
	step_bad("does not come to its end");
	_exit(3);
}

static void crashed(int sig)
{
	step_bad("the survivor got signal %d", sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

void step_watch(unsigned seconds)
{
	alarm(seconds);
}

/* Pools ---------------------------------------------------------------------- */

static struct maru_pool *join(const char *target, const char *name)
{
	struct maru_open_opts o = { .size = sizeof(o), .name = name };
	struct maru_pool *p = NULL;

	if (maru_open(target, &o, &p) != 0)
		step_bad("%s cannot open: %s", name, maru_errmsg());
	else
		step_clock(p);
	return p;
}

static int new_pool(char target[32], enum step_kind kind)
{
	struct maru_create_opts o = how(kind);
	int fd;

	if (maru_create_mem(&o, &fd) != 0)
		die("create");
	snprintf(target, 32, "fd:%d", fd);
	return fd;
}

static void *shared(size_t len, int fd)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/*
 * One processor for each worker and its children, so that whoever is told to
 * go on does so at once.
 */
static void pin_processor(unsigned worker)
{
	cpu_set_t set, one;
	unsigned nr;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	nr = (unsigned)CPU_COUNT(&set);
	for (size_t cpu = 0, i = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set) || i++ != worker % nr)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
}

void step_scene_make(unsigned worker)
{
	pin_processor(worker);
	signal(SIGALRM, too_long);
	signal(SIGSEGV, crashed);
	signal(SIGBUS, crashed);
	step_scene.shared = shared(sizeof(*step_scene.shared), -1);
}

static void make(struct step_scene *sc, enum step_kind kind)
{
	sc->fd = new_pool(sc->target, kind);
	sc->len = MARU_POOL_MIN;
	sc->map = shared(sc->len, sc->fd);
	madvise(sc->map, sc->len, MADV_DONTFORK);
	sc->meta = image_tables(sc->map);
	/* shared, so that a fork has no pages of them to copy */
	sc->pristine = shared(sc->len, -1);
	sc->before = shared(sc->len, -1);
	memcpy(sc->pristine, sc->map, sc->len);
	memcpy(sc->before, sc->map, sc->len);
	/* the copy is another file, but for that the same pool */
	sc->copy_fd = new_pool(sc->copy_target, kind);
	if (pwrite(sc->copy_fd, sc->pristine, sc->len, 0) != (ssize_t)sc->len)
		die("copy");
	sc->s = join(sc->target, "first");
	find_homed();
	maru_close(sc->s, 0);
}

void step_scene_use(enum step_kind kind)
{
	static struct step_scene made[STEP_KINDS];
	struct step_scene *sc = &step_scene;
	struct step_shared *sh = sc->shared;

	*sc = made[kind];
	sc->shared = sh;
	if (sc->map == NULL) {
		make(sc, kind);
		made[kind] = *sc;
	}
}

struct maru_pool *step_pool(void)
{
	struct step_scene *sc = &step_scene;

	sc->fd = new_pool(sc->target, STEP_PLAIN);
	sc->len = MARU_POOL_MIN;
	sc->map = shared(sc->len, sc->fd);
	madvise(sc->map, sc->len, MADV_DONTFORK);
	return join(sc->target, "first");
}

void step_snapshot(unsigned char *to)
{
	struct step_scene *sc = &step_scene;
	const struct media_super *sb = (const void *)sc->pristine;
	const uint64_t data = sb->section[SECTION_DATA].off;

	memcpy(to, sc->map, sc->meta);
	for (uint32_t i = 0; i < sb->unit_nr; i++) {
		const struct media_block *b =
			(const void *)(to + sb->section[SECTION_BLOCKS].off +
				       i * 256);
		uint64_t at = data + ((uint64_t)i << sb->unit_shift);

		if (block_state(a64_load_rlx(&b->word)) != BLOCK_FREE)
			memcpy(to + at, sc->map + at, STEP_LEN);
	}
}

/* The client ----------------------------------------------------------------- */

/* Entries 1 to 3 are the only ones that are held. */
static bool is_value(const struct maru_view *v)
{
	return test_verify(v->data, v->len, 1) ||
	       test_verify(v->data, v->len, 2) ||
	       test_verify(v->data, v->len, 3);
}

static void client_bad(const char *what, int rc)
{
	snprintf(step_scene.shared->bad, sizeof(step_scene.shared->bad),
		 "%s: %d, %.150s", what, rc, maru_errmsg());
}

static void leave(struct step_client *c)
{
	int rc;

	if (c->pool == NULL)
		return;
	for (unsigned i = 0; i < TEST_LEN(c->view); i++) {
		if (c->view[i].ref.version == 0)
			continue;
		if (!is_value(&c->view[i]))
			client_bad("a held view lost its bytes", 0);
		rc = maru_release(c->pool, &c->view[i]);
		if (rc != 0)
			client_bad("release", rc);
	}
	for (unsigned i = 0; i < TEST_LEN(c->buf); i++) {
		if (c->buf[i].ref.version == 0)
			continue;
		rc = maru_abort(c->pool, &c->buf[i]);
		if (rc != 0)
			client_bad("abort", rc);
	}
	rc = maru_close(c->pool, 0);
	if (rc != 0)
		client_bad("close", rc);
}

static void be_client(void *arg)
{
	struct step_client c = { .op = arg, .target = step_scene.target };
	struct step_shared *sh = step_scene.shared;
	int rc = 0;

	alarm(0);
	if (!(c.op->flags & STEP_NO_POOL) || c.op->prepare) {
		c.pool = join(step_scene.target, "stepped");
		if (c.pool == NULL)
			return;
		if (!(c.op->flags & STEP_TICK))
			a64_store_rlx(&c.pool->client.tick_ns, UINT64_MAX);
	}
	if (c.op->prepare)
		rc = c.op->prepare(&c);
	if (c.pool && c.op->flags & STEP_TICK)
		a64_store_rlx(&c.pool->client.tick_ns, 0);
	if (rc != 0) {
		step_bad("cannot prepare: %d, %s", rc, maru_errmsg());
		return;
	}
	sh->slot = c.pool ? c.pool->client.self : 0;
	step_mark();
	rc = c.op->act(&c);
	sh->rc = rc;
	__atomic_store_n(&sh->returned, 1, __ATOMIC_RELEASE);
	step_mark();
	if (c.op->finish)
		c.op->finish(&c);
	leave(&c);
}

/* Beginning ------------------------------------------------------------------ */

static void store_keys(const struct step_op *op)
{
	int rc;

	for (unsigned i = 0; i < STEP_KEYS && op->keys[i].no; i++) {
		if (op->keys[i].before != IMAGE_PRESENT ||
		    step_has(step_scene.s, op->keys[i].no) == 1)
			continue;
		rc = step_put(step_scene.s, op->keys[i].no);
		if (rc != 0)
			step_bad("setup cannot store %u: %d, %s",
				 op->keys[i].no, rc, maru_errmsg());
	}
}

static void make_wreck(const struct step_wreck *w);

/* Who cleans up has joined before there is anything to clean up. */
static pid_t start(const struct step_op *op)
{
	struct step_scene *sc = &step_scene;
	pid_t pid;

	if (!op->wreck && !(op->flags & STEP_OWN_KEYS))
		store_keys(op);
	if (op->setup)
		op->setup(sc);
	memset(sc->shared->bad, 0, sizeof(sc->shared->bad));
	pid = step_spawn(be_client, (void *)(uintptr_t)op);
	if (pid < 0)
		step_bad("the client did not come to its call");
	if (op->wreck) {
		struct step_shared is = *sc->shared;

		make_wreck(op->wreck);
		is.faults = sc->shared->faults;
		is.told = sc->shared->told;
		*sc->shared = is;
	}
	sc->shared->returned = 0;
	sc->client = sc->shared->slot;
	return pid;
}

/* The first death; where it is was found when it was first looked for. */
static void make_wreck(const struct step_wreck *w)
{
	static const struct step_wreck *known;
	static enum step_kind known_kind;
	static struct step_trace trace;
	struct step_scene *sc = &step_scene;
	pid_t pid = start(w->op);
	enum step_stop stop = STEP_THERE;

	if (pid < 0)
		return;
	if (w->op->meanwhile && !w->op->pause)
		w->op->meanwhile(sc);
	if (w != known || sc->op->kind != known_kind) {
		known = w;
		known_kind = sc->op->kind;
		trace.nr = 0;
		free(trace.last);
		trace.last = NULL;
		step_note(&trace, step_pc(pid));
		while (stop == STEP_THERE && (w->at_end || !w->when(sc))) {
			stop = step_once(pid);
			step_note(&trace, step_pc(pid));
		}
		if (stop != (w->at_end ? STEP_MARK : STEP_THERE))
			step_bad("the first death did not come about");
	} else {
		step_to(pid, &trace, 0, trace.nr - 1);
		if (!w->at_end && !w->when(sc))
			step_bad("the first death went another way");
	}
	sc->wreck_n = trace.nr - 1;
	step_kill(pid);
}

pid_t step_begin(const struct step_op *op)
{
	struct step_scene *sc = &step_scene;
	pid_t pid;

	sc->op = op;
	sc->n = 0;
	sc->pc = 0;
	memset(sc->view, 0, sizeof(sc->view));
	memset(sc->buf, 0, sizeof(sc->buf));
	memcpy(sc->map, sc->pristine, sc->meta);
	step_wait_begin();
	sc->s = join(sc->target, "first");
	sc->t = join(sc->target, "second");
	if (sc->s == NULL || sc->t == NULL)
		die("survivors");
	/* they clean up when they are told to, or come upon something */
	a64_store_rlx(&sc->s->client.tick_ns, UINT64_MAX);
	a64_store_rlx(&sc->t->client.tick_ns, UINT64_MAX);
	pid = start(op);
	if (pid > 0 && op->meanwhile && !op->pause)
		op->meanwhile(sc);
	step_snapshot(sc->before);
	return pid;
}
