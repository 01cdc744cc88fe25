/*
 * Architectural bits of x86-64, by the names the SDM gives them.  Constants only, so that assembly
 * and plain C parts may include it too.
 */
#ifndef L1VMM_ARCH_X86_H
#define L1VMM_ARCH_X86_H

#ifdef __ASSEMBLER__
#define BIT(n) (1 << (n))
#else
#include <stdint.h>
#define BIT(n) (UINT64_C(1) << (n))
#endif

/* Control registers: SDM volume 3, 2.5. */
#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME	       BIT(0)
#define CR4_PVI	       BIT(1)
#define CR4_TSD	       BIT(2)
#define CR4_DE	       BIT(3)
#define CR4_PSE	       BIT(4)
#define CR4_PAE	       BIT(5)
#define CR4_MCE	       BIT(6)
#define CR4_PGE	       BIT(7)
#define CR4_PCE	       BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_SMXE       BIT(14)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE	       BIT(22)
#define CR4_CET	       BIT(23)
#define CR4_PKS	       BIT(24)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define RFLAGS_CF	 BIT(0)
#define RFLAGS_FIXED	 BIT(1) /* always reads 1 */
#define RFLAGS_PF	 BIT(2)
#define RFLAGS_AF	 BIT(4)
#define RFLAGS_ZF	 BIT(6)
#define RFLAGS_SF	 BIT(7)
#define RFLAGS_TF	 BIT(8)
#define RFLAGS_IF	 BIT(9)
#define RFLAGS_DF	 BIT(10)
#define RFLAGS_OF	 BIT(11)
#define RFLAGS_IOPL_MASK (BIT(12) | BIT(13))
#define RFLAGS_NT	 BIT(14)
#define RFLAGS_RF	 BIT(16)
#define RFLAGS_VM	 BIT(17)
#define RFLAGS_AC	 BIT(18)
#define RFLAGS_VIF	 BIT(19)
#define RFLAGS_VIP	 BIT(20)
#define RFLAGS_ID	 BIT(21)

/* DR7 after reset: SDM volume 3, table 10-1. */
#define DR7_INIT 0x400

#define DEBUGCTL_LBR	 BIT(0)
#define DEBUGCTL_BTF	 BIT(1)
#define DEBUGCTL_OFFERED (DEBUGCTL_LBR | DEBUGCTL_BTF) /* to guests */

#define EFER_OFFERED (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) /* to guests */

#define XCR0_X87     BIT(0)
#define XCR0_SSE     BIT(1)
#define XCR0_AVX     BIT(2)
#define XCR0_OFFERED (XCR0_X87 | XCR0_SSE | XCR0_AVX) /* to guests */

/* Page-table entries: SDM volume 3, 4.5. */
#define PTE_P	BIT(0)
#define PTE_RW	BIT(1)
#define PTE_US	BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A	BIT(5)
#define PTE_D	BIT(6)
#define PTE_PS	BIT(7) /* in a PDE or PDPTE: maps a page */
#define PTE_PAT BIT(7) /* in a PTE */
#define PTE_G	BIT(8)
#define PTE_NX	BIT(63)

#define PTE_ADDR_MASK 0x000ffffffffff000

#define PAGE_SHIFT    12
#define PAGE_SIZE     0x1000
#define PAGE_SIZE_2M  0x200000
#define PAGE_SIZE_1G  0x40000000
#define PTES_PER_PAGE 512

/* Error code of a page fault: SDM volume 3, 4.7. */
#define PF_P	BIT(0)
#define PF_W	BIT(1)
#define PF_U	BIT(2)
#define PF_RSVD BIT(3)
#define PF_I	BIT(4)

/* Exception vectors: SDM volume 3, table 6-1. */
#define VECTOR_DE	  0
#define VECTOR_DB	  1
#define VECTOR_NMI	  2
#define VECTOR_BP	  3
#define VECTOR_OF	  4
#define VECTOR_BR	  5
#define VECTOR_UD	  6
#define VECTOR_NM	  7
#define VECTOR_DF	  8
#define VECTOR_TS	  10
#define VECTOR_NP	  11
#define VECTOR_SS	  12
#define VECTOR_GP	  13
#define VECTOR_PF	  14
#define VECTOR_MF	  16
#define VECTOR_AC	  17
#define VECTOR_MC	  18
#define VECTOR_XM	  19
#define VECTOR_VE	  20
#define VECTOR_CP	  21
#define VECTOR_EXCEPTIONS 32 /* the first vector that is not reserved for exceptions */
#define VECTORS		  256

/* Type field of system-segment and gate descriptors in IA-32e mode: SDM volume 3, table 3-2. */
#define DESC_TYPE_LDT		 0x2
#define DESC_TYPE_TSS_AVAILABLE	 0x9
#define DESC_TYPE_TSS_BUSY	 0xb
#define DESC_TYPE_INTERRUPT_GATE 0xe
#define DESC_TYPE_TRAP_GATE	 0xf

/* CPUID feature bits: SDM volume 2, CPUID. */
#define CPUID_1_ECX_VMX	       BIT(5)
#define CPUID_1_ECX_PCID       BIT(17)
#define CPUID_1_ECX_X2APIC     BIT(21)
#define CPUID_1_ECX_DEADLINE   BIT(24)
#define CPUID_1_ECX_XSAVE      BIT(26)
#define CPUID_1_ECX_OSXSAVE    BIT(27)
#define CPUID_1_ECX_HYPERVISOR BIT(31) /* never set by a processor, always by a hypervisor */
#define CPUID_1_EDX_MCE	       BIT(7)
#define CPUID_1_EDX_APIC       BIT(9)
#define CPUID_HYPERVISOR       0x40000000 /* first leaf of those left to hypervisors */
#define CPUID_ADDRESS_SIZES    0x80000008 /* EAX bits 7:0: of physical addresses */

#endif
