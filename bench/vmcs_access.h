/*
 * A guest hypervisor's accesses to its VMCS that were exits, by field.
 */
#ifndef BENCH_VMCS_ACCESS_H
#define BENCH_VMCS_ACCESS_H

#include "bench/err.h"
#include "telemetry/record.h"

#include <stddef.h>
#include <stdint.h>

struct vmcs_access {
	unsigned level; /* of the hypervisor that took the exits */
	uint32_t field; /* its encoding */
	uint64_t reads, writes;
};

struct vmcs_accesses {
	struct vmcs_access *access;
	size_t count;
};

/*
 * Counts a record, if it is an access.  Returns 0, or -1 with VMFEE_SYSTEM where memory is short.
 */
int vmcs_accesses_add(struct vmcs_accesses *accesses, const struct exit_record *record,
		      struct vmfee_error *err);

void vmcs_accesses_free(struct vmcs_accesses *accesses);

/* Names of fields: NULL where there is none, UINT32_MAX where there is no such name. */
const char *vmcs_field_name(uint32_t field);
uint32_t vmcs_field_by_name(const char *name);

/* What the column `shadow` of vmcs_fields.def says, in small letters. */
const char *vmcs_field_shadow(uint32_t field);

#endif
