/* A guest of struct mmu_rig whose kernel runs a process, which forks. */
#ifndef TESTS_UNIT_MMU_WORKLOAD_H
#define TESTS_UNIT_MMU_WORKLOAD_H

#include "l1vmm/arch/x86.h"
#include "tests/unit/mmu_rig.h"

#define ALL (PTE_P | PTE_RW | PTE_US)

/* The guest's frames: four tables of each process, root first, the kernel's two, then pages. */
enum {
	PARENT = 0,
	KERNEL_TABLES = 4,
	CHILD = 6,
	PAGES = 10,
	COPIES = 18,
};

#define PROCESS_PAGES 8

/* Entries have 8 bytes; address[] holds the process's pages, then memory as the kernel maps it. */
struct workload {
	struct mmu_rig rig;
	struct random random;
	unsigned exits; /* but for page faults */
};

/* The parent runs. */
void workload_start(struct workload *w, enum mmu_policy policy);

uint64_t workload_entry(unsigned frame, unsigned index); /* gpa */

/* Before the start; and the kernel's store, through its mapping of all memory. */
void workload_put_entry(struct workload *w, unsigned frame, unsigned index, uint64_t value);
void workload_set_entry(struct workload *w, unsigned frame, unsigned index, uint64_t value);

void workload_invlpg(struct workload *w, unsigned page);
void workload_switch(struct workload *w, unsigned process);

void workload_fork(struct workload *w);

/* Reads each page and writes some, of which the kernel makes copies, or which it hands over. */
void workload_run(struct workload *w, unsigned process, unsigned copies);

void workload_end_child(struct workload *w);

#endif
