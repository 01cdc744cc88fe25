/*
 * The fields of the VMCS by name, and what stands in them.  Constants only: also for plain C.
 */
#ifndef L1VMM_VMX_VMCS_FIELD_H
#define L1VMM_VMX_VMCS_FIELD_H

#include <stdint.h>

#define VMCS_FIELD(encoding, NAME, ...) VMCS_##NAME = encoding,
enum vmcs_field {
#include "l1vmm/vmx/vmcs_fields.def"
};
#undef VMCS_FIELD

/* Access rights of a segment in the VMCS: SDM volume 3, table 25-2. */
#define AR_CODE32	0xc09b
#define AR_DATA32	0xc093
#define AR_TSS32_BUSY	0x008b
#define AR_UNUSABLE	0x10000
#define AR_TYPE(rights) ((rights) & 0xf)
#define AR_CODE64_BIT	0x2000 /* L */
#define AR_DEFAULT_32	0x4000 /* D/B */

/* VMCS_GUEST_ACTIVITY_STATE: SDM volume 3, 25.4.2. */
#define ACTIVITY_ACTIVE	       0
#define ACTIVITY_HLT	       1
#define ACTIVITY_SHUTDOWN      2
#define ACTIVITY_WAIT_FOR_SIPI 3

/* VMCS_GUEST_INTERRUPTIBILITY: SDM volume 3, table 25-3. */
#define BLOCKING_BY_STI	   (1u << 0)
#define BLOCKING_BY_MOV_SS (1u << 1)
#define BLOCKING_BY_SMI	   (1u << 2)
#define BLOCKING_BY_NMI	   (1u << 3)

/* VMCS_GUEST_PENDING_DBG_EXCEPTIONS: SDM volume 3, table 25-4. */
#define PENDING_DBG_BS (UINT64_C(1) << 14)

/* Interruption information, of exits, entries and IDT vectoring alike: SDM volume 3, 25.8.3. */
#define INTR_INFO_VALID	      (1u << 31)
#define INTR_INFO_ERROR_CODE  (1u << 11)
#define INTR_INFO_IRET_UNDONE (1u << 12) /* at exits: NMI unblocking due to IRET */
#define INTR_INFO_VECTOR_MASK 0xffu
#define INTR_INFO_TYPE_MASK   0x700u
#define INTR_TYPE_EXTERNAL    (0u << 8)
#define INTR_TYPE_RESERVED    (1u << 8)
#define INTR_TYPE_NMI	      (2u << 8)
#define INTR_TYPE_EXCEPTION   (3u << 8)
#define INTR_TYPE_SOFT_INT    (4u << 8)
#define INTR_TYPE_PRIV_SOFT   (5u << 8)
#define INTR_TYPE_SOFT_EXC    (6u << 8)
#define INTR_TYPE_OTHER	      (7u << 8) /* with vector 0, a pending MTF exit */

/* Of the exit qualification of EPT violations: SDM volume 3, table 28-7. */
#define EPT_VIOLATION_LINEAR	  (1u << 7) /* there is a linear address */
#define EPT_VIOLATION_TRANSLATED  (1u << 8) /* and the access is to what that leads to */
#define EPT_VIOLATION_IRET_UNDONE (1u << 12)

/* VMCS_EXIT_REASON: SDM volume 3, 25.9.1. */
#define EXIT_REASON_BASIC_MASK	 0xffffu
#define EXIT_REASON_FAILED_ENTRY (1u << 31)

#endif
