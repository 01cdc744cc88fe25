/*
 * The way between vmcs01 and vmcs02: what VM entries and exits of L2 share (nested_enter.c,
 * nested_leave.c).
 */
#ifndef L1VMM_VMX_NESTED_SWITCH_H
#define L1VMM_VMX_NESTED_SWITCH_H

#include "l1vmm/vmx/nested.h"

static inline void nested_write_current(void *ctx, enum vmcs_field field, uint64_t value)
{
	vmcs_write(ctx, field, value);
}

static inline uint64_t nested_read_current(void *ctx, enum vmcs_field field)
{
	return vmcs_read(ctx, field);
}

/* The VMCS that is current, for the plain C of nesting/. */
static inline struct vmcs_ops nested_current(struct vcpu *v)
{
	return (struct vmcs_ops){
		.read = nested_read_current, .write = nested_write_current, .ctx = v};
}

/* @pre vmcs01 is current, or, where the two are linked, none */
static inline void nested_use_vmcs02(struct vcpu *v)
{
	if (v->nested->linked)
		nested_shadow_take(v);
	else
		nested_make_current(v, nested_vmcs02(v->nested)->vmcs);
	v->nested->vmcs02_current = true;
}

/* @pre vmcs02 is current */
static inline void nested_use_vmcs01(struct vcpu *v)
{
	if (v->nested->linked)
		nested_shadow_give(v);
	nested_make_current(v, v->vmcs);
	v->nested->vmcs02_current = false;
}

#endif
