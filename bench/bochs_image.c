#include "bench/bochs_image.h"

#include "l1vmm/boot/bochs/boot_table.h"
#include "l1vmm/boot/multiboot.h"
#include "l1vmm/boot/pvh_elf.h"
#include "l1vmm/boot/start_info.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

/* Bochs wants whole cylinders of 16 heads and 63 sectors. */
#define CYLINDER_SIZE (UINT64_C(16) * 63 * SECTOR_SIZE)

/* The boot sector addresses sectors with 28 bits. */
#define MAX_SECTORS (UINT64_C(1) << 28)

/* Low memory that neither the BIOS nor the boot sector uses. */
#define START_INFO_PADDR 0x10000
#define START_INFO_ROOM	 (64 * KIB)

/*
 * The start info comes before the images and has all its room, because its length depends on the
 * outbox's sector, and that on the length of everything before it.
 */
#define START_INFO_LBA (BOOT_TABLE_LBA + BOOT_TABLE_SECTORS)
#define IMAGES_LBA     (START_INFO_LBA + START_INFO_ROOM / SECTOR_SIZE)

/* The memory that images may use begins at 1 MiB and ends where the BIOS keeps its ACPI tables. */
#define USABLE_START MIB
#define ACPI_SIZE    (64 * KIB)

/* The first module begins at a large page, the others at a page each. */
#define FIRST_MODULE_ALIGN (2 * MIB)
#define MODULE_ALIGN	   (4 * KIB)

_Static_assert(BOCHS_MAX_IMAGES - 1 <= START_INFO_MAX_MODULES, "all upper images are modules");
_Static_assert(2 * PVH_ELF_MAX_SEGMENTS + BOCHS_MAX_IMAGES <= BOOT_TABLE_MAX_EXTENTS,
	       "data and zeroes of each segment, the modules and the start info");

struct input {
	uint8_t *bytes;
	uint64_t size;
};

struct plan {
	const struct bochs_stack *stack;
	uint64_t usable_end; /* of memory, a physical address */
	struct input boot_sector;
	struct input images[BOCHS_MAX_IMAGES];
	struct start_info_module modules[BOCHS_MAX_IMAGES - 1];
	struct boot_table table;
	const void *data[BOOT_TABLE_MAX_EXTENTS]; /* of the table's extents, NULL for zeroes */
	uint64_t next_lba;
	struct bochs_image_layout layout;
	uint8_t start_info[START_INFO_ROOM];
};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static uint64_t sectors(uint64_t bytes)
{
	return round_up(bytes, SECTOR_SIZE) / SECTOR_SIZE;
}

static int read_all(int fd, struct input *input, const char *path, struct vmfee_error *err)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return vmfee_fail_errno(err, "%s", path);
	if (!S_ISREG(status.st_mode))
		return vmfee_fail(err, VMFEE_IMAGE, "%s: not a regular file", path);
	uint64_t expected = (uint64_t)status.st_size;
	if (expected > PVH_ELF_MAX_MEMORY)
		return vmfee_fail(err, VMFEE_IMAGE, "%s: larger than %llu MiB", path,
				  PVH_ELF_MAX_MEMORY / MIB);
	input->bytes = malloc(expected + 1);
	if (input->bytes == NULL)
		return vmfee_fail_errno(err, "%s", path);
	while (input->size < expected) {
		ssize_t got = read(fd, input->bytes + input->size, expected - input->size);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return vmfee_fail_errno(err, "%s", path);
		if (got > 0)
			input->size += (uint64_t)got;
	}
	return 0;
}

static int read_input(struct input *input, const char *path, struct vmfee_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return vmfee_fail(err, VMFEE_IMAGE, "%s: no such image; `make all` builds them",
				  path);
	if (fd < 0)
		return vmfee_fail_errno(err, "%s", path);
	int failed = read_all(fd, input, path, err);
	close(fd);
	return failed;
}

