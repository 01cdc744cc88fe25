/*
 * A guest that is not kind to its local APIC.  What the architecture says of that it checks itself,
 * case by case; with `cpus=2` again and again, beside a processor that does nothing wrong (and with
 * `quiet=1` does nothing itself, to compare with).  Bochs's own APIC fails it: it takes reserved
 * bits of the LVT.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/cmdline.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The page in xAPIC mode: where reset leaves it, and where there is nothing else. */
#define PAGE_AT_RESET 0xfee00000
#define PAGE_MOVED    0xfed10000
#define PAGE_VERSION  0x30
#define PAGE_GAP      0x40 /* no register is there */
#define PAGE_SIVR     0xf0
#define PAGE_ESR      0x280

#define ESR_SEND_ILLEGAL     (1u << 5)
#define ESR_RECEIVE_ILLEGAL  (1u << 6)
#define ESR_ILLEGAL_REGISTER (1u << 7)

#define ICR_SELF     (UINT64_C(1) << 18)
#define BAD_VECTOR   15
#define VECTOR_LOW   0x35
#define VECTOR_HELD  0x40
#define VECTOR_HIGH  0x50
#define VECTOR_TIMER 0x60

/* The second processor's, and how much it does. */
#define VECTOR_OTHER	   0x70
#define VECTOR_OTHER_ICR   0x71
#define VECTOR_OTHER_TIMER 0x72
#define OTHER_TURNS	   1000
#define OTHER_SPIN	   500

/* Turns of a loop that the guest gets to, its timer notwithstanding. */
#define TIMER_PATIENCE 100000

/* Of a timer until it is over, each time for longer. */
#define WATCHES 32

static bool faulted;
static volatile uint64_t taken[256]; /* interrupts by vector, each of one processor alone */
static bool other_is_done;

/* Goes on where R10 says. */
static void skip(struct trap_frame *frame)
{
	expect("error-code", frame->error, 0);
	faulted = true;
	frame->rip = frame->r10;
}

static bool write_faults(uint32_t msr, uint64_t value)
{
	faulted = false;
	__asm__ volatile("lea 1f(%%rip), %%r10\n"
			 "wrmsr\n"
			 "1:\n"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "r10", "memory");
	return faulted;
}

static bool read_faults(uint32_t msr)
{
	uint32_t low, high;

	faulted = false;
	__asm__ volatile("lea 1f(%%rip), %%r10\n"
			 "rdmsr\n"
			 "1:\n"
			 : "=a"(low), "=d"(high)
			 : "c"(msr)
			 : "r10", "memory");
	return faulted;
}

/* Errors since it was asked last: a write of ESR shows them (SDM volume 3, 11.5.3). */
static uint64_t errors(void)
{
	wrmsr(MSR_X2APIC_ESR, 0);
	return rdmsr(MSR_X2APIC_ESR);
}

static volatile uint32_t *page_register(uint64_t base, uint32_t offset)
{
	return (volatile uint32_t *)(base + offset);
}

