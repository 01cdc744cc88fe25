#include "bench/plot.h"
#include "bench/plot_data.h"
#include "bench/process.h"
#include "bench/project.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLOT_ERRORS "gnuplot.stderr"

/* A figure of a stack: its template, and what writes its data.  One without data is not drawn. */
static const struct figure {
	const char *name;
	const char *title;
	unsigned (*write_data)(const struct analysis *analysis, FILE *out);
} figures[] = {
	{"ticks", "ticks per operation", plot_data_ticks},
	{"components", "fee by component", plot_data_components},
	{"spread", "spread of the samples", plot_data_spread},
};

static const struct format {
	const char *suffix;
	const char *terminal;
} formats[] = {
	{".png", "set terminal pngcairo noenhanced size 1200,640 font 'DejaVu Sans,11'"},
	/* Without a name of its own gnuplot puts a number into the ids of an SVG. */
	{".svg", "set terminal svg noenhanced size 1200,640 font 'DejaVu Sans,11' name 'vmfee'"},
};

struct plotter {
	const char *templates;
	char folder[PATH_MAX]; /* run/plots */
	const char *unit;
	const char *machine;		     /* the platform, its version and its CPU */
	const struct interrupts *interrupts; /* NULL: the signals are not held back */
	struct vmfee_error *err;
};

/* Copies text into a string of gnuplot's, without whatever could end it. */
static void quote(char *to, size_t size, const char *name, const char *text)
{
	int used = snprintf(to, size, "%s = '%s", name, text);
	size_t length = (size_t)used < size - 2 ? (size_t)used : size - 2;

	for (char *c = to + strlen(name) + strlen(" = '"); c < to + length; c++)
		if (*c == '\'' || *c == '\\' || (unsigned char)*c < ' ')
			*c = ' ';
	to[length] = '\'';
	to[length + 1] = '\0';
}

/* Waits until gnuplot writes or ends.  Returns 0, or -1 once vmfee is interrupted. */
static int wait_for(const struct plotter *plotter, const struct process *process)
{
	struct pollfd waiting[] = {{.fd = process->out, .events = POLLIN},
				   {.fd = -1, .events = POLLIN}};

	if (plotter->interrupts != NULL)
		waiting[1].fd = plotter->interrupts->descriptor;
	poll(waiting, 2, -1);
	return waiting[1].revents == 0 ? 0 : interrupts_check(plotter->interrupts, plotter->err);
}

/* Copies all that gnuplot writes to a file. */
static int take_figure(const struct plotter *plotter, const struct process *process,
		       const char *path)
{
	FILE *file = fopen(path, "we");
	int failed = 0;

	if (file == NULL)
		return vmfee_fail_errno(plotter->err, "%s", path);
	while (!failed) {
		char bytes[16384];
		ssize_t got = read(process->out, bytes, sizeof(bytes));
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (got < 0)
			failed = wait_for(plotter, process);
		else
			fwrite(bytes, 1, (size_t)got, file);
	}
	if (fflush(file) != 0 || ferror(file))
		failed = vmfee_fail_errno(plotter->err, "%s", path);
	fclose(file);
	return failed;
}

/* Fails with what gnuplot complained about. */
static int fail(const struct plotter *plotter, const char *figure)
{
	char path[PATH_MAX];
	char line[256];
	char reason[256] = "no reason given";

	if (project_path(path, plotter->folder, PLOT_ERRORS, "", plotter->err) != 0)
		return -1;
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[strspn(line, " \t^")] != '\0')
			memcpy(reason, line, sizeof(reason));
	}
	if (file != NULL)
		fclose(file);
	return vmfee_fail(plotter->err, VMFEE_SYSTEM, "gnuplot cannot draw %s.gp: %s", figure,
			  reason);
}

/* One figure's files. */
struct drawing {
	const char *template;
	char name[2 * STACK_MAX_NAME + 2];
	char heading[320];
	const char *axis; /* what the template's first axis stands for, where it does not say */
};

static int draw(const struct plotter *plotter, const struct drawing *drawing,
		const struct format *format)
{
	char path[PATH_MAX];
	char template[PATH_MAX];
	char data[128];
	char heading[sizeof(drawing->heading) + 16];
	char unit[128];
	char axis[128];
	char terminal[128];
	char *argv[] = {"gnuplot", "-e", terminal, "-e", data,	   "-e", heading,
			"-e",	   unit, "-e",	   axis, template, NULL};
	struct process_command command = {.argv = argv,
					  .folder = plotter->folder,
					  .errors = PLOT_ERRORS,
					  .missing = VMFEE_SYSTEM};
	struct process process;

	snprintf(terminal, sizeof(terminal), "%s", format->terminal);
	snprintf(data, sizeof(data), "data = '%s.csv'", drawing->name);
	quote(heading, sizeof(heading), "heading", drawing->heading);
	quote(unit, sizeof(unit), "unit", plotter->unit);
	quote(axis, sizeof(axis), "axis", drawing->axis);
	if (project_path(template, plotter->templates, drawing->template, ".gp", plotter->err) !=
		    0 ||
	    project_path(path, plotter->folder, drawing->name, format->suffix, plotter->err) != 0 ||
	    process_start(&process, &command, plotter->err) != 0)
		return -1;
	if (take_figure(plotter, &process, path) != 0) {
		process_kill(&process);
		return -1;
	}
	return process_wait(&process) == 0 ? 0 : fail(plotter, drawing->template);
}

