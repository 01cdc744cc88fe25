/*
 * A guest hypervisor on two processors, of which the first edits what the guest of the second runs
 * on.  Whatever it does, what comes of it is architectural, and its own VMCS stays what it is. Upon
 * a hypervisor only: a processor has no copies of what lies in memory.
 */
#include <stddef.h>

#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/random.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "nesting/vmcs12.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"
#include "tests/guests/vmx_pair.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RUNS	     1000
#define PATIENCE     UINT64_C(2000000000) /* ticks, for all of a case */

#define MSR_LOAD_FAILED 34
#define BAD_STATE	33
#define BAD_LINK	4 /* qualification */
#define MSR_UNKNOWN	0x1234
#define VTPR		(0x80 / 4)
#define ERROR_LAUNCHED	4
#define ERROR_CONTROLS	7
#define ERROR_HOST	8
#define MARKER		UINT64_C(0x1122334455667788)

/* As VM entry and exit have them: SDM volume 3, table 25-15. */
struct msr_entry {
	uint32_t index, reserved;
	uint64_t value;
};

static uint8_t own_region[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t linked[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t field_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint32_t virtual_apic[PAGE_SIZE / 4] __attribute__((aligned(PAGE_SIZE)));
static struct msr_entry loaded[4] __attribute__((aligned(16)));
static struct msr_entry stored[2] __attribute__((aligned(16)));

L2_CODE(l2_calls_again, "vmcall; jmp l2_calls_again");
L2_CODE(l2_sets_priority, "mov %rax, %cr8; vmcall");
L2_CODE(l2_reads_linked, "vmread %rdi, %rax; vmcall");

/* The case that runs, whether the second processor is through with it, and the region of its VMCS.
 */
static const struct hostile *hostile;
static bool over;
static uint64_t region;

uint32_t pair_random(unsigned processor, uint32_t limit)
{
	static uint64_t states[2] = {1, 2};

	return random_from(&states[processor], limit);
}

static uint32_t random_below(uint32_t limit)
{
	return pair_random(0, limit);
}

static uint64_t random_value(void)
{
	return (uint64_t)random_below(UINT32_MAX) << 33 ^ random_below(UINT32_MAX);
}

void pair_start_at(const char *rip)
{
	vmwrite(VMCS_GUEST_RIP, (uint64_t)rip);
}

void pair_unexpected(uint64_t reason)
{
	fail("exit-reason found=0x%lx rip=0x%lx qualification=0x%lx", reason,
	     vmread(VMCS_GUEST_RIP), vmread(VMCS_EXIT_QUALIFICATION));
}

static bool prepare_region(void)
{
	l1_new_guest(l2_calls_again);
	__asm__ volatile("vmptrst %0" : "=m"(region));
	return true;
}

static void run_call(void)
{
	l1_expect(EXIT_REASON_VMCALL, l2_calls_again);
}

/* VMLAUNCH, which does not succeed here. */
static enum vmx_outcome launch(void)
{
	bool invalid, valid;

	__asm__ volatile("vmlaunch" : "=@ccc"(invalid), "=@ccz"(valid) : : "memory");
	if (!invalid && !valid)
		fail("launched");
	return invalid ? VMX_FAIL_INVALID : VMX_FAIL_VALID;
}

static void make_own(void)
{
	*(uint32_t *)own_region = (uint32_t)rdmsr(MSR_IA32_VMX_BASIC);
	expect("vmclear", vmclear((uint64_t)own_region), VMX_SUCCEED);
	expect("vmptrld", vmptrld((uint64_t)own_region), VMX_SUCCEED);
	vmwrite(VMCS_GUEST_RSP, MARKER);
}

static void check_own(void)
{
	expect("vmptrld", vmptrld((uint64_t)own_region), VMX_SUCCEED);
	expect("marker", vmread(VMCS_GUEST_RSP), MARKER);
}

/* The VMCS that is current on the second processor is made so on the first one, too. */
static void claim_region(void)
{
	static const enum vmcs_field fields[] = {
		VMCS_PRIMARY_CONTROLS, VMCS_EXIT_CONTROLS,   VMCS_GUEST_CR0,
		VMCS_GUEST_RIP,	       VMCS_ENTRY_INTR_INFO, VMCS_VMCS_LINK_POINTER,
	};
	uint64_t error;

	__atomic_store_n((uint32_t *)region, (uint32_t)rdmsr(MSR_IA32_VMX_BASIC), __ATOMIC_SEQ_CST);
	if (random_below(2))
		expect("vmclear", vmclear(region), VMX_SUCCEED);
	expect("vmptrld", vmptrld(region), VMX_SUCCEED);
	for (unsigned i = 0; i < COUNT(fields); i++)
		if (random_below(2))
			vmwrite(fields[i], random_value());
	vmwrite(VMCS_HOST_CR0, 0);
	expect("launch", launch(), VMX_FAIL_VALID);
	error = vmread(VMCS_INSTRUCTION_ERROR);
	if (error != ERROR_LAUNCHED && error != ERROR_CONTROLS && error != ERROR_HOST)
		fail("error found=%lu", error);
	expect("vmclear", vmclear(region), VMX_SUCCEED);
	check_own();
}

static void edit_region(void)
{
	if (random_below(64) == 0)
		claim_region();
	else
		pair_put((uint64_t *)region + random_below(PTES_PER_PAGE), random_value());
}

/* An area that each entry loads; two others that are stored and loaded by each exit. */
static bool prepare_areas(void)
{
	l1_new_guest(l2_calls_again);
	vmwrite(VMCS_ENTRY_MSR_LOAD_ADDR, (uint64_t)loaded);
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, COUNT(loaded));
	for (unsigned i = 0; i < COUNT(stored); i++)
		stored[i].index = MSR_IA32_SYSENTER_ESP;
	vmwrite(VMCS_EXIT_MSR_STORE_ADDR, (uint64_t)stored);
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, COUNT(stored));
	vmwrite(VMCS_EXIT_MSR_LOAD_ADDR, (uint64_t)stored);
	vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, COUNT(stored));
	return true;
}

