/* An image's benchmarks and what its command line asks of them. */
#ifndef BENCH_GUESTS_HARNESS_SUITE_H
#define BENCH_GUESTS_HARNESS_SUITE_H

#include <stdint.h>

#include "bench/guests/harness/harness.h"
#include "l1vmm/boot/start_info.h"

/* The most rows of a table. */
#define SUITE_MAX 64

/* The most address spaces and pages of each that the command line can ask for. */
#define SPACES_MAX 64
#define PAGES_MAX  16384 /* 64 MB */

/* The longest time between two events that it can ask for. */
#define TICKS_MAX 1000000000

/* What a benchmark makes no sense without. */
enum {
	NEED_NOTHING = 0,
	NEED_L1VMM = 1 << 0, /* its hypercalls */
	NEED_X2APIC = 1 << 1,
};

/*
 * Opens the report of `image` and runs `count` benchmarks, at most SUITE_MAX, in their order but
 * for those on request, or `empty`, which every table has, and those that `only=NAME,NAME` names;
 * NAME* means each whose name begins so. `samples=N`, `pages=N`, `spaces=N` and `ticks=N`
 * stand in for the numbers of each row, the last three where a row has them.  What the command line
 * cannot mean is a failure of the image.  `cpus=N` is for workloads of an image to ask about.
 */
void suite_run(const char *image, const struct bench *benches, uint32_t count,
	       const struct start_info_view *boot);

#endif
