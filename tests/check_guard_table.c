// SPDX-License-Identifier: BSD-3-Clause
/* Tables whose memory fails: for clients, for fsck and for those who look. */
#include "common_fsck.h"
#include "common_poison.h"

#include "cache/guarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	enum section_id id;
	const char *name;
} tables[] = {
	{ SECTION_CONTROL, "control" }, { SECTION_ACTIVE, "active" },
	{ SECTION_CLIENTS, "clients" }, { SECTION_SLABS, "slabs" },
	{ SECTION_BUCKETS, "buckets" }, { SECTION_LEDGER, "ledger" },
	{ SECTION_BLOCKS, "blocks" },
};

static void *section(struct maru_pool *p, enum section_id id)
{
	return media_at(media_region(&p->media, 0), id);
}

static void poison_section(struct maru_pool *p, enum section_id id)
{
	poison_range(section(p, id), media_len(media_region(&p->media, 0), id));
}

static void says(const char *what)
{
	ck_assert_msg(strstr(maru_errmsg(), what) != NULL, "%s", maru_errmsg());
}

/* In a child: its tables fail, and it lives on without the pool. */
static void lose_table(struct maru_pool *none, unsigned no)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_GUARD,
	};
	struct maru_pool *p;
	struct maru_view view;
	struct maru_buf buf;

	(void)none;
	ck_assert_int_eq(maru_open(test_target(), &o, &p), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	ck_assert_int_eq(maru_alloc(p, 100, &buf), 0);
	poison_section(p, tables[no].id);
	ck_assert_int_eq(maru_clear(p, NULL), -EIO);
	says("memory error at byte ");
	says("in its ");
	ck_assert_int_eq(test_has(p, 1), -EIO);
	ck_assert_int_eq(maru_release(p, &view), -EIO);
	ck_assert_int_eq(maru_reap(p), -EIO);
	says("close it");
	ck_assert_int_eq(maru_close(p, 0), 0);
	test_stay();
}

/* What it held is given back by others, though its process lives on. */
START_TEST(a_client_whose_tables_fail_is_at_its_end_and_its_process_is_not)
{
	struct maru_pool *p = test_pool(NULL);

	for (unsigned no = 0; no < TEST_LEN(tables); no++) {
		pid_t child;

		if (tables[no].id == SECTION_CONTROL)
			continue; /* not touched by what it does */
		/* one that it holds, one that it removes */
		ck_assert_int_ge(test_put(p, 1, 100), 0);
		ck_assert_int_ge(test_put(p, 2, 100), 0);
		child = test_fork(lose_table, no);
		test_pass(&test_scene->ready);
		ck_assert_int_eq(maru_reap(p), 1);
		ck_assert_uint_eq(test_stats(p).pins, 0);
		ck_assert_uint_eq(test_stats(p).buffers, 0);
		test_post(&test_scene->go);
		test_ended(child);
	}
}
END_TEST

/* Its other threads must not wait for it. */
static void lose_while_reaping(struct maru_pool *none, unsigned no)
{
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = MARU_OPEN_GUARD,
	};
	struct maru_pool *p;

	(void)none;
	(void)no;
	ck_assert_int_eq(maru_open(test_target(), &o, &p), 0);
	room_ghost(p, CLIENT_ACTIVE);
	poison_section(p, SECTION_LEDGER);
	ck_assert_int_eq(maru_reap(p), -EIO);
	says("in its ledger");
	ck_assert_int_eq(pthread_mutex_trylock(&p->client.reaping), 0);
	ck_assert_int_eq(pthread_mutex_unlock(&p->client.reaping), 0);
	ck_assert_int_eq(maru_close(p, 0), 0);
	test_stay();
}

START_TEST(a_reaper_whose_tables_fail_is_reaped_with_whom_it_was_at)
{
	struct maru_pool *p = test_pool(NULL);
	pid_t child = test_fork(lose_while_reaping, 0);

	test_pass(&test_scene->ready);
	ck_assert_int_eq(maru_reap(p), 2);
	test_post(&test_scene->go);
	test_ended(child);
}
END_TEST

