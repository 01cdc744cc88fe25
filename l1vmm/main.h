#ifndef L1VMM_MAIN_H
#define L1VMM_MAIN_H

#include <stdint.h>

/* entry.S: called on the boot processor with the physical address of the start info. */
_Noreturn void l1vmm_main(uint64_t start_info);

#endif
