/*
 * What a workload says about itself: the data lines of docs/architecture.md, "Console protocol".
 */
#ifndef BENCH_GUESTS_RT_REPORT_H
#define BENCH_GUESTS_RT_REPORT_H

#include <stdint.h>

/* Opens the image's report; `image` is kept, and names the image until it ends. */
void report_image(const char *image);

/* Says what is running from now on, for the name of a failure; NULL is the image itself. */
void report_running(const char *name);

/*
 * Reports a failure of what is running and ends the image with it.  `why` is a printf format for
 * the reason, one word, and for further tokens with the figures, e.g. "wrong-sum sum=%lu".
 */
_Noreturn void fail(const char *why, ...) __attribute__((format(printf, 1, 2)));

/* Fails with `why` unless `found` is `expected`. */
void expect(const char *why, uint64_t found, uint64_t expected);

/* Ends the image with success. */
_Noreturn void report_success(void);

#endif
