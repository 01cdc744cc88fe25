/* The VM-exit reasons by name: EXIT_REASON_CPUID and so on. */
#ifndef L1VMM_VMX_EXIT_REASON_H
#define L1VMM_VMX_EXIT_REASON_H

#define EXIT(number, NAME, component, detail, handler) EXIT_REASON_##NAME = number,
enum exit_reason {
#include "l1vmm/vmx/exit_reasons.def"
	EXIT_REASONS /* one more than the highest */
};
#undef EXIT

#endif