static int read_boot_sector(struct plan *plan, struct vmfee_error *err)
{
	static const uint8_t signature[2] = {0x55, 0xaa};
	const struct input *sector = &plan->boot_sector;

	if (read_input(&plan->boot_sector, plan->stack->boot_sector, err) != 0)
		return -1;
	if (sector->size != SECTOR_SIZE || memcmp(sector->bytes + SECTOR_SIZE - sizeof(signature),
						  signature, sizeof(signature)) != 0)
		return vmfee_fail(err, VMFEE_IMAGE, "%s: not a boot sector; `make all` builds it",
				  plan->stack->boot_sector);
	return 0;
}

static int refuse_image(const struct plan *plan, size_t level, struct pvh_elf_result result,
			struct vmfee_error *err)
{
	const char *name = pvh_elf_number_name(result.error);
	char segment[32] = "";
	char number[64] = "";
	char memory[80] = "";

	if (result.segment >= 0)
		snprintf(segment, sizeof(segment), ", segment %" PRId32, result.segment);
	if (name[0] != '\0')
		snprintf(number, sizeof(number), ", %s %#" PRIx64, name, result.number);
	if (result.error == PVH_ELF_OUTSIDE_MEMORY)
		snprintf(memory, sizeof(memory),
			 "; %u MiB of memory are usable from %#" PRIx64 " to %#" PRIx64,
			 plan->stack->memory, USABLE_START, plan->usable_end);
	return vmfee_fail(err, VMFEE_IMAGE, "%s: %s%s%s%s", plan->stack->images[level].path,
			  pvh_elf_error_text(result.error), segment, number, memory);
}

/* Has the boot sector put `size` bytes of data from the disk, or zeroes, at `paddr`. */
static void add_extent(struct plan *plan, uint64_t paddr, const void *data, uint64_t size,
		       uint64_t lba)
{
	uint32_t index = plan->table.extent_count++;

	plan->table.extents[index] = (struct boot_extent){
		.paddr = (uint32_t)paddr,
		.lba = (uint32_t)lba,
		.bytes = (uint32_t)size,
	};
	plan->data[index] = data;
}

static bool add_data(void *ctx, uint64_t paddr, const void *data, uint64_t size)
{
	struct plan *plan = ctx;

	add_extent(plan, paddr, data, size, plan->next_lba);
	plan->next_lba += sectors(size);
	return true;
}

static bool add_zeroes(void *ctx, uint64_t paddr, uint64_t size)
{
	add_extent(ctx, paddr, NULL, size, 0);
	return true;
}

static uint64_t image_end(const struct pvh_image *image)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < image->segment_count; i++) {
		uint64_t segment_end = image->segments[i].paddr + image->segments[i].memsz;
		if (segment_end > end)
			end = segment_end;
	}
	return end;
}

/* The lowest image goes to its physical addresses.  `*end` is the first one behind it. */
static int add_lowest(struct plan *plan, uint64_t *end, struct vmfee_error *err)
{
	const struct pvh_range usable = {USABLE_START, plan->usable_end - USABLE_START};
	const struct pvh_elf_memory memory = {plan, add_data, add_zeroes};
	const struct input *input = &plan->images[0];
	struct pvh_image image;

	struct pvh_elf_result result = pvh_elf_parse(input->bytes, input->size, &image);
	if (result.error == PVH_ELF_OK)
		result = pvh_elf_place(&image, &usable, 1, NULL, 0);
	if (result.error == PVH_ELF_OK)
		result = pvh_elf_load(&image, input->bytes, &memory);
	if (result.error != PVH_ELF_OK)
		return refuse_image(plan, 0, result, err);
	plan->table.entry = image.entry;
	*end = image_end(&image);
	return 0;
}

