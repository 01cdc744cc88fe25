/*
 * Edits of ept12 and of bitmaps while the guest of another processor runs on them.
 */
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "tests/guests/vmx_l1.h"
#include "tests/guests/vmx_pair.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define EPT_READ       UINT64_C(1)
#define EPT_WRITE      UINT64_C(2)
#define EPT_ALL	       UINT64_C(7)
#define EPT_LARGE      UINT64_C(0x80)
#define EPT_WRITE_BACK UINT64_C(0x30)
#define EPT_BAD_TYPE   UINT64_C(0x38)
#define EPTP_FLAGS     UINT64_C(0x1e)	   /* write-back, four levels */
#define HIGH	       (UINT64_C(1) << 30) /* guest-physical */
#define FIRST_PAGE     (PAGE_AREA_FREE + 1)
#define WINDOW	       8 /* pages of the guest's, from there on */
#define PATTERN	       UINT64_C(0x5a5a5a5a5a5a5a5a)
#define INVEPT_ALL     UINT64_C(2)

#define PORT	       0x80
#define MSR_HIGH_READS 1024 /* in the bitmap: reads of 0xc0000000 and on */

static uint64_t root[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t table[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t directory[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t entries[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t canary[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t target[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t io_bitmaps[2][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

L2_CODE(l2_walks, "mov (%rdi), %rax; mov %rax, (%rsi); vmcall");
L2_CODE(l2_tries, "in $0x80, %al; rdmsr; l2_tried: vmcall");
extern const char l2_tried[];

static bool prepare_ept(void)
{
	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT))
		return false;
	root[0] = (uint64_t)table | EPT_ALL;
	table[0] = EPT_ALL | EPT_LARGE | EPT_WRITE_BACK;
	for (uint64_t i = 0; i < WINDOW; i++)
		page_map(FIRST_PAGE + (unsigned)i, HIGH + i * PAGE_SIZE, PTE_RW);
	for (unsigned i = 0; i < PTES_PER_PAGE; i++)
		canary[i] = PATTERN;
	l1_new_guest(l2_walks);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, true);
	vmwrite(VMCS_EPT_POINTER, (uint64_t)root | EPTP_FLAGS);
	return true;
}

static void run_walk(void)
{
	const struct {
		uint64_t eptp, zero;
	} all = {0};
	uint64_t reason;

	pair_start_at(l2_walks);
	l2_registers[L2_RDI] = (uint64_t)page_address(FIRST_PAGE + pair_random(1, WINDOW));
	l2_registers[L2_RSI] = (uint64_t)page_address(FIRST_PAGE + pair_random(1, WINDOW));
	reason = l1_run();
	if (reason != EXIT_REASON_VMCALL && reason != EXIT_REASON_EPT_VIOLATION &&
	    reason != EXIT_REASON_EPT_MISCONFIG)
		pair_unexpected(reason);
	if (pair_random(1, 2))
		__asm__ volatile("invept %0, %1" : : "m"(all), "r"(INVEPT_ALL) : "cc", "memory");
	expect("canary", canary[pair_random(1, PTES_PER_PAGE)], PATTERN);
}

/* Tables in a circle, too.  The guest may write to one page, and to no table. */
static void edit_ept(void)
{
	const uint64_t pages[] = {
		(uint64_t)target | EPT_ALL | EPT_WRITE_BACK,
		(uint64_t)target | EPT_READ | EPT_WRITE_BACK,
		(uint64_t)canary | EPT_READ | EPT_WRITE_BACK,
		(uint64_t)target | EPT_ALL | EPT_BAD_TYPE,
		(uint64_t)target | EPT_WRITE,
		0,
	};
	const uint64_t middle[] = {
		(uint64_t)entries | EPT_ALL,
		(uint64_t)entries | EPT_ALL,
		(uint64_t)entries | EPT_READ,
		(uint64_t)directory | EPT_READ,
		EPT_READ | EPT_LARGE | EPT_WRITE_BACK,
		EPT_WRITE,
		0,
	};
	const uint64_t upper[] = {
		(uint64_t)directory | EPT_ALL,
		(uint64_t)directory | EPT_ALL,
		(uint64_t)directory | EPT_READ,
		(uint64_t)directory | EPT_WRITE,
		0,
	};

	pair_put(&entries[pair_random(0, WINDOW)], pages[pair_random(0, COUNT(pages))]);
	if (pair_random(0, 4) == 0)
		pair_put(&directory[0], middle[pair_random(0, COUNT(middle))]);
	if (pair_random(0, 8) == 0)
		pair_put(&table[1], upper[pair_random(0, COUNT(upper))]);
}

/* Bitmaps that the first processor edits when it is asked to, and then tells what they say. */
static struct {
	uint64_t asked, answered;
	bool io, msr;
} bits;

static bool prepare_bitmaps(void)
{
	l1_new_guest(l2_tries);
	l1_set(CONTROL_PRIMARY,
	       (uint32_t)(CONTROL_PRIMARY_USE_IO_BITMAPS | CONTROL_PRIMARY_USE_MSR_BITMAPS), true);
	vmwrite(VMCS_IO_BITMAP_A, (uint64_t)io_bitmaps[0]);
	vmwrite(VMCS_IO_BITMAP_B, (uint64_t)io_bitmaps[1]);
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	return true;
}

/* Which of the two exit, in this order. */
static void run_bitmaps(bool agreed)
{
	uint64_t reason;

	pair_start_at(l2_tries);
	l2_registers[L2_RCX] = MSR_IA32_LSTAR;
	reason = l1_run();
	if (agreed)
		expect("io-exits", reason == EXIT_REASON_IO_INSTRUCTION, bits.io);
	if (reason == EXIT_REASON_IO_INSTRUCTION) {
		l1_skip();
		reason = l1_run();
	}
	if (agreed)
		expect("msr-exits", reason == EXIT_REASON_MSR_READ, bits.msr);
	if (reason == EXIT_REASON_MSR_READ) {
		l1_skip();
		reason = l1_run();
	}
	if (reason != EXIT_REASON_VMCALL)
		pair_unexpected(reason);
	expect("rip", vmread(VMCS_GUEST_RIP), (uint64_t)l2_tried);
}

static void run_bitmaps_at_will(void)
{
	run_bitmaps(false);
}

/* What has been stored before an entry counts, whoever has stored it. */
static void run_bitmaps_as_agreed(void)
{
	pair_put(&bits.asked, bits.asked + 1);
	while (__atomic_load_n(&bits.answered, __ATOMIC_SEQ_CST) != bits.asked)
		pause();
	run_bitmaps(true);
}

static void set_bit(uint8_t *bitmap, uint32_t bit, bool on)
{
	uint8_t *at = &bitmap[bit / 8], mask = (uint8_t)(1u << bit % 8);

	__atomic_store_n(at, (uint8_t)(on ? *at | mask : *at & ~mask), __ATOMIC_SEQ_CST);
}

static void set_bits(bool io, bool msr)
{
	bits.io = io;
	bits.msr = msr;
	set_bit(io_bitmaps[0], PORT, bits.io);
	set_bit(msr_bitmap + MSR_HIGH_READS, MSR_IA32_LSTAR & 0x1fff, bits.msr);
}

static void edit_bits(void)
{
	set_bits(pair_random(0, 2), pair_random(0, 2));
}

static void edit_bits_when_asked(void)
{
	if (__atomic_load_n(&bits.asked, __ATOMIC_SEQ_CST) == bits.answered)
		return;
	/* At first nothing exits: what the hypervisor below has merged then must not last. */
	set_bits(bits.answered && pair_random(0, 2), bits.answered && pair_random(0, 2));
	pair_put(&bits.answered, bits.answered + 1);
}

const struct hostile hostile_ept = {"pair-edits-ept", prepare_ept, run_walk, edit_ept};
const struct hostile hostile_bitmaps = {"pair-edits-bitmaps", prepare_bitmaps, run_bitmaps_at_will,
					edit_bits};
const struct hostile hostile_bitmaps_agreed = {"pair-bitmaps", prepare_bitmaps,
					       run_bitmaps_as_agreed, edit_bits_when_asked};
