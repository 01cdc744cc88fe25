#include "nesting/vmx.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"

/* Types of INVEPT: SDM volume 3, chapter 31. */
enum { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };

/* Whether the value of a field is vmcs02's once L2 has run. */
static bool lives_in_vmcs02(const struct vmcs12_field *field)
{
	return field->use == VMCS12_GUEST || field->use == VMCS12_INFO ||
	       field->use == VMCS12_COMPOSED;
}

void nested_init(struct nested *n, const struct nested_ops *ops,
		 const struct vmx_capabilities *hardware, struct vmcs12 *copies)
{
	*n = (struct nested){
		.ops = *ops,
		.vmxon = VMCS12_NO_ADDRESS,
		.current = VMCS12_NO_ADDRESS,
		.vmcs12 = copies,
	};
	for (unsigned i = 0; i < NESTED_VMCSS; i++)
		n->active[i] = (struct nested_vmcs){.gpa = VMCS12_NO_ADDRESS, .copy = &copies[i]};
	vmx_capabilities_offer(&n->offered, hardware);
	vmcs12_layout_init(&n->layout, &n->offered.controls);
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		if (lives_in_vmcs02(&n->layout.field[slot]))
			n->live[slot / 64] |= UINT64_C(1) << slot % 64;
}

int nested_fail(struct nested *n, int number)
{
	if (n->current == VMCS12_NO_ADDRESS)
		return NESTED_FAIL_INVALID;
	vmcs12_set(n->vmcs12, VMCS_INSTRUCTION_ERROR, (uint64_t)number);
	return number;
}

static bool valid_pointer(const struct nested *n, uint64_t gpa)
{
	return !(gpa & (VMCS12_BYTES - 1)) && !(gpa >> n->offered.physical_address_bits);
}

/* The first word of a region; where there is no memory, reads float high. */
static uint32_t revision_at(const struct nested *n, uint64_t gpa)
{
	const volatile uint32_t *at = n->ops.memory(n->ops.ctx, gpa, VMCS12_BYTES);

	return at ? *at : UINT32_MAX;
}

/* What L0 owns L2 cannot have changed without L0 writing it to the copy. */
static __attribute__((noinline)) uint64_t cr_from_vmcs02(struct nested *n, enum vmcs_field field,
							 uint64_t owned)
{
	return (n->ops.vmcs02_read(n->ops.ctx, field) & ~owned) |
	       (vmcs12_get(n->vmcs12, field) & owned);
}

uint64_t nested_from_vmcs02(struct nested *n, enum vmcs_field field)
{
	if (field == VMCS_GUEST_CR0)
		return cr_from_vmcs02(n, field, n->cr0_owned);
	if (field == VMCS_GUEST_CR4)
		return cr_from_vmcs02(n, field, n->cr4_owned);
	return n->ops.vmcs02_read(n->ops.ctx, field);
}

/* Puts away what `struct nested` has of the current VMCS, if any. */
static void park(struct nested *n)
{
	struct nested_vmcs *a = &n->active[n->at];

	a->gpa = n->current;
	a->changed = n->changed;
	a->entered_from_ia32e = n->entered_from_ia32e;
	a->cr0_owned = n->cr0_owned;
	a->cr4_owned = n->cr4_owned;
	memcpy(a->held, n->held, sizeof(a->held));
	n->current = VMCS12_NO_ADDRESS;
}

/* Makes an active VMCS current, or an empty place.  @pre no VMCS is current */
static void take_up(struct nested *n, unsigned place)
{
	struct nested_vmcs *a = &n->active[place];

	n->at = place;
	n->current = a->gpa;
	n->vmcs12 = a->copy;
	n->vmcs02 = a->vmcs02;
	n->changed = a->changed;
	n->entered_from_ia32e = a->entered_from_ia32e;
	n->cr0_owned = a->cr0_owned;
	n->cr4_owned = a->cr4_owned;
	memcpy(n->held, a->held, sizeof(n->held));
	a->used = ++n->uses;
}

/* Where the VMCS at `gpa` is; NESTED_VMCSS where it is not active.  @pre no VMCS is current */
static unsigned find_active(const struct nested *n, uint64_t gpa)
{
	unsigned place = 0;

	while (place < NESTED_VMCSS && n->active[place].gpa != gpa)
		place++;
	return place;
}

