/*
 * A guest in 32-bit code, one CASE an image: what compilers and 64-bit kernels never do, and what
 * found its hypervisor unprepared.  Each case ends by switching off with status 0 if it gets there.
 */
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/ports.h"
#include "l1vmm/arch/signature.h"
#include "l1vmm/arch/x86.h"

#define CASE_xsetbv		1 /* XCR0 with x87 and SSE */
#define CASE_real_mode_fault 2 /* #GP, which has no error code in real mode */
#define CASE_task_switch	3 /* a far jump to a TSS */
#define CASE_eip_wrap	4 /* CPUID in the last two bytes of 4 GiB */
#define CASE_tss16_long_mode 5 /* IA-32e mode is refused while TR holds a 16-bit TSS */
#define CASE_mwait		6 /* hidden by CPUID */
#define CASE_outs_wrap	7 /* OUTSB with 16-bit addresses across 64 KB */
#define CASE_wide_port	8 /* a wide access to a port of one byte */
#define CASE_device_stack	9 /* an exception whose stack is the I/O APIC */
#define CASE_orders	10 /* the hypercall of mmu=shadow:pv, and what it refuses */
#define CASE_no_orders	11 /* the same hypercall where it is not offered */
#define CASE_table_stack	12 /* an exception whose stack is in a page directory */
#define CASE_smap_store	13 /* with CR0.WP clear, to a read-only user page */
#define CASE_pdptes	14 /* loaded anew where CR0.CD changes */
#define CASE_packets	15 /* the hypercall for telemetry of the levels above, and what it refuses */

#define FLAT_CODE 0x08
#define FLAT_DATA 0x10
#define TSS_1	  0x18
#define TSS_2	  0x20
#define TSS_16BIT 0x28
#define USER_CODE 0x33
#define USER_DATA 0x3b
#define IOPL_3	  0x3000
#define PSE_RW	  (PTE_PS | PTE_P | PTE_RW)
#define ALIAS	  0x400000 /* where all of the image can be mapped a second time */
#define GIB	  0x40000000

	/* Pages, with the kernel's in its place and what `alias` says at ALIAS. */
	.macro start_paging cr4, alias
	movl $PSE_RW, tables
	movl $\alias, tables + 4
	mov $tables, %eax
	mov %eax, %cr3
	mov $(CR4_PSE + \cr4), %eax
	mov %eax, %cr4
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	.endm

	/* Rows of EAX, EBX, ECX, and the EAX that comes back. */
	.macro make_calls first, end
	mov $\first, %esi
1:	mov (%esi), %eax
	mov 4(%esi), %ebx
	mov 8(%esi), %ecx
	vmcall
	cmp 12(%esi), %eax
	jne fail
	add $16, %esi
	cmp $\end, %esi
	jne 1b
	.endm

	.macro handle_ud handler
	mov $\handler, %eax
	mov %ax, idt + 8 * VECTOR_UD
	shr $16, %eax
	mov %ax, idt + 8 * VECTOR_UD + 6
	.endm

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long pvh_start

	.text
	.code32
	.globl pvh_start
pvh_start:
	cli
	cld
	mov $stack_top, %esp
	lgdt gdtr
	ljmp $FLAT_CODE, $1f
1:	mov $FLAT_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss

#if CASE == CASE_xsetbv
	mov $CR4_OSXSAVE, %eax
	mov %eax, %cr4
	xor %ecx, %ecx
	xor %edx, %edx
	mov $(XCR0_X87 | XCR0_SSE), %eax
	xsetbv
#elif CASE == CASE_real_mode_fault
	mov %cr0, %eax
	and $~CR0_PE, %eax
	mov %eax, %cr0
	mov $0x12345, %ecx
	rdmsr
#elif CASE == CASE_task_switch
	mov $TSS_1, %eax
	ltr %ax
	ljmp $TSS_2, $0
#elif CASE == CASE_eip_wrap
	movl $(0x000000 + PSE_RW), tables
	movl $(0x400000 + PSE_RW), tables + 4
	movl $(0x400000 + PSE_RW), tables + 4 * 1023
	movw $0xa20f, 0x7ffffe		/* CPUID, also at 0xfffffffe */
	movb $0xe9, 0			/* behind it, at 0: a jump to `done` */
	movl $(done - 5), 1
	mov $tables, %eax
	mov %eax, %cr3
	mov $CR4_PSE, %eax
	mov %eax, %cr4
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	xor %eax, %eax
	mov $0xfffffffe, %edi
	jmp *%edi
#elif CASE == CASE_tss16_long_mode
	mov $TSS_16BIT, %eax
	ltr %ax
	movl $PSE_RW, tables
	movl $(tables + PTE_P + PTE_RW), tables + 0x1000
	movl $(tables + 0x1000 + PTE_P + PTE_RW), tables + 0x2000
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $(tables + 0x2000), %eax
	mov %eax, %cr3
	mov $MSR_IA32_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
#elif CASE == CASE_mwait
	mov $stack_top, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	monitor
	xor %eax, %eax
	mwait
#elif CASE == CASE_outs_wrap
	movb $'A', 0xffff
	movb $'B', 0
	movb $'C', 0x10000
	movw $0xffff, %si
	mov $2, %ecx
	mov $PORT_CONSOLE, %edx
	addr16 rep outsb
	mov $'\n', %al
	outb %al, %dx
#elif CASE == CASE_wide_port
	mov $0x80, %edx
	mov $0x11223344, %eax
	outl %eax, %dx
	inl %dx, %eax
	inc %eax			/* nobody answers: all ones */
	jnz fail
#elif CASE == CASE_device_stack
	handle_ud done
	lidt idtr
	mov $0xfec00800, %esp
	ud2
