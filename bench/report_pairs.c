#include "bench/report_pairs.h"
#include "bench/analysis.h"
#include "bench/kvm_level.h"
#include "bench/paragraph.h"
#include "bench/table.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SEPARATOR " / "

/* What stands upon the lowest level; NULL where nothing does. */
static const char *upper_levels(const struct result_stack *stack)
{
	const char *separator = strstr(stack->notation, SEPARATOR);

	return separator == NULL ? NULL : separator + strlen(SEPARATOR);
}

static bool is_pair(const struct result_stack *kvm, const struct result_stack *other)
{
	const char *upper = upper_levels(kvm);
	const char *same = upper_levels(other);

	/* What looks on is measured too. */
	return strstr(kvm->notation, "observe=on") == NULL && kvm_level_begins(kvm->notation) &&
	       !kvm_level_begins(other->notation) && upper != NULL && same != NULL &&
	       strcmp(upper, same) == 0;
}

static int print_pair(const struct result_stack *l1vmm, const struct result_stack *kvm,
		      const char *unit, FILE *out, unsigned width)
{
	char headings[3 * (STACK_MAX_NAME + 2) + 16];
	struct table table;

	fputc('\n', out);
	paragraph(out, width,
		  "The same upon either L0, %s (%s) and %s (%s), %s per operation:", l1vmm->name,
		  l1vmm->notation, kvm->name, kvm->notation, unit);
	fputc('\n', out);
	snprintf(headings, sizeof(headings), "<benchmark|%s|%s|ratio", l1vmm->name, kvm->name);
	table_begin(&table, headings);
	for (size_t i = 0; i < l1vmm->benches; i++) {
		const struct result_bench *bench = &l1vmm->bench[i];
		const struct result_bench *same = results_bench(kvm, bench->name);
		if (same == NULL)
			continue;
		double ticks = analysis_ticks(l1vmm, bench);
		double kvm_ticks = analysis_ticks(kvm, same);
		table_cell(&table, "%s", bench->name);
		table_number(&table, ticks);
		table_number(&table, kvm_ticks);
		/* Nothing, as `empty` takes, is no part of anything. */
		if (fabs(ticks) < 0.05)
			table_none(&table);
		else
			table_cell(&table, "%.2f", kvm_ticks / ticks);
	}
	return table_print(&table, out, width);
}

int report_pairs(const struct results *results, FILE *out, unsigned width)
{
	int failed = 0;

	for (size_t i = 0; i < results->stacks; i++)
		for (size_t j = 0; j < results->stacks; j++)
			if (is_pair(&results->stack[j], &results->stack[i]))
				failed |= print_pair(&results->stack[i], &results->stack[j],
						     results_property(results, "unit"), out, width);
	return failed;
}
