#include "l1vmm/boot/multiboot.h"

#include "l1vmm/boot/elf.h"
#include "l1vmm/lib/string.h"

#define HEADER_MAGIC  0x1badb002
#define HEADER_SEARCH 8192 /* bytes that it lies within */
#define HEADER_ALIGN  4

/* Flags that must be understood (0 to 15), and what else would make a difference. */
#define HEADER_PAGE_ALIGN  (1u << 0) /* of modules */
#define HEADER_MEMORY_INFO (1u << 1)
#define HEADER_ADDRESSES   (1u << 16) /* no ELF file, whatever it looks like */
#define HEADER_UNDERSTOOD  (HEADER_PAGE_ALIGN | HEADER_MEMORY_INFO)
#define HEADER_REFUSED	   (0xffffu & ~HEADER_UNDERSTOOD)

#define IMAGE_NAME  "guest "
#define LOADER_NAME "l1vmm"

struct header {
	uint32_t magic;
	uint32_t flags;
	uint32_t checksum; /* the three add up to 0 */
};

static struct pvh_elf_result refuse(enum pvh_elf_error error, int32_t segment, uint64_t number)
{
	return (struct pvh_elf_result){error, segment, number};
}

static struct pvh_elf_result accept(void)
{
	return refuse(PVH_ELF_OK, -1, 0);
}

static bool within(uint64_t offset, uint64_t bytes, uint64_t size)
{
	return offset <= size && bytes <= size - offset;
}

static bool is_elf32(const void *file, uint64_t size)
{
	const uint8_t *ident = file;

	return size > EI_CLASS && memcmp(ident, elf_magic, sizeof(elf_magic)) == 0 &&
	       ident[EI_CLASS] == ELFCLASS32;
}

static struct pvh_elf_result find_header(const uint8_t *file, uint64_t size)
{
	struct header header;

	for (uint64_t at = 0; at < HEADER_SEARCH && within(at, sizeof(header), size);
	     at += HEADER_ALIGN) {
		memcpy(&header, file + at, sizeof(header));
		if (header.magic != HEADER_MAGIC || header.magic + header.flags + header.checksum)
			continue;
		if (header.flags & (HEADER_REFUSED | HEADER_ADDRESSES))
			return refuse(PVH_ELF_MULTIBOOT_FLAGS, -1, header.flags);
		return accept();
	}
	return refuse(PVH_ELF_NO_MULTIBOOT_HEADER, -1, 0);
}

static struct pvh_elf_result read_header(const uint8_t *file, uint64_t size,
					 struct elf32_header *header)
{
	if (size < sizeof(*header))
		return refuse(PVH_ELF_TOO_SMALL, -1, size);
	memcpy(header, file, sizeof(*header));
	if (header->ident[EI_DATA] != ELFDATA2LSB || header->machine != EM_386)
		return refuse(PVH_ELF_MULTIBOOT_MACHINE, -1, header->machine);
	if (header->type != ET_EXEC)
		return refuse(PVH_ELF_WRONG_TYPE, -1, header->type);
	if (header->phnum && header->phentsize != sizeof(struct elf32_phdr))
		return refuse(PVH_ELF_WRONG_ENTSIZE, -1, header->phentsize);
	if (header->phnum > PVH_ELF_MAX_HEADERS)
		return refuse(PVH_ELF_TOO_MANY_HEADERS, -1, header->phnum);
	if (!within(header->phoff, header->phnum * sizeof(struct elf32_phdr), size))
		return refuse(PVH_ELF_HEADERS_OUTSIDE_FILE, -1, header->phoff);
	if (!within(header->shoff, (uint64_t)header->shnum * header->shentsize, size))
		return refuse(PVH_ELF_SECTIONS_OUTSIDE_FILE, -1, header->shoff);
	return accept();
}

static struct elf64_phdr widen(const uint8_t *at)
{
	struct elf32_phdr phdr;

	memcpy(&phdr, at, sizeof(phdr));
	return (struct elf64_phdr){
		.type = phdr.type,
		.flags = phdr.flags,
		.offset = phdr.offset,
		.vaddr = phdr.vaddr,
		.paddr = phdr.paddr,
		.filesz = phdr.filesz,
		.memsz = phdr.memsz,
	};
}

/* The entry is a virtual address, and the image starts without paging. */
static uint64_t physical_entry(const struct elf64_phdr *phdr, uint32_t entry)
{
	return phdr->paddr + (entry - phdr->vaddr);
}

struct pvh_elf_result multiboot_parse(const void *file, uint64_t size, struct pvh_image *image)
{
	const uint8_t *bytes = file;
	struct elf32_header header;
	struct pvh_elf_result result = read_header(bytes, size, &header);
	uint64_t entry = UINT64_MAX;

	if (result.error == PVH_ELF_OK)
		result = find_header(bytes, size);
	if (result.error)
		return result;
	*image = (struct pvh_image){.multiboot = true};
	for (int32_t i = 0; i < header.phnum; i++) {
		struct elf64_phdr phdr =
			widen(bytes + header.phoff + (uint64_t)i * sizeof(struct elf32_phdr));

		if (phdr.type != PT_LOAD)
			continue;
		if (!within(phdr.offset, phdr.filesz, size))
			return refuse(PVH_ELF_DATA_OUTSIDE_FILE, i, phdr.offset);
		result = pvh_elf_add_segment(&phdr, i, image);
		if (result.error)
			return result;
		if ((phdr.flags & PF_X) && header.entry - phdr.vaddr < phdr.filesz)
			entry = physical_entry(&phdr, header.entry);
	}
	if (image->segment_count == 0)
		return refuse(PVH_ELF_NO_SEGMENT, -1, 0);
	if (!pvh_elf_entry_is_code(image, entry))
		return refuse(PVH_ELF_ENTRY_OUTSIDE, -1, header.entry);
	image->entry = (uint32_t)entry;
	return accept();
}

