#include "bench/command.h"
#include "bench/command_arguments.h"
#include "bench/csv.h"
#include "bench/html.h"
#include "bench/plot.h"
#include "bench/report.h"
#include "bench/report_model.h"
#include "bench/report_published.h"
#include "bench/rundir.h"
#include "bench/screen.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_CSV = 0x100, OPTION_MODEL, OPTION_PLOTS, OPTION_HTML, OPTION_PUBLISHED };

static const struct argp_option options[] = {
	{"csv", OPTION_CSV, NULL, 0,
	 "Print a row of comma-separated values per benchmark and stack", 0},
	{"model", OPTION_MODEL, "NAME", 0,
	 "Price the counts by bench/models/NAME.ini: modelled cycles, as a table or with --csv", 0},
	{"plots", OPTION_PLOTS, NULL, 0, "Draw the figures into RUN/plots, printing nothing", 0},
	{"html", OPTION_HTML, NULL, 0,
	 "Draw the figures and write the page RUN/report.html, printing its path", 0},
	{"published", OPTION_PUBLISHED, NULL, 0,
	 "Set published numbers against those of the run, as a table or with --csv", 0},
	{0},
};

static const char doc[] =
	"Prints the report of RUN, which is the name of a run in results/, such as fee or fee.2, "
	"or the path of a run directory.";

struct arguments {
	const char *run;
	const char *model; /* NULL: none */
	bool csv, plots, html, published;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_CSV:
		arguments->csv = true;
		return 0;
	case OPTION_MODEL:
		arguments->model = arg;
		return 0;
	case OPTION_PLOTS:
		arguments->plots = true;
		return 0;
	case OPTION_HTML:
		arguments->html = true;
		return 0;
	case OPTION_PUBLISHED:
		arguments->published = true;
		return 0;
	default:
		return command_take_run(&arguments->run, key, arg, state);
	}
}

static int report_modelled(const struct project *project, const struct results *results,
			   const struct arguments *arguments, struct vmfee_error *err)
{
	struct model model;

	if (model_load(&model, project->models, arguments->model, err) != 0)
		return -1;
	if (arguments->csv)
		return report_model_csv(results, &model, stdout, err);
	return report_model(results, &model, stdout, screen_width(STDOUT_FILENO, REPORT_WIDTH),
			    err);
}

static int write_page(const struct project *project, const struct results *results, const char *run,
		      struct vmfee_error *err)
{
	if (plot_all(results, project->plots, run, NULL, err) != 0 ||
	    html_save(results, project, run, err) != 0)
		return -1;
	printf("%s/report.html\n", run);
	return 0;
}

static int reproduce_published(const struct project *project, const struct results *results,
			       bool csv, struct vmfee_error *err)
{
	struct published *published = calloc(1, sizeof(*published));
	const char *experiment = results_property(results, "experiment");
	int failed = -1;

	if (published == NULL)
		return vmfee_fail_errno(err, "published numbers");
	if (published_load(published, project->published, experiment, err) == 0)
		failed =
			csv ? report_published_csv(results, published, project->models, stdout, err)
			    : report_published(results, published, project->models, stdout,
					       screen_width(STDOUT_FILENO, REPORT_WIDTH), err);
	free(published);
	return failed;
}

/* Figures and the page go into the run's directory. */
static int write_figures(const struct project *project, const struct results *results,
			 const struct arguments *arguments, const char *run,
			 struct vmfee_error *err)
{
	int lock = rundir_lock(run, err);

	if (lock < 0)
		return -1;
	int failed = (arguments->plots && plot_all(results, project->plots, run, NULL, err) != 0) ||
		     (arguments->html && write_page(project, results, run, err) != 0);
	close(lock);
	return failed ? -1 : 0;
}

static int report_run(const struct project *project, const struct results *results,
		      const struct arguments *arguments, const char *run, struct vmfee_error *err)
{
	if (arguments->published)
		return reproduce_published(project, results, arguments->csv, err);
	if (arguments->model != NULL)
		return report_modelled(project, results, arguments, err);
	if (arguments->csv && csv_write(results, stdout, err) != 0)
		return -1;
	if ((arguments->plots || arguments->html) &&
	    write_figures(project, results, arguments, run, err) != 0)
		return -1;
	if (arguments->csv || arguments->plots || arguments->html)
		return 0;
	return report_write(results, stdout, screen_width(STDOUT_FILENO, REPORT_WIDTH), err);
}

int command_report(int argc, char **argv, struct vmfee_error *err)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "RUN", .doc = doc};
	struct arguments arguments = {0};
	struct project project;
	struct results results;
	char run[PATH_MAX];
	char database[PATH_MAX];

	if (command_parse(&argp, argc, argv, &arguments, err) != 0)
		return -1;
	if (command_find_run(&project, arguments.run, run, database, err) != 0)
		return -1;

	int failed = results_load(&results, database, err);
	if (!failed)
		failed = report_run(&project, &results, &arguments, run, err);
	results_free(&results);
	return failed;
}
