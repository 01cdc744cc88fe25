/*
 * A line of text on a page of so many columns.
 */
#ifndef BENCH_PARAGRAPH_H
#define BENCH_PARAGRAPH_H

#include <stdio.h>

/* Writes the line, broken between words where the page ends; 1023 bytes at most. */
void paragraph(FILE *out, unsigned width, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
