/*
 * The switches of the hypervisor: parsed from its command line, read where controls are chosen.
 */
#ifndef L1VMM_SWITCHES_H
#define L1VMM_SWITCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SW_MMU_EPT_4K, SW_TLB_VPID and so on, one enumeration a switch, counted from 0. */
#define SWITCH(name, NAME, def, text) SW_##NAME##_START, SW_##NAME##_BEFORE_FIRST = -1,
#define VALUE(NAME, value, text)      SW_##NAME##_##value,
enum switch_value {
#include "l1vmm/switches.def"
};
#undef SWITCH
#undef VALUE

struct switches {
#define SWITCH(name, NAME, def, text) int name;
#define VALUE(NAME, value, text)
#include "l1vmm/switches.def"
#undef SWITCH
#undef VALUE
};

/* Whether guests run on shadow tables, without EPT. */
static inline bool switches_shadow(const struct switches *sw)
{
	return sw->mmu >= SW_MMU_SHADOW_TRAP && sw->mmu <= SW_MMU_SHADOW_PV;
}

/* Whether the guest runs on the page tables of the TLB observatory. */
static inline bool switches_observed(const struct switches *sw)
{
	return sw->observe != SW_OBSERVE_OFF;
}

/* Whether the processor delivers a guest's interrupts by itself. */
static inline bool switches_apicv(const struct switches *sw)
{
	return sw->irq == SW_IRQ_APICV || sw->irq == SW_IRQ_POSTED;
}

/* Every switch at its default. */
void switches_default(struct switches *sw);

enum switch_result {
	SWITCH_OK,
	SWITCH_UNKNOWN,	  /* no switch of that name */
	SWITCH_BAD_VALUE, /* the switch does not take that value */
};

/* Sets the switch `name` to `value`, both zero-terminated. */
enum switch_result switches_set(struct switches *sw, const char *name, const char *value);

/* Whether `value` is what the switch `name` has if nothing is said; false where either is unknown.
 */
bool switches_is_default(const char *name, const char *value);

/* Calls `visit` with the name and the present value of each switch, in the order of the list. */
void switches_each(const struct switches *sw,
		   void (*visit)(void *ctx, const char *name, const char *value), void *ctx);

/* Calls `visit` with each value that the switch `name` takes. */
void switches_values(const char *name, void (*visit)(void *ctx, const char *value), void *ctx);

#endif
