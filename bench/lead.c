#include "bench/lead.h"
#include "bench/generation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A text that grows at its end, as far as there is room. */
struct text {
	char *text;
	size_t size, used;
	unsigned explained; /* bit i: what component i is has been said already */
};

static void add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int length = vsnprintf(text->text + text->used, text->size - text->used, fmt, args);
	va_end(args);
	text->used += (size_t)length;
	if (text->used >= text->size)
		text->used = text->size - 1;
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

/* What a part is called, and once what it is; FEE_COMPONENTS is what upper hypervisors ran. */
static void add_part(struct text *text, int part)
{
	bool upper = part == FEE_COMPONENTS;

	add(text, "%s", upper ? MATRIX_UPPER : fee_component_name(part));
	if ((text->explained & 1u << part) == 0)
		add(text, " (%s)",
		    upper ? "what the hypervisors above the lowest run themselves"
			  : fee_component_text(part));
	text->explained |= 1u << part;
}

/* The parts of a fee, the greatest first, as far as they matter. */
static void add_parts(struct text *text, double fee, const double *part, double upper)
{
	double left[FEE_COMPONENTS + 1];

	memcpy(left, part, FEE_COMPONENTS * sizeof(left[0]));
	left[FEE_COMPONENTS] = upper;
	for (unsigned said = 0; said < 2; said++) {
		int most = 0;
		for (int i = 1; i <= FEE_COMPONENTS; i++)
			if (left[i] > left[most])
				most = i;
		if (left[most] < 0.15 * fee)
			break;
		add(text, "%s%.0f %% ", said == 0 ? "" : ", ", 100 * left[most] / fee);
		add_part(text, most);
		left[most] = 0;
	}
}

/* A change of the fee by a generation, of what the fee was before any. */
static void add_change(struct text *text, const struct matrix_cell *cell, double share)
{
	const char *verb = share > 0 ? "pays back" : "adds";

	add(text, "%s (%s) ", cell->generation, generation_text(cell->generation));
	if (share > 99.5)
		add(text, "%s all of that", verb);
	else
		add(text, "%s %.0f %% of that", verb, fabs(share));
}

/* What each later generation makes of what the first one of that depth adds. */
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
		if (fabs(share) >= 0.5) {
			add(text, said++ == 0 ? "; " : ", ");
			add_change(text, cell, share);
		}
		before = cell;
	}
	add(text, said == 0 ? "; no later generation pays any of that back." : ".");
}

static const char *count_word(unsigned number)
{
	static const char *const words[] = {"no", "one", "two", "three", "four", "five"};

	return number < sizeof(words) / sizeof(words[0]) ? words[number] : "many";
}

static void lowest_depth(struct text *text, const struct matrix_group *group, const char *unit)
{
	const struct matrix_cell *first = &group->cell[0];
	const char *came = generation_text(first->generation);

	add(text, "%s%s%s%s take ", group->name, group->about[0] == '\0' ? "" : " (", group->about,
	    group->about[0] == '\0' ? "" : ")");
	add_number(text, group->native_ticks);
	add(text, " %s on the bare machine. On %s (%s) %s hypervisor%s ", unit, first->generation,
	    came == NULL ? "with other switches" : came, count_word(first->depth),
	    first->depth == 1 ? " adds" : "s add");
	add_number(text, first->fee);
	if (nothing(first->fee)) {
		add(text, ".");
		return;
	}
	add(text, ": ");
	add_parts(text, first->fee, first->part, first->upper);
	add_paid(text, group, first);
}

/* The first cell of a depth. */
static const struct matrix_cell *oldest_of(const struct matrix_group *group, unsigned depth)
{
	unsigned i = 0;

	while (group->cell[i].depth != depth)
		i++;
	return &group->cell[i];
}

/* Which exits the lowest hypervisor spends its time on. */
static void add_reasons(struct text *text, const struct matrix_cell *cell)
{
	add(text, ". Of what the lowest one spends on exits,");
	for (int i = 0; i < MATRIX_REASONS && cell->most[i].share > 0; i++)
		add(text, "%s %.0f %% goes to %s", i == 0 ? "" : " and", 100 * cell->most[i].share,
		    exit_reason_name(cell->most[i].reason));
}

/* What a generation adds at each depth but the lowest.  Returns whether there is any. */
static bool add_depths(struct text *text, const struct matrix_group *group, const char *generation)
{
	unsigned said = 0;

	for (unsigned depth = group->cell[0].depth + 1; depth <= group->deepest; depth++) {
		const struct matrix_cell *cell = matrix_find(group, generation, depth);
		if (cell == NULL)
			continue;
		if (said++ == 0)
			add(text, " On %s %s hypervisors add ", generation, count_word(depth));
		else
			add(text, ", %s ", count_word(depth));
		add_number(text, cell->fee);
	}
	return said > 0;
}

/* How the fee grows with the hypervisors on the oldest and the newest generation, and what it is at
 * the end. */
