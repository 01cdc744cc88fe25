/*
 * VMCS shadowing for a guest hypervisor: VMREAD and VMWRITE of its guest, carried out on the shadow
 * VMCS that the VMCS link pointer of vmcs12 leads to (SDM volume 3, 25.10).  That region is not
 * active: what it holds is in L1's memory.
 */
#ifndef NESTING_LINK_H
#define NESTING_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/vmx.h"

/* Whether a VMREAD, or a VMWRITE, of L2's with this register operand is an exit: 26.1.3. */
bool link_access_exits(const struct nested *n, uint64_t encoding, bool write);

/* What the instruction does where it is not; returns how it ends.  An error number is L1's to read.
 */
int link_read(struct nested *n, uint64_t encoding, uint64_t *value);
int link_write(struct nested *n, uint64_t encoding, uint64_t value);

/* An entry makes the region no longer active, should it be.  @pre vmcs01 is current */
void link_prepare(struct nested *n);

#endif
