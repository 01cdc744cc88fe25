#include "entry_reference_state.h"

static bool reserved_bits(const struct reference_state *s, unsigned word, uint32_t value)
{
	for (unsigned i = 0; i < 32; i++) {
		bool may_be_0 = !bit(s->w->vmx.controls.msr[word], i);
		bool may_be_1 = bit(s->w->vmx.controls.msr[word], 32 + i);

		if (bit(value, i) ? !may_be_1 : !may_be_0)
			return false;
	}
	return true;
}

static bool msr_area(const struct reference_state *s, unsigned count_field, unsigned address_field)
{
	uint64_t count = get(s, count_field);
	uint64_t address = get(s, address_field);

	if (count == 0)
		return true;
	return address % 16 == 0 && in_width(s, address) && in_width(s, address + count * 16 - 1);
}

static bool eptp(const struct reference_state *s)
{
	uint64_t value = get(s, VMCS_EPT_POINTER);
	uint64_t cap = s->w->vmx.ept_vpid;
	uint64_t type = bits(value, 2, 0);
	uint64_t levels = bits(value, 5, 3) + 1;

	if (!(type == 0 && bit(cap, 8)) && !(type == 6 && bit(cap, 14)))
		return false;
	if (!(levels == 4 && bit(cap, 6)) && !(levels == 5 && bit(cap, 7)))
		return false;
	if (bit(value, 6) && !bit(cap, 21))
		return false;
	return bits(value, 11, 7) == 0 && in_width(s, value);
}

static bool apic_controls(const struct reference_state *s)
{
	bool shadow = bit(s->primary, 21);
	bool accesses = bit(s->secondary, 0), x2apic = bit(s->secondary, 4);
	bool registers = bit(s->secondary, 8), delivery = bit(s->secondary, 9);

	if (shadow) {
		uint64_t threshold = get(s, VMCS_TPR_THRESHOLD);

		if (!page(s, VMCS_VIRTUAL_APIC_PAGE_ADDR))
			return false;
		if (!delivery && threshold > 15)
			return false;
		if (!delivery && !accesses &&
		    threshold > memory(s, get(s, VMCS_VIRTUAL_APIC_PAGE_ADDR) + 0x80, 1) / 16)
			return false;
	} else if (x2apic || registers || delivery) {
		return false;
	}
	if (accesses && (x2apic || !page(s, VMCS_APIC_ACCESS_ADDR)))
		return false;
	if (delivery && !bit(s->pin, 0))
		return false;
	if (bit(s->pin, 7)) {
		uint64_t descriptor = get(s, VMCS_POSTED_INTR_DESC_ADDR);

		if (!delivery || !bit(s->exit, 15) || get(s, VMCS_POSTED_INTR_NV) > 255)
			return false;
		if (descriptor % 64 || !in_width(s, descriptor))
			return false;
	}
	return true;
}

static bool ept_controls(const struct reference_state *s)
{
	bool ept = bit(s->secondary, 1);

	if (ept && !eptp(s))
		return false;
	if (!ept && (bit(s->secondary, 7) || bit(s->secondary, 17) || bit(s->secondary, 22)))
		return false;
	if (bit(s->secondary, 17) && !page(s, VMCS_PML_ADDRESS))
		return false;
	if (bit(s->secondary, 13)) {
		uint64_t functions = get(s, VMCS_VM_FUNCTION_CONTROLS);

		if (functions & ~s->w->rules.vm_functions)
			return false;
		if (bit(functions, 0) && (!ept || !page(s, VMCS_EPTP_LIST_ADDRESS)))
			return false;
	}
	return !bit(s->secondary, 18) || page(s, VMCS_VIRT_EXCEPTION_INFO_ADDR);
}

/* 27.2.1.1 */
static bool execution_controls(const struct reference_state *s)
{
	if (!reserved_bits(s, CONTROL_PIN, s->pin) ||
	    !reserved_bits(s, CONTROL_PRIMARY, s->primary))
		return false;
	if (bit(s->primary, 31) && !reserved_bits(s, CONTROL_SECONDARY, s->secondary))
		return false;
	if (get(s, VMCS_CR3_TARGET_COUNT) > bits(s->w->vmx.misc, 24, 16))
		return false;
	if (bit(s->primary, 25) && (!page(s, VMCS_IO_BITMAP_A) || !page(s, VMCS_IO_BITMAP_B)))
		return false;
	if (bit(s->primary, 28) && !page(s, VMCS_MSR_BITMAP))
		return false;
	if (!bit(s->pin, 3) && bit(s->pin, 5))
		return false;
	if (!bit(s->pin, 5) && bit(s->primary, 22))
		return false;
	if (!apic_controls(s) || !ept_controls(s))
		return false;
	if (bit(s->secondary, 5) && get(s, VMCS_VPID) == 0)
		return false;
	if (bit(s->secondary, 14) &&
	    (!page(s, VMCS_VMREAD_BITMAP) || !page(s, VMCS_VMWRITE_BITMAP)))
		return false;
	return !bit(s->secondary, 25) || get(s, VMCS_TSC_MULTIPLIER) != 0;
}

/* 27.2.1.2 */
static bool exit_controls(const struct reference_state *s)
{
	return reserved_bits(s, CONTROL_EXIT, s->exit) && (bit(s->pin, 6) || !bit(s->exit, 22)) &&
	       msr_area(s, VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_STORE_ADDR) &&
	       msr_area(s, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD_ADDR);
}