struct pvh_elf_result guest_image_parse(const void *file, uint64_t size, struct pvh_image *image)
{
	return is_elf32(file, size) ? multiboot_parse(file, size, image)
				    : pvh_elf_parse(file, size, image);
}

/* The buffer that is filled from front to back. */
struct cursor {
	uint8_t *at, *end;
	uint64_t paddr;
	bool full;
};

/* Appends `size` bytes; returns their physical address. */
static uint32_t put(struct cursor *cursor, const void *data, uint64_t size)
{
	uint64_t paddr = cursor->paddr;

	if (size > (uint64_t)(cursor->end - cursor->at)) {
		cursor->full = true;
		return 0;
	}
	memcpy(cursor->at, data, size);
	cursor->at += size;
	cursor->paddr += size;
	return (uint32_t)paddr;
}

static uint32_t put_text(struct cursor *cursor, const char *text)
{
	return put(cursor, text, strlen(text) + 1);
}

static void put_regions(struct cursor *cursor, const struct start_info_spec *spec,
			struct multiboot_info *info)
{
	for (uint32_t i = 0; i < spec->memmap_count; i++) {
		const struct hvm_memmap_table_entry *from = &spec->memmap[i];
		const struct multiboot_region region = {
			.size = sizeof(region) - sizeof(region.size),
			.addr = from->addr,
			.length = from->size,
			.type = from->type,
		};
		uint32_t paddr = put(cursor, &region, sizeof(region));

		if (i == 0)
			info->mmap_addr = paddr;
		info->mmap_length += (uint32_t)sizeof(region);
		if (from->type == XEN_HVM_MEMMAP_TYPE_RAM && from->addr == 0)
			info->mem_lower = (uint32_t)(from->size >> 10);
		if (from->type == XEN_HVM_MEMMAP_TYPE_RAM && from->addr == 1u << 20)
			info->mem_upper = (uint32_t)(from->size >> 10);
	}
}

static void put_modules(struct cursor *cursor, const struct start_info_spec *spec,
			struct multiboot_info *info)
{
	struct multiboot_module modules[START_INFO_MAX_MODULES];

	for (uint32_t i = 0; i < spec->module_count; i++) {
		const struct start_info_module *from = &spec->modules[i];

		modules[i] = (struct multiboot_module){
			.start = (uint32_t)from->paddr,
			.end = (uint32_t)(from->paddr + from->size),
			.cmdline = put_text(cursor, from->cmdline ? from->cmdline : ""),
		};
	}
	/* Behind texts of any length. */
	put(cursor, &(const uint64_t){0}, -cursor->paddr & 7);
	info->mods_addr = put(cursor, modules, spec->module_count * sizeof(modules[0]));
	info->mods_count = spec->module_count;
}

/* Both the name and what follows, which becomes one text. */
static void put_cmdline(struct cursor *cursor, const struct start_info_spec *spec,
			struct multiboot_info *info)
{
	info->cmdline = put(cursor, IMAGE_NAME, strlen(IMAGE_NAME));
	put_text(cursor, spec->cmdline ? spec->cmdline : "");
}

static enum start_info_error check_spec(const struct start_info_spec *spec, uint64_t paddr,
					uint64_t size)
{
	if (spec->memmap_count == 0)
		return START_INFO_NO_MEMORY_MAP;
	if (spec->module_count > START_INFO_MAX_MODULES)
		return START_INFO_TOO_MANY_MODULES;
	if (paddr % START_INFO_ALIGN)
		return START_INFO_MISALIGNED;
	if (paddr > UINT32_MAX || size > UINT32_MAX - paddr)
		return START_INFO_OUTSIDE_MEMORY;
	for (uint32_t i = 0; i < spec->module_count; i++)
		if (spec->modules[i].paddr > UINT32_MAX ||
		    spec->modules[i].size > UINT32_MAX - spec->modules[i].paddr)
			return START_INFO_OUTSIDE_MEMORY;
	return START_INFO_OK;
}

enum start_info_error multiboot_info_build(const struct start_info_spec *spec, uint64_t paddr,
					   void *buffer, uint64_t size)
{
	struct cursor cursor = {.at = buffer, .end = (uint8_t *)buffer + size, .paddr = paddr};
	struct multiboot_info info = {
		.flags = MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_MODULES |
			 MULTIBOOT_INFO_MEMMAP | MULTIBOOT_INFO_LOADER,
	};
	enum start_info_error error = check_spec(spec, paddr, size);

	if (error)
		return error;
	put(&cursor, &info, sizeof(info));
	put_regions(&cursor, spec, &info);
	put_modules(&cursor, spec, &info);
	put_cmdline(&cursor, spec, &info);
	info.boot_loader_name = put_text(&cursor, LOADER_NAME);
	if (cursor.full)
		return START_INFO_TOO_LARGE;
	memcpy(buffer, &info, sizeof(info));
	return START_INFO_OK;
}
