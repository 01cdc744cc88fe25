#include "l1vmm/boot/pvh_elf.h"

#include "l1vmm/boot/elf.h"
#include "l1vmm/lib/string.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

static const char xen_name[4] = "Xen"; /* as in the note, with its terminating zero */

struct elf_file {
	const uint8_t *bytes;
	uint64_t size;
};

static const struct {
	const char *name;
	const char *number;
	const char *text;
} errors[PVH_ELF_ERROR_COUNT] = {
	[PVH_ELF_OK] = {"OK", "", "the image is sound"},
#define PVH_ELF_ERROR(NAME, number, text) [PVH_ELF_##NAME] = {#NAME, number, text},
#include "l1vmm/boot/pvh_elf_error.def"
#undef PVH_ELF_ERROR
};

const char *pvh_elf_error_name(enum pvh_elf_error error)
{
	return errors[error].name;
}

const char *pvh_elf_error_text(enum pvh_elf_error error)
{
	return errors[error].text;
}

const char *pvh_elf_number_name(enum pvh_elf_error error)
{
	return errors[error].number;
}

static struct pvh_elf_result accept(void)
{
	return (struct pvh_elf_result){PVH_ELF_OK, -1, 0};
}

static struct pvh_elf_result refuse(enum pvh_elf_error error, int32_t segment, uint64_t number)
{
	return (struct pvh_elf_result){error, segment, number};
}

bool pvh_ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	/* One starts within the other; of the two differences, one is negative and so huge. */
	return a_size && b_size && (a - b < b_size || b - a < a_size);
}

/* Is [start, start + size) within [outer, outer + outer_size)?  No sum is formed that can wrap. */
static bool range_within(uint64_t start, uint64_t size, uint64_t outer, uint64_t outer_size)
{
	return start >= outer && start - outer <= outer_size &&
	       size <= outer_size - (start - outer);
}

static bool within_file(const struct elf_file *file, uint64_t offset, uint64_t size)
{
	return range_within(offset, size, 0, file->size);
}

static struct pvh_elf_result read_header(const struct elf_file *file, struct elf64_header *header)
{
	if (file->size < sizeof(*header))
		return refuse(PVH_ELF_TOO_SMALL, -1, file->size);
	memcpy(header, file->bytes, sizeof(*header));

	if (memcmp(header->ident, elf_magic, sizeof(elf_magic)) != 0)
		return refuse(PVH_ELF_BAD_MAGIC, -1, 0);
	if (header->ident[EI_CLASS] != ELFCLASS64 || header->ident[EI_DATA] != ELFDATA2LSB)
		return refuse(PVH_ELF_NOT_64BIT_LE, -1, 0);
	if (header->machine != EM_X86_64)
		return refuse(PVH_ELF_WRONG_MACHINE, -1, header->machine);
	if (header->type != ET_EXEC)
		return refuse(PVH_ELF_WRONG_TYPE, -1, header->type);
	if (header->phnum && header->phentsize != sizeof(struct elf64_phdr))
		return refuse(PVH_ELF_WRONG_ENTSIZE, -1, header->phentsize);
	if (header->phnum > PVH_ELF_MAX_HEADERS)
		return refuse(PVH_ELF_TOO_MANY_HEADERS, -1, header->phnum);
	if (!within_file(file, header->phoff, header->phnum * sizeof(struct elf64_phdr)))
		return refuse(PVH_ELF_HEADERS_OUTSIDE_FILE, -1, header->phoff);
	/*
	 * Linkers put the section headers last.  Nothing is read from them, but a file that ends
	 * before they do has lost its tail, whatever else is still there.
	 */
	if (!within_file(file, header->shoff, (uint64_t)header->shnum * header->shentsize))
		return refuse(PVH_ELF_SECTIONS_OUTSIDE_FILE, -1, header->shoff);
	return accept();
}

struct pvh_elf_result pvh_elf_add_segment(const struct elf64_phdr *phdr, int32_t index,
					  struct pvh_image *image)
{
	if (phdr->filesz > phdr->memsz)
		return refuse(PVH_ELF_FILESZ_ABOVE_MEMSZ, index, phdr->filesz);
	if (phdr->memsz == 0)
		return accept();
	if (phdr->paddr + phdr->memsz < phdr->paddr)
		return refuse(PVH_ELF_ADDRESS_WRAPS, index, phdr->paddr);
	if (phdr->paddr + phdr->memsz > 1ULL << 32)
		return refuse(PVH_ELF_ABOVE_4G, index, phdr->paddr);
	if (image->segment_count == PVH_ELF_MAX_SEGMENTS)
		return refuse(PVH_ELF_TOO_MANY_SEGMENTS, index, 0);

	uint64_t memory = phdr->memsz;
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct pvh_segment *other = &image->segments[i];
		if (pvh_ranges_overlap(phdr->paddr, phdr->memsz, other->paddr, other->memsz))
			return refuse(PVH_ELF_OVERLAP, index, phdr->paddr);
		memory += other->memsz;
	}
	if (memory > PVH_ELF_MAX_MEMORY)
		return refuse(PVH_ELF_TOO_LARGE, index, memory);

	image->segments[image->segment_count++] = (struct pvh_segment){
		.paddr = phdr->paddr,
		.memsz = phdr->memsz,
		.offset = phdr->offset,
		.filesz = phdr->filesz,
		.executable = phdr->flags & PF_X,
		.header = index,
	};
	return accept();
}

