#ifndef L1VMM_EXITS_MSR_H
#define L1VMM_EXITS_MSR_H

#include <stdint.h>

#define MSR_BITMAP_BYTES 4096

/* The MSR bitmap of msr=bitmap: all exit but those that msrs.def leaves to the guest. */
void msr_bitmap_fill(uint8_t bitmap[MSR_BITMAP_BYTES]);

#endif
