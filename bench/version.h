#ifndef BENCH_VERSION_H
#define BENCH_VERSION_H

/* The commit that this vmfee was built from, as `git describe` names it, or "unknown". */
extern const char vmfee_version[];

#endif
