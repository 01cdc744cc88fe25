#include "bench/report.h"
#include "bench/paragraph.h"
#include "bench/report_beneath.h"
#include "bench/report_depth.h"
#include "bench/report_exits.h"
#include "bench/report_fields.h"
#include "bench/report_interrupts.h"
#include "bench/report_joined.h"
#include "bench/report_latency.h"
#include "bench/report_levels.h"
#include "bench/report_matrix.h"
#include "bench/report_pairs.h"
#include "bench/report_paths.h"
#include "bench/report_ticks.h"
#include "bench/report_tlb.h"
#include "bench/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void optional(struct table *table, bool there, double number)
{
	if (there)
		table_number(table, number);
	else
		table_none(table);
}

static int print_costs(const struct analysis *analysis, FILE *out, unsigned width)
{
	const struct result_stack *native = analysis->native;
	char headings[128];
	struct table table;

	snprintf(headings, sizeof(headings), "<benchmark|%s%s%s|%sexits/op|<exits per operation",
		 native == NULL ? "" : native->name, native == NULL ? "" : "|",
		 analysis->stack->name, native == NULL ? "" : "fee|");
	table_begin(&table, headings);
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		table_cell(&table, "%s", row->name);
		if (native != NULL)
			optional(&table, row->native != NULL, row->native_ticks);
		optional(&table, row->bench != NULL, row->ticks);
		if (native != NULL)
			optional(&table, analysis_has_fee(row), row->fee);
		if (row->bench != NULL && analysis->stack->traced)
			table_cell(&table, "%.2f", row->exits_per_op);
		else
			table_none(&table);
		report_exits_per_op(&table, row);
	}
	return table_print(&table, out, width);
}

/* Too small to show in a table of tenths. */
static bool negligible(double fee)
{
	return fabs(fee) < 0.05;
}

/* Whether nothing at all is charged to a component: it has no column. */
static bool unused(const struct analysis *analysis, int component)
{
	for (size_t i = 0; i < analysis->rows; i++)
		if (!negligible(analysis->row[i].part[component]))
			return false;
	return negligible(analysis->part[component]);
}

static int print_components(const struct analysis *analysis, FILE *out, unsigned width)
{
	char headings[160] = "<benchmark|fee";
	int column[FEE_COMPONENTS];
	int columns = 0;
	struct table table;

	for (int i = 0; i < FEE_COMPONENTS; i++) {
		size_t used = strlen(headings);
		if (unused(analysis, i))
			continue;
		column[columns++] = i;
		snprintf(headings + used, sizeof(headings) - used, "|%s", fee_component_name(i));
	}
	table_begin(&table, headings);
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		if (!analysis_has_fee(row) || negligible(row->fee))
			continue;
		table_cell(&table, "%s", row->name);
		table_number(&table, row->fee);
		for (int j = 0; j < columns; j++)
			optional(&table, !negligible(row->part[column[j]]), row->part[column[j]]);
	}
	table_cell(&table, "all, one operation each");
	table_number(&table, analysis->fee);
	for (int i = 0; i < columns; i++)
		table_number(&table, analysis->part[column[i]]);
	if (!negligible(analysis->fee)) {
		table_cell(&table, "share");
		table_cell(&table, "100.0%%");
		for (int i = 0; i < columns; i++)
			table_cell(&table, "%.1f%%",
				   100 * analysis->part[column[i]] / analysis->fee);
	}
	return table_print(&table, out, width);
}

/* Writes words one after the other, with line breaks, behind a heading. */
struct list {
	FILE *out;
	size_t column, width;
	unsigned words;
};

static void list_word(struct list *list, const char *heading, const char *word)
{
	if (list->words++ == 0 && strlen(heading) + strlen(word) + strlen(" ,") > list->width)
		list->column = (size_t)fprintf(list->out, "%s\n  %s", heading, word) -
			       strlen(heading) - strlen("\n");
	else if (list->words == 1)
		list->column = (size_t)fprintf(list->out, "%s %s", heading, word);
	else if (list->column + strlen(", ,") + strlen(word) > list->width)
		list->column = (size_t)fprintf(list->out, ",\n  %s", word) - strlen(",\n");
	else
		list->column += (size_t)fprintf(list->out, ", %s", word);
}

static void list_end(struct list *list)
{
	if (list->words > 0)
		fprintf(list->out, "\n");
}

static void print_without_fee(const struct analysis *analysis, FILE *out, unsigned width)
{
	struct list free = {.out = out, .width = width};
	struct list absent = {.out = out, .width = width};

	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		if (analysis_has_fee(row) && negligible(row->fee))
			list_word(&free, "Without a fee:", row->name);
	}
	list_end(&free);
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		if (!analysis_has_fee(row))
			list_word(&absent,
				  "Left out, as one of the two stacks has no such operation:",
				  row->name);
	}
	list_end(&absent);
}

static void print_telemetry(const struct analysis *analysis, FILE *out, unsigned width,
			    const char *unit)
{
	const struct analysis_row *most = NULL;
	char examples[128] = "";

	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		size_t used = strlen(examples);
		if (!row->probed)
			continue;
		if (most == NULL || row->telemetry > most->telemetry)
			most = row;
		if (strcmp(row->name, "cpuid") == 0 || strcmp(row->name, "vmcall") == 0)
			snprintf(examples + used, sizeof(examples) - used, "%s %.1f, ", row->name,
				 row->telemetry);
	}
	if (most != NULL)
		paragraph(out, width,
			  "Telemetry's own share of an exit, in %s: %sat most %.1f (%s).", unit,
			  examples, most->telemetry, most->name);
}

