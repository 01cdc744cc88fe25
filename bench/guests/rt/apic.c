#include "bench/guests/rt/apic.h"

#define SIVR_ENABLE (1u << 8)
#define LVT_MASKED  (1u << 16)
#define DIVIDE_BY_1 0xb

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

void apic_timer_deadline(uint8_t vector)
{
	wrmsr(MSR_X2APIC_LVT_TIMER, APIC_TIMER_DEADLINE | vector);
}

void apic_timer_count(uint8_t vector, uint32_t mode)
{
	wrmsr(MSR_X2APIC_DIV_CONF, DIVIDE_BY_1);
	wrmsr(MSR_X2APIC_LVT_TIMER, mode | vector);
}

/* A change of mode takes a deadline with it: SDM volume 3, 11.5.4.1. */
void apic_timer_stop(void)
{
	wrmsr(MSR_X2APIC_LVT_TIMER, LVT_MASKED);
	wrmsr(MSR_X2APIC_INIT_COUNT, 0);
}