/* An upper image is a module, as it is; but one that no loader could load is refused here. */
static int add_module(struct plan *plan, size_t level, uint64_t *end, struct vmfee_error *err)
{
	const struct bochs_stack_image *file = &plan->stack->images[level];
	const struct input *input = &plan->images[level];
	uint64_t paddr = round_up(*end, level == 1 ? FIRST_MODULE_ALIGN : MODULE_ALIGN);

	if (!file->data) {
		struct pvh_image image;
		struct pvh_elf_result result = guest_image_parse(input->bytes, input->size, &image);
		if (result.error != PVH_ELF_OK)
			return refuse_image(plan, level, result, err);
	}
	if (paddr > plan->usable_end || input->size > plan->usable_end - paddr)
		return vmfee_fail(err, VMFEE_IMAGE,
				  "%s: no room for it in %u MiB of memory; raise `memory`",
				  file->path, plan->stack->memory);
	add_data(plan, paddr, input->bytes, input->size);
	plan->modules[level - 1] = (struct start_info_module){paddr, input->size, file->cmdline};
	*end = paddr + input->size;
	return 0;
}

static int add_images(struct plan *plan, struct vmfee_error *err)
{
	uint64_t end = 0;

	plan->next_lba = IMAGES_LBA;
	for (size_t i = 0; i < plan->stack->count; i++) {
		if (read_input(&plan->images[i], plan->stack->images[i].path, err) != 0)
			return -1;
		int failed = i == 0 ? add_lowest(plan, &end, err) : add_module(plan, i, &end, err);
		if (failed)
			return -1;
	}
	return 0;
}

static int add_outbox(struct plan *plan, struct vmfee_error *err)
{
	struct bochs_image_layout *layout = &plan->layout;
	uint64_t room = MAX_SECTORS - CYLINDER_SIZE / SECTOR_SIZE - plan->next_lba;

	if (plan->stack->outbox > room * SECTOR_SIZE)
		return vmfee_fail(err, VMFEE_USAGE, "an outbox of %" PRIu64 " MiB is too large",
				  plan->stack->outbox / MIB);
	layout->outbox_lba = plan->next_lba;
	layout->outbox_sectors = sectors(plan->stack->outbox);
	layout->file_size = round_up((layout->outbox_lba + layout->outbox_sectors) * SECTOR_SIZE,
				     CYLINDER_SIZE);
	return 0;
}

/* What the BIOS of Bochs reports by INT 15h, E820h, and the two APICs. */
static int add_start_info(struct plan *plan, struct vmfee_error *err)
{
	const struct hvm_memmap_table_entry memmap[] = {
		{0, 0x9f000, XEN_HVM_MEMMAP_TYPE_RAM, 0},
		{0x9f000, 0x1000, XEN_HVM_MEMMAP_TYPE_RESERVED, 0}, /* extended BIOS data area */
		{0xe8000, 0x18000, XEN_HVM_MEMMAP_TYPE_RESERVED, 0},
		{USABLE_START, plan->usable_end - USABLE_START, XEN_HVM_MEMMAP_TYPE_RAM, 0},
		{plan->usable_end, ACPI_SIZE, XEN_HVM_MEMMAP_TYPE_ACPI, 0},
		{0xfec00000, 0x1000, XEN_HVM_MEMMAP_TYPE_RESERVED, 0}, /* I/O APIC */
		{0xfee00000, 0x1000, XEN_HVM_MEMMAP_TYPE_RESERVED, 0}, /* local APICs */
		{0xfffc0000, 0x40000, XEN_HVM_MEMMAP_TYPE_RESERVED, 0},
	};
	char cmdline[START_INFO_MAX_CMDLINE + 64];
	int length = snprintf(cmdline, sizeof(cmdline), "%s", plan->stack->images[0].cmdline);
	if (plan->layout.outbox_sectors && length < START_INFO_MAX_CMDLINE)
		snprintf(cmdline + length, sizeof(cmdline) - (size_t)length,
			 "%soutbox=ata:%" PRIu64 ",%" PRIu64, length ? " " : "",
			 plan->layout.outbox_lba, plan->layout.outbox_sectors);

	const struct start_info_spec spec = {
		.cmdline = cmdline,
		.modules = plan->modules,
		.module_count = (uint32_t)plan->stack->count - 1,
		.memmap = memmap,
		.memmap_count = sizeof(memmap) / sizeof(memmap[0]),
	};
	enum start_info_error error =
		start_info_build(&spec, START_INFO_PADDR, plan->start_info, START_INFO_ROOM);
	if (error != START_INFO_OK)
		return vmfee_fail(err, VMFEE_USAGE, "the command lines of the stack: %s",
				  start_info_error_text(error));
	plan->table.start_info = START_INFO_PADDR;
	add_extent(plan, START_INFO_PADDR, plan->start_info, start_info_size(&spec),
		   START_INFO_LBA);
	return 0;
}