static bool injection(const struct reference_state *s)
{
	unsigned vector = bits(s->event, 7, 0), type = bits(s->event, 10, 8);
	bool deliver = bit(s->event, 11);
	bool any = bit(s->w->vmx.basic, 56);
	bool protected_mode = !bit(s->secondary, 7) || bit(s->cr0, 0);
	bool pushes = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
	uint64_t length = get(s, VMCS_ENTRY_INSTRUCTION_LEN);

	if (type == 1 || (type == 7 && !bit(s->w->vmx.controls.msr[CONTROL_PRIMARY], 32 + 27)))
		return false;
	if ((type == 2 && vector != 2) || (type == 3 && vector > 31) || (type == 7 && vector != 0))
		return false;
	if (type != 3 || !protected_mode) {
		if (deliver)
			return false;
	} else if (!any && deliver != pushes) {
		return false;
	}
	if (bits(s->event, 30, 12))
		return false;
	if (deliver && bits(get(s, VMCS_ENTRY_EXCEPTION_ERROR_CODE), 31, 16))
		return false;
	if (type >= 4 && type <= 6 && (length > 15 || (length == 0 && !bit(s->w->vmx.misc, 30))))
		return false;
	return true;
}

/* 27.2.1.3 */
static bool entry_controls(const struct reference_state *s)
{
	return reserved_bits(s, CONTROL_ENTRY, s->entry) && (!s->event || injection(s)) &&
	       msr_area(s, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_ADDR) &&
	       !bit(s->entry, 10) && !bit(s->entry, 11);
}

/* 27.2.2 */
static bool host_registers(const struct reference_state *s)
{
	uint64_t cr0 = get(s, VMCS_HOST_CR0), cr4 = get(s, VMCS_HOST_CR4);
	uint64_t efer = get(s, VMCS_HOST_IA32_EFER);
	bool wide = bit(s->exit, 9);

	if (!fixed_bits(cr0, s->w->vmx.cr0_fixed0, s->w->vmx.cr0_fixed1) ||
	    !fixed_bits(cr4, s->w->vmx.cr4_fixed0, s->w->vmx.cr4_fixed1))
		return false;
	if (bit(cr4, 23) && !bit(cr0, 16))
		return false;
	if (!in_width(s, get(s, VMCS_HOST_CR3)))
		return false;
	if (!canonical(s, VMCS_HOST_IA32_SYSENTER_ESP) ||
	    !canonical(s, VMCS_HOST_IA32_SYSENTER_EIP))
		return false;
	if (bit(s->exit, 12) &&
	    (get(s, VMCS_HOST_IA32_PERF_GLOBAL_CTRL) & ~s->w->rules.perf_global_ctrl))
		return false;
	if (bit(s->exit, 19) && !memory_types(get(s, VMCS_HOST_IA32_PAT)))
		return false;
	if (bit(s->exit, 21) &&
	    ((efer & ~s->w->rules.efer) || bit(efer, 8) != wide || bit(efer, 10) != wide))
		return false;
	return true;
}

/* 27.2.3 and 27.2.4 */
static bool host_segments_and_size(const struct reference_state *s)
{
	bool wide = bit(s->exit, 9), wide_guest = bit(s->entry, 9);
	uint64_t cr4 = get(s, VMCS_HOST_CR4);

	for (unsigned i = 0; i < 7; i++) {
		if (get(s, VMCS_HOST_ES_SELECTOR + 2 * i) % 8)
			return false;
	}
	if (!get(s, VMCS_HOST_CS_SELECTOR) || !get(s, VMCS_HOST_TR_SELECTOR))
		return false;
	if (!wide && !get(s, VMCS_HOST_SS_SELECTOR))
		return false;
	for (unsigned field = VMCS_HOST_FS_BASE; field <= VMCS_HOST_IDTR_BASE; field += 2) {
		if (!canonical(s, field))
			return false;
	}
	if (s->w->entry.ia32e_mode ? !wide : wide || wide_guest)
		return false;
	if (wide)
		return bit(cr4, 5) && canonical(s, VMCS_HOST_RIP);
	return !wide_guest && !bit(cr4, 17) && bits(get(s, VMCS_HOST_RIP), 63, 32) == 0;
}

unsigned entry_reference(const struct entry_world *w)
{
	struct reference_state s = {.w = w};
	unsigned guest;

	s.pin = (uint32_t)get(&s, VMCS_PIN_BASED_CONTROLS);
	s.primary = (uint32_t)get(&s, VMCS_PRIMARY_CONTROLS);
	if (bit(s.primary, 31))
		s.secondary = (uint32_t)get(&s, VMCS_SECONDARY_CONTROLS);
	s.exit = (uint32_t)get(&s, VMCS_EXIT_CONTROLS);
	s.entry = (uint32_t)get(&s, VMCS_ENTRY_CONTROLS);
	s.cr0 = get(&s, VMCS_GUEST_CR0);
	s.cr4 = get(&s, VMCS_GUEST_CR4);
	s.flags = get(&s, VMCS_GUEST_RFLAGS);
	if (bit(get(&s, VMCS_ENTRY_INTR_INFO), 31))
		s.event = (uint32_t)get(&s, VMCS_ENTRY_INTR_INFO);
	if (!execution_controls(&s) || !exit_controls(&s) || !entry_controls(&s))
		return REFERENCE_CONTROLS;
	if (!host_registers(&s) || !host_segments_and_size(&s))
		return REFERENCE_HOST;
	guest = entry_reference_guest(&s);
	return guest ? guest : REFERENCE_PASSES;
}
