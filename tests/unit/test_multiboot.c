#include "l1vmm/boot/multiboot.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAGIC	     0x1badb002u

/* File offsets, and where the parts go; the entry is a virtual address. */
enum {
	HEADER = 0x100,
	TEXT = 0x200,
	TEXT_BYTES = 0x101,
	DATA = 0x301,
	DATA_BYTES = 0x10,
	DATA_MEMSZ = 0x1000,
	SECTIONS = 0x340,
	SIZE = 0x340 + 2 * sizeof(Elf32_Shdr),
	ROOM = 0x4000,
	TEXT_VADDR = 0x400000,
	TEXT_PADDR = 0x100000,
	DATA_PADDR = 0x102000,
	ENTRY = TEXT_VADDR + 0x10,
};

struct fixture {
	union {
		Elf32_Ehdr header;
		uint8_t bytes[ROOM];
	};
	uint64_t size;
};

static Elf32_Phdr *phdr(struct fixture *f, unsigned index)
{
	return (Elf32_Phdr *)(f->bytes + sizeof(Elf32_Ehdr)) + index;
}

static void put_header(struct fixture *f, uint64_t at, uint32_t flags)
{
	const uint32_t header[] = {MAGIC, flags, -(MAGIC + flags)};

	memset(f->bytes + HEADER, 0, sizeof(header));
	if (at + sizeof(header) <= ROOM)
		memcpy(f->bytes + at, header, sizeof(header));
}

static void init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->size = SIZE;
	f->header = (Elf32_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_entry = ENTRY,
		.e_phoff = sizeof(Elf32_Ehdr),
		.e_shoff = SECTIONS,
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf32_Shdr),
		.e_shnum = 2,
	};
	*phdr(f, 0) = (Elf32_Phdr){.p_type = PT_LOAD,
				   .p_offset = TEXT,
				   .p_vaddr = TEXT_VADDR,
				   .p_paddr = TEXT_PADDR,
				   .p_filesz = TEXT_BYTES,
				   .p_memsz = TEXT_BYTES,
				   .p_flags = PF_R | PF_X};
	*phdr(f, 1) = (Elf32_Phdr){.p_type = PT_LOAD,
				   .p_offset = DATA,
				   .p_vaddr = DATA_PADDR,
				   .p_paddr = DATA_PADDR,
				   .p_filesz = DATA_BYTES,
				   .p_memsz = DATA_MEMSZ,
				   .p_flags = PF_R | PF_W};
	put_header(f, HEADER, 3);
}

/* From a block of exactly the file's size, so that the address sanitizer sees any access past it.
 */
static struct pvh_elf_result parse(const struct fixture *f, struct pvh_image *image)
{
	uint8_t *file = malloc(f->size ? f->size : 1);
	struct pvh_elf_result result;

	cr_assert_not_null(file);
	memcpy(file, f->bytes, f->size);
	result = guest_image_parse(file, f->size, image);
	free(file);
	return result;
}

#define SETTER(name, place)                                 \
	static void name(struct fixture *f, uint64_t value) \
	{                                                   \
		place = (__typeof__(place))value;           \
	}

SETTER(file_size, f->size)
SETTER(byte_order, f->header.e_ident[EI_DATA])
SETTER(machine, f->header.e_machine)
SETTER(type, f->header.e_type)
SETTER(phentsize, f->header.e_phentsize)
SETTER(phnum, f->header.e_phnum)
SETTER(phoff, f->header.e_phoff)
SETTER(shoff, f->header.e_shoff)
SETTER(entry, f->header.e_entry)
SETTER(text_offset, phdr(f, 0)->p_offset)
SETTER(text_flags, phdr(f, 0)->p_flags)
SETTER(data_offset, phdr(f, 1)->p_offset)
SETTER(data_memsz, phdr(f, 1)->p_memsz)
SETTER(data_paddr, phdr(f, 1)->p_paddr)
SETTER(checksum, *(uint32_t *)(f->bytes + HEADER + 8))