#elif CASE == CASE_orders
	mov $CPUID_HANDSHAKES, %eax
	cpuid
	cmp $1, %eax			/* the version */
	jne fail
	make_calls calls, calls_end
	push $USER_DATA
	push $stack_top
	push $IOPL_3
	push $USER_CODE
	push $2f
	iret
2:	mov $USER_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov $1, %eax
	mov $orders, %ebx
	mov $1, %ecx
	vmcall
	cmp $-3, %eax			/* not privileged */
	jne fail
#elif CASE == CASE_no_orders
	mov $CPUID_HANDSHAKES, %eax
	cpuid
	or %ecx, %eax
	jnz fail
	make_calls no_calls, no_calls_end
#elif CASE == CASE_packets
	mov $CPUID_HANDSHAKES, %eax
	cpuid
	cmp $1, %ecx
	jne fail
	make_calls packets, packets_end
#elif CASE == CASE_table_stack
	start_paging 0, 0
	handle_ud 2f
	lidt idtr
	mov $(tables + 0x800), %esp
1:	ud2
2:	cmpl $1b, tables + 0x7f4	/* EIP, below CS and EFLAGS */
	jne fail
	cmpl $FLAT_CODE, tables + 0x7f8
	jne fail
	movl $PSE_RW, tables + 4	/* what comes later counts, too */
	invlpg ALIAS
	cmpl $1b, ALIAS + tables + 0x7f4
	jne fail
	movl $0, tables + 4
	invlpg ALIAS
	movl $0, tables + 0x7f4
	cmpl $0, tables + 0x7f4
	jne fail
#elif CASE == CASE_smap_store
	start_paging CR4_SMAP, PTE_PS + PTE_P + PTE_US
	stac
	movl $5, ALIAS + tables + 0x2000
	cmpl $5, tables + 0x2000
	jne fail
	fninit
	fnstcw ALIAS + tables + 0x2000	/* no instruction that an OS has for its tables */
	cmpl $0x37f, tables + 0x2000
	jne fail
#elif CASE == CASE_pdptes
	movl $PSE_RW, tables
	movl $(tables + PTE_P), tables + 0x1000
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $(tables + 0x1000), %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	movl $(tables + PTE_P), tables + 0x1008
	or $CR0_CD, %eax
	mov %eax, %cr0
	cmpl $(tables + PTE_P), GIB + tables + 0x1008
	jne fail
#else
#error "no such case"
#endif

done:
	mov $ok, %esi
	mov $(ok_end - ok), %ecx
	mov $PORT_CONSOLE, %edx
	rep outsb
	xor %eax, %eax
	jmp end
fail:
	mov $1, %eax
end:
	mov $PORT_STATUS, %edx
	outb %al, %dx
	mov $shutdown, %esi
	mov $8, %ecx
	mov $PORT_SHUTDOWN, %edx
	rep outsb
1:	hlt
	jmp 1b

	.section .rodata, "a"
ok:
	.ascii "@end image=legacy status=ok\n"
ok_end:
shutdown:
	.ascii SHUTDOWN_TEXT
	.balign 8
orders:
	.quad tables			/* an entry of it */
	.quad 0xffffffff00000001	/* address 0; outside IA-32e mode the low half counts */
	.quad tables + 2		/* a root no more */
	.quad 7				/* no order */
	/* The head of a packet of no records. */
	.macro packet magic, level
	.long \magic, 0
	.quad 5, 5, 128 * 8, PAGE_SIZE * 8, 0, 0
	.long 0, \level, 1, 64
	.zero 56
	.endm
packet:	packet 0xc1fc1fc1, 1
below:	packet 0xc1fc1fc1, 0
broken:	packet 0, 1
no_calls:
	.long 1, orders, 1, -2		/* not offered */
	.long 2, packet, PAGE_SIZE, -2
	.long 3, packet, 0, -2
no_calls_end:
packets:
	.long 2, packet, PAGE_SIZE, 0
	.long 2, packet, 127, -5	/* bad array */
	.long 2, -PAGE_SIZE, PAGE_SIZE, -5
	.long 2, packet, -1, -5
	.long 2, packet, PAGE_SIZE - 64, -10	/* bad packet */
	.long 2, packet, 2 * PAGE_SIZE, -10
	.long 2, below, PAGE_SIZE, -10
	.long 2, broken, PAGE_SIZE, -10
packets_end:
calls:
	.long 1, orders, 0, 0
	.long 1, orders, 3, 3
	.long 1, orders, 4, 3
	.long 1, orders + 24, 1, -6	/* bad order */
	.long 1, orders, 513, -4	/* too long */
	.long 1, orders, -1, -4
	.long 1, orders + 4, 1, -5	/* bad array */
	.long 1, 0xfffff000, 512, -5
	.long 1, 0xfffffff8, 2, -5
	.long 4, orders, 1, -1		/* unknown */
	.long -1, orders, 1, -1
calls_end:

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x0030890000000067	/* 32-bit TSSs at 0 and 0x1000, 16-bit one at 0x2000 */
	.quad 0x0030890010000067
	.quad 0x0030810020000067
	.quad 0x00cffb000000ffff	/* the flat segments for ring 3 */
	.quad 0x00cff3000000ffff
idt:
	.fill VECTOR_UD, 8, 0
	.quad 0x00008e0000080000	/* a 32-bit interrupt gate, its offset filled in */
idtr:
	.word . - idt - 1
	.long idt
gdtr:
	.word idt - gdt - 1
	.long gdt

	.bss
	.balign 4096
tables:
	.skip 0x3000
	.skip 0x1000
stack_top:
