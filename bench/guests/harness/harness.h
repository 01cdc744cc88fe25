#ifndef BENCH_GUESTS_HARNESS_HARNESS_H
#define BENCH_GUESTS_HARNESS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/guests/harness/sample.h"
#include "l1vmm/boot/start_info.h"
#include "telemetry/fee.h"

/* A row of an image's table. */
struct bench {
	const char *name;
	enum fee_component component;
	uint32_t ops;	  /* operations per sample; 0: one for each page */
	uint32_t samples; /* counted ones */
	uint32_t needs;	  /* NEED_* bits */
	uint32_t spaces;  /* address spaces that it uses and pages of each; 0: it says itself */
	uint32_t pages;
	uint32_t every;	 /* accesses between two exits, of a row that has some */
	bool on_request; /* runs only where the command line names it */
	uint32_t ticks;	 /* a distance in time, for those who ask for one */
	const char *expect;
	void (*run)(struct run *run);
};

/* The most samples that a benchmark can be asked for. */
#define SAMPLES_MAX 4096

/* Samples before the counted ones. */
#define WARM_UP 4

/*
 * Takes the benchmark's samples, at most SAMPLES_MAX, and those of the warm-up before them; reports
 * them, or why there are none.
 */
void harness_run(const struct bench *bench, const struct start_info_view *boot);

/* Reports that the benchmark is left out; `why` is one word. */
void harness_skip(const struct bench *bench, const char *why);

#endif