static void flags(struct fixture *f, uint64_t value)
{
	put_header(f, HEADER, (uint32_t)value);
}

static void header_at(struct fixture *f, uint64_t value)
{
	f->size = ROOM;
	put_header(f, value, 0);
}

static void headers(struct fixture *f, uint64_t value)
{
	f->size = ROOM;
	f->header.e_phnum = (Elf32_Half)value;
	f->header.e_phoff = 0x1000;
	memcpy(f->bytes + 0x1000, phdr(f, 0), 2 * sizeof(Elf32_Phdr));
}

static void both_types(struct fixture *f, uint64_t value)
{
	phdr(f, 0)->p_type = phdr(f, 1)->p_type = (Elf32_Word)value;
}

/* One row for each side of a boundary. */
static const struct row {
	const char *what;
	void (*set)(struct fixture *f, uint64_t value);
	uint64_t good, bad;
	enum pvh_elf_error error;
	int32_t segment;
	uint64_t number;
	enum pvh_elf_error otherwise;
} rows[] = {
#define ROW(set, good, bad, error, segment, number) \
	{#set, set, good, bad, PVH_ELF_##error, segment, number, PVH_ELF_OK}
	{"size", file_size, 52, 51, PVH_ELF_TOO_SMALL, -1, 51, PVH_ELF_HEADERS_OUTSIDE_FILE},
	ROW(byte_order, ELFDATA2LSB, ELFDATA2MSB, MULTIBOOT_MACHINE, -1, EM_386),
	ROW(machine, EM_386, EM_X86_64, MULTIBOOT_MACHINE, -1, EM_X86_64),
	ROW(type, ET_EXEC, ET_DYN, WRONG_TYPE, -1, ET_DYN),
	ROW(phentsize, 32, 33, WRONG_ENTSIZE, -1, 33),
	ROW(headers, PVH_ELF_MAX_HEADERS, PVH_ELF_MAX_HEADERS + 1, TOO_MANY_HEADERS, -1,
	    PVH_ELF_MAX_HEADERS + 1),
	ROW(phoff, 52, UINT32_MAX, HEADERS_OUTSIDE_FILE, -1, UINT32_MAX),
	ROW(phoff, 52, SIZE - 63, HEADERS_OUTSIDE_FILE, -1, SIZE - 63),
	ROW(shoff, SECTIONS, SECTIONS + 1, SECTIONS_OUTSIDE_FILE, -1, SECTIONS + 1),
	ROW(file_size, SIZE, SIZE - 1, SECTIONS_OUTSIDE_FILE, -1, SECTIONS),
	ROW(text_offset, SIZE - TEXT_BYTES, SIZE - TEXT_BYTES + 1, DATA_OUTSIDE_FILE, 0,
	    SIZE - TEXT_BYTES + 1),
	ROW(data_offset, DATA, UINT32_MAX, DATA_OUTSIDE_FILE, 1, UINT32_MAX),
	ROW(data_memsz, DATA_BYTES, DATA_BYTES - 1, FILESZ_ABOVE_MEMSZ, 1, DATA_BYTES),
	ROW(data_paddr, 0xfffff000, 0xfffff001, ABOVE_4G, 1, 0xfffff001),
	ROW(data_paddr, TEXT_PADDR + TEXT_BYTES, TEXT_PADDR + TEXT_BYTES - 1, OVERLAP, 1,
	    TEXT_PADDR + TEXT_BYTES - 1),
	ROW(data_memsz, (1u << 30) - TEXT_BYTES, (1u << 30) - TEXT_BYTES + 1, TOO_LARGE, 1,
	    (1u << 30) + 1),
	ROW(both_types, PT_LOAD, PT_NOTE, NO_SEGMENT, -1, 0),
	{"phnum", phnum, 2, 0, PVH_ELF_NO_SEGMENT, -1, 0, PVH_ELF_OK},
	ROW(entry, TEXT_VADDR, TEXT_VADDR - 1, ENTRY_OUTSIDE, -1, TEXT_VADDR - 1),
	ROW(entry, TEXT_VADDR + TEXT_BYTES - 1, TEXT_VADDR + TEXT_BYTES, ENTRY_OUTSIDE, -1,
	    TEXT_VADDR + TEXT_BYTES),
	ROW(entry, ENTRY, DATA_PADDR, ENTRY_OUTSIDE, -1, DATA_PADDR),
	ROW(text_flags, PF_X, PF_R, ENTRY_OUTSIDE, -1, ENTRY),
	ROW(header_at, 8192 - 4, 8192, NO_MULTIBOOT_HEADER, -1, 0),
	ROW(header_at, HEADER, HEADER + 2, NO_MULTIBOOT_HEADER, -1, 0),
	ROW(checksum, -(MAGIC + 3), 0, NO_MULTIBOOT_HEADER, -1, 0),
	ROW(flags, 0, 4, MULTIBOOT_FLAGS, -1, 4),
	ROW(flags, 3, 0x8000, MULTIBOOT_FLAGS, -1, 0x8000),
	ROW(flags, 0x20000, 0x10000, MULTIBOOT_FLAGS, -1, 0x10000),
};

Test(multiboot, refusals)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct fixture fixture;
		struct pvh_image image;
		struct pvh_elf_result result;

		init(&fixture);
		row->set(&fixture, row->good);
		result = parse(&fixture, &image);
		cr_expect_eq(result.error, row->otherwise, "%s=%#lx: %s", row->what, row->good,
			     pvh_elf_error_name(result.error));

		init(&fixture);
		row->set(&fixture, row->bad);
		result = parse(&fixture, &image);
		cr_expect(result.error == row->error && result.segment == row->segment &&
				  result.number == row->number,
			  "%s=%#lx: %s, segment %d, number %#lx", row->what, row->bad,
			  pvh_elf_error_name(result.error), result.segment, result.number);
	}
}

