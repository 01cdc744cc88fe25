#include "entry_reference_state.h"

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

/* 27.3.1.1 */
static bool guest_registers(const struct reference_state *s)
{
	uint64_t efer = get(s, VMCS_GUEST_IA32_EFER);
	uint64_t fixed0 = s->w->vmx.cr0_fixed0;
	bool wide = bit(s->entry, 9), paging = bit(s->cr0, 31);

	if (bit(s->secondary, 7))
		fixed0 &= ~UINT64_C(0x80000001);
	if (!fixed_bits(s->cr0, fixed0, s->w->vmx.cr0_fixed1) ||
	    !fixed_bits(s->cr4, s->w->vmx.cr4_fixed0, s->w->vmx.cr4_fixed1))
		return false;
	if ((paging && !bit(s->cr0, 0)) || (bit(s->cr4, 23) && !bit(s->cr0, 16)))
		return false;
	if (wide ? !paging || !bit(s->cr4, 5) : bit(s->cr4, 17))
		return false;
	if (bit(s->entry, 2) && ((get(s, VMCS_GUEST_IA32_DEBUGCTL) & ~s->w->rules.debugctl) ||
				 bits(get(s, VMCS_GUEST_DR7), 63, 32)))
		return false;
	if (!in_width(s, get(s, VMCS_GUEST_CR3)) || !canonical(s, VMCS_GUEST_IA32_SYSENTER_ESP) ||
	    !canonical(s, VMCS_GUEST_IA32_SYSENTER_EIP))
		return false;
	if (bit(s->entry, 13) &&
	    (get(s, VMCS_GUEST_IA32_PERF_GLOBAL_CTRL) & ~s->w->rules.perf_global_ctrl))
		return false;
	if (bit(s->entry, 14) && !memory_types(get(s, VMCS_GUEST_IA32_PAT)))
		return false;
	if (bit(s->entry, 15) && ((efer & ~s->w->rules.efer) || bit(efer, 10) != wide ||
				  (paging && bit(efer, 10) != bit(efer, 8))))
		return false;
	return true;
}

static uint64_t selector(const struct reference_state *s, unsigned n)
{
	return get(s, VMCS_GUEST_ES_SELECTOR + 2 * n);
}

static uint64_t rights(const struct reference_state *s, unsigned n)
{
	return get(s, VMCS_GUEST_ES_AR_BYTES + 2 * n);
}

static bool usable(const struct reference_state *s, unsigned n)
{
	return !bit(rights(s, n), 16);
}

static bool virtual_8086_segment(const struct reference_state *s, unsigned n)
{
	return get(s, VMCS_GUEST_ES_BASE + 2 * n) == selector(s, n) * 16 &&
	       get(s, VMCS_GUEST_ES_LIMIT + 2 * n) == 0xffff && rights(s, n) == 0xf3;
}

/* Bits 11:8, G and 31:17, which all registers share. */
static bool common_rights(const struct reference_state *s, unsigned n)
{
	uint64_t limit = get(s, VMCS_GUEST_ES_LIMIT + 2 * n);

	if (bits(rights(s, n), 11, 8) || bits(rights(s, n), 31, 17) || !bit(rights(s, n), 7))
		return false;
	if (bits(limit, 11, 0) != 0xfff && bit(rights(s, n), 15))
		return false;
	return !bits(limit, 31, 20) || bit(rights(s, n), 15);
}

static bool code_segment(const struct reference_state *s)
{
	uint64_t type = bits(rights(s, CS), 3, 0), dpl = bits(rights(s, CS), 6, 5);
	uint64_t stack = bits(rights(s, SS), 6, 5);

	switch (type) {
	case 3:
		if (!bit(s->secondary, 7) || dpl != 0)
			return false;
		break;
	case 9:
	case 11:
		if (dpl != stack)
			return false;
		break;
	case 13:
	case 15:
		if (dpl > stack)
			return false;
		break;
	default:
		return false;
	}
	return !(bit(s->entry, 9) && bit(rights(s, CS), 13) && bit(rights(s, CS), 14));
}