/* A place for another one: an empty one, or that of the VMCS that was current least recently. */
static unsigned place_for_another(const struct nested *n)
{
	unsigned place = find_active(n, VMCS12_NO_ADDRESS);

	if (place < NESTED_VMCSS)
		return place;
	place = 0;
	for (unsigned i = 1; i < NESTED_VMCSS; i++)
		if (n->active[i].used < n->active[place].used)
			place = i;
	return place;
}

/* Brings the copy up to date and puts it back into L1's memory; no VMCS is current then. */
static void release_current(struct nested *n)
{
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		n->vmcs12->slot[slot] = nested_slot(n, slot);
	n->ops.store(n->ops.ctx, n->current, n->vmcs12, VMCS12_BYTES);
	n->current = VMCS12_NO_ADDRESS;
	n->active[n->at].gpa = VMCS12_NO_ADDRESS;
}

/* The same for an active one.  @pre no VMCS is current */
static void release(struct nested *n, unsigned place)
{
	if (n->active[place].gpa == VMCS12_NO_ADDRESS)
		return;
	take_up(n, place);
	release_current(n);
}

int nested_vmxon(struct nested *n, uint64_t gpa)
{
	if (!valid_pointer(n, gpa) || revision_at(n, gpa) != VMCS12_REVISION)
		return NESTED_FAIL_INVALID;
	n->on = true;
	n->vmxon = gpa;
	n->current = VMCS12_NO_ADDRESS;
	return NESTED_SUCCEED;
}

void nested_vmxoff(struct nested *n)
{
	park(n);
	for (unsigned i = 0; i < NESTED_VMCSS; i++)
		release(n, i);
	n->on = false;
	n->vmxon = VMCS12_NO_ADDRESS;
}

/* An active VMCS that is not current is one no more; the current one stays what it is. */
__attribute__((noinline)) void nested_release(struct nested *n, uint64_t gpa)
{
	unsigned current = n->at, place;

	park(n);
	place = find_active(n, gpa);
	if (place < NESTED_VMCSS)
		release(n, place);
	take_up(n, current);
}

static void store_word(const struct nested *n, uint64_t gpa, uint32_t value)
{
	n->ops.store(n->ops.ctx, gpa, &value, sizeof(value));
}

void nested_abort(struct nested *n, uint32_t indicator)
{
	store_word(n, n->current + offsetof(struct vmcs12, abort), indicator);
}

int nested_vmclear(struct nested *n, uint64_t gpa)
{
	if (!valid_pointer(n, gpa))
		return nested_fail(n, NESTED_ERROR_VMCLEAR_ADDRESS);
	if (gpa == n->vmxon)
		return nested_fail(n, NESTED_ERROR_VMCLEAR_VMXON_POINTER);
	if (gpa == n->current)
		release_current(n);
	else
		nested_release(n, gpa);
	store_word(n, gpa + offsetof(struct vmcs12, launched), 0);
	return NESTED_SUCCEED;
}

static bool may_be_shadow(const struct nested *n)
{
	return n->offered.controls.msr[CONTROL_SECONDARY] >> 32 & CONTROL_SECONDARY_VMCS_SHADOWING;
}

/* A VMCS that is not active: all of it is news.  @pre no VMCS is current */
static void load(struct nested *n, uint64_t gpa, uint32_t revision)
{
	unsigned place = place_for_another(n);

	release(n, place);
	take_up(n, place);
	memcpy(n->vmcs12, n->ops.memory(n->ops.ctx, gpa, VMCS12_BYTES), VMCS12_BYTES);
	vmcs12_fit(n->vmcs12);
	n->vmcs12->revision = revision;
	n->changed = ENTRY_CHANGED_ALL;
	memset(n->held, 0xff, sizeof(n->held));
	n->current = gpa;
}

int nested_vmptrld(struct nested *n, uint64_t gpa)
{
	unsigned place;
	uint32_t revision;

	if (!valid_pointer(n, gpa))
		return nested_fail(n, NESTED_ERROR_VMPTRLD_ADDRESS);
	if (gpa == n->vmxon)
		return nested_fail(n, NESTED_ERROR_VMPTRLD_VMXON_POINTER);
	revision = revision_at(n, gpa);
	if ((revision & ~VMCS12_SHADOW) != VMCS12_REVISION ||
	    ((revision & VMCS12_SHADOW) && !may_be_shadow(n)))
		return nested_fail(n, NESTED_ERROR_VMPTRLD_REVISION);
	if (gpa == n->current)
		return NESTED_SUCCEED;
	park(n);
	place = find_active(n, gpa);
	if (place < NESTED_VMCSS)
		take_up(n, place);
	else
		load(n, gpa, revision);
	return NESTED_SUCCEED;
}

int nested_vmwrite(struct nested *n, uint64_t encoding, uint64_t value)
{
	const struct vmcs12_field *field;
	unsigned slot;
	uint64_t old, new;
	bool known;

	if (n->current == VMCS12_NO_ADDRESS)
		return NESTED_FAIL_INVALID;
	field = vmcs12_find(&n->layout, encoding);
	if (!field)
		return nested_fail(n, NESTED_ERROR_UNSUPPORTED_FIELD);
	if (vmcs_read_only(encoding) && !(n->offered.misc & VMX_MISC_WRITES_ANY_FIELD))
		return nested_fail(n, NESTED_ERROR_VMWRITE_READ_ONLY);
	slot = vmcs12_slot(encoding);
	known = !lives_in_vmcs02(field) || (encoding & VMCS12_HIGH) ||
		encoding == VMCS_GUEST_RFLAGS;
	old = known ? nested_slot(n, slot) : 0;
	new = vmcs12_merge(encoding, old, value);
	if (!known)
		old = ~new; /* to look into vmcs02 is dearer than to check in vain */
	if (lives_in_vmcs02(field) || new != old)
		n->held[slot / 64] |= UINT64_C(1) << slot % 64;
	n->changed |= entry_changed(&n->rules, field->encoding, old, new);
	n->vmcs12->slot[slot] = new;
	return NESTED_SUCCEED;
}

int nested_invept(struct nested *n, uint64_t type, const uint64_t descriptor[2])
{
	bool offered = (type == INVEPT_SINGLE && (n->offered.ept_vpid & EPT_VPID_INVEPT_SINGLE)) ||
		       (type == INVEPT_ALL && (n->offered.ept_vpid & EPT_VPID_INVEPT_ALL));

	if (!offered ||
	    (type == INVEPT_SINGLE && !vmx_ept_pointer_valid(&n->offered, descriptor[0])))
		return nested_fail(n, NESTED_ERROR_INVALIDATE_OPERAND);
	n->ops.invept(n->ops.ctx, type == INVEPT_SINGLE ? descriptor[0] : 0);
	return NESTED_SUCCEED;
}

static bool is_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

int nested_invvpid(struct nested *n, uint64_t type, const uint64_t descriptor[2])
{
	bool offered = type <= INVVPID_SINGLE_NON_GLOBAL &&
		       (n->offered.ept_vpid & EPT_VPID_INVVPID_ADDRESS << type);

	if (!offered || descriptor[0] > UINT16_MAX || (type != INVVPID_ALL && !descriptor[0]) ||
	    (type == INVVPID_ONE_ADDRESS && !is_canonical(descriptor[1])))
		return nested_fail(n, NESTED_ERROR_INVALIDATE_OPERAND);
	n->ops.invvpid(n->ops.ctx, (enum invvpid_type)type, (uint16_t)descriptor[0], descriptor[1]);
	return NESTED_SUCCEED;
}

int nested_entry_start(struct nested *n, bool launch, bool blocked_by_mov_ss)
{
	if (n->current == VMCS12_NO_ADDRESS || (n->vmcs12->revision & VMCS12_SHADOW))
		return NESTED_FAIL_INVALID;
	if (blocked_by_mov_ss)
		return nested_fail(n, NESTED_ERROR_ENTRY_MOV_SS);
	if (launch && n->vmcs12->launched)
		return nested_fail(n, NESTED_ERROR_VMLAUNCH_NOT_CLEAR);
	if (!launch && !n->vmcs12->launched)
		return nested_fail(n, NESTED_ERROR_VMRESUME_NOT_LAUNCHED);
	return NESTED_SUCCEED;
}
