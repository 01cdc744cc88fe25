/*
 * The report as a page: one file, nothing fetched, readable in any browser and on paper.
 */
#ifndef BENCH_HTML_H
#define BENCH_HTML_H

#include "bench/results.h"

/*
 * Writes run/report.html from the results, the manifest and the figures that are drawn in
 * run/plots.  styles is the folder of page.css.  Returns 0, or -1 with VMFEE_DISK or VMFEE_SYSTEM.
 */
int html_save(const struct results *results, const char *styles, const char *run,
	      struct vmfee_error *err);

#endif
