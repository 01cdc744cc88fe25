/*
 * The boot sector of a Bochs disk: fills memory by the boot table that follows it on the disk, and
 * enters the lowest image by the PVH protocol.  It stands in for firmware and boot loader, so that
 * the first line of an image is there within half a second.
 *
 * It trusts the boot table, which is written together with it; magic and version keep it from
 * following anything else.
 */
#include "l1vmm/boot/bochs/boot_table.h"

/* ATA, primary channel (ATA/ATAPI-5, 7 and 9.5): registers, bits of the status, commands. */
#define ATA_DATA	 0x1f0
#define ATA_COUNT	 0x1f2 /* then three of the address, device, status; 256 sectors is 0 */
#define ATA_STATUS	 0x1f7 /* command when written */
#define ATA_CONTROL	 0x3f6
#define ATA_ERR		 0x01
#define ATA_DRQ		 0x08
#define ATA_DF		 0x20
#define ATA_BSY		 0x80
#define ATA_NIEN	 0x02
#define ATA_LBA		 0xe0 /* device 0, linear addresses */
#define ATA_READ_SECTORS 0x20
#define ATA_MAX_SECTORS	 256

#define PORT_A20      0x92
#define PORT_CONSOLE  0xe9
#define PORT_SHUTDOWN 0x8900

#define CR0_PE 1

#define CODE_SELECTOR 0x08
#define DATA_SELECTOR 0x10
#define TSS_SELECTOR  0x18

	.section .text
	.code16
	.globl	_start
_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds

	in	$PORT_A20, %al
	or	$0x02, %al
	and	$0xfe, %al		/* bit 0 resets the machine */
	out	%al, $PORT_A20

	/* The state that PVH asks for: in CR0 nothing but PE, so also caches on; CR4 is clear. */
	lgdt	gdt_register
	mov	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmp	$CODE_SELECTOR, $protected

	.code32
protected:
	xor	%eax, %eax
	mov	%eax, %cr4
	mov	$DATA_SELECTOR, %al
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$TSS_SELECTOR, %al
	ltr	%ax
	mov	$BOOT_SECTOR_ADDRESS, %esp

	/* Polled transfers: no interrupt may stay pending for the image. */
	mov	$ATA_CONTROL, %edx
	mov	$ATA_NIEN, %al
	out	%al, %dx

	mov	$BOOT_TABLE_ADDRESS, %edi
	mov	$BOOT_TABLE_LBA, %ebx
	mov	$(BOOT_TABLE_SECTORS * SECTOR_SIZE), %ebp
	call	read_disk
	cmpl	$BOOT_TABLE_MAGIC, BOOT_TABLE_ADDRESS + BOOT_TABLE_MAGIC_OFFSET
	jne	no_table
	cmpl	$BOOT_TABLE_VERSION, BOOT_TABLE_ADDRESS + BOOT_TABLE_VERSION_OFFSET
	jne	no_table

	mov	$(BOOT_TABLE_ADDRESS + BOOT_TABLE_EXTENTS_OFFSET), %esi
next_extent:
	decl	BOOT_TABLE_ADDRESS + BOOT_TABLE_COUNT_OFFSET
	js	enter
	mov	BOOT_EXTENT_PADDR_OFFSET(%esi), %edi
	mov	BOOT_EXTENT_LBA_OFFSET(%esi), %ebx
	mov	BOOT_EXTENT_BYTES_OFFSET(%esi), %ebp
	add	$BOOT_EXTENT_SIZE, %esi
	test	%ebx, %ebx
	jz	fill
	push	$next_extent
	jmp	read_disk
fill:
	xor	%eax, %eax
	mov	%ebp, %ecx
	shr	$2, %ecx
	rep stosl
	mov	%ebp, %ecx
	and	$3, %ecx
	rep stosb
	jmp	next_extent

enter:
	mov	BOOT_TABLE_ADDRESS + BOOT_TABLE_START_INFO_OFFSET, %ebx
	jmp	*(BOOT_TABLE_ADDRESS + BOOT_TABLE_ENTRY_OFFSET)

/* Reads EBP bytes from sector EBX on to EDI.  Changes all registers but ESI and ESP. */
read_disk:
	push	%esi
command:
	lea	(SECTOR_SIZE - 1)(%ebp), %esi
	shr	$9, %esi		/* sectors that are left */
	jz	read_done
	cmp	$ATA_MAX_SECTORS, %esi
	jbe	1f
	mov	$ATA_MAX_SECTORS, %esi
1:	mov	$ATA_STATUS, %edx
2:	in	%dx, %al
	test	$ATA_BSY, %al
	jnz	2b
	mov	$ATA_COUNT, %edx
	mov	%esi, %eax
	out	%al, %dx
	inc	%edx
	mov	%ebx, %eax
	out	%al, %dx
	inc	%edx
	shr	$8, %eax
	out	%al, %dx
	inc	%edx
	shr	$8, %eax
	out	%al, %dx
	inc	%edx
	shr	$8, %eax
	or	$ATA_LBA, %al
	out	%al, %dx
	inc	%edx
	mov	$ATA_READ_SECTORS, %al
	out	%al, %dx
sector:
	in	%dx, %al
	test	$ATA_BSY, %al
	jnz	sector
	test	$(ATA_ERR | ATA_DF), %al
	jnz	read_failed
	test	$ATA_DRQ, %al
	jz	sector

	mov	$ATA_DATA, %edx
	mov	$(SECTOR_SIZE / 2), %ecx
	sub	$SECTOR_SIZE, %ebp
	jb	last_bytes
	rep insw
next_sector:
	mov	$ATA_STATUS, %edx
	inc	%ebx
	dec	%esi
	jnz	sector
	jmp	command

last_bytes:
	push	%esi
	push	%edi
	mov	$BOOT_BOUNCE_ADDRESS, %edi
	mov	%edi, %esi
	rep insw
	pop	%edi
	lea	SECTOR_SIZE(%ebp), %ecx
	rep movsb
	pop	%esi
	xor	%ebp, %ebp
	jmp	next_sector

read_done:
	pop	%esi
	ret

read_failed:
	mov	$read_text, %esi
	mov	$(read_text_end - read_text), %ecx
	jmp	stop
no_table:
	mov	$table_text, %esi
	mov	$(table_text_end - table_text), %ecx
stop:
	mov	$PORT_CONSOLE, %edx
	rep outsb
	mov	$shutdown_text, %esi
	mov	$(shutdown_text_end - shutdown_text), %ecx
	mov	$PORT_SHUTDOWN, %edx
	rep outsb
1:	hlt
	jmp	1b

read_text:
	.ascii	"l1vmm-boot: disk read failed\n"
read_text_end:
table_text:
	.ascii	"l1vmm-boot: no boot table of this version\n"
table_text_end:
shutdown_text:
	.ascii	"Shutdown"
shutdown_text_end:

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9a000000ffff	/* code: execute, read, base 0, limit 4 GiB */
	.quad	0x00cf92000000ffff	/* data: read, write, base 0, limit 4 GiB */
	.quad	0x0000890000000067	/* 32-bit TSS, base 0, limit 0x67 as PVH asks for */
gdt_register:
	.word	gdt_register - gdt - 1
	.long	gdt

	.org	SECTOR_SIZE - 2
	.word	0xaa55			/* what the BIOS knows a boot sector by */
