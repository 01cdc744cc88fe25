/* Ring 3, by SYSRET, and back by SYSCALL. */
#ifndef BENCH_GUESTS_RT_USER_H
#define BENCH_GUESTS_RT_USER_H

/* A function for ring 3; it must be naked, as it has no stack. */
#define USER_CODE_SECTION ".user_text"

/* Sets SYSCALL up and maps what lies in USER_CODE_SECTION for ring 3. */
void user_init(void);

/*
 * Runs `code`, which lies in USER_CODE_SECTION, in ring 3 with interrupts off, `argument` in RDI
 * and EAX = 0.  SYSCALL with EAX = 0 returns to it at once, RCX and R11 changed as by the
 * instruction itself; SYSCALL with another EAX ends it and makes this function return.
 *
 * Of memory, the code may touch the pages of rt/pages.h that are mapped with PTE_US.
 */
void user_run(void (*code)(void), volatile void *argument);

#endif