static FILE *open_data(const struct plotter *plotter, const struct drawing *drawing)
{
	char path[PATH_MAX];
	FILE *file;

	if (project_path(path, plotter->folder, drawing->name, ".csv", plotter->err) != 0)
		return NULL;
	file = fopen(path, "we");
	if (file == NULL)
		vmfee_fail_errno(plotter->err, "%s", path);
	return file;
}

/* The data is written, and has so many things to show. */
static int draw_all(const struct plotter *plotter, const struct drawing *drawing, FILE *file,
		    unsigned shown)
{
	char path[PATH_MAX];
	int failed = project_path(path, plotter->folder, drawing->name, ".csv", plotter->err);

	if (!failed && (fflush(file) != 0 || ferror(file)))
		failed = vmfee_fail_errno(plotter->err, "%s", path);
	fclose(file);
	if (!failed && shown == 0)
		unlink(path);
	for (size_t i = 0; !failed && shown > 0 && i < sizeof(formats) / sizeof(formats[0]); i++)
		failed = draw(plotter, drawing, &formats[i]);
	return failed;
}

static int plot_figure(const struct plotter *plotter, const struct analysis *analysis,
		       const struct figure *figure)
{
	struct drawing drawing = {.template = figure->name, .axis = ""};
	FILE *file;

	snprintf(drawing.name, sizeof(drawing.name), "%s-%s", analysis->stack->name, figure->name);
	snprintf(drawing.heading, sizeof(drawing.heading), "%s: %s (%s)", analysis->stack->name,
		 figure->title, plotter->machine);
	file = open_data(plotter, &drawing);
	return file == NULL ? -1
			    : draw_all(plotter, &drawing, file, figure->write_data(analysis, file));
}

static int plot_stack(const struct plotter *plotter, const struct results *results,
		      const struct result_stack *stack)
{
	struct analysis analysis;
	int failed = analyse(&analysis, results, stack, plotter->err);

	for (size_t i = 0; !failed && i < sizeof(figures) / sizeof(figures[0]); i++)
		failed = plot_figure(plotter, &analysis, &figures[i]);
	analysis_free(&analysis);
	return failed;
}

/* All stacks on one modelled TLB, along one family. */
static int plot_family(const struct plotter *plotter, const struct results *results,
		       const struct result_stack *stack, const struct family *family)
{
	struct drawing drawing = {.template = "tlb", .axis = family_axis(family)};
	FILE *file;

	snprintf(drawing.name, sizeof(drawing.name), "%s-%s", stack->tlb.name, family->name);
	snprintf(drawing.heading, sizeof(drawing.heading),
		 "%s: TLB modelled as %s, a reference of a walk taken to cost %" PRIu32 " %s (%s)",
		 family->name, stack->tlb.name, stack->tlb.reference, plotter->unit,
		 plotter->machine);
	file = open_data(plotter, &drawing);
	return file == NULL ? -1
			    : draw_all(plotter, &drawing, file,
				       plot_data_tlb(results, stack, family, file));
}

/* Nothing for a stack that an earlier one has taken along. */
static int plot_tlb(const struct plotter *plotter, const struct results *results,
		    const struct result_stack *stack)
{
	struct family family;
	int failed = 0;

	if (!analysis_is_observed(stack))
		return 0;
	for (const struct result_stack *s = results->stack; s != stack; s++)
		if (strcmp(s->tlb.name, stack->tlb.name) == 0)
			return 0;
	for (size_t i = 0; !failed && i < stack->benches; i++)
		if (family_find(&family, stack, i))
			failed = plot_family(plotter, results, stack, &family);
	return failed;
}

int plot_all(const struct results *results, const char *templates, const char *run,
	     const struct interrupts *interrupts, struct vmfee_error *err)
{
	char machine[128];
	struct plotter plotter = {.templates = templates,
				  .unit = results_property(results, "unit"),
				  .machine = machine,
				  .interrupts = interrupts,
				  .err = err};
	char errors[PATH_MAX];
	int failed = 0;

	snprintf(machine, sizeof(machine), "%s %s, %s", results_property(results, "platform"),
		 results_property(results, "platform_version"), results_property(results, "cpu"));
	if (project_path(plotter.folder, run, "plots", "", err) != 0 ||
	    project_path(errors, plotter.folder, PLOT_ERRORS, "", err) != 0)
		return -1;
	if (mkdir(plotter.folder, 0777) != 0 && errno != EEXIST)
		return vmfee_fail_errno(err, "%s", plotter.folder);
	for (size_t i = 0; !failed && i < results->stacks; i++)
		if (analysis_in_tables(results, &results->stack[i]))
			failed = plot_stack(&plotter, results, &results->stack[i]);
	for (size_t i = 0; !failed && i < results->stacks; i++)
		failed = plot_tlb(&plotter, results, &results->stack[i]);
	unlink(errors);
	return failed;
}
