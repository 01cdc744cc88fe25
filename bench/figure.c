#include "bench/figure_part.h"
#include "bench/matrix.h"
#include "bench/plot_data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIGURE(name, KIND, title, axis, caption)                             \
	static unsigned write_##name(const struct figure *figure, FILE *out) \
	{                                                                    \
		return plot_data_##name(figure->analysis, out);              \
	}
#include "bench/figure.def"
#undef FIGURE

static const struct of_stack {
	enum { BENCHMARKS, EXITS } kind;
	const char *name, *title, *axis, *caption;
	unsigned (*write)(const struct figure *figure, FILE *out);
} of_stacks[] = {
#define FIGURE(name, KIND, title, axis, caption) {KIND, #name, title, axis, caption, write_##name},
#include "bench/figure.def"
#undef FIGURE
};

static int take_stack(const struct figures *figures, const struct result_stack *stack, bool cell,
		      struct vmfee_error *err)
{
	struct analysis analysis;
	int failed = analyse(&analysis, figures->results, stack, err);

	for (size_t i = 0; !failed && i < sizeof(of_stacks) / sizeof(of_stacks[0]); i++) {
		const struct of_stack *of = &of_stacks[i];
		struct figure figure = {.results = figures->results,
					.analysis = &analysis,
					.stack = stack,
					.template = of->name,
					.axis = "",
					.unit_of = of->axis,
					.caption = of->caption,
					.write = of->write};
		if (cell && of->kind == BENCHMARKS)
			continue;
		snprintf(figure.name, sizeof(figure.name), "%s-%s", stack->name, of->name);
		snprintf(figure.heading, sizeof(figure.heading), "%s: %s (%s)", stack->name,
			 of->title, figures->machine);
		failed = figures->take(&figure, figures->into);
	}
	analysis_free(&analysis);
	return failed;
}

static unsigned write_stacks(const struct figure *figure, FILE *out)
{
	return plot_data_stacks(figure->results, out);
}

/* All stacks side by side. */
static int take_stacks(const struct figures *figures)
{
	struct figure figure = {
		.results = figures->results,
		.template = "stacks",
		.name = "stacks",
		.axis = "",
		.unit_of = "for one operation of each benchmark",
		.caption = "What one operation of each benchmark takes more than natively, all "
			   "added up, split into what it is charged to.  Only benchmarks count "
			   "that have a fee on every stack.",
		.write = write_stacks};

	snprintf(figure.heading, sizeof(figure.heading), "fee by stack and component (%s)",
		 figures->machine);
	return figures->take(&figure, figures->into);
}

static unsigned write_arrival(const struct figure *figure, FILE *out)
{
	return plot_data_arrival(figure->results, figure->benchmark, out);
}

/* All stacks side by side, from the source of an interrupt to its handler. */
static int take_arrival(const struct figures *figures, const char *benchmark)
{
	struct figure figure = {
		.results = figures->results,
		.benchmark = benchmark,
		.template = "arrival",
		.axis = "",
		.unit_of = "from the source to the handler",
		.caption = "For each stack, the share of the interrupts that were in their handler "
			   "so long after their source, or after a timer was due: a step is a path "
			   "that many took, a long slope is a path that varies.",
		.write = write_arrival};

	snprintf(figure.name, sizeof(figure.name), "%s", benchmark);
	snprintf(figure.heading, sizeof(figure.heading), "%s: until the handler runs (%s)",
		 benchmark, figures->machine);
	return figures->take(&figure, figures->into);
}

static unsigned write_storm(const struct figure *figure, FILE *out)
{
	return plot_data_storm(figure->results, figure->family, out);
}

static int take_storm(const struct figures *figures, const struct family *family)
{
	struct figure figure = {
		.results = figures->results,
		.family = family,
		.template = "storm",
		.axis = family_axis(family),
		.unit_of = "without interrupts by those with them",
		.caption = "What a processor gets done while another one interrupts it, as a share "
			   "of what it gets done undisturbed.",
		.write = write_storm};

	snprintf(figure.name, sizeof(figure.name), "%s", family->name);
	snprintf(figure.heading, sizeof(figure.heading), "throughput left under a storm (%s)",
		 figures->machine);
	return figures->take(&figure, figures->into);
}

