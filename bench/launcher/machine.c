#include "bench/launcher/machine.h"
#include "bench/launcher/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

/* Three pages below the BIOS's that KVM takes where the processor has no unrestricted guests. */
#define TSS_ADDRESS UINT64_C(0xfffbd000)

#define MAX_CPUID_ENTRIES 256

#define CPUID_1_ECX_VMX	       (1u << 5)
#define CPUID_1_ECX_DEADLINE   (1u << 24)
#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_1_EBX_APIC_ID    0xff000000u

/* SDM volume 4, table 2-2: locked, VMX outside SMX. */
#define MSR_IA32_FEATURE_CONTROL 0x3a
#define FEATURE_CONTROL_LOCKED	 (1u << 0)
#define FEATURE_CONTROL_VMX	 (1u << 2)

#define CR0_PE	      (1u << 0)
#define CR0_ET	      (1u << 4)
#define RFLAGS_ALWAYS (1u << 1)

struct cpuid_table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[MAX_CPUID_ENTRIES];
};

static int call(int fd, unsigned long request, void *argument, const char *name,
		struct vmfee_error *err)
{
	int result = ioctl(fd, request, argument);

	return result < 0 ? vmfee_fail_errno(err, "KVM: %s", name) : result;
}

#define CALL(fd, request, argument, err) call(fd, request, argument, #request, err)

static int make_memory(struct machine *machine, unsigned mib, struct vmfee_error *err)
{
	struct kvm_userspace_memory_region region = {.memory_size = mib * MIB};
	int fd = memfd_create("guest", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)region.memory_size) != 0) {
		vmfee_fail_errno(err, "%u MiB of guest memory", mib);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	void *memory = mmap(NULL, region.memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		return vmfee_fail_errno(err, "%u MiB of guest memory", mib);
	machine->memory = memory;
	machine->memory_bytes = region.memory_size;
	region.userspace_addr = (uintptr_t)memory;
	return CALL(machine->vm, KVM_SET_USER_MEMORY_REGION, &region, err);
}

static int make_vm(struct machine *machine, unsigned mib, struct vmfee_error *err)
{
	struct kvm_pit_config pit = {.flags = 0};

	machine->vm = CALL(machine->kvm, KVM_CREATE_VM, NULL, err);
	if (machine->vm < 0 || make_memory(machine, mib, err) != 0)
		return -1;
	if (ioctl(machine->vm, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0)
		return vmfee_fail_errno(err, "KVM: KVM_SET_TSS_ADDR");
	if (CALL(machine->vm, KVM_CREATE_IRQCHIP, NULL, err) < 0 ||
	    CALL(machine->vm, KVM_CREATE_PIT2, &pit, err) < 0)
		return -1;
	return 0;
}

/* All that KVM can give a guest, on a machine with one processor, whose number is 0. */
static void adapt_cpuid(struct machine *machine, struct cpuid_table *table)
{
	bool deadline = ioctl(machine->kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

	for (uint32_t i = 0; i < table->head.nent; i++) {
		struct kvm_cpuid_entry2 *entry = &table->entries[i];
		switch (entry->function) {
		case 1:
			entry->ebx &= ~CPUID_1_EBX_APIC_ID;
			entry->ecx |= CPUID_1_ECX_HYPERVISOR;
			if (deadline)
				entry->ecx |= CPUID_1_ECX_DEADLINE;
			machine->vmx = entry->ecx & CPUID_1_ECX_VMX;
			break;
		case 0xb:
		case 0x1f:
			entry->edx = 0;
			break;
		default:
			break;
		}
	}
}

static int set_cpuid(struct machine *machine, bool needs_vmx, struct vmfee_error *err)
{
	struct cpuid_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return vmfee_fail_errno(err, "CPUID of the guest");
	table->head.nent = MAX_CPUID_ENTRIES;
	int failed = CALL(machine->kvm, KVM_GET_SUPPORTED_CPUID, &table->head, err) < 0;
	if (!failed)
		adapt_cpuid(machine, table);
	if (!failed && needs_vmx && !machine->vmx)
		failed = host_refuse_nesting(err);
	if (!failed)
		failed = CALL(machine->vcpu, KVM_SET_CPUID2, &table->head, err) < 0;
	free(table);
	return failed ? -1 : 0;
}

/* A guest finds VMX as firmware leaves it: usable, and the choice no longer open. */
static int set_feature_control(const struct machine *machine, struct vmfee_error *err)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head = {.nmsrs = 1},
		.entry = {.index = MSR_IA32_FEATURE_CONTROL,
			  .data = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX},
	};

	if (!machine->vmx)
		return 0;
	int set = CALL(machine->vcpu, KVM_SET_MSRS, &msrs.head, err);
	if (set == 0)
		return vmfee_fail(err, VMFEE_SYSTEM,
				  "KVM does not take IA32_FEATURE_CONTROL of its guest");
	return set < 0 ? -1 : 0;
}

static int make_vcpu(struct machine *machine, bool needs_vmx, struct vmfee_error *err)
{
	machine->vcpu = CALL(machine->vm, KVM_CREATE_VCPU, NULL, err);
	int bytes = CALL(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, err);
	if (machine->vcpu < 0 || bytes < 0)
		return -1;
	void *run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, machine->vcpu, 0);
	if (run == MAP_FAILED)
		return vmfee_fail_errno(err, "KVM: the vCPU's page");
	machine->run = run;
	machine->run_bytes = (size_t)bytes;
	if (set_cpuid(machine, needs_vmx, err) != 0)
		return -1;
	return set_feature_control(machine, err);
}

