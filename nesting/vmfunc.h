/*
 * VM functions of L2 (SDM volume 3, 26.5.6): the only one is EPTP switching.
 */
#ifndef NESTING_VMFUNC_H
#define NESTING_VMFUNC_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/vmx.h"

/*
 * VMFUNC with these operands, EAX and ECX: true and the EPT pointer that L2 goes on with, which is
 * vmcs12's from now on; false where the instruction is an exit to L1.
 */
bool nested_vmfunc(struct nested *n, uint32_t function, uint32_t index, uint64_t *eptp);

#endif
