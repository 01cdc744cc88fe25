#include "bench/derive.h"
#include "bench/html.h"
#include "bench/plot.h"
#include "bench/report.h"
#include "bench/rundir.h"

int derive_report(const struct results *results, const char *run, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (project_path(path, run, "report", ".txt", err) != 0)
		return -1;
	return report_save(results, path, err);
}

int derive_figures(const struct results *results, const struct project *project, const char *run,
		   const struct interrupts *interrupts, struct vmfee_error *undrawn,
		   struct vmfee_error *err)
{
	char plots[PATH_MAX];

	if (plot_all(results, project->plots, run, interrupts, undrawn) == 0)
		return html_save(results, project, run, err);
	if (undrawn->status == VMFEE_INTERRUPTED)
		return vmfee_fail(err, undrawn->status, "%s", undrawn->text);
	vmfee_suffix(undrawn, "; the run is kept without figures, and --no-plots asks for none");
	if (project_path(plots, run, "plots", "", err) != 0)
		return -1;
	rundir_remove_tree(plots);
	return 0;
}