static int make_plan(struct plan *plan, struct vmfee_error *err)
{
	const struct bochs_stack *stack = plan->stack;

	if (stack->memory < BOCHS_MIN_MEMORY || stack->memory > BOCHS_MAX_MEMORY)
		return vmfee_fail(err, VMFEE_USAGE, "memory of %u MiB; Bochs takes %d to %d",
				  stack->memory, BOCHS_MIN_MEMORY, BOCHS_MAX_MEMORY);
	if (stack->count < 1 || stack->count > BOCHS_MAX_IMAGES)
		return vmfee_fail(err, VMFEE_USAGE, "a stack of %zu images; it takes 1 to %d",
				  stack->count, BOCHS_MAX_IMAGES);
	plan->usable_end = stack->memory * MIB - ACPI_SIZE;
	plan->table.magic = BOOT_TABLE_MAGIC;
	plan->table.version = BOOT_TABLE_VERSION;
	if (read_boot_sector(plan, err) || add_images(plan, err) || add_outbox(plan, err) ||
	    add_start_info(plan, err))
		return -1;
	return 0;
}

static int write_at(int fd, uint64_t lba, const void *data, uint64_t size)
{
	const char *bytes = data;
	uint64_t offset = lba * SECTOR_SIZE;

	while (size > 0) {
		ssize_t put = pwrite(fd, bytes, size, (off_t)offset);
		if (put < 0 && errno != EINTR)
			return -1;
		if (put > 0) {
			bytes += put;
			offset += (uint64_t)put;
			size -= (uint64_t)put;
		}
	}
	return 0;
}

static int write_plan(int fd, const struct plan *plan, const char *path, struct vmfee_error *err)
{
	int failed;

	do
		failed = posix_fallocate(fd, 0, (off_t)plan->layout.file_size);
	while (failed == EINTR);
	if (failed) {
		errno = failed;
		return vmfee_fail_errno(err, "%s: cannot reserve %" PRIu64 " MiB for the disk",
					path, round_up(plan->layout.file_size, MIB) / MIB);
	}
	if (write_at(fd, 0, plan->boot_sector.bytes, SECTOR_SIZE) != 0 ||
	    write_at(fd, BOOT_TABLE_LBA, &plan->table, sizeof(plan->table)) != 0)
		return vmfee_fail_errno(err, "%s", path);
	for (uint32_t i = 0; i < plan->table.extent_count; i++) {
		const struct boot_extent *extent = &plan->table.extents[i];
		if (plan->data[i] && write_at(fd, extent->lba, plan->data[i], extent->bytes) != 0)
			return vmfee_fail_errno(err, "%s", path);
	}
	return 0;
}

static int write_file(const char *path, const struct plan *plan, struct vmfee_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return vmfee_fail_errno(err, "%s", path);
	int failed = write_plan(fd, plan, path, err);
	if (close(fd) != 0 && !failed)
		failed = vmfee_fail_errno(err, "%s", path);
	if (failed)
		unlink(path);
	return failed;
}

int bochs_image_write(const char *path, const struct bochs_stack *stack,
		      struct bochs_image_layout *layout, struct vmfee_error *err)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
		return vmfee_fail_errno(err, "the layout of %s", path);
	plan->stack = stack;
	int failed = make_plan(plan, err);
	if (!failed)
		failed = write_file(path, plan, err);
	*layout = plan->layout;
	free(plan->boot_sector.bytes);
	for (size_t i = 0; i < BOCHS_MAX_IMAGES; i++)
		free(plan->images[i].bytes);
	free(plan);
	return failed;
}
