/* The image `irq`: the rows of irq.def. */
#include <stddef.h>

#include "bench/guests/harness/suite.h"
#include "bench/guests/irq/irq.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/trap.h"

static const struct bench benches[] = {
#define BENCH(row, part, per_sample, count, distance, exits, function) \
	{                                                              \
		.name = (row),                                         \
		.component = FEE_##part,                               \
		.ops = (per_sample),                                   \
		.samples = (count),                                    \
		.needs = NEED_X2APIC,                                  \
		.ticks = (distance),                                   \
		.expect = (exits),                                     \
		.run = bench_##function,                               \
	},
#include "bench/guests/irq.def"
#undef BENCH
};

#define COUNT (sizeof(benches) / sizeof(benches[0]))
_Static_assert(COUNT <= SUITE_MAX, "irq.def has more rows than a suite");

void irq_start(const uint8_t *entry)
{
	apic_enable();
	apic_timer_stop();
	irq_count = 0;
	trap_gate(VECTOR_IRQ, entry);
}

void irq_finish(uint64_t expected)
{
	cli();
	apic_timer_stop();
	expect("wrong-count", irq_count, expected);
}

void guest_main(const struct start_info_view *boot)
{
	suite_run("irq", benches, COUNT, boot);
}
