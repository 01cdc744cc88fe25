/*
 * The hypervisor's command line: its switches, and
 *   memory=MIB    memory for the guest, at most (default: all that is left)
 *   cpus=N        processors to use, and to give the guest (default 1)
 *   ring=KIB      memory for exit records of each processor (default 4096)
 *   outbox=ata:LBA,SECTORS    where records are drained to (default: to the l1vmm below, if it has
 *                             an outbox, else nowhere)
 *   outbox=mapped:ADDRESS,KIB physical memory that the machine beneath reads: the ring lies there,
 *                             its two pages first, and ring= has no say
 *   tsc_multiplier=NUM/DEN    how fast the guest's TSC goes, in ticks of the processor's (default
 *                             1/1): what tsc=scale has the processor multiply by, and tsc=trap
 *                             the hypervisor
 *   tlb_model=SETS,WAYS,...   the TLB of observe=tlb: TLB_PARAMETERS of shadow/tlb_model.h in
 *                             their order
 * Where a key stands twice, the first one counts.
 */
#ifndef L1VMM_OPTIONS_H
#define L1VMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l1vmm/switches.h"
#include "shadow/tlb_model.h"

enum outbox {
	OUTBOX_NONE,
	OUTBOX_ATA,
	OUTBOX_MAPPED,
	OUTBOX_CALL, /* the l1vmm below takes them: no option, but found where there is none */
};

struct options {
	struct switches switches;
	uint32_t cpus;
	uint16_t tsc_numerator, tsc_denominator;
	uint64_t memory_bytes; /* UINT64_MAX: no limit */
	uint64_t ring_bytes;
	enum outbox outbox;
	uint32_t outbox_lba; /* OUTBOX_ATA */
	uint32_t outbox_sectors;
	uint64_t outbox_address;   /* OUTBOX_MAPPED: of a page */
	struct tlb_parameters tlb; /* all 0: none */
};

/*
 * Reads a command line.  False with what is wrong, by name, in the `size` bytes at `why`; the first
 * mistake counts.
 */
bool options_parse(struct options *options, const char *cmdline, char *why, size_t size);

#endif
