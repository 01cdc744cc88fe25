/* Micro-benchmarks: a row of bench/guests/micro.def and a function each. */
#ifndef BENCH_GUESTS_MICRO_MICRO_H
#define BENCH_GUESTS_MICRO_MICRO_H

#include "bench/guests/harness/sample.h"

/* `code`, once for each operation; takes their number from the operand [ops] "i"(ops_<function>).
 */
#define REPEAT(code) ".rept %c[ops]\n" code ".endr\n"

/* Operations per sample, as in the table. */
enum {
#define BENCH(name, component, ops, samples, needs, expect, function) ops_##function = (ops),
#include "bench/guests/micro.def"
#undef BENCH
};

#define BENCH(name, component, ops, samples, needs, expect, function) \
	void bench_##function(struct run *run);
#include "bench/guests/micro.def"
#undef BENCH

#endif