static bool is_in_earlier(const struct figures *figures, const struct result_stack *stack,
			  const char *benchmark)
{
	for (const struct result_stack *s = figures->results->stack; s != stack; s++)
		if (results_bench(s, benchmark) != NULL)
			return true;
	return false;
}

/* What is about a benchmark is taken once, from the first stack that has it. */
static int take_interrupts(const struct figures *figures, const struct result_stack *stack)
{
	struct family family;
	int failed = 0;

	for (size_t i = 0; !failed && i < stack->benches; i++) {
		if (is_in_earlier(figures, stack, stack->bench[i].name))
			continue;
		if (strstr(stack->bench[i].name, LATENCY_MARK) != NULL)
			failed = take_arrival(figures, stack->bench[i].name);
		else if (family_find(&family, stack, i) && strcmp(family.name, FAMILY_STORM) == 0)
			failed = take_storm(figures, &family);
	}
	return failed;
}

static unsigned write_tlb(const struct figure *figure, FILE *out)
{
	return plot_data_tlb(figure->results, figure->stack, figure->family, out);
}

/* All stacks on one modelled TLB, along one family. */
static int take_family(const struct figures *figures, const struct result_stack *stack,
		       const struct family *family)
{
	struct figure figure = {
		.results = figures->results,
		.stack = stack,
		.family = family,
		.template = "tlb",
		.axis = family_axis(family),
		.unit_of = "per operation",
		.caption = "What the modelled TLB misses on each stack, what that makes an "
			   "operation cost, and which stack is the cheapest where.",
		.write = write_tlb};

	snprintf(figure.name, sizeof(figure.name), "%s-%s", stack->tlb.name, family->name);
	snprintf(figure.heading, sizeof(figure.heading),
		 "%s: TLB modelled as %s, a reference of a walk taken to cost %" PRIu32 " %s (%s)",
		 family->name, stack->tlb.name, stack->tlb.reference,
		 results_property(figures->results, "unit"), figures->machine);
	return figures->take(&figure, figures->into);
}

/* Nothing for a stack that an earlier one has taken along. */
static int take_tlb(const struct figures *figures, const struct result_stack *stack)
{
	struct family family;
	int failed = 0;

	if (!analysis_is_observed(stack))
		return 0;
	for (const struct result_stack *s = figures->results->stack; s != stack; s++)
		if (strcmp(s->tlb.name, stack->tlb.name) == 0)
			return 0;
	for (size_t i = 0; !failed && i < stack->benches; i++)
		if (family_find(&family, stack, i))
			failed = take_family(figures, stack, &family);
	return failed;
}

int figures_each(const struct results *results,
		 int (*take)(const struct figure *figure, void *into), void *into,
		 struct vmfee_error *err)
{
	struct figures figures = {.results = results, .take = take, .into = into};
	const struct matrix_group *group;
	struct matrix *matrix = matrix_make(results, err);

	if (matrix == NULL)
		return -1;
	snprintf(figures.machine, sizeof(figures.machine), "%s %s, %s",
		 results_property(results, "platform"),
		 results_property(results, "platform_version"), results_property(results, "cpu"));
	int failed =
		matrix->groups > 0 ? figures_of_matrix(&figures, matrix) : take_stacks(&figures);
	for (size_t i = 0; !failed && i < results->stacks; i++)
		failed = take_interrupts(&figures, &results->stack[i]);
	for (size_t i = 0; !failed && i < results->stacks; i++)
		if (analysis_in_tables(results, &results->stack[i]) &&
		    matrix_shows(matrix, &results->stack[i]))
			failed = take_stack(&figures, &results->stack[i],
					    matrix_cell(matrix, &results->stack[i], &group) != NULL,
					    err);
	for (size_t i = 0; !failed && i < results->stacks; i++)
		failed = take_tlb(&figures, &results->stack[i]);
	free(matrix);
	return failed;
}
