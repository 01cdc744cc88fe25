#include "bench/vmcs_access.h"

#include "telemetry/fee.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	uint32_t field;
	const char *name, *shadow;
} fields[] = {
#define NO						       "no"
#define READ						       "read"
#define WRITE						       "write"
#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow) {encoding, #NAME, shadow},
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
#undef NO
#undef READ
#undef WRITE
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

/* FIELDS where there is none. */
static size_t find_field(uint32_t field)
{
	size_t i = 0;

	while (i < FIELDS && fields[i].field != field)
		i++;
	return i;
}

const char *vmcs_field_name(uint32_t field)
{
	size_t i = find_field(field);

	return i < FIELDS ? fields[i].name : NULL;
}

const char *vmcs_field_shadow(uint32_t field)
{
	size_t i = find_field(field);

	return i < FIELDS ? fields[i].shadow : NULL;
}

uint32_t vmcs_field_by_name(const char *name)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strcmp(fields[i].name, name) == 0)
			return fields[i].field;
	return UINT32_MAX;
}

static struct vmcs_access *find(struct vmcs_accesses *accesses, unsigned level, uint32_t field)
{
	struct vmcs_access *access = accesses->access;

	for (; access < accesses->access + accesses->count; access++)
		if (access->level == level && access->field == field)
			return access;
	access = reallocarray(accesses->access, accesses->count + 1, sizeof(access[0]));
	if (access == NULL)
		return NULL;
	accesses->access = access;
	access += accesses->count++;
	*access = (struct vmcs_access){.level = level, .field = field};
	return access;
}

/*
 * The handler of these exits has put the field into the record; that of a guest's guest is handed
 * on and knows of none.  The upper half of a field is part of it.
 */
int vmcs_accesses_add(struct vmcs_accesses *accesses, const struct exit_record *record,
		      struct vmfee_error *err)
{
	bool write = record->reason == exit_reason_by_name("VMWRITE");
	uint32_t field = (uint32_t)record->qualification & ~UINT32_C(1);
	struct vmcs_access *access;

	if ((!write && record->reason != exit_reason_by_name("VMREAD")) ||
	    (record->flags & RECORD_F_NESTED) || record->qualification > UINT16_MAX ||
	    vmcs_field_name(field) == NULL)
		return 0;
	access = find(accesses, record->level, field);
	if (access == NULL)
		return vmfee_fail_errno(err, "accesses to a VMCS");
	access->reads += !write;
	access->writes += write;
	return 0;
}

void vmcs_accesses_free(struct vmcs_accesses *accesses)
{
	free(accesses->access);
	*accesses = (struct vmcs_accesses){0};
}