static void deeper(struct text *text, const struct matrix_group *group)
{
	const struct matrix_cell *oldest = oldest_of(group, group->deepest);
	const struct matrix_cell *newest = matrix_newest(group, group->deepest);
	const char *first = group->cell[0].generation;

	if (strcmp(first, newest->generation) != 0 && add_depths(text, group, first))
		add(text, ".");
	add_depths(text, group, newest->generation);
	if (nothing(newest->fee)) {
		add(text, ".");
		return;
	}
	add(text, ": ");
	add_parts(text, newest->fee, newest->part, newest->upper);
	add_reasons(text, newest);
	add(text, ".");
	if (newest == oldest)
		return;
	add(text, " With %s it is ", oldest->generation);
	add_number(text, oldest->fee);
	add_paid(text, group, oldest);
}

void lead_each(const struct results *results, const struct matrix *matrix,
	       void (*take)(const char *text, void *into), void *into)
{
	char room[1024];
	struct text text = {.text = room, .size = sizeof(room)};

	for (unsigned i = 0; i < matrix->groups; i++) {
		const struct matrix_group *group = &matrix->group[i];
		text.used = 0;
		lowest_depth(&text, group, results_property(results, "unit"));
		if (group->deepest > group->cell[0].depth)
			deeper(&text, group);
		if (room[0] >= 'a' && room[0] <= 'z')
			room[0] = (char)(room[0] - 'a' + 'A');
		take(room, into);
	}
}

/* What a workload pays on a stack, and for what most. */
static void add_share(struct text *text, const struct matrix_group *group,
		      const struct matrix_cell *cell)
{
	int most = 0;

	for (int i = 1; i < FEE_COMPONENTS; i++)
		if (cell->part[i] > cell->part[most])
			most = i;
	add_number(text, cell->fee);
	add(text, " for %s", group->name);
	if (nothing(cell->fee))
		return;
	add(text, ", %.0f %% of that ", 100 * cell->part[most] / cell->fee);
	add_part(text, most);
}

/* The newest generation, as deep as it gets. */
static void answer_depth(struct text *text, const struct matrix *matrix)
{
	const struct matrix_cell *dearest = NULL;

	add(text, " Under %s hypervisors it is ", count_word(matrix->group[0].deepest));
	for (unsigned i = 0; i < matrix->groups; i++) {
		const struct matrix_group *group = &matrix->group[i];
		const struct matrix_cell *cell = matrix_newest(group, group->deepest);
		add(text, i == 0 ? "" : "; ");
		add_share(text, group, cell);
		if (dearest == NULL || cell->fee > dearest->fee)
			dearest = cell;
	}
	add(text, ".");
	if (dearest == NULL || dearest->most[1].share == 0)
		return;
	add(text, " There the exits that the lowest one spends most on are %s and %s.",
	    exit_reason_name(dearest->most[0].reason), exit_reason_name(dearest->most[1].reason));
}

static void answer_matrix(struct text *text, const struct matrix *matrix)
{
	const struct matrix_group *first = &matrix->group[0];
	const char *oldest = first->cell[0].generation;
	const char *newest = matrix_newest(first, first->cell[0].depth)->generation;

	add(text, " Under %s on %s (%s) it is ",
	    first->cell[0].depth == 1 ? "one hypervisor" : "the fewest hypervisors", oldest,
	    generation_text(oldest) == NULL ? "with other switches" : generation_text(oldest));
	for (unsigned i = 0; i < matrix->groups; i++) {
		add(text, i == 0 ? "" : "; ");
		add_share(text, &matrix->group[i], &matrix->group[i].cell[0]);
	}
	add(text, ". With all that %s has, ", newest);
	for (unsigned i = 0; i < matrix->groups; i++) {
		const struct matrix_group *group = &matrix->group[i];
		const struct matrix_cell *cell = matrix_newest(group, group->cell[0].depth);
		add(text, "%s%.0f %%%s for %s", i == 0 ? "" : ", ",
		    nothing(group->cell[0].fee) ? 100 : 100 * cell->fee / group->cell[0].fee,
		    i == 0 ? " of it is left" : "", group->name);
	}
	add(text, ".");
	if (first->deepest > first->cell[0].depth)
		answer_depth(text, matrix);
}

/* Where there is no matrix: a stack's fee, and what it is made of. */
static int answer_stack(struct text *text, const struct results *results,
			const struct result_stack *stack, struct vmfee_error *err)
{
	struct analysis analysis;
	int failed = analyse(&analysis, results, stack, err);

	if (!failed && analysis.priced > 0) {
		add(text, " On %s one operation of each of %u benchmarks takes ", stack->name,
		    analysis.priced);
		add_number(text, fabs(analysis.fee));
		add(text, " %s", analysis.fee < 0 ? "less" : "more");
		if (!nothing(analysis.fee)) {
			add(text, ": ");
			add_parts(text, analysis.fee, analysis.part, 0);
		}
		add(text, ".");
	}
	analysis_free(&analysis);
	return failed;
}

int lead_answer(const struct results *results, const struct matrix *matrix, char *room, size_t size,
		struct vmfee_error *err)
{
	struct text text = {.text = room, .size = size};
	int failed = 0;

	add(&text,
	    "The fee is what work takes more under a hypervisor than on the bare machine, here in "
	    "%s%s.",
	    results_property(results, "unit"), results_property(results, "tick_caution"));
	if (matrix->groups > 0)
		answer_matrix(&text, matrix);
	for (size_t i = 0; matrix->groups == 0 && !failed && i < results->stacks; i++)
		if (analysis_in_tables(results, &results->stack[i]))
			failed = answer_stack(&text, results, &results->stack[i], err);
	return failed;
}
