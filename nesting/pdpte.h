/*
 * PDPTEs of an L2 with PAE paging whose L1 uses no EPT: VM entry loads them from L2's page table,
 * which the processor does not do where L0 uses EPT (SDM volume 3, 27.3.2.4).
 */
#ifndef NESTING_PDPTE_H
#define NESTING_PDPTE_H

#include "nesting/vmx.h"

/*
 * Loads them into vmcs02, `to`, if this entry does: those that nested_entry_check() has found there
 * and let pass.
 */
void nested_load_pdptes(struct nested *n, const struct vmcs_ops *to);

#endif
