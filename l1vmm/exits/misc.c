/* Instructions that do nothing, or fault, whatever their operands. */
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/event.h"

/*
 * Caches are coherent, and the guest has no device that reads memory behind them, so there is
 * nothing to write back.  INVD must not lose what others have written, so it is the same.
 */
enum exit_action exit_wbinvd(struct vcpu *v)
{
	(void)v;
	return EXIT_ADVANCE;
}

enum exit_action exit_invd(struct vcpu *v)
{
	return exit_wbinvd(v);
}

/* What CPUID does not offer is undefined. */
enum exit_action exit_hidden(struct vcpu *v)
{
	return event_ud(v);
}

/* CPUID offers no counters. */
enum exit_action exit_rdpmc(struct vcpu *v)
{
	return event_gp(v);
}
