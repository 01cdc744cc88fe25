#ifndef BENCH_SCREEN_H
#define BENCH_SCREEN_H

/*
 * The columns of the terminal that a descriptor is, but at most `most` and at least 60; `most`
 * where it is none.
 */
unsigned screen_width(int terminal, unsigned most);

#endif
