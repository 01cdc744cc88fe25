#include "l1vmm/arch/below.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/signature.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/hypercall.h"
#include "l1vmm/lib/string.h"

static bool is_guest(void)
{
	return cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR;
}

/* The last leaf that an l1vmm has; 0: it is another hypervisor. */
static uint32_t last_leaf(void)
{
	struct cpuid_regs r = cpuid(CPUID_HYPERVISOR, 0);

	return memcmp(&r.ebx, L1VMM_SIGNATURE, L1VMM_SIGNATURE_SIZE) == 0 ? r.eax : 0;
}

uint32_t below_find_level(void)
{
	if (!is_guest())
		return 0;
	return last_leaf() >= CPUID_LEVEL ? cpuid(CPUID_LEVEL, 0).eax + 1 : 1;
}

static struct cpuid_regs handshakes(void)
{
	if (is_guest() && last_leaf() >= CPUID_HANDSHAKES)
		return cpuid(CPUID_HANDSHAKES, 0);
	return (struct cpuid_regs){0};
}

enum packets_taken below_takes_packets(void)
{
	uint32_t taken = handshakes().ecx;

	return taken <= PACKETS_TAKEN_TIMED ? (enum packets_taken)taken : PACKETS_NOT_TAKEN;
}

bool below_has_exit_page(void)
{
	return handshakes().edx == 1;
}

bool below_tell_exits(const struct exit_page *page)
{
	return hypercall(HYPERCALL_EXIT_PAGE, (uint64_t)page, 0) == 0;
}
