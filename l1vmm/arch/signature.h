#ifndef L1VMM_ARCH_SIGNATURE_H
#define L1VMM_ARCH_SIGNATURE_H

/* What EBX, ECX and EDX of leaf CPUID_HYPERVISOR hold under l1vmm, in this order: 12 bytes. */
#define L1VMM_SIGNATURE	     "l1vmml1vmm\0\0"
#define L1VMM_SIGNATURE_SIZE 12

#endif
