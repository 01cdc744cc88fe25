#include "bench/html_part.h"

#include <inttypes.h>

/* Frames: a level, upon it its components, upon them their reasons. */
enum { WIDTH = 1200, HEIGHT = 26, LETTER = 8 };

/* gnuplot's own for the components, in its order, but light enough to write on. */
static const char *const colours[FEE_COMPONENTS] = {
	[FEE_TRANSITION] = "#cb93e6", [FEE_EMULATION] = "#5fc2a1", [FEE_INTERRUPT] = "#8ccaf0",
	[FEE_MEMORY] = "#f0c05c",     [FEE_TIMER] = "#f3ea78",	   [FEE_DUPLICATION] = "#6aa7d6",
};

/* The exits of a level, of one component of them, or of one reason of that. */
struct frame {
	const char *name, *colour;
	unsigned row;
	uint64_t begin, ticks, whole;
};

static void put_frame(const struct page *page, const struct frame *frame)
{
	double x = (double)frame->begin / (double)frame->whole * WIDTH;
	double width = (double)frame->ticks / (double)frame->whole * WIDTH;
	int letters = (int)(width - LETTER) / LETTER;

	fprintf(page->out, "<g class=\"frame\"><title>%s: ", frame->name);
	html_format(page->out, "%" PRIu64 " %s", frame->ticks, page->unit);
	fprintf(page->out,
		", %.1f %%</title><rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%u\" fill=\"%s\"/>",
		100 * (double)frame->ticks / (double)frame->whole, x, frame->row * HEIGHT, width,
		HEIGHT, frame->colour);
	if (letters > 2)
		fprintf(page->out, "<text x=\"%.2f\" y=\"%u\">%.*s</text>", x + LETTER / 2.0,
			frame->row * HEIGHT + 17, letters, frame->name);
	fputs("</g>\n", page->out);
}

/* Rows of one component, of those from first to end. */
static uint64_t put_component(const struct page *page, const struct latency *first,
			      const struct latency *end, int component, struct frame frame)
{
	struct frame reason = frame;

	frame.ticks = 0;
	for (const struct latency *row = first; row < end; row++) {
		if ((int)row->component != component)
			continue;
		reason.name = exit_reason_name(row->reason);
		reason.row = 2;
		reason.begin = frame.begin + frame.ticks;
		reason.ticks = row->handled_ticks;
		put_frame(page, &reason);
		frame.ticks += row->handled_ticks;
	}
	if (frame.ticks > 0)
		put_frame(page, &frame);
	return frame.ticks;
}

static void put_level(struct page *page, const struct result_stack *stack,
		      const struct latency *first, const struct latency *end)
{
	char name[64];
	struct frame level = {.name = name, .colour = "#d6dade"};
	uint64_t begin = 0;

	for (const struct latency *row = first; row < end; row++)
		level.ticks += row->handled_ticks;
	if (level.ticks == 0)
		return;
	level.whole = level.ticks;
	snprintf(name, sizeof(name), "%s, exits to L%u", stack->name, first->level);
	fprintf(page->out, "<figure id=\"%s-flame-%u\">\n<svg role=\"img\" aria-label=\"",
		stack->name, first->level);
	html_format(page->out, "How the %s of %s are shared out", page->unit, name);
	fprintf(page->out, "\" viewBox=\"0 0 %u %u\" width=\"%u\" height=\"%u\">\n", WIDTH,
		3 * HEIGHT, WIDTH, 3 * HEIGHT);
	put_frame(page, &level);
	for (int i = 0; i < FEE_COMPONENTS; i++)
		begin += put_component(page, first, end, i,
				       (struct frame){.name = fee_component_name(i),
						      .colour = colours[i],
						      .row = 1,
						      .begin = begin,
						      .whole = level.whole});
	fprintf(page->out,
		"</svg>\n<figcaption><b>Figure %u.</b> How what L%u took for exits is shared out: by "
		"component, and within each by reason.  Unit: ",
		++page->figures, first->level);
	html_format(page->out, "%s from the exit stamp to the entry stamp, %" PRIu64 " in all.",
		    page->unit, level.ticks);
	fputs("<span class=\"command\"><code>", page->out);
	html_format(page->out, "build/vmfee export folded --stack=%s %s", stack->name,
		    results_property(page->results, "experiment"));
	fputs("</code> has its numbers, by benchmark too.</span></figcaption>\n</figure>\n",
	      page->out);
}

void html_flame(struct page *page, const struct result_stack *stack)
{
	const struct latency *first = stack->latencies.row;
	const struct latency *end = first + stack->latencies.rows;

	for (const struct latency *row = first; row < end; row++) {
		if (row + 1 < end && row[1].level == first->level)
			continue;
		put_level(page, stack, first, row + 1);
		first = row + 1;
	}
}
