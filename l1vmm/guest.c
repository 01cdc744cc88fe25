#include "l1vmm/guest.h"

#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/acpi.h"
#include "l1vmm/boot/layout.h"
#include "l1vmm/boot/multiboot.h"
#include "l1vmm/boot/pvh_elf.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vmx/stop.h"

/* A guest's memory map: low memory up to where PCs have their video memory, and all from 1 MB. */
#define LOW_END	   0xa0000
#define HIGH_START 0x100000

/* The start info and its tables, in low memory. */
#define START_INFO_GPA	0x10000
#define START_INFO_SIZE 0x10000

_Static_assert(MAX_CPUS <= ACPI_MAX_PROCESSORS, "the tables tell of each vCPU");

static bool write_memory(void *ctx, uint64_t gpa, const void *data, uint64_t size)
{
	void *to = vm_memory(ctx, gpa, size);

	if (to)
		memcpy(to, data, size);
	return to;
}

static bool zero_memory(void *ctx, uint64_t gpa, uint64_t size)
{
	void *to = vm_memory(ctx, gpa, size);

	if (to)
		memset(to, 0, size);
	return to;
}

static void accept(struct pvh_elf_result result)
{
	if (result.error)
		guest_refused(STOP_BAD_IMAGE, "error=%s segment=%d number=0x%lx",
			      pvh_elf_error_name(result.error), result.segment, result.number);
}

/*
 * Copies the modules behind the first to the top of the guest's memory, page-aligned, from the
 * highest down; returns where the lowest begins.
 */
static uint64_t place_modules(struct vm *vm, const struct boot_info *boot,
			      struct start_info_module *placed)
{
	uint64_t top = vm->memory.size;

	for (uint32_t i = 1; i < boot->module_count; i++) {
		const struct start_info_module *m = &boot->modules[i];
		uint64_t size = (m->size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);

		if (size > top - HIGH_START)
			guest_refused(STOP_NO_MEMORY, "what=module index=%u bytes=%lu", i, m->size);
		top -= size;
		placed[i - 1] = (struct start_info_module){
			.paddr = top, .size = m->size, .cmdline = m->cmdline};
		write_memory(vm, top, (const void *)m->paddr, m->size);
	}
	return top;
}

static void load_image(struct vm *vm, const struct start_info_module *file, uint64_t top,
		       struct pvh_image *image)
{
	const struct pvh_range memory[] = {
		{.start = 0, .size = LOW_END},
		{.start = HIGH_START, .size = top - HIGH_START},
	};
	const struct pvh_range reserved[] = {{.start = START_INFO_GPA, .size = START_INFO_SIZE}};
	const struct pvh_elf_memory to = {.ctx = vm, .write = write_memory, .zero = zero_memory};
	const void *bytes = (const void *)file->paddr;

	accept(guest_image_parse(bytes, file->size, image));
	accept(pvh_elf_place(image, memory, sizeof(memory) / sizeof(memory[0]), reserved,
			     sizeof(reserved) / sizeof(reserved[0])));
	accept(pvh_elf_load(image, bytes, &to));
}

/* What firmware would have left: tables, and the I/O APIC with an ID behind those of the others. */
static void describe_machine(struct vm *vm)
{
	vm->chipset.ioapic.id = vm->vcpu_count << 24;
	acpi_build(vm->vcpu_count, (uint8_t)vm->vcpu_count, vm_memory(vm, ACPI_GPA, ACPI_SIZE));
}

struct guest_start guest_load(struct vm *vm, const struct boot_info *boot)
{
	struct start_info_module modules[START_INFO_MAX_MODULES];
	const struct hvm_memmap_table_entry memmap[] = {
		{.addr = 0, .size = LOW_END, .type = XEN_HVM_MEMMAP_TYPE_RAM},
		{.addr = LOW_END,
		 .size = HIGH_START - LOW_END,
		 .type = XEN_HVM_MEMMAP_TYPE_RESERVED},
		{.addr = HIGH_START,
		 .size = vm->memory.size - HIGH_START,
		 .type = XEN_HVM_MEMMAP_TYPE_RAM},
	};
	struct start_info_spec spec = {
		.modules = modules,
		.memmap = memmap,
		.memmap_count = sizeof(memmap) / sizeof(memmap[0]),
		.rsdp_paddr = ACPI_GPA,
	};
	enum start_info_error (*build)(const struct start_info_spec *spec, uint64_t paddr,
				       void *buffer, uint64_t size);
	struct pvh_image image;
	enum start_info_error error;

	if (boot->module_count == 0)
		guest_refused(STOP_BAD_IMAGE, "error=no-module");
	describe_machine(vm);
	spec.cmdline = boot->modules[0].cmdline;
	spec.module_count = boot->module_count - 1;
	load_image(vm, &boot->modules[0], place_modules(vm, boot, modules), &image);
	build = image.multiboot ? multiboot_info_build : start_info_build;
	error = build(&spec, START_INFO_GPA, vm_memory(vm, START_INFO_GPA, START_INFO_SIZE),
		      START_INFO_SIZE);
	if (error)
		guest_refused(STOP_BAD_IMAGE, "error=%s", start_info_error_name(error));
	return (struct guest_start){
		.rip = image.entry,
		.start_info = START_INFO_GPA,
		.magic = image.multiboot ? MULTIBOOT_ENTRY_MAGIC : 0,
	};
}
