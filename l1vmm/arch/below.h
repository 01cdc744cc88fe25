/* The hypervisor that this one runs on, if it does. */
#ifndef L1VMM_ARCH_BELOW_H
#define L1VMM_ARCH_BELOW_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/exit_page.h"

/* The level of this hypervisor: one above that of the l1vmm below, 1 on another, 0 on none. */
uint32_t below_find_level(void);

/* Whether an l1vmm takes packets of telemetry from above (HYPERCALL_TRACE), as CPUID says it. */
enum packets_taken {
	PACKETS_NOT_TAKEN,
	PACKETS_TAKEN,	     /* and time stands still meanwhile */
	PACKETS_TAKEN_TIMED, /* it goes on: they are better kept until the run ends */
};

enum packets_taken below_takes_packets(void);

/* Whether it tells of exits in memory, and asks it to: HYPERCALL_EXIT_PAGE. */
bool below_has_exit_page(void);
bool below_tell_exits(const struct exit_page *page);

#endif
