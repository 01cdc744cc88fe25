#include "bench/plot.h"
#include "bench/figure.h"
#include "bench/process.h"
#include "bench/project.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLOT_ERRORS "gnuplot.stderr"

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

static int draw(const struct plotter *plotter, const struct figure *figure,
		const struct format *format)
{
	char path[PATH_MAX];
	char template[PATH_MAX];
	char data[128];
	char heading[sizeof(figure->heading) + 16];
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
	snprintf(data, sizeof(data), "data = '%s.csv'", figure->name);
	quote(heading, sizeof(heading), "heading", figure->heading);
	quote(unit, sizeof(unit), "unit", plotter->unit);
	quote(axis, sizeof(axis), "axis", figure->axis);
	if (project_path(template, plotter->templates, figure->template, ".gp", plotter->err) !=
		    0 ||
	    project_path(path, plotter->folder, figure->name, format->suffix, plotter->err) != 0 ||
	    process_start(&process, &command, plotter->err) != 0)
		return -1;
	if (take_figure(plotter, &process, path) != 0) {
		process_kill(&process);
		return -1;
	}
	return process_wait(&process) == 0 ? 0 : fail(plotter, figure->template);
}

/* Of a figure that has nothing to show, or no longer has. */
static int remove_figure(const struct plotter *plotter, const struct figure *figure)
{
	char path[PATH_MAX];

	if (project_path(path, plotter->folder, figure->name, ".csv", plotter->err) != 0)
		return -1;
	unlink(path);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (project_path(path, plotter->folder, figure->name, formats[i].suffix,
				 plotter->err) != 0)
			return -1;
		unlink(path);
	}
	return 0;
}

/* Draws one figure in all formats, if its data has something to show. */
static int plot_figure(const struct figure *figure, void *into)
{
	const struct plotter *plotter = into;
	char path[PATH_MAX];

	if (project_path(path, plotter->folder, figure->name, ".csv", plotter->err) != 0)
		return -1;
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return vmfee_fail_errno(plotter->err, "%s", path);
	unsigned shown = figure->write(figure, file);
	int failed = 0;
	if (fflush(file) != 0 || ferror(file))
		failed = vmfee_fail_errno(plotter->err, "%s", path);
	fclose(file);
	if (!failed && shown == 0)
		return remove_figure(plotter, figure);
	for (size_t i = 0; !failed && shown > 0 && i < sizeof(formats) / sizeof(formats[0]); i++)
		failed = draw(plotter, figure, &formats[i]);
	return failed;
}

int plot_all(const struct results *results, const char *templates, const char *run,
	     const struct interrupts *interrupts, struct vmfee_error *err)
{
	struct plotter plotter = {.templates = templates,
				  .unit = results_property(results, "unit"),
				  .interrupts = interrupts,
				  .err = err};
	char errors[PATH_MAX];

	if (project_path(plotter.folder, run, "plots", "", err) != 0 ||
	    project_path(errors, plotter.folder, PLOT_ERRORS, "", err) != 0)
		return -1;
	if (mkdir(plotter.folder, 0777) != 0 && errno != EEXIST)
		return vmfee_fail_errno(err, "%s", plotter.folder);
	int failed = figures_each(results, plot_figure, &plotter, err);
	unlink(errors);
	return failed;
}