static bool stack_segment(const struct reference_state *s)
{
	uint64_t type = bits(rights(s, SS), 3, 0), dpl = bits(rights(s, SS), 6, 5);

	if (usable(s, SS) && type != 3 && type != 7)
		return false;
	if (!bit(s->secondary, 7) && (dpl != bits(selector(s, SS), 1, 0) ||
				      bits(selector(s, SS), 1, 0) != bits(selector(s, CS), 1, 0)))
		return false;
	return (bits(rights(s, CS), 3, 0) != 3 && bit(s->cr0, 0)) || dpl == 0;
}

static bool data_segment(const struct reference_state *s, unsigned n)
{
	uint64_t type = bits(rights(s, n), 3, 0);

	if (!usable(s, n))
		return true;
	if (!bit(type, 0) || (bit(type, 3) && !bit(type, 1)))
		return false;
	return bit(s->secondary, 7) || type > 11 ||
	       bits(rights(s, n), 6, 5) >= bits(selector(s, n), 1, 0);
}

static bool system_segments(const struct reference_state *s)
{
	uint64_t type = bits(rights(s, TR), 3, 0);

	if (bit(selector(s, TR), 2) || !canonical(s, VMCS_GUEST_TR_BASE) || !usable(s, TR))
		return false;
	if (type != 11 && (type != 3 || bit(s->entry, 9)))
		return false;
	if (bit(rights(s, TR), 4) || !common_rights(s, TR))
		return false;
	if (!usable(s, LDTR))
		return true;
	return !bit(selector(s, LDTR), 2) && canonical(s, VMCS_GUEST_LDTR_BASE) &&
	       bits(rights(s, LDTR), 4, 0) == 2 && common_rights(s, LDTR);
}

/* 27.3.1.2 */
static bool guest_segments(const struct reference_state *s)
{
	if (!system_segments(s) || !canonical(s, VMCS_GUEST_FS_BASE) ||
	    !canonical(s, VMCS_GUEST_GS_BASE))
		return false;
	for (unsigned n = ES; n <= GS; n++) {
		bool looked_at = n == CS || usable(s, n);

		if (n <= DS && looked_at && bits(get(s, VMCS_GUEST_ES_BASE + 2 * n), 63, 32))
			return false;
		if (bit(s->flags, 17)) {
			if (!virtual_8086_segment(s, n))
				return false;
			continue;
		}
		if (looked_at && (!bit(rights(s, n), 4) || !common_rights(s, n)))
			return false;
		if (n == CS ? !code_segment(s) : n == SS ? !stack_segment(s) : !data_segment(s, n))
			return false;
	}
	return true;
}

/* 27.3.1.3 */
static bool guest_tables(const struct reference_state *s)
{
	return canonical(s, VMCS_GUEST_GDTR_BASE) && canonical(s, VMCS_GUEST_IDTR_BASE) &&
	       get(s, VMCS_GUEST_GDTR_LIMIT) <= 0xffff && get(s, VMCS_GUEST_IDTR_LIMIT) <= 0xffff;
}

/* 27.3.1.4 */
static bool guest_rip_and_flags(const struct reference_state *s)
{
	uint64_t rip = get(s, VMCS_GUEST_RIP);
	bool wide = bit(s->entry, 9);

	if (wide && bit(rights(s, CS), 13)) {
		if (bits(rip, 63, 48) != 0 && bits(rip, 63, 48) != 0xffff)
			return false;
	} else if (bits(rip, 63, 32)) {
		return false;
	}
	if (bits(s->flags, 63, 22) || bit(s->flags, 15) || bit(s->flags, 5) || bit(s->flags, 3) ||
	    !bit(s->flags, 1))
		return false;
	if (bit(s->flags, 17) && (wide || !bit(s->cr0, 0)))
		return false;
	return !s->event || bits(s->event, 10, 8) != 0 || bit(s->flags, 9);
}