START_TEST(a_handle_that_only_reads_goes_on_with_what_is_left)
{
	struct maru_pool *p = test_pool(NULL);
	struct maru_pool *ro = test_open(MARU_OPEN_RDONLY | MARU_OPEN_INSPECT |
					 MARU_OPEN_GUARD);
	struct maru_slab slab;
	struct maru_class class;
	struct maru_block block;
	struct maru_stats st = { .size = sizeof(st) };
	struct maru_client client;
	struct maru_iter it = { 0 };
	struct maru_entry entry;
	struct maru_super super;

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	poison_section(ro, SECTION_BLOCKS);
	ck_assert_int_eq(maru_inspect_block(ro, 0, &block), -EIO);
	says("in its blocks");
	ck_assert_int_eq(maru_iter_next(ro, &it, &entry), -EIO);
	ck_assert_int_eq(maru_stats(ro, &st), -EIO);
	ck_assert_int_eq(test_get(ro, 1, 100), -EIO);
	ck_assert_int_eq(maru_check(ro, NULL, NULL), -EIO);
	ck_assert_int_eq(maru_inspect_super(ro, &super), 0);
	ck_assert_int_eq(maru_clients(ro, &client, 1), 1);
	poison_section(ro, SECTION_SLABS);
	ck_assert_int_eq(maru_inspect_slab(ro, 0, 0, &slab), -EIO);
	ck_assert_int_eq(maru_inspect_class(ro, 0, &class), -EIO);
	poison_section(ro, SECTION_CLIENTS);
	ck_assert_int_eq(maru_clients(ro, &client, 1), -EIO);
	poison_section(ro, SECTION_CONTROL);
	ck_assert_int_eq(maru_inspect_super(ro, &super), -EIO);
	ck_assert_int_eq(test_get(p, 1, 100), 0);
}
END_TEST

/* fsck with a mapping of its own that fails in places. */

static int run_alone(uint32_t flags, struct maru_fsck_result *res)
{
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = flags | MARU_FSCK_GUARD,
	};

	memset(res, 0, sizeof(*res));
	return guarded_fsck(fsck.p, &o, res);
}

static void open_guarded(uint32_t flags)
{
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = flags | MARU_FSCK_GUARD,
	};

	ck_assert_int_eq(pool_open_alone(test_target(), &o, &fsck.p), 0);
}

START_TEST(fsck_says_which_table_has_failed)
{
	struct maru_fsck_result res;
	struct maru_pool *p;

	fsck_populate(0);
	for (unsigned no = 0; no < TEST_LEN(tables); no++) {
		open_guarded(0);
		poison_section(fsck.p, tables[no].id);
		ck_assert_int_eq(run_alone(0, &res), -EIO);
		says(tables[no].name);
		ck_assert_int_eq(maru_close(fsck.p, 0), 0);
	}
	p = test_open(0);
	fsck_kept(p, 0);
}
END_TEST

/* A repair that it strikes leaves a pool that is refused until the next. */
START_TEST(a_repair_that_is_struck_is_to_be_done_anew)
{
	struct maru_fsck_result res;
	struct maru_pool *p;

	fsck_populate(0);
	open_guarded(MARU_FSCK_REPAIR);
	poison_section(fsck.p, SECTION_SLAB_MAPS);
	/* the maps are looked at only if nobody has a slot */
	room_ghost(fsck.p, CLIENT_DEAD);
	ck_assert_int_eq(run_alone(MARU_FSCK_REPAIR, &res), -EIO);
	says("in its slab-maps");
	ck_assert_int_eq(maru_close(fsck.p, 0), 0);
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), MARU_E_CORRUPT);
	ck_assert_uint_eq(fsck_check(MARU_FSCK_REPAIR, NULL).res.kept, FSCK_NR);
	p = test_open(0);
	fsck_kept(p, 0);
}
END_TEST

/* Told of the dead, just before it cleans up after them. */
static void poison_active(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	ck_assert_uint_eq(fault->invariant, 0);
	poison_section(fsck.p, SECTION_ACTIVE);
}

START_TEST(a_repair_that_is_struck_while_it_reaps_is_not_reaping_any_more)
{
	struct maru_create_opts create = test_opts();
	struct maru_fsck_opts o = {
		.size = sizeof(o),
		.flags = MARU_FSCK_REPAIR | MARU_FSCK_GUARD,
		.fn = poison_active,
	};
	struct maru_fsck_result res = { 0 };

	create.quarantine_ms = 1000;
	test_format(&create);
	open_guarded(MARU_FSCK_REPAIR);
	room_ghost(fsck.p, CLIENT_ACTIVE);
	ck_assert_int_eq(guarded_fsck(fsck.p, &o, &res), -EIO);
	says("in its active");
	ck_assert_int_eq(pthread_mutex_trylock(&fsck.p->client.reaping), 0);
	ck_assert_int_eq(pthread_mutex_unlock(&fsck.p->client.reaping), 0);
	ck_assert_int_eq(maru_close(fsck.p, 0), 0);
}
END_TEST

static unsigned unit_of(const char *value, struct maru_pool *p)
{
	return (unsigned)((const unsigned char *)value -
			  p->slab.region[0].data) /
	       POISON_PAGE;
}

/* Entry 3's page, as it is mapped by whom fsck.p is. */
static const void *value_of(unsigned no)
{
	struct room_key k;
	struct dir_hit hit;

	room_key(fsck.p, &k, no);
	ck_assert_int_eq(dir_peek(&fsck.p->dir, &k.k, &hit), 0);
	return slab_data(&fsck.p->slab, hit.idx);
}

