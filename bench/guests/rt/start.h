#ifndef BENCH_GUESTS_RT_START_H
#define BENCH_GUESTS_RT_START_H

#include <stdint.h>

#include "l1vmm/boot/start_info.h"

/*
 * What an image has instead of main().  Called in long mode with the first 4 GiB at their physical
 * addresses, interrupts off, traps handled.  Returning is success.
 */
void guest_main(const struct start_info_view *boot);

#endif