static void print_disagreements(const struct analysis *analysis, FILE *out, unsigned width)
{
	const struct analysis_exit *exit = NULL;

	for (size_t i = 0; i < analysis->rows; i++)
		while ((exit = analysis_disagreement(&analysis->row[i], exit)) != NULL)
			paragraph(out, width,
				  "! %s: %" PRIu64 " exits %s expected by the guest, %" PRIu64
				  " in the trace",
				  analysis->row[i].name, exit->expected,
				  exit_reason_name(exit->reason), exit->seen);
}

static int print_stack(const struct results *results, const struct result_stack *stack, FILE *out,
		       unsigned width, struct vmfee_error *err)
{
	struct analysis analysis;
	const char *unit = results_property(results, "unit");
	int failed = 0;

	if (analyse(&analysis, results, stack, err) != 0) {
		analysis_free(&analysis);
		return -1;
	}
	fputc('\n', out);
	paragraph(out, width, "%s (%s), %s per operation:", stack->name, stack->notation, unit);
	fputc('\n', out);
	failed |= print_costs(&analysis, out, width);
	print_disagreements(&analysis, out, width);
	if (analysis.priced > 0) {
		fprintf(out, "\nWhere the fee of %s went, %s per operation:\n\n", stack->name,
			unit);
		failed |= print_components(&analysis, out, width);
		paragraph(
			out, width,
			"A fee is a median; components are charged means, and transition the rest.");
		print_without_fee(&analysis, out, width);
	}
	if (analysis_is_observed(stack))
		failed |= report_tlb(&analysis, out, width);
	if (stack->traced) {
		fprintf(out, "\nAll exits of %s, with what one of them takes on average:\n\n",
			stack->name);
		failed |= report_exits(stack, stack->base, out, width);
		paragraph(out, width,
			  "The trace holds %" PRIu64 " exits; %" PRIu64 " more were lost.",
			  stack->records, stack->lost[stack->base]);
		failed |= report_levels(stack, out, width);
	}
	failed |= report_latency(stack, unit, out, width);
	print_telemetry(&analysis, out, width, unit);
	failed |= report_beneath(results, stack, out, width);
	failed |= report_paths(stack, unit, out, width);
	failed |= report_joined(stack, unit, out, width);
	analysis_free(&analysis);
	return failed ? vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the report") : 0;
}

int report_write(const struct results *results, FILE *out, unsigned width, struct vmfee_error *err)
{
	paragraph(out, width, "%s: %s", results_property(results, "experiment"),
		  results_property(results, "title"));
	paragraph(out, width, "%s %s, %s. One tick is one %s%s.",
		  results_property(results, "platform"),
		  results_property(results, "platform_version"), results_property(results, "cpu"),
		  results_property(results, "tick"), results_property(results, "tick_caution"));
	if (results_property(results, "left_out")[0] != '\0')
		paragraph(out, width, "Not run: %s.", results_property(results, "left_out"));
	for (size_t i = 0; i < results->stacks; i++)
		if (analysis_is_column(results, &results->stack[i]))
			paragraph(out, width, "Natively: %s (%s).", results->stack[i].name,
				  results->stack[i].notation);
	for (size_t i = 0; i < results->stacks; i++)
		if (analysis_in_tables(results, &results->stack[i]) &&
		    print_stack(results, &results->stack[i], out, width, err) != 0)
			return -1;
	struct matrix *matrix = matrix_make(results, err);
	if (matrix == NULL)
		return -1;
	const char *unit = results_property(results, "unit");
	int failed = report_depth(results, matrix, out, width) != 0 ||
		     report_pairs(results, out, width) != 0 ||
		     report_fields(results, out, width) != 0 ||
		     report_interrupts(results, out, width) != 0 ||
		     report_ticks(results, out, width) != 0 ||
		     report_crossovers(results, out, width) != 0 ||
		     report_matrix_ticks(matrix, unit, out, width) != 0 ||
		     report_matrix(matrix, unit, out, width) != 0;
	free(matrix);
	return failed ? vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the report") : 0;
}

int report_save(const struct results *results, const char *path, struct vmfee_error *err)
{
	FILE *file = fopen(path, "we");

	if (file == NULL)
		return vmfee_fail_errno(err, "%s", path);
	int failed = report_write(results, file, REPORT_WIDTH, err);
	if (ferror(file) || fflush(file) != 0)
		failed = vmfee_fail_errno(err, "%s", path);
	fclose(file);
	return failed;
}

static int check_stack(const struct analysis *analysis, struct vmfee_error *err)
{
	for (size_t i = 0; i < analysis->rows; i++) {
		const struct analysis_row *row = &analysis->row[i];
		const struct analysis_exit *exit = analysis_disagreement(row, NULL);
		if (exit != NULL)
			return vmfee_fail(err, VMFEE_SYSTEM,
					  "the trace disagrees with the guest: stack %s, benchmark "
					  "%s: %" PRIu64 " exits %s expected, %" PRIu64
					  " in the trace",
					  analysis->stack->name, row->name, exit->expected,
					  exit_reason_name(exit->reason), exit->seen);
	}
	return 0;
}

int report_check(const struct results *results, struct vmfee_error *err)
{
	for (size_t i = 0; i < results->stacks; i++) {
		struct analysis analysis;
		int failed = analyse(&analysis, results, &results->stack[i], err);
		if (!failed)
			failed = check_stack(&analysis, err);
		analysis_free(&analysis);
		if (failed)
			return -1;
	}
	return 0;
}
