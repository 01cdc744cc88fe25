/* VMCALL. */
#include "l1vmm/hypercall.h"

#include "l1vmm/exit_page.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/trace.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/nested.h"
#include "shadow/mmu_batch.h"
#include "telemetry/packet.h"
#include "telemetry/ring.h"

/* Does nothing: what remains is the price of the call. */
static int64_t hypercall_null(struct vcpu *v)
{
	(void)v;
	return 0;
}

/* Outside 64-bit code the argument has 32 bits, whatever is left in the upper half. */
static uint64_t argument(struct vcpu *v, enum gpr reg)
{
	uint64_t value = v->regs[reg];

	return value >> 32 && !vcpu_in_64bit_code(v) ? (uint32_t)value : value;
}

static bool load_cr3(void *ctx, uint64_t cr3)
{
	return guest_write_cr3(ctx, cr3);
}

/* RBX: gpa of the orders (shadow/mmu_batch.h), RCX: how many.  Returns how many were carried out.
 */
static __attribute__((noinline)) int64_t hypercall_shadow_orders(struct vcpu *v)
{
	struct mmu_batch batch = {.load_cr3 = load_cr3, .ctx = v};
	uint64_t gpa = argument(v, RBX), stores = v->mmu.statistics.stores;
	uint16_t counted = v->cost.pte_writes;
	int64_t done;

	if (!vm_takes_shadow_orders(v->vm))
		return -HYPERCALL_E_NOT_OFFERED;
	if (vcpu_cpl(v) != 0)
		return -HYPERCALL_E_NOT_PRIVILEGED;
	batch.count = argument(v, RCX);
	if (batch.count > MMU_BATCH_ORDERS)
		return -HYPERCALL_E_TOO_LONG;
	batch.orders = vm_memory(v->vm, gpa, batch.count * sizeof(*batch.orders));
	if (!batch.orders || gpa % sizeof(*batch.orders))
		return -HYPERCALL_E_BAD_ARRAY;
	done = mmu_batch_run(&v->mmu, &batch);
	if (batch.edited)
		v->telemetry.cur->flags |= RECORD_F_TABLE;
	/* Loads of CR3 among the orders have counted theirs already. */
	v->cost.pte_writes = (uint16_t)(counted + v->mmu.statistics.stores - stores);
	return done;
}

/* What is no hypercall is the instruction of a hypervisor: SDM volume 3, VMCALL in chapter 31. */
static __attribute__((noinline)) enum exit_action vmcall_in_root(struct vcpu *v)
{
	if (vcpu_cpl(v) != 0)
		return event_gp(v);
	nested_finish(v, nested_fail(&v->nested->vmx, NESTED_ERROR_VMCALL_IN_ROOT));
	return EXIT_ADVANCE;
}

/* RBX: gpa of a packet of telemetry, RCX: its bytes. */
static __attribute__((noinline)) int64_t hypercall_trace(struct vcpu *v)
{
	uint64_t bytes = argument(v, RCX);
	const struct telemetry_packet *packet;
	struct telemetry_packet head;

	if (trace_takes_packets(v) == PACKETS_NOT_TAKEN)
		return -HYPERCALL_E_NOT_OFFERED;
	if (vcpu_cpl(v) != 0)
		return -HYPERCALL_E_NOT_PRIVILEGED;
	packet = vm_memory(v->vm, argument(v, RBX), bytes);
	if (!packet || bytes < sizeof(head))
		return -HYPERCALL_E_BAD_ARRAY;
	memcpy(&head, packet, sizeof(head));
	if (telemetry_packet_check(&head, bytes) != TELEMETRY_OK || head.packet_size / 8 != bytes ||
	    bytes % TELEMETRY_PAGE || bytes > TELEMETRY_MAX_SUBBUFFER_BYTES ||
	    head.level <= v->vm->level)
		return -HYPERCALL_E_BAD_PACKET;
	return trace_take_packet(v, packet, bytes) ? 0 : -HYPERCALL_E_NO_ROOM;
}

/* RBX: gpa of the page, or EXIT_PAGE_NONE. */
static __attribute__((noinline)) int64_t hypercall_exit_page(struct vcpu *v)
{
	uint64_t gpa = argument(v, RBX);
	struct exit_page *page = NULL;

	if (!v->nested)
		return -HYPERCALL_E_NOT_OFFERED;
	if (vcpu_cpl(v) != 0)
		return -HYPERCALL_E_NOT_PRIVILEGED;
	if (gpa != EXIT_PAGE_NONE) {
		page = vm_memory(v->vm, gpa, sizeof(*page));
		if (!page || gpa % _Alignof(struct exit_page))
			return -HYPERCALL_E_BAD_ARRAY;
		vm_written(v->vm, gpa, sizeof(*page)); /* from now on */
	}
	v->nested->tells = page;
	return 0;
}

static __attribute__((noinline)) enum exit_action call(struct vcpu *v)
{
	switch (v->detail) {
#define HYPERCALL(number, NAME, handler)                         \
	case number:                                             \
		v->regs[RAX] = (uint64_t)hypercall_##handler(v); \
		break;
#include "l1vmm/exits/hypercalls.def"
#undef HYPERCALL
	default:
		if (v->nested && v->nested->vmx.on)
			return vmcall_in_root(v);
		v->regs[RAX] = (uint64_t)-HYPERCALL_E_UNKNOWN;
	}
	return EXIT_ADVANCE;
}

/* The call that measures what an exit takes at least need not wait for the others. */
enum exit_action exit_vmcall(struct vcpu *v)
{
	if (__builtin_expect(v->detail != HYPERCALL_NULL, false))
		return call(v);
	v->regs[RAX] = (uint64_t)hypercall_null(v);
	return EXIT_ADVANCE;
}
