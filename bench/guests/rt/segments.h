/* Selectors of the GDT in entry.S.  Constants only, for assembly too. */
#ifndef BENCH_GUESTS_RT_SEGMENTS_H
#define BENCH_GUESTS_RT_SEGMENTS_H

/*
 * SYSCALL loads CS and SS from two neighbours, SYSRET from the second and third of three (SDM
 * volume 2, SYSRET), which dictates the order.
 */
#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_BASE   0x18
#define USER_DATA   0x20
#define USER_CODE   0x28
#define TSS	    0x30 /* two slots */
#define GDT_SIZE    0x40

#define RPL_USER 3

#endif
