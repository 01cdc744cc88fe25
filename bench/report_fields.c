#include "bench/report_fields.h"
#include "bench/paragraph.h"
#include "bench/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define SWITCH " vmcs=shadow"

/* Whether the one would be the other without the lowest level's VMCS shadowing. */
static bool is_pair(const struct result_stack *trap, const struct result_stack *shadow)
{
	const char *at = strstr(shadow->notation, SWITCH);
	size_t before;

	if (at == NULL)
		return false;
	before = (size_t)(at - shadow->notation);
	return memchr(shadow->notation, '/', before) == NULL &&
	       strncmp(trap->notation, shadow->notation, before) == 0 &&
	       strcmp(trap->notation + before, at + strlen(SWITCH)) == 0;
}

/* Those of the lowest hypervisor's guest. */
static uint64_t exits_of(const struct result_stack *stack, uint32_t field)
{
	uint64_t exits = 0;

	for (size_t i = 0; i < stack->accesses.count; i++) {
		const struct vmcs_access *access = &stack->accesses.access[i];
		if (access->field == field && access->level == stack->base)
			exits += access->reads + access->writes;
	}
	return exits;
}

static int print_pair(const struct result_stack *trap, const struct result_stack *shadow, FILE *out,
		      unsigned width)
{
	char headings[2 * (STACK_MAX_NAME + 2) + 32];
	struct table table;

	fputc('\n', out);
	paragraph(out, width,
		  "Accesses to the VMCS of L%u that are exits, by field, with whether the field is "
		  "shadowed (for reading, or also for writing), and what that saves:",
		  trap->base + 1);
	fputc('\n', out);
	snprintf(headings, sizeof(headings), "<field|<shadow|%s|%s|saved", trap->name,
		 shadow->name);
	table_begin(&table, headings);
#define VMCS_FIELD(encoding, NAME, ...)                                           \
	if (exits_of(trap, encoding) > 0) {                                       \
		uint64_t without = exits_of(trap, encoding);                      \
		uint64_t with = exits_of(shadow, encoding);                       \
		table_cell(&table, #NAME);                                        \
		table_cell(&table, "%s", vmcs_field_shadow(encoding));            \
		table_cell(&table, "%" PRIu64, without);                          \
		table_cell(&table, "%" PRIu64, with);                             \
		table_cell(&table, "%" PRIi64, (int64_t)without - (int64_t)with); \
	}
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
	return table_print(&table, out, width);
}

int report_fields(const struct results *results, FILE *out, unsigned width)
{
	int failed = 0;

	for (size_t i = 0; i < results->stacks; i++)
		for (size_t j = 0; j < results->stacks; j++)
			if (results->stack[i].accesses.count > 0 &&
			    is_pair(&results->stack[i], &results->stack[j]))
				failed |= print_pair(&results->stack[i], &results->stack[j], out,
						     width);
	return failed;
}
