#include "bench/guests/rt/apic.h"

#define SIVR_ENABLE (1u << 8)

/* Interrupt masks of the two 8259s; firmware leaves the timer's interrupt on. */
#define PORT_PIC_MASTER_MASK 0x21
#define PORT_PIC_SLAVE_MASK  0xa1

void apic_enable(void)
{
	out8(PORT_PIC_MASTER_MASK, 0xff);
	out8(PORT_PIC_SLAVE_MASK, 0xff);
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	wrmsr(MSR_X2APIC_SIVR, SIVR_ENABLE | VECTOR_SPURIOUS);
}