/* SDM volume 3, table 11-6 and 11.12.1.3: what x2APIC mode does not have or take. */
static void wrong_writes(void)
{
	static const struct {
		const char *name;
		uint32_t msr;
		uint64_t value;
	} rows[] = {
		{"write-id", MSR_X2APIC_APICID, 0},
		{"write-version", MSR_X2APIC_VERSION, 0},
		{"write-ppr", MSR_X2APIC_PPR, 0},
		{"write-ldr", MSR_X2APIC_LDR, 0},
		{"write-isr", MSR_X2APIC_ISR0, 0},
		{"write-tmr", MSR_X2APIC_TMR0 + 7, 0},
		{"write-irr", MSR_X2APIC_IRR0 + 3, 0},
		{"write-current-count", MSR_X2APIC_CURRENT_COUNT, 0},
		{"write-dfr", MSR_X2APIC_FIRST + 0xe, 0},
		{"write-icr-high", MSR_X2APIC_ICR + 1, 0},
		{"write-gap", MSR_X2APIC_FIRST + 4, 0},
		{"write-last", MSR_X2APIC_LAST, 0},
		{"tpr-reserved", MSR_X2APIC_TPR, 0x100},
		{"eoi-not-0", MSR_X2APIC_EOI, 1},
		{"esr-not-0", MSR_X2APIC_ESR, 1},
		{"sivr-reserved", MSR_X2APIC_SIVR, 1u << 16 | 0x1ff},
		{"timer-reserved", MSR_X2APIC_LVT_TIMER, 1u << 19 | 1u << 16 | VECTOR_TIMER},
		{"thermal-reserved", MSR_X2APIC_LVT_THERMAL, 1u << 17 | 1u << 16},
		{"lint-reserved", MSR_X2APIC_LVT_LINT0, 1u << 17 | 1u << 16},
		{"error-reserved", MSR_X2APIC_LVT_ERROR, 1u << 16 | 1u << 8},
		{"icr-reserved", MSR_X2APIC_ICR, ICR_SELF | 1u << 20 | VECTOR_LOW},
		{"divide-reserved", MSR_X2APIC_DIV_CONF, 1u << 2},
		{"self-ipi-reserved", MSR_X2APIC_SELF_IPI, 1u << 8 | VECTOR_LOW},
		{"tpr-upper-half", MSR_X2APIC_TPR, UINT64_C(1) << 32},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		report_running(rows[i].name);
		expect("no-fault", write_faults(rows[i].msr, rows[i].value), true);
	}
	report_running("after-wrong-writes");
	expect("tpr", rdmsr(MSR_X2APIC_TPR), 0);
	expect("sivr", rdmsr(MSR_X2APIC_SIVR), 0x1ff);
	expect("errors", errors(), 0);
}

static void wrong_reads(void)
{
	static const uint32_t rows[] = {
		MSR_X2APIC_FIRST,	 MSR_X2APIC_FIRST + 4, MSR_X2APIC_EOI,
		MSR_X2APIC_FIRST + 0xe,	 MSR_X2APIC_ICR + 1,   MSR_X2APIC_SELF_IPI,
		MSR_X2APIC_SELF_IPI + 1, MSR_X2APIC_LAST,
	};

	report_running("wrong-reads");
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!read_faults(rows[i]))
			fail("no-fault msr=0x%x", rows[i]);
}

static void illegal_vectors(void)
{
	report_running("illegal-vectors");
	wrmsr(MSR_X2APIC_SELF_IPI, BAD_VECTOR);
	expect("self-ipi", errors(), ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL);
	wrmsr(MSR_X2APIC_ICR, ICR_SELF | BAD_VECTOR);
	expect("icr", errors(), ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL);
	apic_timer_count(BAD_VECTOR, APIC_TIMER_ONE_SHOT);
	expect("timer-entry", errors() & ~ESR_RECEIVE_ILLEGAL, 0);
	wrmsr(MSR_X2APIC_INIT_COUNT, 1);
	while (rdmsr(MSR_X2APIC_CURRENT_COUNT) != 0)
		;
	expect("timer", errors(), ESR_RECEIVE_ILLEGAL);
	apic_timer_stop();
}

/* Counts, and ends nothing. */
static void hold(struct trap_frame *frame)
{
	taken[frame->vector]++;
}

static void count_and_end(struct trap_frame *frame)
{
	taken[frame->vector]++;
	apic_eoi();
}

/* What is never ended keeps out what is not above it, and nothing else. */
static void never_ended(void)
{
	report_running("never-ended");
	trap_handle(VECTOR_LOW, count_and_end);
	trap_handle(VECTOR_HELD, hold);
	trap_handle(VECTOR_HIGH, count_and_end);
	sti();
	wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_HELD);
	expect("held", taken[VECTOR_HELD], 1);
	for (unsigned i = 1; i <= 8; i++) {
		wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_HELD);
		wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_LOW);
		wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_HIGH);
		expect("above", taken[VECTOR_HIGH], i);
	}
	expect("same", taken[VECTOR_HELD], 1);
	expect("below", taken[VECTOR_LOW], 0);
	apic_eoi();
	expect("same-behind", taken[VECTOR_HELD], 2);
	expect("below-behind", taken[VECTOR_LOW], 0);
	apic_eoi();
	expect("below-at-last", taken[VECTOR_LOW], 1);
	apic_eoi();
	cli();
}

