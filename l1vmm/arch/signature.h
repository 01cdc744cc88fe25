#ifndef L1VMM_ARCH_SIGNATURE_H
#define L1VMM_ARCH_SIGNATURE_H

/* What EBX, ECX and EDX of leaf CPUID_HYPERVISOR hold under l1vmm, in this order: 12 bytes. */
#define L1VMM_SIGNATURE	     "l1vmml1vmm\0\0"
#define L1VMM_SIGNATURE_SIZE 12

/* EAX: the level of the hypervisor. */
#define CPUID_LEVEL 0x40000001
/*
 * EAX: the version of the orders for shadow tables (shadow/mmu_batch.h), 0 where they are not
 * offered; EBX: how many one call may have; ECX: whether packets of telemetry are taken
 * (HYPERCALL_TRACE); EDX: 1 where a guest hypervisor may have an exit page (l1vmm/exit_page.h).
 */
#define CPUID_HANDSHAKES 0x40000002

#endif