Test(multiboot, a_sound_image_starts_at_a_physical_address)
{
	struct fixture fixture;
	struct pvh_image image;

	init(&fixture);
	cr_assert_eq(parse(&fixture, &image).error, PVH_ELF_OK);
	cr_expect(image.multiboot);
	cr_expect_eq(image.entry, TEXT_PADDR + ENTRY - TEXT_VADDR);
	cr_assert_eq(image.segment_count, 2);
	cr_expect_eq(image.segments[1].paddr, DATA_PADDR);
	cr_expect_eq(image.segments[1].offset, DATA);
	cr_expect_eq(image.segments[1].filesz, DATA_BYTES);
	cr_expect_eq(image.segments[1].memsz, DATA_MEMSZ);
}

Test(multiboot, files_of_any_length_are_refused_or_read)
{
	struct fixture fixture;
	struct pvh_image image;

	init(&fixture);
	for (fixture.size = 0; fixture.size < SIZE; fixture.size++)
		cr_expect_neq(parse(&fixture, &image).error, PVH_ELF_OK, "%lu bytes", fixture.size);
}

static const struct hvm_memmap_table_entry memmap[] = {
	{.addr = 0, .size = 0xa0000, .type = XEN_HVM_MEMMAP_TYPE_RAM},
	{.addr = 0xa0000, .size = 0x60000, .type = XEN_HVM_MEMMAP_TYPE_RESERVED},
	{.addr = 0x100000, .size = 0x3f00400, .type = XEN_HVM_MEMMAP_TYPE_RAM},
};

