#include "l1vmm/exits/guest_access.h"

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/paging_state.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"

void guest_view_init(struct guest_view *view, struct vcpu *v)
{
	view->v = v;
	view->user = vcpu_cpl(v) == 3 ? PF_U : 0;
	view->l2 = nested_runs_l2(v);
	view->paging = view->l2 ? nested_paging_state(v) : vcpu_paging_state(v);
}

static enum walk_status walk_view(struct guest_view *view, uint64_t linear, uint32_t access,
				  struct walk_result *result)
{
	struct vcpu *v = view->v;
	const struct walk_memory memory = view->l2 ? nested_walk_memory(v) : vcpu_walk_memory(v);

	if (view->l2)
		v->nested->linear = linear;
	return walk(&memory, &view->paging, linear, access | view->user, result);
}

static bool translate_physical(struct guest_view *view, uint32_t access, uint64_t *gpa)
{
	return !view->l2 || nested_translate(view->v, *gpa,
					     access & PF_W   ? EPT_WRITE
					     : access & PF_I ? EPT_EXECUTE
							     : EPT_READ,
					     gpa);
}

bool guest_translate(struct guest_view *view, uint64_t linear, uint32_t access, uint64_t *gpa)
{
	struct walk_result result;

	switch (walk_view(view, linear, access, &result)) {
	case WALK_OK:
		*gpa = result.gpa;
		return translate_physical(view, access, gpa);
	case WALK_FAULT:
		event_pf(view->v, linear, result.error_code);
		return false;
	case WALK_NOT_CANONICAL:
		event_gp(view->v);
		return false;
	case WALK_CONTENDED:
		return false;
	case WALK_OUTSIDE_MEMORY:
		if (view->l2 && view->v->nested->refused.reason)
			return false;
		break;
	}
	vcpu_stop(view->v, STOP_BAD_MEMORY, "gpa=0x%lx what=page-table linear=0x%lx", result.gpa,
		  linear);
}

/* Where the host finds `size` bytes that lie in one page of the guest. */
static void *find(struct guest_view *view, uint64_t linear, uint64_t gpa, size_t size)
{
	void *at = vm_memory(view->v->vm, gpa, size);

	if (!at)
		vcpu_stop(view->v, STOP_BAD_MEMORY, "gpa=0x%lx linear=0x%lx", gpa, linear);
	return at;
}

/* How much of `size` bytes at `linear` lies in the first page. */
static size_t in_first_page(uint64_t linear, size_t size)
{
	size_t to_page_end = PAGE_SIZE - (linear & (PAGE_SIZE - 1));

	return size < to_page_end ? size : to_page_end;
}

/* The rest of them, in the next page; NULL where the guest has been given a fault. */
static __attribute__((noinline)) void *find_rest(struct guest_view *view, uint64_t linear,
						 uint32_t access, size_t size)
{
	uint64_t gpa;

	return guest_translate(view, linear, access, &gpa) ? find(view, linear, gpa, size) : NULL;
}

/* Both pages are found before either is touched. */
bool guest_read_at(struct guest_view *view, uint64_t linear, uint64_t gpa, uint32_t access,
		   void *to, size_t size)
{
	size_t first = in_first_page(linear, size);
	const void *low = find(view, linear, gpa, first);
	const void *high = NULL;

	if (size > first) {
		high = find_rest(view, linear + first, access, size - first);
		if (!high)
			return false;
	}
	memcpy(to, low, first);
	if (high)
		memcpy((char *)to + first, high, size - first);
	return true;
}

void guest_written(struct vcpu *v, uint64_t gpa, uint64_t size)
{
	shadow_written(v, gpa, size);
	vm_written(v->vm, gpa, size);
}

bool guest_write_at(struct guest_view *view, uint64_t linear, uint64_t gpa, const void *from,
		    size_t size)
{
	size_t first = in_first_page(linear, size);
	void *low = find(view, linear, gpa, first);
	void *high = NULL;

	if (size > first) {
		high = find_rest(view, linear + first, PF_W, size - first);
		if (!high)
			return false;
	}
	memcpy(low, from, first);
	guest_written(view->v, gpa, first);
	if (high) {
		memcpy(high, (const char *)from + first, size - first);
		guest_written(view->v, vm_gpa(view->v->vm, high), size - first);
	}
	return true;
}

enum insn_mode guest_code_mode(struct vcpu *v)
{
	if (vcpu_in_64bit_code(v))
		return INSN_64;
	return vmcs_read(v, VMCS_GUEST_CS_AR_BYTES) & AR_DEFAULT_32 ? INSN_32 : INSN_16;
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
