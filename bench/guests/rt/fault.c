#include "bench/guests/rt/fault.h"

#include <stddef.h>

#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"

/* No device of a PC and none of a hypervisor here answers at these. */
#define ABSENT_PORT   0x7f0
#define ABSENT_MSR    0x4fff
#define ABSENT_MEMORY 0xbffff000 /* just below the devices; no machine here has so much memory */

static void triple_fault(void)
{
	lidt(&(struct desc_ptr){0});
	__asm__ volatile("ud2");
}

static void hang(void)
{
	for (;;)
		pause();
}

static void halt(void)
{
	for (;;) {
		cli();
		hlt();
	}
}

static void report_failure(void)
{
	fail("asked-for");
}

static void raise_exception(void)
{
	__asm__ volatile("ud2");
}

static void touch_absent_port(void)
{
	out8(ABSENT_PORT, in8(ABSENT_PORT));
}

static void touch_absent_msr(void)
{
	rdmsr(ABSENT_MSR);
}

static void touch_absent_memory(void)
{
	*(volatile uint8_t *)ABSENT_MEMORY;
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
#define FAULT(name, function) {name, function},
#include "bench/guests/rt/fault.def"
#undef FAULT
};

bool fault_commit(const char *cmdline)
{
	char name[32];

	switch (cmdline_get(cmdline, "fault", name, sizeof(name))) {
	case CMDLINE_ABSENT:
		return false;
	case CMDLINE_TOO_LONG:
		fail("unknown-fault");
	case CMDLINE_FOUND:
		break;
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strcmp(faults[i].name, name) == 0) {
			faults[i].commit();
			return true;
		}
	}
	fail("unknown-fault fault=%s", name);
}
