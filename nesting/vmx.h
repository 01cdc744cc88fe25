/*
 * The VMX instructions of a guest hypervisor, but for their operands and for the entry itself: what
 * they check, what they change, how they end (SDM volume 3, chapter 31).
 */
#ifndef NESTING_VMX_H
#define NESTING_VMX_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/x86.h"
#include "nesting/capability.h"
#include "nesting/entry_checks.h"
#include "nesting/vmcs12.h"
#include "nesting/vpid12.h"

/* A VMCS of the processor's. */
struct vmcs_ops {
	uint64_t (*read)(void *ctx, enum vmcs_field field);
	void (*write)(void *ctx, enum vmcs_field field, uint64_t value);
	void *ctx;
};

/* What the instructions reach outside. */
struct nested_ops {
	/* Where `size` bytes of L1's memory at `gpa` can be read; NULL: they are no memory. */
	const void *(*memory)(void *ctx, uint64_t gpa, uint64_t size);
	/* Stores there, by these two alone, so that who follows L1's stores knows of each. */
	void (*store)(void *ctx, uint64_t gpa, const void *from, uint64_t size);
	/* A quadword, where it still has the expected value. */
	bool (*exchange)(void *ctx, uint64_t gpa, uint64_t expected, uint64_t desired);
	/* A field of the vmcs02 that belongs to nested.at, whichever VMCS is current. */
	uint64_t (*vmcs02_read)(void *ctx, enum vmcs_field field);
	/*
	 * Where the processor finds `size` bytes of L1's memory at `gpa`, which it will store to
	 * from now on; 0: they are no memory.
	 */
	uint64_t (*lend)(void *ctx, uint64_t gpa, uint64_t size);
	/* Has the next store to a page of L1's counted; false where that cannot be. */
	bool (*watch)(void *ctx, uint64_t gpa);
	/* An INVEPT of L1's: of one EPT pointer, 0 for all of them. */
	void (*invept)(void *ctx, uint64_t eptp12);
	/* An INVVPID of L1's: `vpid12` and `address` as far as the type goes by them. */
	void (*invvpid)(void *ctx, enum invvpid_type type, uint16_t vpid12, uint64_t address);
	/* An MSR of the level that is about to run, of an area; false where that raises #GP. */
	bool (*read_msr)(void *ctx, uint32_t msr, uint64_t *value);
	bool (*write_msr)(void *ctx, uint32_t msr, uint64_t value);
	void *ctx;
};

#define HELD_WORDS (VMCS12_SLOTS / 64)

/*
 * An active VMCS of L1's (SDM volume 3, 25.1): L0 has a copy of it, and a vmcs02 of its own for it.
 * Of the current one `struct nested` itself has what stands here beside the copy.
 */
struct nested_vmcs {
	uint64_t gpa; /* VMCS12_NO_ADDRESS: none */
	struct vmcs12 *copy;
	void *vmcs02; /* what L0 keeps with its vmcs02 */
	uint64_t held[HELD_WORDS];
	uint32_t changed;
	bool entered_from_ia32e;
	uint64_t cr0_owned, cr4_owned;
	uint64_t used; /* when it was current last, by nested.uses */
};

/* How many L1 can have without L0 writing one back for the sake of another. */
#define NESTED_VMCSS 4

/* The VMX of a vCPU that is a guest hypervisor. */
struct nested {
	struct nested_ops ops;
	struct vmx_capabilities offered;
	struct vmcs12_layout layout;
	bool on;	  /* in VMX operation */
	bool in_l2;	  /* in VMX non-root operation */
	uint64_t vmxon;	  /* gpa */
	uint64_t current; /* gpa of the current VMCS, VMCS12_NO_ADDRESS: none */
	struct vmcs12 *vmcs12;
	void *vmcs02;
	struct nested_vmcs active[NESTED_VMCSS];
	unsigned at; /* the current one, and whose vmcs02 ops.vmcs02_read() reads */
	uint64_t uses;
	uint64_t cr0_owned, cr4_owned; /* bits that are L0's in vmcs02 */
	/*
	 * A bit for each slot.  Guest state and exit information: the copy holds the value, not
	 * vmcs02.  Other fields: they have been written since the last entry.
	 */
	uint64_t held[HELD_WORDS];
	uint64_t live[HELD_WORDS];     /* fields of the first kind */
	uint64_t shadowed[HELD_WORDS]; /* fields that L1 reaches without an exit */

