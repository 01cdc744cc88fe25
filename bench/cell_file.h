/*
 * A cell that ended well, as its folder holds it: the console, the trace, and cell.json, which says
 * of what run they are.  Whoever finds the three need not run the cell again.
 */
#ifndef BENCH_CELL_FILE_H
#define BENCH_CELL_FILE_H

#include "bench/cell.h"

/* Everything that decides what comes of a cell.  NULL with an error; else to be released. */
json_t *cell_identity(const struct cell *cell, struct vmfee_error *err);

/* Writes cell.json into the folder of a cell that ended well, as the last of its files. */
int cell_save(const struct cell *cell, struct vmfee_error *err);

/*
 * Takes a cell that has been prepared from what its folder holds.  False where that is no such
 * cell; then `why` says what keeps it from being used, and no error that nothing is there.
 */
bool cell_load(struct cell *cell, struct vmfee_error *why);

/*
 * How a cell failed, for a vmfee that waits for another: cell_save_failure() leaves it in the
 * folder, where that is possible, and cell_load_failure() takes it from there.  False where there
 * is none.
 */
void cell_save_failure(const struct cell *cell);
bool cell_load_failure(struct cell *cell);

/* Whether either has been left in the folder. */
bool cell_has_ended(const struct cell *cell);

#endif
