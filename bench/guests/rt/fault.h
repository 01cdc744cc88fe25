#ifndef BENCH_GUESTS_RT_FAULT_H
#define BENCH_GUESTS_RT_FAULT_H

#include <stdbool.h>

/*
 * Commits the fault of fault.def that `cmdline` asks for.  True if there was one and the machine
 * let it pass, false if none was asked for; a name that is not in the table is a failure of the
 * image.
 */
bool fault_commit(const char *cmdline);

#endif
