#include "bench/guests/rt/platform.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/signature.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"

/* SDM and every hypervisor's habit: the signature stands in EBX, ECX and EDX of the first leaf. */
static bool signature_is(const char *signature)
{
	struct cpuid_regs r = cpuid(CPUID_HYPERVISOR, 0);
	uint32_t found[] = {r.ebx, r.ecx, r.edx};

	return memcmp(found, signature, sizeof(found)) == 0;
}

struct platform platform_probe(void)
{
	uint32_t features = cpuid(1, 0).ecx;
	bool hypervisor = features & CPUID_1_ECX_HYPERVISOR;

	return (struct platform){
		.hypervisor = hypervisor,
		.l1vmm = hypervisor && signature_is(L1VMM_SIGNATURE),
		.x2apic = features & CPUID_1_ECX_X2APIC,
	};
}
