#include "bench/timeline.h"

#include <criterion/criterion.h>

#include <stdlib.h>

/* Of two benchmarks, 1000 ticks from begin to end. */
static struct console *two_benches(void)
{
	struct console *console = calloc(1, sizeof(*console));

	cr_assert_not_null(console);
	console->benches = 2;
	console->bench[0].begin = 500;
	console->bench[0].end = 600;
	console->bench[1].begin = 700;
	console->bench[1].end = 1499;
	return console;
}

static void add(struct timeline *timeline, const struct console *console, uint64_t tsc,
		uint64_t handled)
{
	struct exit_record record = {.tsc = tsc, .handled_ticks = handled};

	cr_assert_eq(timeline_add(timeline, console, &record), 0);
}

Test(timeline, an_exit_is_counted_when_it_came_by_how_long_it_took)
{
	struct console *console = two_benches();
	struct timeline timeline = {0};

	add(&timeline, console, 500, 3);
	add(&timeline, console, 509, 3);
	add(&timeline, console, 510, 3);
	add(&timeline, console, 1499, UINT64_MAX);
	cr_expect_eq(timeline.count[0][3], 2);
	cr_expect_eq(timeline.count[1][3], 1);
	cr_expect_eq(timeline.count[99][TIMELINE_BUCKETS - 1], 1);
	cr_expect_eq(timeline_begin(console, 0), 500);
	cr_expect_eq(timeline_begin(console, 1), 510);
	timeline_free(&timeline);
	free(console);
}

Test(timeline, what_is_outside_of_all_benchmarks_is_not)
{
	struct console *console = two_benches();
	struct timeline timeline = {0};

	add(&timeline, console, 499, 3);
	add(&timeline, console, 1500, 3);
	cr_expect_null(timeline.count);
	console->benches = 0;
	add(&timeline, console, 600, 3);
	cr_expect_null(timeline.count);
	free(console);
}

Test(timeline, buckets_follow_one_another_four_to_a_doubling)
{
	for (unsigned i = 0; i + 1 < TIMELINE_BUCKETS; i++)
		cr_expect_eq(timeline_low(i + 1), timeline_high(i) + 1, "bucket %u", i);
	cr_expect_eq(timeline_low(0), 0);
	cr_expect_eq(timeline_high(TIMELINE_BUCKETS - 1), UINT64_MAX);
	cr_expect_eq(timeline_low(12) * 2, timeline_low(16));
}

Test(timeline, each_value_goes_to_the_bucket_that_has_it)
{
	struct console *console = two_benches();

	for (unsigned i = 0; i < TIMELINE_BUCKETS; i++) {
		struct timeline timeline = {0};
		add(&timeline, console, 600, timeline_low(i));
		add(&timeline, console, 600, timeline_high(i));
		cr_expect_eq(timeline.count[10][i], 2, "bucket %u", i);
		timeline_free(&timeline);
	}
	free(console);
}
