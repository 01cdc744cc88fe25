/* The image `micro`: the rows of micro.def. */
#include <stddef.h>

#include "bench/guests/harness/suite.h"
#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/start.h"

static const struct bench benches[] = {
#define BENCH(row, part, per_sample, count, need, exits, function) \
	{                                                          \
		.name = (row),                                     \
		.component = FEE_##part,                           \
		.ops = (per_sample),                               \
		.samples = (count),                                \
		.needs = (need),                                   \
		.expect = (exits),                                 \
		.run = bench_##function,                           \
	},
#include "bench/guests/micro.def"
#undef BENCH
};

#define COUNT (sizeof(benches) / sizeof(benches[0]))
_Static_assert(COUNT <= SUITE_MAX, "micro.def has more rows than a suite");

void guest_main(const struct start_info_view *boot)
{
	suite_run("micro", benches, COUNT, boot);
}
