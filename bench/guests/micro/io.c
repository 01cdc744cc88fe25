/* Ports, and registers in memory. */
#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"

#define PORT_ABSENT 0xeb /* no device: reads as all ones */
#define PORT_POST   0x80 /* where firmware shows its progress; a common guest's short delay */

/* The I/O APIC's index and data registers, and the index of its version register. */
#define IOAPIC_IOREGSEL 0xfec00000
#define IOAPIC_IOWIN	0xfec00010
#define IOAPIC_VERSION	1

void bench_port_in_trapped(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++) {
		uint8_t value;

		__asm__ volatile(SAMPLE_BEGIN "inb %%dx, %%al\n" SAMPLE_END
				 : "=a"(value)
				 : "D"(s), "d"(PORT_ABSENT)
				 : SAMPLE_CLOBBERS);
		expect("wrong-value", value, 0xff);
	}
}

void bench_port_out_trapped(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "outb %%al, %%dx\n" SAMPLE_END
				 :
				 : "D"(s), "d"(PORT_ABSENT), "a"(0)
				 : SAMPLE_CLOBBERS);
}

void bench_port_in_direct(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++) {
		uint8_t value;

		__asm__ volatile(SAMPLE_BEGIN REPEAT("inb %%dx, %%al\n") SAMPLE_END
				 : "=a"(value)
				 : "D"(s), "d"(PORT_POST), [ops] "i"(ops_port_in_direct)
				 : SAMPLE_CLOBBERS);
	}
}

void bench_port_out_direct(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN REPEAT("outb %%al, %%dx\n") SAMPLE_END
				 :
				 : "D"(s), "d"(PORT_POST), "a"(0), [ops] "i"(ops_port_out_direct)
				 : SAMPLE_CLOBBERS);
}

static volatile uint32_t *mmio(uint64_t address)
{
	return (volatile uint32_t *)address;
}

void bench_mmio_read(struct run *run)
{
	*mmio(IOAPIC_IOREGSEL) = IOAPIC_VERSION;

	uint32_t version = *mmio(IOAPIC_IOWIN);

	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t value;

		__asm__ volatile(SAMPLE_BEGIN "mov (%%rsi), %%eax\n" SAMPLE_END
				 : "=a"(value)
				 : "D"(s), "S"(mmio(IOAPIC_IOWIN))
				 : SAMPLE_CLOBBERS);
		expect("wrong-value", value, version);
	}
}

void bench_mmio_write(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "mov %%eax, (%%rsi)\n" SAMPLE_END
				 :
				 : "D"(s), "S"(mmio(IOAPIC_IOREGSEL)), "a"(IOAPIC_VERSION)
				 : SAMPLE_CLOBBERS);
	expect("wrong-value", *mmio(IOAPIC_IOREGSEL), IOAPIC_VERSION);
}
