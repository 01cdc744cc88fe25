#include "l1vmm/arch/poweroff.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/ports.h"
#include "l1vmm/lib/string.h"

_Noreturn void poweroff(uint8_t status)
{
	out8(PORT_STATUS, status);
	outs8(PORT_SHUTDOWN, SHUTDOWN_TEXT, strlen(SHUTDOWN_TEXT));
	for (;;) {
		cli();
		hlt();
	}
}