Test(multiboot, information_has_all_that_the_specification_asks_for)
{
	const struct start_info_module modules[] = {
		{.paddr = 0x3000000, .size = 0x1234, .cmdline = "first"},
		{.paddr = 0x3002000, .size = 1},
	};
	const struct start_info_spec spec = {.cmdline = "only=vmcall",
					     .modules = modules,
					     .module_count = 2,
					     .memmap = memmap,
					     .memmap_count = COUNT(memmap)};
	_Alignas(8) uint8_t buffer[512];
	const struct multiboot_info *info = (const void *)buffer;
	const struct multiboot_region *regions;
	const struct multiboot_module *module;

	/* The image would find it at 0x10000. */
#define AT(address) ((const void *)(buffer + (address) - 0x10000))
	cr_assert_eq(multiboot_info_build(&spec, 0x10000, buffer, sizeof(buffer)), START_INFO_OK);
	cr_expect_eq(info->flags, 0x24d);
	cr_expect_eq(info->mem_lower, 640);
	cr_expect_eq(info->mem_upper, 0x3f00400 / 1024);
	cr_expect_str_eq(AT(info->cmdline), "guest only=vmcall");
	cr_expect_str_eq(AT(info->boot_loader_name), "l1vmm");
	cr_assert_eq(info->mmap_length, 3 * 24);
	regions = AT(info->mmap_addr);
	for (unsigned i = 0; i < 3; i++) {
		cr_expect_eq(regions[i].size, 20);
		cr_expect_eq(regions[i].addr, memmap[i].addr);
		cr_expect_eq(regions[i].length, memmap[i].size);
		cr_expect_eq(regions[i].type, memmap[i].type);
	}
	cr_assert_eq(info->mods_count, 2);
	module = AT(info->mods_addr);
	cr_expect_eq(info->mods_addr % 8, 0);
	cr_expect_eq(module[0].start, 0x3000000);
	cr_expect_eq(module[0].end, 0x3001234);
	cr_expect_str_eq(AT(module[0].cmdline), "first");
	cr_expect_str_eq(AT(module[1].cmdline), "");
}

Test(multiboot, information_that_does_not_fit_is_refused)
{
	struct start_info_module modules[START_INFO_MAX_MODULES + 1] = {
		{.paddr = UINT32_MAX - 1, .size = 1}};
	struct start_info_spec spec = {.cmdline = "a",
				       .modules = modules,
				       .memmap = memmap,
				       .memmap_count = COUNT(memmap)};
	uint8_t *buffer = NULL;
	uint64_t least = 0;
	enum start_info_error error;

	/* Room that is just enough is found from below; the sanitizer sees what goes beyond. */
	do {
		free(buffer);
		buffer = malloc(++least);
		error = multiboot_info_build(&spec, 0x10000, buffer, least);
		cr_expect(error == START_INFO_TOO_LARGE || error == START_INFO_OK);
	} while (error && least < 1024);
	cr_expect_eq(least, sizeof(struct multiboot_info) + 3 * 24 + 4 /* to be aligned */ +
				    sizeof("guest a") + sizeof("l1vmm"));
	cr_expect_eq(multiboot_info_build(&spec, 0x10004, buffer, least), START_INFO_MISALIGNED);
	cr_expect_eq(multiboot_info_build(&spec, UINT64_C(1) << 32, buffer, least),
		     START_INFO_OUTSIDE_MEMORY);
	cr_expect_eq(multiboot_info_build(&spec, (UINT64_C(1) << 32) - 8, buffer, least),
		     START_INFO_OUTSIDE_MEMORY);
	spec.module_count = START_INFO_MAX_MODULES + 1;
	cr_expect_eq(multiboot_info_build(&spec, 0x10000, buffer, least),
		     START_INFO_TOO_MANY_MODULES);
	spec.module_count = 1;
	cr_expect_eq(multiboot_info_build(&spec, 0x10000, buffer, least), START_INFO_TOO_LARGE);
	modules[0].size = 2;
	cr_expect_eq(multiboot_info_build(&spec, 0x10000, buffer, least),
		     START_INFO_OUTSIDE_MEMORY);
	spec.memmap_count = 0;
	cr_expect_eq(multiboot_info_build(&spec, 0x10000, buffer, least), START_INFO_NO_MEMORY_MAP);
	free(buffer);
}
