#include "l1vmm/exits/guest_access.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/stop.h"

static bool read_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
	const void *entry = vm_memory(ctx, gpa, size);

	if (!entry)
		return false;
	*value = size == 8 ? *(const volatile uint64_t *)entry : *(const volatile uint32_t *)entry;
	return true;
}

static bool exchange_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
			   uint64_t desired)
{
	void *entry = vm_memory(ctx, gpa, size);
	uint32_t expected_32 = (uint32_t)expected;

	if (!entry)
		return false;
	if (size == 8)
		return __atomic_compare_exchange_n((uint64_t *)entry, &expected, desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return __atomic_compare_exchange_n((uint32_t *)entry, &expected_32, (uint32_t)desired,
					   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void guest_view_init(struct guest_view *view, struct vcpu *v)
{
	struct paging_state *p = &view->paging;

	view->v = v;
	view->user = vcpu_cpl(v) == 3 ? PF_U : 0;
	*p = (struct paging_state){
		.cr0 = guest_read_cr0(v),
		.cr3 = vmcs_read(v, VMCS_GUEST_CR3),
		.cr4 = guest_read_cr4(v),
		.efer = vmcs_read(v, VMCS_GUEST_IA32_EFER),
		.rflags = vmcs_read(v, VMCS_GUEST_RFLAGS),
		.maxphyaddr = (uint8_t)cpuid(0x80000008, 0).eax,
		.pages_1g = cpuid(0x80000001, 0).edx & BIT(26),
	};
	if (paging_mode(p) == PAGING_PAE)
		for (unsigned i = 0; i < 4; i++)
			p->pdpte[i] = vmcs_read(v, VMCS_GUEST_PDPTE0 + 2 * i);
}

bool guest_translate(struct guest_view *view, uint64_t linear, uint32_t access, uint64_t *gpa)
{
	const struct walk_memory memory = {
		.read = read_entry, .exchange = exchange_entry, .ctx = view->v->vm};
	struct walk_result result;

	switch (walk(&memory, &view->paging, linear, access | view->user, &result)) {
	case WALK_OK:
		*gpa = result.gpa;
		return true;
	case WALK_FAULT:
		event_pf(view->v, linear, result.error_code);
		return false;
	case WALK_NOT_CANONICAL:
		event_gp(view->v);
		return false;
	case WALK_CONTENDED:
		return false;
	case WALK_OUTSIDE_MEMORY:
		break;
	}
	vcpu_stop(view->v, STOP_BAD_MEMORY, "gpa=0x%lx what=page-table linear=0x%lx", result.gpa,
		  linear);
}

/* The host's addresses of the one or two pieces that `size` bytes at `linear` lie in. */
struct pieces {
	void *at[2];
	size_t first; /* bytes in the first piece */
};

static bool find_pieces(struct guest_view *view, uint64_t linear, uint32_t access, size_t size,
			struct pieces *pieces)
{
	size_t to_page_end = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
	size_t sizes[2];

	pieces->first = size < to_page_end ? size : to_page_end;
	sizes[0] = pieces->first;
	sizes[1] = size - pieces->first;
	for (unsigned i = 0; i < 2 && sizes[i]; i++) {
		uint64_t gpa;

		if (!guest_translate(view, linear + (i ? pieces->first : 0), access, &gpa))
			return false;
		pieces->at[i] = vm_memory(view->v->vm, gpa, sizes[i]);
		if (!pieces->at[i])
			vcpu_stop(view->v, STOP_BAD_MEMORY, "gpa=0x%lx linear=0x%lx", gpa, linear);
	}
	return true;
}

bool guest_read(struct guest_view *view, uint64_t linear, uint32_t access, void *to, size_t size)
{
	struct pieces pieces = {0};

	if (!find_pieces(view, linear, access, size, &pieces))
		return false;
	memcpy(to, pieces.at[0], pieces.first);
	if (size > pieces.first)
		memcpy((char *)to + pieces.first, pieces.at[1], size - pieces.first);
	return true;
}

bool guest_write(struct guest_view *view, uint64_t linear, const void *from, size_t size)
{
	struct pieces pieces = {0};

	if (!find_pieces(view, linear, PF_W, size, &pieces))
		return false;
	memcpy(pieces.at[0], from, pieces.first);
	if (size > pieces.first)
		memcpy(pieces.at[1], (const char *)from + pieces.first, size - pieces.first);
	return true;
}

enum insn_mode guest_code_mode(struct vcpu *v)
{
	uint64_t rights = vmcs_read(v, VMCS_GUEST_CS_AR_BYTES);

	if ((rights & AR_CODE64_BIT) && (vmcs_read(v, VMCS_GUEST_IA32_EFER) & EFER_LMA))
		return INSN_64;
	return rights & AR_DEFAULT_32 ? INSN_32 : INSN_16;
}

/*
 * The instruction may end before the page does, so the next page is asked for only if decoding
 * finds that it is needed: the caller tries again with `size` set to INSN_MAX_LENGTH.
 */
bool guest_fetch(struct guest_view *view, uint8_t code[INSN_MAX_LENGTH], size_t *size)
{
	struct vcpu *v = view->v;
	uint64_t linear = vmcs_read(v, VMCS_GUEST_CS_BASE) + v->rip;
	size_t to_page_end = PAGE_SIZE - (linear & (PAGE_SIZE - 1));

	if (!*size)
		*size = to_page_end < INSN_MAX_LENGTH ? to_page_end : INSN_MAX_LENGTH;
	return guest_read(view, linear, PF_I, code, *size);
}