	struct entry_rules rules;
	uint32_t changed;	 /* since the last entry that passed its checks: groups of them */
	bool entered_from_ia32e; /* at that entry */
	uint64_t read_with[ENTRY_GROUPS][HELD_WORDS]; /* fields that a changed group makes read */
	uint64_t pdptes[ENTRY_PDPTES];		      /* of L2, that the entry found in memory */
};

/* Error numbers of VMfailValid. */
#define VMX_ERROR(number, NAME, text) NESTED_ERROR_##NAME = (number),
enum nested_error {
#include "l1vmm/vmx/instruction_errors.def"
};
#undef VMX_ERROR

/* How an instruction ends: an error number of VMfailValid, or one of these. */
enum { NESTED_SUCCEED = 0, NESTED_FAIL_INVALID = -1 };

/* `copies`: NESTED_VMCSS pages for the copies of active VMCSs. */
void nested_init(struct nested *n, const struct nested_ops *ops,
		 const struct vmx_capabilities *hardware, struct vmcs12 *copies);

/* RFLAGS after an instruction that ended so: SDM volume 3, 31.2. */
static inline uint64_t nested_rflags(uint64_t rflags, int outcome)
{
	rflags &= ~(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF);
	if (outcome == NESTED_SUCCEED)
		return rflags;
	return rflags | (outcome == NESTED_FAIL_INVALID ? RFLAGS_CF : RFLAGS_ZF);
}

/* VMfail(number): FAIL_INVALID where no current VMCS could hold the number. */
int nested_fail(struct nested *n, int number);

/* VMXON outside VMX operation; inside, it is nested_fail(). */
int nested_vmxon(struct nested *n, uint64_t gpa);

/* @pre for all that follow: n->on */
void nested_vmxoff(struct nested *n);
int nested_vmclear(struct nested *n, uint64_t gpa);
int nested_vmptrld(struct nested *n, uint64_t gpa);
int nested_vmwrite(struct nested *n, uint64_t encoding, uint64_t value);
int nested_invept(struct nested *n, uint64_t type, const uint64_t descriptor[2]);
int nested_invvpid(struct nested *n, uint64_t type, const uint64_t descriptor[2]);

/* The VMCS at `gpa`, which is not the current one, is no longer active. */
void nested_release(struct nested *n, uint64_t gpa);

/* Leaves the reason of a VMX abort in the region of the current VMCS: SDM volume 3, 28.7. */
void nested_abort(struct nested *n, uint32_t indicator);

/* The checks of VMLAUNCH (`launch`) or VMRESUME before those of the fields. */
int nested_entry_start(struct nested *n, bool launch, bool blocked_by_mov_ss);

static inline bool nested_holds(const struct nested *n, unsigned slot)
{
	return n->held[slot / 64] >> slot % 64 & 1;
}

static inline void nested_hold(struct nested *n, enum vmcs_field field)
{
	unsigned slot = vmcs12_slot(field);

	n->held[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* The next exit of the processor's has another value. */
static inline void nested_let_go(struct nested *n, enum vmcs_field field)
{
	unsigned slot = vmcs12_slot(field);

	n->held[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* Sets a field that L1 finds different from vmcs02. */
static inline void nested_set(struct nested *n, enum vmcs_field field, uint64_t value)
{
	vmcs12_set(n->vmcs12, field, value);
	nested_hold(n, field);
}

/* The value of a field that vmcs02 holds, as L1 finds it. */
uint64_t nested_from_vmcs02(struct nested *n, enum vmcs_field field);

/* The present value of a field, wherever it is, by its slot or by its name. */
static inline uint64_t nested_slot(struct nested *n, unsigned slot)
{
	uint64_t in_vmcs02 = n->live[slot / 64] & ~n->held[slot / 64];

	if (in_vmcs02 >> slot % 64 & 1)
		return nested_from_vmcs02(n, n->layout.field[slot].encoding);
	return n->vmcs12->slot[slot];
}

static inline uint64_t nested_get(struct nested *n, enum vmcs_field field)
{
	return nested_slot(n, vmcs12_slot(field));
}

/* Inline, being what a guest hypervisor does most.  @pre n->on */
static inline int nested_vmread(struct nested *n, uint64_t encoding, uint64_t *value)
{
	const struct vmcs12_field *field;

	if (n->current == VMCS12_NO_ADDRESS)
		return NESTED_FAIL_INVALID;
	field = vmcs12_find(&n->layout, encoding);
	if (!field)
		return nested_fail(n, NESTED_ERROR_UNSUPPORTED_FIELD);
	*value = vmcs12_part(encoding, nested_slot(n, vmcs12_slot(encoding)));
	return NESTED_SUCCEED;
}

#endif
