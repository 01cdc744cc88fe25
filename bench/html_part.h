/*
 * What the files that write the page share.
 */
#ifndef BENCH_HTML_PART_H
#define BENCH_HTML_PART_H

#include "bench/analysis.h"
#include "bench/html.h"
#include "bench/matrix.h"

#include <stdio.h>

struct page {
	const struct results *results;
	const struct matrix *matrix;
	const struct project *project;
	const char *run;  /* its directory */
	const char *unit; /* of ticks */
	FILE *out;
	unsigned figures; /* so far */
	struct vmfee_error *err;
};

/* Text, where it means nothing to HTML; also between double quotes. */
void html_text(FILE *out, const char *text);

/* Text of the format, escaped as a whole. */
void html_format(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Begins a table that can be scrolled with the keyboard where it is wider than the page.  Headings
 * are as table_begin() has them.
 */
void html_table_begin(const struct page *page, const char *caption, const char *headings);

/* A row's first cell, which names it; then its others. */
void html_row(const struct page *page, const char *name);
void html_number(const struct page *page, double number);
void html_count(const struct page *page, uint64_t number);
void html_share(const struct page *page, double part, double whole);
void html_none(const struct page *page);
void html_cell(const struct page *page, const char *text);

void html_table_end(const struct page *page);

/* The tables of one stack. */
void html_costs(const struct page *page, const struct analysis *analysis);
void html_latencies(const struct page *page, const struct result_stack *stack);

/* Where the fee of all stacks goes, in a row each. */
int html_summary(const struct page *page);

/*
 * The figures of a stack, or, of no single one, those that have no place of their own; as far as
 * they are drawn.  Returns 0, or -1.
 */
int html_figures(struct page *page, const struct result_stack *stack);

/* Those that are drawn by a template, of no single stack.  Returns likewise. */
int html_figures_by(struct page *page, const char *template);

/* Where the fee goes, in a paragraph.  Returns 0, or -1. */
int html_lead(const struct page *page);

/* What an experiment says of generations and depths.  Returns 0, or -1. */
int html_matrix(struct page *page);

/* What is published of the experiment, and ours; nothing where nothing is.  Returns 0, or -1. */
int html_published(struct page *page);

/* How the ticks of a stack's exits are shared out, as an upside-down flame graph. */
void html_flame(struct page *page, const struct result_stack *stack);

/* Copies a file, escaped or as it stands.  Returns 0, or -1. */
int html_file(const struct page *page, const char *folder, const char *name, bool escaped);

#endif
