/*
 * Exits from L2: whose they are, and what L1 finds after one of its own.
 */
#ifndef NESTING_REFLECT_H
#define NESTING_REFLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "nesting/vmx.h"

/* An exit from L2 as far as the decision needs to know it. */
struct nested_exit {
	uint32_t reason; /* basic */
	uint64_t qualification;
	uint32_t intr_info, error_code; /* of exceptions */
	uint32_t msr;			/* ECX */
	uint64_t cr_value;		/* of a MOV to a control register or LMSW */
	uint64_t field;			/* that VMREAD or VMWRITE names */
};

/* What the decision has to be told beyond reason and qualification. */
enum nested_detail {
	NESTED_DETAIL_NONE,
	NESTED_DETAIL_EXCEPTION, /* intr_info, error_code */
	NESTED_DETAIL_MSR,	 /* msr */
	NESTED_DETAIL_CR,	 /* cr_value */
	NESTED_DETAIL_FIELD,	 /* field, where L1 uses VMCS shadowing */
};

enum nested_detail nested_exit_detail(uint32_t reason);

/*
 * Whether L1 has asked for this exit (SDM volume 3, 26.1).  EPT violations and misconfigurations of
 * an L1 with EPT are not decided here: ept02 knows whose they are; neither are VMFUNCs (vmfunc.h).
 */
bool nested_exit_is_l1s(struct nested *n, const struct nested_exit *e);

/* Whether an exception that L0 raises in L2 becomes an exit to L1. */
bool nested_exception_exits(const struct nested *n, uint8_t vector, uint32_t error_code);

#endif
