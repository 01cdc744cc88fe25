#include "bench/guests/rt/trap.h"

#include <stddef.h>

#include "bench/guests/rt/report.h"
#include "bench/guests/rt/segments.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/descriptor.h"
#include "l1vmm/arch/x86.h"

#define STACK_SIZE 0x2000

/* The interrupt stack that a double fault gets; its cause may have been the ordinary stack. */
#define IST_DOUBLE_FAULT 1

extern uint64_t gdt[GDT_SIZE / 8];

static struct gate idt[VECTORS];
static struct tss tss;
static trap_handler *handlers[VECTORS];
static uint8_t trap_stack[STACK_SIZE] __attribute__((aligned(16)));
static uint8_t double_fault_stack[STACK_SIZE] __attribute__((aligned(16)));

void trap_init(void)
{
	tss.rsp[0] = (uintptr_t)trap_stack + sizeof(trap_stack);
	tss.ist[IST_DOUBLE_FAULT - 1] = (uintptr_t)double_fault_stack + sizeof(double_fault_stack);
	tss.io_map_base = sizeof(tss);
	tss_descriptor(&gdt[TSS / 8], &tss);
	ltr(TSS);

	for (unsigned i = 0; i < VECTORS; i++)
		trap_gate((uint8_t)i, NULL);
	lidt(&(struct desc_ptr){.limit = sizeof(idt) - 1, .base = (uintptr_t)idt});
}

void trap_gate(uint8_t vector, const void *entry)
{
	uintptr_t usual = (uintptr_t)trap_vectors + (uintptr_t)vector * VECTOR_CODE_SIZE;

	idt[vector] = interrupt_gate(entry ? (uintptr_t)entry : usual, KERNEL_CODE,
				     vector == VECTOR_DF ? IST_DOUBLE_FAULT : 0);
}

void trap_handle(uint8_t vector, trap_handler *handler)
{
	handlers[vector] = handler;
}

static _Noreturn void unexpected(const struct trap_frame *f)
{
	uint64_t cr2 = read_cr2();

	printk("rax %016lx rcx %016lx rdx %016lx rbx %016lx\n", f->rax, f->rcx, f->rdx, f->rbx);
	printk("rsp %016lx rbp %016lx rsi %016lx rdi %016lx\n", f->rsp, f->rbp, f->rsi, f->rdi);
	printk("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	printk("r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
	printk("rip %016lx cs %04lx ss %04lx rflags %08lx\n", f->rip, f->cs, f->ss, f->rflags);
	printk("cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx\n", read_cr0(), cr2, read_cr3(),
	       read_cr4());
	fail("unexpected-trap vector=%lu error=0x%lx rip=0x%lx cr2=0x%lx", f->vector, f->error,
	     f->rip, cr2);
}

void trap_dispatch(struct trap_frame *frame)
{
	trap_handler *handler = handlers[frame->vector];

	if (handler)
		handler(frame);
	else
		unexpected(frame);
}
