/* The image `memory`: the rows of memory.def. */
#include <stddef.h>

#include "bench/guests/harness/suite.h"
#include "bench/guests/memory/memory.h"
#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/tables.h"

static const struct bench benches[] = {
#define BENCH(row, per_sample, count, address_spaces, space_pages, exits, function) \
	{                                                                           \
		.name = (row),                                                      \
		.component = FEE_MEMORY,                                            \
		.ops = (per_sample),                                                \
		.samples = (count),                                                 \
		.needs = NEED_NOTHING,                                              \
		.spaces = (address_spaces),                                         \
		.pages = (space_pages),                                             \
		.expect = (exits),                                                  \
		.run = bench_##function,                                            \
	},
#define ON_REQUEST(row, per_sample, count, address_spaces, space_pages, accesses, exits, function) \
	{                                                                                          \
		.name = (row),                                                                     \
		.component = FEE_MEMORY,                                                           \
		.ops = (per_sample),                                                               \
		.samples = (count),                                                                \
		.needs = NEED_NOTHING,                                                             \
		.spaces = (address_spaces),                                                        \
		.pages = (space_pages),                                                            \
		.every = (accesses),                                                               \
		.on_request = true,                                                                \
		.expect = (exits),                                                                 \
		.run = bench_##function,                                                           \
	},
#include "bench/guests/memory.def"
#undef BENCH
#undef ON_REQUEST
};

#define COUNT (sizeof(benches) / sizeof(benches[0]))
_Static_assert(COUNT <= SUITE_MAX, "memory.def has more rows than a suite");

void guest_main(const struct start_info_view *boot)
{
	frames_init(boot, FRAMES);
	tables_init();
	suite_run("memory", benches, COUNT, boot);
}