/*
 * Looks for the entry in the notes of one PT_NOTE, whose data has been found to lie in the file.
 * `*found` and `*entry` (a physical address) stay as they are where there is none.
 */
static struct pvh_elf_result find_entry(const struct elf_file *file, const struct elf64_phdr *phdr,
					int32_t index, bool *found, uint64_t *entry)
{
	/* Each part of a note is padded to the alignment of its segment: 8, or 4 by default. */
	uint64_t pad = phdr->align == 8 ? 7 : 3;

	for (uint64_t at = 0; at < phdr->filesz && !*found;) {
		const uint8_t *bytes = file->bytes + phdr->offset + at;
		uint64_t left = phdr->filesz - at;
		struct elf_note note;

		if (left < sizeof(note))
			return refuse(PVH_ELF_MALFORMED_NOTE, index, phdr->offset + at);
		memcpy(&note, bytes, sizeof(note));
		uint64_t desc = (sizeof(note) + note.namesz + pad) & ~pad;
		if (!range_within(desc, note.descsz, 0, left))
			return refuse(PVH_ELF_MALFORMED_NOTE, index, phdr->offset + at);

		if (note.type == XEN_ELFNOTE_PHYS32_ENTRY && note.namesz == sizeof(xen_name) &&
		    memcmp(bytes + sizeof(note), xen_name, sizeof(xen_name)) == 0) {
			if (note.descsz != sizeof(uint32_t) && note.descsz != sizeof(*entry))
				return refuse(PVH_ELF_MALFORMED_NOTE, index, phdr->offset + at);
			*entry = 0;
			memcpy(entry, bytes + desc, note.descsz);
			*found = true;
		}
		at += (desc + note.descsz + pad) & ~pad;
	}
	return accept();
}

bool pvh_elf_entry_is_code(const struct pvh_image *image, uint64_t entry)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct pvh_segment *segment = &image->segments[i];
		if (segment->executable && range_within(entry, 1, segment->paddr, segment->filesz))
			return true;
	}
	return false;
}

struct pvh_elf_result pvh_elf_parse(const void *file, uint64_t size, struct pvh_image *image)
{
	const struct elf_file elf = {file, size};
	struct elf64_header header;
	bool found = false;
	uint64_t entry = 0;

	struct pvh_elf_result result = read_header(&elf, &header);
	if (result.error)
		return result;

	*image = (struct pvh_image){0};
	for (int32_t i = 0; i < header.phnum; i++) {
		struct elf64_phdr phdr;
		memcpy(&phdr, elf.bytes + header.phoff + (uint64_t)i * sizeof(phdr), sizeof(phdr));
		if (phdr.type != PT_LOAD && phdr.type != PT_NOTE)
			continue;
		if (!within_file(&elf, phdr.offset, phdr.filesz))
			return refuse(PVH_ELF_DATA_OUTSIDE_FILE, i, phdr.offset);
		result = phdr.type == PT_LOAD ? pvh_elf_add_segment(&phdr, i, image)
					      : find_entry(&elf, &phdr, i, &found, &entry);
		if (result.error)
			return result;
	}
	if (image->segment_count == 0)
		return refuse(PVH_ELF_NO_SEGMENT, -1, 0);
	if (!found)
		return refuse(PVH_ELF_NO_ENTRY_NOTE, -1, 0);
	if (!pvh_elf_entry_is_code(image, entry))
		return refuse(PVH_ELF_ENTRY_OUTSIDE, -1, entry);
	image->entry = (uint32_t)entry;
	return accept();
}

struct pvh_elf_result pvh_elf_place(const struct pvh_image *image, const struct pvh_range *memory,
				    size_t memory_count, const struct pvh_range *reserved,
				    size_t reserved_count)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct pvh_segment *segment = &image->segments[i];
		uint64_t paddr = segment->paddr, size = segment->memsz;

		bool usable = false;
		for (size_t m = 0; m < memory_count && !usable; m++)
			usable = range_within(paddr, size, memory[m].start, memory[m].size);
		if (!usable)
			return refuse(PVH_ELF_OUTSIDE_MEMORY, segment->header, paddr);

		for (size_t r = 0; r < reserved_count; r++)
			if (pvh_ranges_overlap(paddr, size, reserved[r].start, reserved[r].size))
				return refuse(PVH_ELF_RESERVED, segment->header, paddr);
	}
	return accept();
}

struct pvh_elf_result pvh_elf_load(const struct pvh_image *image, const void *file,
				   const struct pvh_elf_memory *memory)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct pvh_segment *segment = &image->segments[i];
		const uint8_t *data = (const uint8_t *)file + segment->offset;
		uint64_t end = segment->paddr + segment->filesz;
		uint64_t zeroes = segment->memsz - segment->filesz;

		if (segment->filesz &&
		    !memory->write(memory->ctx, segment->paddr, data, segment->filesz))
			return refuse(PVH_ELF_NOT_WRITTEN, segment->header, segment->paddr);
		if (zeroes && !memory->zero(memory->ctx, end, zeroes))
			return refuse(PVH_ELF_NOT_WRITTEN, segment->header, end);
	}
	return accept();
}
