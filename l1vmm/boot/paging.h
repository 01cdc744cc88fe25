/*
 * The hypervisor's own page tables.
 */
#ifndef L1VMM_BOOT_PAGING_H
#define L1VMM_BOOT_PAGING_H

#include <stdbool.h>

#include "l1vmm/boot/boot_info.h"

/*
 * Replaces the early tables: usable memory at its own addresses, writable but not executable; of
 * the image, code executable but not writable, constants neither; no page below a stack.  False
 * where the pool of memory is too small.
 */
bool paging_init(const struct boot_info *boot);

#endif
