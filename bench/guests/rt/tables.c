#include "bench/guests/rt/tables.h"

#include "bench/guests/rt/platform.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/signature.h"
#include "l1vmm/arch/x86.h"
#include "shadow/mmu_batch.h"

bool tables_shared;

static struct {
	uint64_t order[MMU_BATCH_ORDERS];
	uint64_t count;
} queue;

void tables_init(void)
{
	struct cpuid_regs offer;

	if (!platform_probe().l1vmm)
		return;
	offer = cpuid(CPUID_HANDSHAKES, 0);
	tables_shared = offer.eax == MMU_BATCH_VERSION && offer.ebx >= MMU_BATCH_ORDERS;
}

static const char *error_name(int64_t error)
{
	static const char *const names[HYPERCALL_ERRORS] = {
#define HYPERCALL_ERROR(NAME, name, text) [HYPERCALL_E_##NAME] = (name),
#include "l1vmm/exits/hypercall_errors.def"
#undef HYPERCALL_ERROR
	};

	return error > 0 && error < HYPERCALL_ERRORS ? names[error] : "none";
}

/* The image lies at its physical addresses. */
static int64_t call(const uint64_t *orders, uint64_t count)
{
	int64_t result = HYPERCALL_SHADOW_ORDERS;

	__asm__ volatile("vmcall" : "+a"(result) : "b"(orders), "c"(count) : "cc", "memory");
	return result;
}

void tables_tell(void)
{
	uint64_t done = 0;

	while (done < queue.count) {
		int64_t result = call(queue.order + done, queue.count - done);

		if (result <= 0)
			fail("order-refused error=%s order=0x%lx", error_name(-result),
			     queue.order[done]);
		done += (uint64_t)result;
	}
	queue.count = 0;
}

static void put(uint64_t order)
{
	if (queue.count == MMU_BATCH_ORDERS)
		tables_tell();
	queue.order[queue.count++] = order;
}

/* An entry behind the one before joins its order. */
void tables_queue_entry(const volatile uint64_t *entry)
{
	uint64_t gpa = (uintptr_t)entry;

	if (queue.count > 0 && gpa % PAGE_SIZE) {
		uint64_t *last = &queue.order[queue.count - 1];
		uint64_t more = *last >> MMU_ORDER_MORE_SHIFT;

		if (*last + (more + 1) * sizeof(gpa) == (gpa | more << MMU_ORDER_MORE_SHIFT)) {
			*last += UINT64_C(1) << MMU_ORDER_MORE_SHIFT;
			return;
		}
	}
	put(gpa | MMU_ORDER_ENTRIES);
}

void tables_queue_page(const volatile void *address)
{
	put(((uintptr_t)address & ~(uint64_t)(PAGE_SIZE - 1)) | MMU_ORDER_INVALIDATE);
}

/* By itself a load is an exit like a hypercall. */
void tables_tell_load(uint64_t root)
{
	if (queue.count == 0) {
		write_cr3(root);
		return;
	}
	put(root | MMU_ORDER_LOAD);
	tables_tell();
}

/* At once, since its frames may become tables again. */
void tables_tell_end(uint64_t root)
{
	put(root | MMU_ORDER_FORGET);
	tables_tell();
}