static bool event_wakes(const struct reference_state *s, uint64_t activity)
{
	unsigned vector = bits(s->event, 7, 0), type = bits(s->event, 10, 8);

	switch (activity) {
	case 0:
		return true;
	case 1:
		return type == 0 || type == 2 || (type == 3 && (vector == 1 || vector == 18)) ||
		       type == 7;
	case 2:
		return type == 2 || (type == 3 && vector == 18);
	default:
		return false;
	}
}

/* 27.3.1.5, but for the blocking of NMIs by STI and the link pointer */
static bool guest_other_state(const struct reference_state *s)
{
	uint64_t activity = get(s, VMCS_GUEST_ACTIVITY_STATE);
	uint64_t blocking = get(s, VMCS_GUEST_INTERRUPTIBILITY);
	uint64_t pending = get(s, VMCS_GUEST_PENDING_DBG_EXCEPTIONS);
	bool sti = bit(blocking, 0), mov_ss = bit(blocking, 1);
	unsigned type = bits(s->event, 10, 8);

	if (activity > 3 || (activity && !bit(s->w->vmx.misc, 5 + activity)))
		return false;
	if ((activity == 1 && bits(rights(s, SS), 6, 5)) || (activity && (sti || mov_ss)))
		return false;
	if (s->event && !event_wakes(s, activity))
		return false;
	if (bits(blocking, 31, 4) || bit(blocking, 2) || (sti && mov_ss))
		return false;
	if (sti && !bit(s->flags, 9))
		return false;
	if (s->event && type == 0 && (sti || mov_ss))
		return false;
	if (s->event && type == 2 && (mov_ss || (bit(s->pin, 5) && bit(blocking, 3))))
		return false;
	if (bits(pending, 11, 4) || bit(pending, 13) || bits(pending, 63, 15))
		return false;
	if (sti || mov_ss || activity == 1) {
		bool step = bit(s->flags, 8) && !bit(get(s, VMCS_GUEST_IA32_DEBUGCTL), 1);

		if (step != bit(pending, 14))
			return false;
	}
	return true;
}

static bool link_pointer(const struct reference_state *s)
{
	uint64_t link = get(s, VMCS_VMCS_LINK_POINTER);
	uint32_t revision;

	if (link == UINT64_MAX)
		return true;
	if (!page(s, VMCS_VMCS_LINK_POINTER))
		return false;
	revision = (uint32_t)memory(s, link, 4);
	return bits(revision, 30, 0) == bits(s->w->vmx.basic, 30, 0) &&
	       bit(revision, 31) == bit(s->secondary, 14) && link != s->w->entry.current;
}

/* 27.3.1.6 */
static bool page_directory_pointers(const struct reference_state *s)
{
	if (!bit(s->cr0, 31) || !bit(s->cr4, 5) || bit(s->entry, 9))
		return true;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t table = bits(get(s, VMCS_GUEST_CR3), 31, 5) * 32;
		uint64_t pdpte = bit(s->secondary, 1) ? get(s, VMCS_GUEST_PDPTE0 + 2 * i)
						      : memory(s, table + 8 * (uint64_t)i, 8);

		if (bit(pdpte, 0) &&
		    (bits(pdpte, 2, 1) || bits(pdpte, 8, 5) || !in_width(s, pdpte)))
			return false;
	}
	return true;
}

unsigned entry_reference_guest(const struct reference_state *s)
{
	unsigned guest = 0;

	if (!guest_registers(s) || !guest_segments(s) || !guest_tables(s) ||
	    !guest_rip_and_flags(s) || !guest_other_state(s))
		guest |= REFERENCE_GUEST(0);
	if (s->event && bits(s->event, 10, 8) == 2 && bit(get(s, VMCS_GUEST_INTERRUPTIBILITY), 0))
		guest |= REFERENCE_GUEST(3);
	if (!link_pointer(s))
		guest |= REFERENCE_GUEST(4);
	if (!page_directory_pointers(s))
		guest |= REFERENCE_GUEST(2);
	return guest;
}
