#include "bench/progress.h"
#include "bench/screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Erases the line of a terminal that the cursor is on (ECMA-48 EL). */
#define ERASE_LINE "\r\033[K"

/* Machines write byte by byte; nobody reads that fast. */
enum { REDRAW_MS = 100 };

static long milliseconds(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000 + (to->tv_nsec - from->tv_nsec) / 1000000;
}

void progress_begin(struct progress *progress, const char *experiment)
{
	*progress = (struct progress){.experiment = experiment, .live = isatty(STDERR_FILENO)};
	clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

void progress_wipe(struct progress *progress)
{
	if (progress->shown)
		fputs(ERASE_LINE, stderr);
	progress->shown = false;
}

void progress_started(struct progress *progress, const struct experiment_stack *stack)
{
	if (!progress->live)
		fprintf(stderr, "%s: %s: started (%s)\n", progress->experiment, stack->name,
			stack->notation);
}

void progress_done(struct progress *progress, const struct cell *cell)
{
	progress_wipe(progress);
	fprintf(stderr, "%s: %s: %u benchmarks, %" PRIu64 " exits\n", progress->experiment,
		cell->stack->name, cell->console.benches, cell->exits.records);
}

void progress_kept(struct progress *progress, const struct cell *cell)
{
	fprintf(stderr, "%s: %s: kept from before\n", progress->experiment, cell->stack->name);
}

void progress_again(struct progress *progress, const struct cell *cell,
		    const struct vmfee_error *why)
{
	fprintf(stderr, "%s: %s: is run again: %s\n", progress->experiment, cell->stack->name,
		why->text);
}

void progress_failed(struct progress *progress, const struct cell *cell)
{
	progress_wipe(progress);
	fprintf(stderr, "%s: %s: failed: %s\n", progress->experiment, cell->stack->name,
		cell->failure.text);
}

void progress_show(struct progress *progress, const struct cell *cells, unsigned count,
		   unsigned done, unsigned all)
{
	struct timespec now;
	char line[256];

	if (!progress->live)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (progress->shown && milliseconds(&progress->drawn, &now) < REDRAW_MS)
		return;
	progress->drawn = now;
	progress_wipe(progress);
	size_t used = (size_t)snprintf(line, sizeof(line), "%s: %u of %u stacks, %ld s",
				       progress->experiment, done, all,
				       milliseconds(&progress->start, &now) / 1000);
	for (unsigned i = 0; i < count && used < sizeof(line); i++) {
		const struct console *console = &cells[i].console;
		if (!cells[i].running)
			continue;
		used += (size_t)snprintf(
			line + used, sizeof(line) - used, "; %s: %s", cells[i].stack->name,
			console->benches == 0 ? "boots"
					      : console->bench[console->benches - 1].name);
	}
	/* A line that the terminal wraps cannot be wiped; the last column may wrap by itself. */
	fprintf(stderr, "%.*s", (int)screen_width(STDERR_FILENO, sizeof(line)) - 1, line);
	progress->shown = true;
}
