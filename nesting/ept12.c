#include "nesting/ept12.h"

#include <stdbool.h>
#include <stddef.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/page_table.h"
#include "l1vmm/vmx/ept.h"
#include "l1vmm/vmx/ept_misconfig.h"

#define TOP_LEVEL    4
#define ADDRESS_BITS 48
#define PAGE_BIT     BIT(7)
#define TYPE_BITS    UINT64_C(0x78) /* memory type and ignore-PAT */

/* An entry on the way. */
struct step {
	uint64_t gpa, value;
};

static struct step read_step(const struct ept12_ops *ops, uint64_t table, uint64_t l2_gpa,
			     unsigned level)
{
	uint64_t index = l2_gpa / page_table_span(level) % PTES_PER_PAGE;
	struct step step = {.gpa = table + index * sizeof(step.value)};
	const uint64_t *at = ops->memory(ops->ctx, step.gpa, sizeof(*at));

	/* Without memory, reads float high. */
	step.value = at ? __atomic_load_n(at, __ATOMIC_RELAXED) : UINT64_MAX;
	return step;
}

static bool is_page(uint64_t entry, unsigned level)
{
	return level == 1 || (level < TOP_LEVEL && (entry & PAGE_BIT));
}

static bool set_flags(const struct ept12_ops *ops, const struct step *step, uint64_t flags)
{
	return !(flags & ~step->value) ||
	       ops->exchange(ops->ctx, step->gpa, step->value, step->value | flags);
}

/* `steps` by level, down to `leaf`. */
static bool set_all_flags(const struct ept12_ops *ops, const struct step *steps, unsigned leaf,
			  uint64_t access)
{
	for (unsigned level = TOP_LEVEL; level > leaf; level--)
		if (!set_flags(ops, &steps[level], EPT_ACCESSED))
			return false;
	return set_flags(ops, &steps[leaf], EPT_ACCESSED | (access & EPT_WRITE ? EPT_DIRTY : 0));
}

/* Down to a page, an entry that is not present or one that is malformed; gives its level. */
static unsigned descend(const struct ept12_ops *ops, const struct vmx_capabilities *offered,
			uint64_t table, uint64_t l2_gpa, struct step *steps,
			struct ept12_walk *walk)
{
	const struct ept_processor processor = {.capabilities = offered->ept_vpid,
						.physical_bits = offered->physical_address_bits};

	for (unsigned level = TOP_LEVEL;; level--) {
		uint64_t entry;

		steps[level] = read_step(ops, table, l2_gpa, level);
		entry = steps[level].value;
		walk->granted &= entry;
		if (ept_misconfiguration(entry, level, &processor))
			walk->outcome = EPT12_MISCONFIG;
		else if ((entry & EPT_RWX) && is_page(entry, level))
			walk->outcome = EPT12_PAGE;
		else if (entry & EPT_RWX) {
			table = entry & PTE_ADDR_MASK;
			continue;
		}
		return level;
	}
}

struct ept12_walk ept12_translate(const struct ept12_ops *ops,
				  const struct vmx_capabilities *offered, uint64_t eptp12,
				  uint64_t l2_gpa, uint64_t access)
{
	struct ept12_walk walk = {.outcome = EPT12_VIOLATION, .granted = EPT_RWX};
	bool flags = eptp12 & EPT12_ACCESSED_DIRTY, dirty;
	struct step steps[TOP_LEVEL + 1];
	uint64_t entry;
	unsigned level;

	if (l2_gpa >> ADDRESS_BITS) {
		walk.granted = 0;
		return walk;
	}
	level = descend(ops, offered, eptp12 & PTE_ADDR_MASK, l2_gpa, steps, &walk);
	if (walk.outcome != EPT12_PAGE)
		return walk;
	entry = steps[level].value;
	walk.size = page_table_span(level);
	walk.gpa = (entry & PTE_ADDR_MASK & -walk.size) | (l2_gpa & (walk.size - 1));
	walk.type = entry & TYPE_BITS;
	walk.rights = walk.granted;
	dirty = (entry & EPT_DIRTY) || (access & EPT_WRITE);
	if (flags && !dirty)
		walk.rights &= ~EPT_WRITE;
	if (access & ~walk.granted)
		walk.outcome = EPT12_VIOLATION;
	else if (flags && !set_all_flags(ops, steps, level, access))
		walk.outcome = EPT12_CHANGED;
	return walk;
}

#define READABLE_SHIFT 3

uint64_t ept12_qualification(uint64_t qualification, uint64_t granted)
{
	uint64_t of_access = 0, of_ept12 = 0;

#define MASK(low, high)				    ((UINT64_C(2) << (high)) - (UINT64_C(1) << (low)))
#define ACCESS(mask)				    (of_access |= (mask))
#define EPT12(mask)				    (of_ept12 |= (mask))
#define ABSENT(mask)				    ((void)(mask))
#define EPT_VIOLATION_BITS(NAME, low, high, SOURCE) SOURCE(MASK(low, high));
#include "nesting/ept_violation.def"
#undef EPT_VIOLATION_BITS
	return (qualification & of_access) | (granted << READABLE_SHIFT & of_ept12);
}
