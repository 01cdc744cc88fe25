/*
 * Names of exits and of the fee's components, and which exit is charged to which component.
 */
#ifndef TELEMETRY_FEE_H
#define TELEMETRY_FEE_H

#include <stdint.h>

enum fee_component {
#define COMPONENT(NAME, name, text) FEE_##NAME,
#include "telemetry/component.def"
#undef COMPONENT
	FEE_COMPONENTS, /* how many there are, and "none of them" */
};

/*
 * The component that an exit is charged to.  @reason is the basic exit reason (SDM appendix C);
 * @qualification and @flags are the record's fields of these names.
 * FEE_COMPONENTS for a reason that the list does not have.
 */
enum fee_component fee_component(uint16_t reason, uint64_t qualification, uint16_t flags);

/* "transition", "emulation" …; "none" for FEE_COMPONENTS. */
const char *fee_component_name(enum fee_component component);

/* What is charged to @component, for people; "" for FEE_COMPONENTS. */
const char *fee_component_text(enum fee_component component);

/* "CPUID", "EPT_VIOLATION" …; NULL for a reason that the list does not have. */
const char *exit_reason_name(uint16_t reason);

/* The reason that exit_reason_name() calls @name, -1 if there is none. */
int exit_reason_by_name(const char *name);

#endif
