#include "bench/lead.h"
#include "bench/generation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A text that grows at its end, as far as there is room. */
struct text {
	char text[1024];
	size_t used;
};

static void add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int length = vsnprintf(text->text + text->used, sizeof(text->text) - text->used, fmt, args);
	va_end(args);
	text->used += (size_t)length;
	if (text->used >= sizeof(text->text))
		text->used = sizeof(text->text) - 1;
}

/* A whole number, its thousands apart. */
static void add_number(struct text *text, double number)
{
	char digits[64];
	int length = snprintf(digits, sizeof(digits), "%.0f", number);

	for (int i = 0; i < length; i++)
		add(text, "%s%c", i > 0 && (length - i) % 3 == 0 ? "," : "", digits[i]);
}

/* A fee too small to be one. */
static bool nothing(double fee)
{
	return fee < 0.05;
}

/* The parts of a fee, the greatest first, as far as they matter. */
static void add_parts(struct text *text, double fee, const double *part, double upper)
{
	double left[FEE_COMPONENTS + 1];
	unsigned said = 0;

	memcpy(left, part, FEE_COMPONENTS * sizeof(left[0]));
	left[FEE_COMPONENTS] = upper;
	for (;;) {
		int most = 0;
		for (int i = 1; i <= FEE_COMPONENTS; i++)
			if (left[i] > left[most])
				most = i;
		if (left[most] < 0.1 * fee || said == 3)
			break;
		add(text, "%s%.0f %% %s (%s)", said++ == 0 ? "" : ", ", 100 * left[most] / fee,
		    most == FEE_COMPONENTS ? "upper" : fee_component_name(most),
		    most == FEE_COMPONENTS ? "what the hypervisors above the lowest run themselves"
					   : fee_component_text(most));
		left[most] = 0;
	}
}

/* What each later generation makes of what the first one of that depth costs. */
static void add_paid(struct text *text, const struct matrix_group *group,
		     const struct matrix_cell *first)
{
	const struct matrix_cell *before = first;
	unsigned said = 0;

	for (unsigned i = 0; i < group->cells; i++) {
		const struct matrix_cell *cell = &group->cell[i];
		if (cell->depth != first->depth ||
		    !generation_follows(cell->generation, before->generation))
			continue;
		double share = 100 * (before->fee - cell->fee) / first->fee;
		if (fabs(share) >= 0.5)
			add(text, "%s %s (%s) %s %.0f %% of that", said++ == 0 ? "" : ",",
			    cell->generation, generation_text(cell->generation),
			    share > 0 ? "pays back" : "adds", fabs(share));
		before = cell;
	}
	add(text, said == 0 ? " No later generation pays any of that back." : ".");
}

static const char *count_word(unsigned number)
{
	static const char *const words[] = {"no", "one", "two", "three", "four", "five"};

	return number < sizeof(words) / sizeof(words[0]) ? words[number] : "many";
}

static void lowest_depth(struct text *text, const struct matrix_group *group, const char *unit)
{
	const struct matrix_cell *first = &group->cell[0];

	add(text, "%s%s%s%s take ", group->name, group->about[0] == '\0' ? "" : " (", group->about,
	    group->about[0] == '\0' ? "" : ")");
	add_number(text, group->native_ticks);
	add(text, " %s on the bare machine. Under %s hypervisor%s, %s (%s) adds ", unit,
	    count_word(first->depth), first->depth == 1 ? "" : "s", first->generation,
	    generation_text(first->generation) == NULL ? "with other switches"
						       : generation_text(first->generation));
	add_number(text, first->fee);
	if (nothing(first->fee)) {
		add(text, ".");
		return;
	}
	add(text, ": ");
	add_parts(text, first->fee, first->part, first->upper);
	add(text, ".");
	add_paid(text, group, first);
}

/* The first cell of a depth, and the last one. */
static const struct matrix_cell *at_depth(const struct matrix_group *group, unsigned depth,
					  bool last)
{
	const struct matrix_cell *found = NULL;

	for (unsigned i = 0; i < group->cells; i++)
		if (group->cell[i].depth == depth && (found == NULL || last))
			found = &group->cell[i];
	return found;
}

/* How the fee grows with the hypervisors, with the newest generation, and what it is at the end. */
static void deeper(struct text *text, const struct matrix_group *group)
{
	const struct matrix_cell *oldest = at_depth(group, group->deepest, false);
	const struct matrix_cell *newest = at_depth(group, group->deepest, true);
	unsigned said = 0;

	add(text, " With %s", newest->generation);
	for (unsigned depth = group->cell[0].depth + 1; depth <= group->deepest; depth++) {
		const struct matrix_cell *cell = at_depth(group, depth, true);
		if (cell == NULL)
			continue;
		add(text, "%s %s hypervisors%s ", said == 0 ? "" : ",", count_word(depth),
		    said == 0 ? " add" : "");
		add_number(text, cell->fee);
		said++;
	}
	if (nothing(newest->fee)) {
		add(text, ".");
		return;
	}
	add(text, ": ");
	add_parts(text, newest->fee, newest->part, newest->upper);
	add(text, ".");
	if (newest == oldest)
		return;
	add(text, " There %s adds ", oldest->generation);
	add_number(text, oldest->fee);
	add(text, ".");
	add_paid(text, group, oldest);
}

static void tell_group(const struct matrix_group *group, const char *unit,
		       void (*take)(const char *text, void *into), void *into)
{
	struct text text = {.used = 0};

	lowest_depth(&text, group, unit);
	if (group->deepest > group->cell[0].depth)
		deeper(&text, group);
	if (text.text[0] >= 'a' && text.text[0] <= 'z')
		text.text[0] = (char)(text.text[0] - 'a' + 'A');
	take(text.text, into);
}

/* Where there is no matrix: a stack's fee, and what it is made of. */
static int tell_stack(const struct results *results, const struct result_stack *stack,
		      void (*take)(const char *text, void *into), void *into,
		      struct vmfee_error *err)
{
	struct analysis analysis;
	struct text text = {.used = 0};
	int failed = analyse(&analysis, results, stack, err);

	if (!failed && analysis.priced > 0) {
		add(&text, "On %s one operation of each of %u benchmarks takes ", stack->name,
		    analysis.priced);
		add_number(&text, fabs(analysis.fee));
		add(&text, " %s %s than natively", results_property(results, "unit"),
		    analysis.fee < 0 ? "less" : "more");
		if (!nothing(analysis.fee)) {
			add(&text, ": ");
			add_parts(&text, analysis.fee, analysis.part, 0);
		}
		add(&text, ".");
		take(text.text, into);
	}
	analysis_free(&analysis);
	return failed;
}

int lead_each(const struct results *results, const struct matrix *matrix,
	      void (*take)(const char *text, void *into), void *into, struct vmfee_error *err)
{
	int failed = 0;

	for (unsigned i = 0; i < matrix->groups; i++)
		tell_group(&matrix->group[i], results_property(results, "unit"), take, into);
	for (size_t i = 0; matrix->groups == 0 && !failed && i < results->stacks; i++)
		if (analysis_in_tables(results, &results->stack[i]))
			failed = tell_stack(results, &results->stack[i], take, into, err);
	return failed;
}
