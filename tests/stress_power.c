// SPDX-License-Identifier: BSD-3-Clause
/*
 * Loss of power, for as long as there is time: every scene with all subsets of
 * what is undecided, clients that die at every store of theirs, and then
 * operations at random.  With --host a host is lost instead, and others go on.
 */
#include "common.h"
#include "common_power.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct power_plan plan = {
	.subsets = 8,
	.singles = 24,
	.randoms = 6,
	.stride = 8,
	.usable = 50,
};
static struct power_count sum;
static bool host; /* is lost, not the power */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool over(void)
{
	return now() > plan.until;
}

static void add(const char *what, unsigned variant)
{
	struct power_count n = { 0 };

	if (host)
		power_cut_host(&plan, &n);
	else
		power_cut(&plan, &n);
	if (n.bad)
		fprintf(stderr, "FAIL: %s, variant %u: %llu images\n", what,
			variant, (unsigned long long)n.bad);
	sum.cuts += n.cuts;
	sum.images += n.images;
	sum.distinct += n.distinct;
	sum.accepted += n.accepted;
	sum.bad += n.bad;
}

static void tell(const char *what, const struct power_count *before)
{
	printf("%s: %llu cuts, %llu images, %llu different, %llu opened as they were, %llu bad\n",
	       what, (unsigned long long)(sum.cuts - before->cuts),
	       (unsigned long long)(sum.images - before->images),
	       (unsigned long long)(sum.distinct - before->distinct),
	       (unsigned long long)(sum.accepted - before->accepted),
	       (unsigned long long)(sum.bad - before->bad));
	fflush(stdout);
}

static void play(const struct power_scene *s)
{
	struct power_count before = sum;
	unsigned stride = plan.stride, variant = 1;

	if (s->closely)
		plan.stride = 1;
	do {
		bool died = s->run(variant);

		plan.from = s->dies ? record_first(host ? 2 : 1) : 0;
		add(s->name, variant);
		if (!died)
			break;
	} while (s->dies && ++variant && !over());
	plan.stride = stride;
	plan.from = 0;
	tell(s->name, &before);
}

static void play_at_random(uint64_t seed)
{
	struct power_count before = sum;
	unsigned round = 0;

	while (!over()) {
		if (host)
			loss_random(test_mix(seed + round), 30);
		else
			power_random(test_mix(seed + round), 30);
		plan.seed = seed + round++;
		add("at random", round);
	}
	tell("at random", &before);
}

static void play_all(const struct power_scene *all, unsigned nr,
		     const char *only)
{
	for (unsigned i = 0; i < nr && !over(); i++)
		if ((!host || all[i].lossy) &&
		    (!only || !strcmp(only, all[i].name)))
			play(&all[i]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "scene", required_argument, NULL, 'c' },
		{ "host", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *time_s = getenv("STRESS_TIME"), *only = NULL;
	uint64_t seed = (uint64_t)time(NULL);
	double seconds = time_s ? atof(time_s) : 30;
	int c, rc = power_ready(argv);

	if (rc)
		return rc;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			seconds = atof(optarg);
		else if (c == 'r')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 'c')
			only = optarg;
		else if (c == 'h')
			host = true;
		else
			return 16;
	}
	if (host && !loss_ready())
		return 1;
	if (host) /* each with all others and with none */
		plan.subsets = 4;
	printf("seed %llu\n", (unsigned long long)seed);
	plan.seed = seed;
	plan.until = now() + seconds;
	play_all(power_scenes, power_scene_nr, only);
	if (host)
		play_all(loss_scenes, loss_scene_nr, only);
	if (!only || !strcmp(only, "at random"))
		play_at_random(seed);
	if (host)
		loss_over();
	return sum.bad != 0;
}
