#ifndef BENCH_SCREEN_H
#define BENCH_SCREEN_H

/* The columns of the terminal that stdout is, but at most `most`; `most` where it is none. */
unsigned screen_width(unsigned most);

#endif
