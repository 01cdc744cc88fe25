/*
 * The commands of vmfee.  Each takes its own arguments, argv[0] being "vmfee COMMAND".
 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include "bench/err.h"

/* Returns 0, or -1 with an error.  Wrong usage ends the program with VMFEE_USAGE. */
int command_run(int argc, char **argv, struct vmfee_error *err);
int command_report(int argc, char **argv, struct vmfee_error *err);
int command_merge(int argc, char **argv, struct vmfee_error *err);
int command_top(int argc, char **argv, struct vmfee_error *err);
int command_calibrate(int argc, char **argv, struct vmfee_error *err);
int command_compare(int argc, char **argv, struct vmfee_error *err);
int command_export(int argc, char **argv, struct vmfee_error *err);
int command_sql(int argc, char **argv, struct vmfee_error *err);
int command_reference(int argc, char **argv, struct vmfee_error *err);
int command_doctor(int argc, char **argv, struct vmfee_error *err);

#endif
