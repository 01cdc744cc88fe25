/*
 * The disk that a cell's Bochs boots: its images, or a kernel whose KVM launches them.
 */
#ifndef BENCH_CELL_DISK_H
#define BENCH_CELL_DISK_H

#include "bench/cell.h"

/* Beside BOCHS_DISK in the folder of a cell with a kernel, as long as it runs. */
#define CELL_INITRAMFS "initramfs.cpio"

/* MiB that the machine has. */
unsigned cell_disk_memory(const struct cell *cell);

/*
 * Writes it, and sets cell->layout.  Returns 0; or -1 with VMFEE_PLATFORM, VMFEE_IMAGE,
 * VMFEE_USAGE, VMFEE_DISK or VMFEE_SYSTEM.
 */
int cell_disk_write(struct cell *cell, struct vmfee_error *err);

#endif
