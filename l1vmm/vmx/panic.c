#include "l1vmm/vmx/panic.h"

#include <stdarg.h>
#include <stddef.h>

#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/arch/poweroff.h"
#include "l1vmm/arch/trap_frame.h"
#include "l1vmm/arch/wait.h"
#include "l1vmm/dev/console.h"
#include "l1vmm/lib/printf.h"
#include "l1vmm/status.h"
#include "l1vmm/vmx/exit.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/vcpu.h"
#include "l1vmm/vmx/vmcs.h"

#define MAX_REASON 256

struct field_name {
	enum vmcs_field field;
	const char *name;
};

static const struct field_name field_names[] = {
#define VMCS_FIELD(encoding, NAME, ...) {VMCS_##NAME, #NAME},
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
};

static const char *const register_names[GPRS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

const char *vmx_error_text(uint64_t number)
{
	switch (number) {
#define VMX_ERROR(value, NAME, text) \
	case value:                  \
		return text;
#include "l1vmm/vmx/instruction_errors.def"
#undef VMX_ERROR
	default:
		return "no such error number";
	}
}

static _Noreturn void end(const char *reason)
{
	guest_console_flush();
	printk("l1vmm: panic: %s\n", reason);
	printk("@end image=l1vmm status=panic\n");
	poweroff(STATUS_PANIC);
}

void panic(const char *text, ...)
{
	char reason[MAX_REASON];
	va_list arguments;

	va_start(arguments, text);
	vformat(reason, sizeof(reason), text, arguments);
	va_end(arguments);
	end(reason);
}

static void print_registers(const struct vcpu *v)
{
	for (unsigned i = 0; i < GPRS; i += 4) {
		printk("guest");
		for (unsigned j = i; j < i + 4; j++)
			printk(" %-3s %016lx", register_names[j],
			       j == RSP ? vmread(VMCS_GUEST_RSP) : v->regs[j]);
		printk("\n");
	}
}

static void print_vmcs(void)
{
	for (size_t i = 0; i < sizeof(field_names) / sizeof(field_names[0]); i++) {
		uint64_t value;

		if (vmread_checked(field_names[i].field, &value) == VMX_SUCCEED)
			printk("vmcs %04x %-28s %lx\n", field_names[i].field, field_names[i].name,
			       value);
	}
}

static const char *reason_name(uint32_t reason)
{
	uint32_t basic = reason & EXIT_REASON_BASIC_MASK;

	if (basic >= EXIT_REASONS)
		return "unknown";
	return exit_table[basic].name;
}

void dump_guest(const struct vcpu *v)
{
	print_registers(v);
	printk("exit reason %x (%s%s)\n", v->reason, reason_name(v->reason),
	       v->reason & EXIT_REASON_FAILED_ENTRY ? ", failed entry" : "");
	print_vmcs();
}

void panic_guest(struct vcpu *v, const char *text, ...)
{
	char reason[MAX_REASON];
	va_list arguments;

	va_start(arguments, text);
	vformat(reason, sizeof(reason), text, arguments);
	va_end(arguments);
	dump_guest(v);
	end(reason);
}

static bool in_guard_page(uint64_t address)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		const struct cpu_stacks *s = &cpu_stacks[i];

		if (address - (uintptr_t)s->guard < sizeof(s->guard))
			return true;
		for (unsigned j = 0; j < IST_COUNT; j++)
			if (address - (uintptr_t)s->ist[j].guard < sizeof(s->ist[j].guard))
				return true;
	}
	return false;
}

static void print_frame(const struct trap_frame *f)
{
	printk("host rax %016lx rcx %016lx rdx %016lx rbx %016lx\n", f->rax, f->rcx, f->rdx,
	       f->rbx);
	printk("host rsp %016lx rbp %016lx rsi %016lx rdi %016lx\n", f->rsp, f->rbp, f->rsi,
	       f->rdi);
	printk("host r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	printk("host r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14,
	       f->r15);
	printk("host rip %016lx cs %lx rflags %lx cr0 %lx cr2 %lx cr3 %lx cr4 %lx\n", f->rip, f->cs,
	       f->rflags, read_cr0(), read_cr2(), read_cr3(), read_cr4());
}

/*
 * Interrupts only end a wait, having had the mailbox emptied.  Exceptions in the hypervisor are its
 * end.
 */
void trap_dispatch(struct trap_frame *f)
{
	const struct vcpu *v = this_cpu()->vcpu;

	if (f->vector >= VECTOR_EXCEPTIONS)
		host_apic_acknowledge((uint8_t)f->vector);
	if (__builtin_expect(f->vector == VECTOR_HOST_TIMER, 1))
		this_cpu()->timer_went_off = true;
	else if (host_apic_is_kick(f->vector))
		ipi_kicked(this_cpu()->vcpu);
	else if (f->vector == VECTOR_NMI)
		ipi_kicked_by_nmi();
	if (f->vector >= VECTOR_EXCEPTIONS || f->vector == VECTOR_NMI) {
		host_wait_interrupted(f);
		return;
	}
	print_frame(f);
	if (v)
		dump_guest(v);
	if (f->vector == VECTOR_PF && in_guard_page(read_cr2()))
		panic("stack overflow: rip=0x%lx address=0x%lx", f->rip, read_cr2());
	panic("exception %lu in the hypervisor: error=0x%lx rip=0x%lx cr2=0x%lx", f->vector,
	      f->error, f->rip, read_cr2());
}
