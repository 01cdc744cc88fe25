#ifndef L1VMM_EXITS_MSR_H
#define L1VMM_EXITS_MSR_H

#include <stdbool.h>
#include <stdint.h>

#define MSR_BITMAP_BYTES 4096

/* The MSR bitmap of msr=bitmap: all exit but those that msrs.def leaves to the guest. */
void msr_bitmap_fill(uint8_t bitmap[MSR_BITMAP_BYTES]);

/* Whether the guest's RDMSR and its WRMSR of `msr` exit. */
void msr_bitmap_set(uint8_t bitmap[MSR_BITMAP_BYTES], uint32_t msr, bool read_exits,
		    bool write_exits);

struct vcpu;

/* RDMSR and WRMSR by a guest; false where they raise #GP.  @pre the VMCS of that guest is current
 */
bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value);

/*
 * Sets the guest's time-stamp counter, whose offset the VMCS is then to have, and returns how far
 * that was ahead.
 */
uint64_t msr_set_tsc(struct vcpu *v, uint64_t value);

#endif
