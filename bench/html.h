/*
 * The report as a page: one file, nothing fetched, readable in any browser and on paper.
 */
#ifndef BENCH_HTML_H
#define BENCH_HTML_H

#include "bench/project.h"
#include "bench/results.h"

/*
 * Writes run/report.html from the results, the manifest and the figures that are drawn in
 * run/plots, with what the project has published of the experiment.  Returns 0, or -1 with
 * VMFEE_DISK, VMFEE_SYSTEM or VMFEE_USAGE.
 */
int html_save(const struct results *results, const struct project *project, const char *run,
	      struct vmfee_error *err);

#endif
