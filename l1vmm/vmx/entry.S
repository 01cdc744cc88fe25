/*
 * The way from the guest to C and back.
 *
 * On exit RSP, from VMCS_HOST_RSP, is the address of struct vcpu, so that the guest's registers can
 * be put away before any of them is lost.  The hypervisor is compiled to use general-purpose
 * registers only: those are all there is to save.  The exit stamp is taken as soon as RAX and RDX
 * are safe, the entry stamp when all but three registers have been given back.
 *
 * Each entry point exists twice: with exit records, and without, so that a run with telemetry=off
 * shows what telemetry costs.  Exits that the hypervisor below tells of in memory, and those from a
 * guest's guest, have entry points of their own.
 */
#include "l1vmm/boot/layout.h"
#include "l1vmm/vmx/vcpu_layout.h"

	.macro for_each_register do
	\do VCPU_RCX, %rcx
	\do VCPU_RDI, %rdi
	\do VCPU_RBP, %rbp
	\do VCPU_RSI, %rsi
	\do VCPU_R8, %r8
	\do VCPU_R9, %r9
	\do VCPU_R10, %r10
	\do VCPU_R11, %r11
	\do VCPU_R12, %r12
	\do VCPU_R13, %r13
	\do VCPU_R14, %r14
	\do VCPU_R15, %r15
	.endm

	.macro save offset, register
	mov \register, \offset(%rsp)
	.endm

	.macro restore offset, register
	mov \offset(%rbx), \register
	.endm

	/* RBX = vCPU.  What remains behind this macro is the VM entry. */
	.macro restore_guest stamp
	for_each_register restore
	.if \stamp
	mov VCPU_RECORD(%rbx), %rsp
	jmp 1f				/* see rdtsc_ordered() in arch/cpu.h */
1:	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, VCPU_ENTRY_TSC(%rbx)
	sub RECORD_TSC(%rsp), %rax
	mov %rax, RECORD_HANDLED_TICKS(%rsp)
	.endif
	mov VCPU_RDX(%rbx), %rdx
	mov VCPU_RAX(%rbx), %rax
	mov VCPU_RBX(%rbx), %rbx
	.endm

	.macro exit_path name, handler, stamp
	.globl \name
\name:
	mov %rax, VCPU_RAX(%rsp)
	mov %rdx, VCPU_RDX(%rsp)
	.if \stamp
	rdtsc
	shl $32, %rdx
	.endif
	mov %rbx, VCPU_RBX(%rsp)
	for_each_register save
	mov %rsp, %rbx
	mov %rsp, %rdi
	.if \stamp
	lea (%rax, %rdx), %rsi
	.endif
	mov VCPU_HOST_STACK(%rbx), %rsp
	call \handler			/* leaves RBX alone */
	restore_guest \stamp
	vmresume
	jmp entry_failed
	.endm

	.text
	.balign 64
	exit_path vmx_exit, vmx_handle_exit, 1
	.balign 64
	exit_path vmx_exit_quiet, vmx_handle_exit_quiet, 0
	.balign 64
	exit_path vmx_exit_told, vmx_handle_exit_told, 1
	.balign 64
	exit_path vmx_exit_told_quiet, vmx_handle_exit_told_quiet, 0
	.balign 64
	exit_path vmx_exit_nested, nested_handle_exit, 1
	.balign 64
	exit_path vmx_exit_nested_quiet, nested_handle_exit_quiet, 0

	.balign 64
	exit_path vmx_exit_observed, vmx_handle_exit_observed, 1

	.globl vmx_launch
vmx_launch:				/* RDI = vCPU */
	jmp 1f
1:	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, VCPU_ENTRY_TSC(%rdi)
	mov %rdi, %rbx
	restore_guest 0
	vmlaunch
	jmp entry_failed

	/* RDI = vCPU: enters it other than at the end of an exit path. */
	.macro enter_path name, instruction, stamp
	.globl \name
\name:
	mov %rdi, %rbx
	restore_guest \stamp
	\instruction
	jmp entry_failed
	.endm

	enter_path vmx_launch_again, vmlaunch, 1
	enter_path vmx_launch_again_quiet, vmlaunch, 0
	enter_path vmx_resume, vmresume, 1
	enter_path vmx_resume_quiet, vmresume, 0

	/* CF or ZF is set, and moves leave it so.  GS still is the host's. */
entry_failed:
	mov %gs:CPU_VCPU, %rdi
	mov VCPU_HOST_STACK(%rdi), %rsp
	setc %sil
	movzbl %sil, %esi
	call vmx_entry_failed
	ud2
