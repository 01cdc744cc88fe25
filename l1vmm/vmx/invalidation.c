#include "l1vmm/vmx/invalidation.h"

#include "l1vmm/arch/x86.h"

static const struct {
	uint8_t type, bit;
	enum invalidation wider;
} rows[INVALIDATIONS] = {
#define INVALIDATION(NAME, instruction, type, bit, wider) {type, bit, INVALIDATE_##wider},
#include "l1vmm/vmx/invalidation.def"
#undef INVALIDATION
};

struct invalidation_types invalidation_types(uint64_t capabilities)
{
	struct invalidation_types types;

	for (unsigned wanted = 0; wanted < INVALIDATIONS; wanted++) {
		unsigned i = wanted;

		while (!(capabilities & BIT(rows[i].bit)) && rows[i].wider != i)
			i = rows[i].wider;
		types.type[wanted] = rows[i].type;
	}
	return types;
}
