/* The hypervisor that this one runs on, if it does. */
#ifndef L1VMM_ARCH_BELOW_H
#define L1VMM_ARCH_BELOW_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/exit_page.h"

/* The level of this hypervisor: one above that of the l1vmm below, 1 on another, 0 on none. */
uint32_t below_find_level(void);

/* Whether an l1vmm below takes packets of telemetry: HYPERCALL_TRACE. */
bool below_takes_packets(void);

/* Whether it tells of exits in memory, and asks it to: HYPERCALL_EXIT_PAGE. */
bool below_has_exit_page(void);
bool below_tell_exits(const struct exit_page *page);

#endif
