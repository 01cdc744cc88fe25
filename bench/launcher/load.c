#include "bench/launcher/load.h"

#include "l1vmm/boot/multiboot.h"
#include "l1vmm/boot/pvh_elf.h"
#include "l1vmm/boot/start_info.h"
#include "telemetry/ring.h"

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

/* As on the Bochs disk: low memory for the start info, images from 1 MiB, modules on large pages.
 */
#define START_INFO_PADDR   0x10000
#define START_INFO_ROOM	   (64 * KIB)
#define LOW_END		   0x9f000
#define USABLE_START	   MIB
#define FIRST_MODULE_ALIGN (2 * MIB)
#define MODULE_ALIGN	   (4 * KIB)

struct loading {
	uint8_t *memory;
	uint64_t size;
	uint64_t usable_end; /* what lies behind is the ring's */
	const struct load_stack *stack;
	struct load_result *result;
	struct start_info_module modules[LOAD_MAX_IMAGES - 1];
	uint64_t next; /* free from here on */
	struct vmfee_error *err;
};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* Reads what the file has of `size` bytes; NULL where memory is short. */
static uint8_t *read_bytes(int fd, uint64_t *size)
{
	uint64_t expected = *size;
	uint8_t *bytes = malloc(expected + 1);

	for (*size = 0; bytes != NULL && *size < expected;) {
		ssize_t got = read(fd, bytes + *size, expected - *size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*size += (uint64_t)got;
	}
	return bytes;
}

/* The whole file, to be freed; NULL with an error. */
static uint8_t *read_file(const char *path, uint64_t *size, struct vmfee_error *err)
{
	struct stat status;
	uint8_t *bytes = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*size = 0;
	if (fd < 0) {
		vmfee_fail(err, VMFEE_IMAGE, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    (uint64_t)status.st_size > PVH_ELF_MAX_MEMORY) {
		vmfee_fail(err, VMFEE_IMAGE, "%s: not a regular file of at most %llu MiB", path,
			   PVH_ELF_MAX_MEMORY / MIB);
	} else {
		*size = (uint64_t)status.st_size;
		bytes = read_bytes(fd, size);
		if (bytes == NULL)
			vmfee_fail_errno(err, "%s", path);
	}
	close(fd);
	return bytes;
}

static bool put(void *ctx, uint64_t paddr, const void *data, uint64_t size)
{
	struct loading *loading = ctx;

	memcpy(loading->memory + paddr, data, size);
	return true;
}

/* Guest memory is new, and so zero. */
static bool put_zeroes(void *ctx, uint64_t paddr, uint64_t size)
{
	(void)ctx;
	(void)paddr;
	(void)size;
	return true;
}

static int refuse(const struct loading *loading, const char *path, struct pvh_elf_result result)
{
	const char *name = pvh_elf_number_name(result.error);
	char number[64] = "";

	if (name[0] != '\0')
		snprintf(number, sizeof(number), ", %s %#" PRIx64, name, result.number);
	return vmfee_fail(loading->err, VMFEE_IMAGE, "%s: %s%s", path,
			  pvh_elf_error_text(result.error), number);
}

/* pvh_elf_place() has seen to it that every byte lies within usable memory. */
static int load_lowest(struct loading *loading, const char *path, const uint8_t *bytes,
		       uint64_t size)
{
	const struct pvh_range usable = {USABLE_START, loading->usable_end - USABLE_START};
	const struct pvh_elf_memory memory = {loading, put, put_zeroes};
	struct pvh_image image;

	struct pvh_elf_result result = pvh_elf_parse(bytes, size, &image);
	if (result.error == PVH_ELF_OK)
		result = pvh_elf_place(&image, &usable, 1, NULL, 0);
	if (result.error == PVH_ELF_OK)
		result = pvh_elf_load(&image, bytes, &memory);
	if (result.error != PVH_ELF_OK)
		return refuse(loading, path, result);
	loading->result->entry = image.entry;
	for (uint32_t i = 0; i < image.segment_count; i++) {
		uint64_t end = image.segments[i].paddr + image.segments[i].memsz;
		if (end > loading->next)
			loading->next = end;
	}
	return 0;
}

static int load_module(struct loading *loading, size_t level, const uint8_t *bytes, uint64_t size)
{
	const struct load_image *file = &loading->stack->images[level];
	uint64_t paddr = round_up(loading->next, level == 1 ? FIRST_MODULE_ALIGN : MODULE_ALIGN);
	struct pvh_image image;

	struct pvh_elf_result result = guest_image_parse(bytes, size, &image);
	if (result.error != PVH_ELF_OK)
		return refuse(loading, file->path, result);
	if (paddr > loading->usable_end || size > loading->usable_end - paddr)
		return vmfee_fail(loading->err, VMFEE_IMAGE,
				  "%s: no room for it in %" PRIu64 " MiB of memory", file->path,
				  loading->size / MIB);
	put(loading, paddr, bytes, size);
	loading->modules[level - 1] = (struct start_info_module){paddr, size, file->cmdline};
	loading->next = paddr + size;
	return 0;
}

static int load_images(struct loading *loading)
{
	for (size_t i = 0; i < loading->stack->count; i++) {
		const char *path = loading->stack->images[i].path;
		uint64_t size;
		uint8_t *bytes = read_file(path, &size, loading->err);
		if (bytes == NULL)
			return -1;
		int failed = i == 0 ? load_lowest(loading, path, bytes, size)
				    : load_module(loading, i, bytes, size);
		free(bytes);
		if (failed)
			return -1;
	}
	return 0;
}

static int write_start_info(struct loading *loading)
{
	const struct hvm_memmap_table_entry memmap[] = {
		{0, LOW_END, XEN_HVM_MEMMAP_TYPE_RAM, 0},
		{USABLE_START, loading->size - USABLE_START, XEN_HVM_MEMMAP_TYPE_RAM, 0},
		{0xfec00000, 0x1000, XEN_HVM_MEMMAP_TYPE_RESERVED, 0}, /* I/O APIC */
		{0xfee00000, 0x1000, XEN_HVM_MEMMAP_TYPE_RESERVED, 0}, /* local APIC */
	};
	const struct load_stack *stack = loading->stack;
	char cmdline[START_INFO_MAX_CMDLINE + 64];
	int length = snprintf(cmdline, sizeof(cmdline), "%s", stack->images[0].cmdline);
	if (stack->ring_bytes > 0 && length < START_INFO_MAX_CMDLINE)
		snprintf(cmdline + length, sizeof(cmdline) - (size_t)length,
			 "%soutbox=mapped:%#" PRIx64 ",%" PRIu64, length > 0 ? " " : "",
			 loading->result->ring_address, stack->ring_bytes / KIB);

	const struct start_info_spec spec = {
		.cmdline = cmdline,
		.modules = loading->modules,
		.module_count = (uint32_t)stack->count - 1,
		.memmap = memmap,
		.memmap_count = sizeof(memmap) / sizeof(memmap[0]),
	};
	enum start_info_error error = start_info_build(
		&spec, START_INFO_PADDR, loading->memory + START_INFO_PADDR, START_INFO_ROOM);
	if (error != START_INFO_OK)
		return vmfee_fail(loading->err, VMFEE_USAGE, "the command lines of the stack: %s",
				  start_info_error_text(error));
	loading->result->start_info = START_INFO_PADDR;
	return 0;
}

int load_stack(uint8_t *memory, uint64_t size, const struct load_stack *stack,
	       struct load_result *result, struct vmfee_error *err)
{
	uint64_t ring = stack->ring_bytes == 0 ? 0 : 2 * TELEMETRY_PAGE + stack->ring_bytes;
	struct loading loading = {
		.memory = memory, .size = size, .stack = stack, .result = result, .err = err};

	if (stack->count < 1 || stack->count > LOAD_MAX_IMAGES)
		return vmfee_fail(err, VMFEE_USAGE, "a stack of %zu images; it takes 1 to %d",
				  stack->count, LOAD_MAX_IMAGES);
	if (ring >= size - USABLE_START)
		return vmfee_fail(err, VMFEE_USAGE,
				  "a ring of %" PRIu64 " KiB does not fit into %" PRIu64 " MiB",
				  stack->ring_bytes / KIB, size / MIB);
	loading.usable_end = size - ring;
	*result = (struct load_result){.ring_address = loading.usable_end};
	if (load_images(&loading) != 0)
		return -1;
	return write_start_info(&loading);
}
