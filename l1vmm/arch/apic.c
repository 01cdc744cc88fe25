#include "l1vmm/arch/apic.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

#define SIVR_ENABLE  (1u << 8)
#define LVT_MASKED   (1u << 16)
#define LVT_DEADLINE (2u << 17)
#define DIVIDE_BY_1  0xb

#define COUNT_MAX	  UINT32_MAX
#define CALIBRATION_TICKS 100000

/* Counts of the timer in 2^SCALE_SHIFT ticks of the TSC: the two need not run at one rate. */
#define SCALE_SHIFT 20
static uint64_t scale;

/*
 * The count, and not the TSC deadline: Bochs compares a deadline with the ticks since it was
 * started, from which the TSC differs once it has been written (trace.c).
 */
static void calibrate(void)
{
	uint64_t start, ticks, counts;

	wrmsr(MSR_X2APIC_LVT_TIMER, LVT_MASKED | VECTOR_HOST_TIMER);
	wrmsr(MSR_X2APIC_DIV_CONF, DIVIDE_BY_1);
	wrmsr(MSR_X2APIC_INIT_COUNT, COUNT_MAX);
	start = rdtsc_ordered();
	do
		ticks = rdtsc_ordered() - start;
	while (ticks < CALIBRATION_TICKS);
	counts = COUNT_MAX - rdmsr(MSR_X2APIC_CURRENT_COUNT);
	wrmsr(MSR_X2APIC_INIT_COUNT, 0);
	/* Rounded to the nearest: reading the two takes some ticks. */
	scale = ((counts << SCALE_SHIFT) + ticks / 2) / ticks;
}

static void switch_on(void)
{
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	wrmsr(MSR_X2APIC_SIVR, SIVR_ENABLE | VECTOR_HOST_SPURIOUS);
	wrmsr(MSR_X2APIC_TPR, 0);
}

bool host_apic_init(void)
{
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC))
		return false;
	switch_on();
	calibrate();
	wrmsr(MSR_X2APIC_LVT_TIMER, VECTOR_HOST_TIMER);
	return true;
}

void host_apic_enable(void)
{
	switch_on();
	wrmsr(MSR_X2APIC_DIV_CONF, DIVIDE_BY_1);
	wrmsr(MSR_X2APIC_LVT_TIMER, VECTOR_HOST_TIMER);
}

uint32_t host_apic_id(void)
{
	return (uint32_t)rdmsr(MSR_X2APIC_APICID);
}

/* A WRMSR of the ICR waits for no store before it: SDM volume 3, 11.12.3. */
static void send(uint32_t id, uint32_t icr)
{
	__asm__ volatile("mfence; lfence" : : : "memory");
	wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | icr);
}

void host_apic_send(uint32_t id, uint8_t vector)
{
	send(id, vector);
}

void host_apic_send_nmi(uint32_t id)
{
	send(id, HOST_ICR_NMI);
}

void host_apic_acknowledge(uint8_t vector)
{
	if (vector != VECTOR_HOST_SPURIOUS)
		wrmsr(MSR_X2APIC_EOI, 0);
}

void host_timer_start(uint64_t ticks)
{
	uint64_t most = COUNT_MAX;
	uint64_t count = ticks >> (64 - SCALE_SHIFT) ? most : ticks * scale >> SCALE_SHIFT;

	if (count > most)
		count = most;
	wrmsr(MSR_X2APIC_INIT_COUNT, count ? count : 1);
}

void host_timer_stop(void)
{
	wrmsr(MSR_X2APIC_INIT_COUNT, 0);
}

void host_timer_by_deadline(bool deadline)
{
	wrmsr(MSR_X2APIC_LVT_TIMER, (deadline ? LVT_DEADLINE : 0) | VECTOR_HOST_TIMER);
}

static bool is_pending(uint8_t vector)
{
	return rdmsr(MSR_X2APIC_IRR0 + vector / 32) >> vector % 32 & 1;
}

bool host_timer_is_pending(void)
{
	return is_pending(VECTOR_HOST_TIMER);
}

bool host_apic_has_kick(void)
{
	return is_pending(VECTOR_HOST_KICK) || is_pending(VECTOR_HOST_POSTED);
}
