/*
 * What the launcher gives up before untrusted images run.
 */
#ifndef BENCH_LAUNCHER_SANDBOX_H
#define BENCH_LAUNCHER_SANDBOX_H

#include "bench/err.h"

/* Who runs a guest that root started. */
enum { SANDBOX_USER = 65534 };

/*
 * Becomes SANDBOX_USER where it is root, and gives up every capability that somebody else has.  Of
 * a process that has one thread yet.  Returns 0, or -1 with VMFEE_SYSTEM.
 */
int sandbox_drop_privileges(struct vmfee_error *err);

/*
 * Of all threads: can gain no privilege any more, and is killed at any system call that a running
 * guest does not need.  No file can be opened after this.  Returns 0, or -1 with VMFEE_SYSTEM.
 */
int sandbox_enter(struct vmfee_error *err);

#endif