static void run_areas(void)
{
	uint64_t reason = l1_run(), number;

	if (reason == EXIT_REASON_VMCALL)
		return;
	number = vmread(VMCS_EXIT_QUALIFICATION);
	if (reason != (EXIT_REASON_FAILED_ENTRY | MSR_LOAD_FAILED) || number < 1 ||
	    number > COUNT(loaded))
		pair_unexpected(reason);
}

/* What an exit cannot load would be its end, so there only values change. */
static void edit_areas(void)
{
	static const uint32_t indices[] = {
		MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, MSR_IA32_SYSENTER_CS,
		MSR_UNKNOWN,	       MSR_X2APIC_TPR,	      MSR_IA32_FS_BASE,
	};
	struct msr_entry *entry = &loaded[random_below(COUNT(loaded))];

	__atomic_store_n(&entry->index, indices[random_below(COUNT(indices))], __ATOMIC_SEQ_CST);
	__atomic_store_n(&entry->reserved, random_below(16) == 0, __ATOMIC_SEQ_CST);
	pair_put(&entry->value, random_value() >> 20);
	pair_put(&stored[random_below(COUNT(stored))].value, random_value() >> 20);
}

static bool prepare_priority(void)
{
	if (!l1_can(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW))
		return false;
	l1_new_guest(l2_sets_priority);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW, true);
	l1_set(CONTROL_PRIMARY,
	       CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING, false);
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, (uint64_t)virtual_apic);
	vmwrite(VMCS_TPR_THRESHOLD, 5);
	return true;
}

/* Whether the threshold is above the priority is looked at by the entry, which may find another. */
static void run_priority(void)
{
	uint64_t error, reason;

	pair_start_at(l2_sets_priority);
	l2_registers[L2_RAX] = pair_random(1, 16);
	error = l1_try();
	if (error == ERROR_CONTROLS)
		return;
	expect("error", error, 0);
	reason = vmread(VMCS_EXIT_REASON);
	if (reason != EXIT_REASON_VMCALL && reason != EXIT_REASON_TPR_BELOW_THRESHOLD)
		pair_unexpected(reason);
}

static void edit_priority(void)
{
	__atomic_store_n(&virtual_apic[VTPR], random_below(16) << 4, __ATOMIC_SEQ_CST);
	virtual_apic[random_below(COUNT(virtual_apic))] = 0;
}

static bool prepare_link(void)
{
	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_VMCS_SHADOWING))
		return false;
	l1_new_guest(l2_reads_linked);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_VMCS_SHADOWING, true);
	vmwrite(VMCS_VMREAD_BITMAP, (uint64_t)field_bitmap);
	vmwrite(VMCS_VMWRITE_BITMAP, (uint64_t)field_bitmap);
	vmwrite(VMCS_VMCS_LINK_POINTER, (uint64_t)linked);
	return true;
}

static void run_link(void)
{
	uint64_t reason;

	pair_start_at(l2_reads_linked);
	l2_registers[L2_RDI] = VMCS_GUEST_RIP;
	reason = l1_run();
	if (reason == (EXIT_REASON_FAILED_ENTRY | BAD_STATE))
		expect("qualification", vmread(VMCS_EXIT_QUALIFICATION), BAD_LINK);
	else if (reason != EXIT_REASON_VMCALL && reason != EXIT_REASON_VMREAD)
		pair_unexpected(reason);
}

static void edit_link(void)
{
	uint32_t revision = (uint32_t)rdmsr(MSR_IA32_VMX_BASIC);

	pair_put((uint64_t *)linked + random_below(PTES_PER_PAGE), random_value());
	field_bitmap[VMCS_GUEST_RIP / 8] = (uint8_t)random_below(256);
	__atomic_store_n((uint32_t *)linked, random_below(4) ? revision | VMCS12_SHADOW : revision,
			 __ATOMIC_SEQ_CST);
}

static const struct hostile hostile_region = {"pair-edits-region", prepare_region, run_call,
					      edit_region};
static const struct hostile hostile_areas = {"pair-edits-areas", prepare_areas, run_areas,
					     edit_areas};
static const struct hostile hostile_priority = {"pair-edits-priority", prepare_priority,
						run_priority, edit_priority};
static const struct hostile hostile_link = {"pair-edits-link", prepare_link, run_link, edit_link};

static bool is_over(void)
{
	return __atomic_load_n(&over, __ATOMIC_ACQUIRE);
}

/* Of the second processor. */
static void suffer(void)
{
	l1_start(1);
	if (hostile->prepare())
		for (unsigned i = 0; i < RUNS; i++)
			hostile->run();
	l1_stop();
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
}

static void run(const struct hostile *which)
{
	uint64_t start = rdtsc_ordered();

	report_running(which->name);
	hostile = which;
	over = false;
	second_begin(suffer);
	while (!is_over()) {
		which->edit();
		if (rdtsc_ordered() - start > PATIENCE)
			fail("too-long");
	}
	second_finish();
	check_own();
}

void hostile_pair(void)
{
	static const struct hostile *const cases[] = {
		&hostile_region,   &hostile_ept,  &hostile_bitmaps_agreed, &hostile_bitmaps,
		&hostile_priority, &hostile_link, &hostile_areas,
	};

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR))
		return;
	apic_enable();
	make_own();
	for (unsigned i = 0; i < COUNT(cases); i++)
		run(cases[i]);
}
