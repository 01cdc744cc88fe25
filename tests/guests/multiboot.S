/*
 * A multiboot image that holds what it finds at its entry against the specification, with a command
 * line of `word`.
 */
#include "l1vmm/arch/ports.h"

#define HEADER_MAGIC 0x1badb002
#define HEADER_FLAGS 3 /* modules on pages, and information about memory */
#define ENTRY_MAGIC  0x2badb002
#define INFO_FLAGS   0x24d /* memory, command line, modules, memory map, name of the loader */

/* Offsets in the information. */
#define MEM_LOWER   4
#define MEM_UPPER   8
#define CMDLINE	    16
#define MODS_COUNT  20
#define MMAP_LENGTH 44
#define MMAP_ADDR   48

	.text
	.code32
	.balign 4
	.long HEADER_MAGIC, HEADER_FLAGS, -(HEADER_MAGIC + HEADER_FLAGS)

	.globl start
start:
	mov $1f, %esp
	cmp $ENTRY_MAGIC, %eax
	jne fail
	cmpl $INFO_FLAGS, (%ebx)
	jne fail
	cmpl $0x280, MEM_LOWER(%ebx) /* 640 KiB */
	jne fail
	cmpl $0, MODS_COUNT(%ebx)
	jne fail

	/* Regions of 24 bytes; the last one is memory from 1 MiB on, as much as MEM_UPPER says. */
	mov MMAP_ADDR(%ebx), %esi
	add MMAP_LENGTH(%ebx), %esi
	sub $24, %esi
	cmpl $20, (%esi)
	jne fail
	cmpl $0x100000, 4(%esi)
	jne fail
	mov 12(%esi), %eax
	shr $10, %eax
	cmp MEM_UPPER(%ebx), %eax
	jne fail
	cmpl $1, 20(%esi)
	jne fail

	mov CMDLINE(%ebx), %esi
	mov $cmdline, %edi
	mov $(cmdline_end - cmdline), %ecx
	repe cmpsb
	jne fail
	mov %cr0, %eax
	test $0x80000000, %eax
	jnz fail

	mov $ok, %esi
	mov $(ok_end - ok), %ecx
	xor %ebx, %ebx
end:
	mov $PORT_CONSOLE, %edx
	rep outsb
	mov %ebx, %eax
	mov $PORT_STATUS, %edx
	outb %al, %dx
	mov $shutdown, %esi
	mov $8, %ecx
	mov $PORT_SHUTDOWN, %edx
	rep outsb
	hlt
fail:
	mov $failed, %esi
	mov $(failed_end - failed), %ecx
	mov $1, %ebx
	jmp end

cmdline:
	.asciz "guest word"
cmdline_end:
ok:
	.ascii "@end image=multiboot status=ok\n"
ok_end:
failed:
	.ascii "@end image=multiboot status=fail\n"
failed_end:
shutdown:
	.ascii SHUTDOWN_TEXT
	.balign 16
	.skip 64
1:
