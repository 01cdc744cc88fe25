/*
 * A VM entry of L1's, up to the point where vmcs02 takes over: whether vmcs12 passes the checks,
 * and the MSR areas that entries and exits work off.
 */
#ifndef NESTING_ENTRY_H
#define NESTING_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/entry_checks.h"
#include "nesting/vmx.h"

/* Adds what the checks of this guest's entries hold it against. */
void nested_entry_init(struct nested *n, uint64_t efer, uint64_t debugctl);

/*
 * Holds vmcs12 against the checks, as far as something has changed since the last entry.
 * `ia32e_mode`: L1 is in it.  The check that does not hold, or ENTRY_PASSED.
 */
enum entry_check nested_entry_check(struct nested *n, bool ia32e_mode);

/* Loads the MSRs of the entry's area; as entry_load_msrs(). */
enum entry_check nested_entry_load_msrs(struct nested *n, uint32_t *number);

/*
 * The MSR areas of an exit (SDM volume 3, 28.4 and 28.6).  False where an MSR cannot be stored or
 * loaded, which is a VMX abort.
 */
bool nested_exit_store_msrs(struct nested *n);
bool nested_exit_load_msrs(struct nested *n);

#endif