/* Faster than its interrupts can be handled: the guest gets on all the same. */
static void smallest_period(void)
{
	report_running("smallest-period");
	trap_handle(VECTOR_TIMER, count_and_end);
	sti();
	apic_timer_count(VECTOR_TIMER, APIC_TIMER_PERIODIC);
	wrmsr(MSR_X2APIC_INIT_COUNT, 1);
	for (volatile unsigned i = 0; i < TIMER_PATIENCE; i++)
		;
	apic_timer_stop();
	cli();
	if (taken[VECTOR_TIMER] < 2)
		fail("too-few ticks=%lu", taken[VECTOR_TIMER]);
}

/* An exit in which a count or deadline is found to be over is no less an interrupt for that. */
static void timers_watched(void)
{
	report_running("timers-watched");
	for (uint64_t i = 1; i <= WATCHES; i++) {
		taken[VECTOR_TIMER] = 0;
		sti();
		if (i % 2) {
			apic_timer_count(VECTOR_TIMER, APIC_TIMER_ONE_SHOT);
			wrmsr(MSR_X2APIC_INIT_COUNT, 2000 + i * 37);
			while (rdmsr(MSR_X2APIC_CURRENT_COUNT))
				;
		} else {
			apic_timer_deadline(VECTOR_TIMER);
			wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc_ordered() + 2000 + i * 37);
			while (rdmsr(MSR_IA32_TSC_DEADLINE))
				;
		}
		for (volatile unsigned wait = 0; !taken[VECTOR_TIMER]; wait++)
			if (wait == TIMER_PATIENCE)
				fail("lost number=%lu", i);
		cli();
		expect("watched", taken[VECTOR_TIMER], 1);
	}
	apic_timer_stop();
}

/* SDM volume 3, figure 11-28: the ways between the modes, and those that are none. */
static void modes(void)
{
	uint64_t x2apic = rdmsr(MSR_IA32_APIC_BASE);
	uint64_t off = x2apic & ~(uint64_t)(APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	uint64_t xapic = off | APIC_BASE_ENABLE;

	report_running("modes");
	expect("x2apic-to-xapic", write_faults(MSR_IA32_APIC_BASE, xapic), true);
	expect("x2apic-to-invalid", write_faults(MSR_IA32_APIC_BASE, off | APIC_BASE_X2APIC), true);
	expect("reserved-bit", write_faults(MSR_IA32_APIC_BASE, x2apic | 1), true);
	expect("address-too-wide", write_faults(MSR_IA32_APIC_BASE, x2apic | UINT64_C(1) << 60),
	       true);
	expect("still-x2apic", rdmsr(MSR_IA32_APIC_BASE), x2apic);
	expect("x2apic-to-off", write_faults(MSR_IA32_APIC_BASE, off), false);
	expect("off-to-x2apic", write_faults(MSR_IA32_APIC_BASE, x2apic), true);
	expect("msr-while-off", read_faults(MSR_X2APIC_VERSION), true);
	expect("off-to-xapic", write_faults(MSR_IA32_APIC_BASE, xapic), false);
	expect("msr-in-xapic-mode", read_faults(MSR_X2APIC_VERSION), true);
	expect("write-in-xapic-mode", write_faults(MSR_X2APIC_EOI, 0), true);
}

/* In xAPIC mode, where modes() has left it. */
static void page(void)
{
	volatile uint32_t *version = page_register(PAGE_AT_RESET, PAGE_VERSION);
	volatile uint32_t *esr = page_register(PAGE_AT_RESET, PAGE_ESR);
	uint32_t was = *version;
	uint64_t base = rdmsr(MSR_IA32_APIC_BASE);

	report_running("page");
	*version = ~was;
	expect("read-only", *version, was);
	*esr = 0;
	(void)*page_register(PAGE_AT_RESET, PAGE_GAP);
	*esr = 0;
	expect("gap", *esr, ESR_ILLEGAL_REGISTER);
	*page_register(PAGE_AT_RESET, PAGE_SIVR) = 0x1ff;
	wrmsr(MSR_IA32_APIC_BASE, base - PAGE_AT_RESET + PAGE_MOVED);
	expect("moved", *page_register(PAGE_MOVED, PAGE_VERSION), was);
	expect("kept", *page_register(PAGE_MOVED, PAGE_SIVR), 0x1ff);
	wrmsr(MSR_IA32_APIC_BASE, base);
	expect("back", *version, was);
	/* The way that is left to x2APIC mode. */
	wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_X2APIC);
	expect("x2apic", rdmsr(MSR_X2APIC_SIVR), 0x1ff);
}