START_TEST(fsck_finds_a_value_that_has_failed_and_takes_its_block_out_of_use)
{
	struct maru_fsck_result res;
	struct maru_pool *p;
	unsigned unit;

	fsck_populate(0);
	open_guarded(0);
	unit = unit_of(value_of(3), fsck.p);
	poison_page(value_of(3));
	ck_assert_int_eq(run_alone(0, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
	ck_assert_int_eq(run_alone(MARU_FSCK_DATA, &res), 0);
	ck_assert_uint_eq(res.faults, 1);
	ck_assert_int_eq(maru_close(fsck.p, 0), 0);

	open_guarded(MARU_FSCK_REPAIR);
	poison_page(value_of(3));
	ck_assert_int_eq(run_alone(MARU_FSCK_REPAIR | MARU_FSCK_DATA, &res), 0);
	ck_assert_uint_eq(res.faults, 1);
	ck_assert_uint_eq(res.fixed, 1);
	ck_assert_uint_eq(res.dropped, 1);
	ck_assert_uint_eq(res.bad, 1);
	ck_assert_int_eq(room_state(fsck.p, unit), BLOCK_BAD);
	/* it has failed still, and is not looked at any more */
	ck_assert_int_eq(run_alone(MARU_FSCK_REPAIR | MARU_FSCK_DATA, &res), 0);
	ck_assert_uint_eq(res.faults, 0);
	ck_assert_uint_eq(res.dropped, 0);
	ck_assert_int_eq(maru_close(fsck.p, 0), 0);
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
	fsck_kept(p, 1u << 3);
	fsck_room(p, 1);
}
END_TEST

/* The tools, on a file that gets shorter while they read it. */

static const char *tool(const char *name)
{
	static char path[4096];
	const char *build = getenv("BUILD");

	snprintf(path, sizeof(path), "%s/tools/%s", build ? build : "", name);
	return build && !access(path, X_OK) ? path : NULL;
}

static FILE *start(char *const argv[], int err, pid_t *pid)
{
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	*pid = fork();
	if (!*pid) {
		dup2(fd[1], 1);
		dup2(err, 2);
		close(fd[0]);
		close(fd[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(fd[1]);
	return fdopen(fd[0], "r");
}

/* It cannot be through: there is more to be printed than a pipe holds. */
static void cut_while_it_prints(const char *section_name, off_t left)
{
	char line[512], said[4096] = "", dump[4096], pool[4096], name[64];
	char *argv[] = { dump, pool, name, NULL };
	int err = fileno(tmpfile()), status;
	pid_t pid;
	FILE *f;

	snprintf(dump, sizeof(dump), "%s", tool("maru-dump"));
	snprintf(pool, sizeof(pool), "%s", test_target());
	snprintf(name, sizeof(name), "%s", section_name);
	f = start(argv, err, &pid);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_int_eq(truncate(pool, left), 0);
	while (fgets(line, sizeof(line), f))
		;
	fclose(f);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 4, "%#x",
		      status);
	ck_assert_int_gt(pread(err, said, sizeof(said) - 1, 0), 0);
	ck_assert_msg(strstr(said, "memory error at byte ") != NULL, "%s",
		      said);
	close(err);
}

static void fill_pool(void)
{
	struct maru_pool *p;

	test_format(NULL);
	ck_assert_int_eq(maru_open(test_target(), NULL, &p), 0);
	for (unsigned no = 0; no < 6000; no++)
		ck_assert_int_eq(test_put(p, no, 100), 0);
	ck_assert_int_eq(maru_close(p, 0), 0);
}

/* There are tools to run, and a path to give them of a file to cut. */
static bool can_cut(void)
{
	struct stat st;

	test_format(NULL);
	return tool("maru-dump") && stat(test_target(), &st) == 0 &&
	       S_ISREG(st.st_mode);
}

START_TEST(dump_ends_with_a_message_when_its_file_is_cut)
{
	static const char *const sections[] = { "blocks", "entries" };

	if (!can_cut()) {
		puts("no tools to run, or no file to cut");
		return;
	}
	for (unsigned i = 0; i < TEST_LEN(sections); i++) {
		fill_pool();
		cut_while_it_prints(sections[i], 8192);
		/* a named one is to be of its size again */
		ck_assert_int_eq(truncate(test_target(), 128 << 20), 0);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_client_whose_tables_fail_is_at_its_end_and_its_process_is_not,
		a_reaper_whose_tables_fail_is_reaped_with_whom_it_was_at,
		a_handle_that_only_reads_goes_on_with_what_is_left,
		fsck_says_which_table_has_failed,
		a_repair_that_is_struck_is_to_be_done_anew,
		a_repair_that_is_struck_while_it_reaps_is_not_reaping_any_more,
		fsck_finds_a_value_that_has_failed_and_takes_its_block_out_of_use,
		dump_ends_with_a_message_when_its_file_is_cut,
	};

	return test_run("tables that fail", TEST_TMPFS, tests, TEST_LEN(tests));
}