int machine_share_clock(const struct machine *machine, struct vmfee_error *err)
{
	uint64_t offset = 0;
	struct kvm_device_attr attribute = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	return CALL(machine->vcpu, KVM_SET_DEVICE_ATTR, &attribute, err) < 0 ? -1 : 0;
}

int machine_open(struct machine *machine, unsigned memory, bool needs_vmx, struct vmfee_error *err)
{
	*machine = MACHINE_NONE;
	machine->kvm = open(HOST_KVM, O_RDWR | O_CLOEXEC);
	if (machine->kvm < 0)
		return host_refuse_kvm(errno, err);
	int version = CALL(machine->kvm, KVM_GET_API_VERSION, NULL, err);
	if (version < 0)
		return -1;
	if (version != KVM_API_VERSION)
		return vmfee_fail(err, VMFEE_PLATFORM, "KVM speaks version %d of its API, not %d",
				  version, KVM_API_VERSION);
	if (make_vm(machine, memory, err) != 0)
		return -1;
	return make_vcpu(machine, needs_vmx, err);
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){.limit = UINT32_MAX,
				    .selector = selector,
				    .type = type,
				    .present = 1,
				    .db = 1,
				    .s = 1,
				    .g = 1};
}

int machine_enter_at(const struct machine *machine, uint32_t entry, uint32_t start_info,
		     struct vmfee_error *err)
{
	struct kvm_regs regs = {.rip = entry, .rbx = start_info, .rflags = RFLAGS_ALWAYS};
	struct kvm_sregs sregs;
	/* Types: SDM volume 3, 3.4.5.1 and 3.5; read/write and execute/read data, accessed. */
	const struct kvm_segment data = flat(0x10, 0x3);

	if (CALL(machine->vcpu, KVM_GET_SREGS, &sregs, err) < 0)
		return -1;
	sregs.cs = flat(0x8, 0xb);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = (struct kvm_segment){.limit = 0x67, .selector = 0x18, .type = 0xb, .present = 1};
	sregs.cr0 = CR0_PE | CR0_ET;
	sregs.cr4 = 0;
	sregs.efer = 0;
	if (CALL(machine->vcpu, KVM_SET_SREGS, &sregs, err) < 0 ||
	    CALL(machine->vcpu, KVM_SET_REGS, &regs, err) < 0)
		return -1;
	return 0;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

void machine_close(struct machine *machine)
{
	if (machine->run != NULL)
		munmap(machine->run, machine->run_bytes);
	if (machine->memory != NULL)
		munmap(machine->memory, machine->memory_bytes);
	close_one(machine->vcpu);
	close_one(machine->vm);
	close_one(machine->kvm);
	*machine = MACHINE_NONE;
}