static void all_wrong(void)
{
	wrong_writes();
	wrong_reads();
	illegal_vectors();
	never_ended();
	smallest_period();
	timers_watched();
	modes();
	page();
}

/* Each is taken at once. */
static void send_itself(uint64_t number)
{
	wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_OTHER);
	wrmsr(MSR_X2APIC_ICR, ICR_SELF | VECTOR_OTHER_ICR);
	wrmsr(MSR_IA32_TSC_DEADLINE, 1);
	expect("other-self-ipi", taken[VECTOR_OTHER], number);
	expect("other-icr", taken[VECTOR_OTHER_ICR], number);
	expect("other-timer", taken[VECTOR_OTHER_TIMER], number);
}

/* What the second processor is at while the first is unkind: its own APIC must not notice. */
static void work(void)
{
	uint64_t sivr = rdmsr(MSR_X2APIC_SIVR), base = rdmsr(MSR_IA32_APIC_BASE);

	apic_timer_deadline(VECTOR_OTHER_TIMER);
	sti();
	for (uint64_t number = 1; number <= OTHER_TURNS; number++) {
		send_itself(number);
		write_cr8(number % 15);
		expect("other-tpr", rdmsr(MSR_X2APIC_TPR), number % 15 << 4);
		write_cr8(0);
		for (volatile unsigned i = 0; i < OTHER_SPIN; i++)
			;
	}
	cli();
	expect("other-sivr", rdmsr(MSR_X2APIC_SIVR), sivr);
	expect("other-base", rdmsr(MSR_IA32_APIC_BASE), base);
	expect("other-errors", errors(), 0);
	__atomic_store_n(&other_is_done, true, __ATOMIC_RELEASE);
}

/* All of it again and again until the other one is done, or nothing, to compare with. */
static void beside_another(bool wrong)
{
	unsigned times = 0;

	trap_handle(VECTOR_OTHER, count_and_end);
	trap_handle(VECTOR_OTHER_ICR, count_and_end);
	trap_handle(VECTOR_OTHER_TIMER, count_and_end);
	second_begin(work);
	while (!__atomic_load_n(&other_is_done, __ATOMIC_ACQUIRE)) {
		if (!wrong) {
			pause();
			continue;
		}
		taken[VECTOR_LOW] = taken[VECTOR_HELD] = taken[VECTOR_HIGH] = 0;
		all_wrong();
		times++;
	}
	second_finish();
	if (wrong && times < 2)
		fail("too-early times=%u", times);
}

static bool is_given(const struct start_info_view *boot, const char *name)
{
	char value[8];

	return cmdline_get(boot->cmdline, name, value, sizeof(value)) == CMDLINE_FOUND;
}

void guest_main(const struct start_info_view *boot)
{
	report_image("apic");
	trap_handle(VECTOR_GP, skip);
	apic_enable();
	if (is_given(boot, "cpus"))
		beside_another(!is_given(boot, "quiet"));
	else
		all_wrong();
	report_running(NULL);
}
