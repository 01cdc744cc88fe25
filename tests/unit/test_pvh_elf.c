#include "l1vmm/boot/pvh_elf.h"

#include "tests/unit/pvh_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define GIB (UINT64_C(1) << 30)

/*
 * A heap block of exactly the file's size, so that the address sanitizer sees any access past it.
 * The caller frees it.
 */
static uint8_t *exact_copy(const struct pvh_fixture *fixture)
{
	uint8_t *file = malloc(fixture->size ? fixture->size : 1);

	cr_assert_not_null(file);
	memcpy(file, fixture->bytes, fixture->size);
	return file;
}

static struct pvh_elf_result parse(const struct pvh_fixture *fixture, struct pvh_image *image)
{
	uint8_t *file = exact_copy(fixture);
	struct pvh_elf_result result = pvh_elf_parse(file, fixture->size, image);

	free(file);
	return result;
}

/* Setters: each puts one value into one place of a sound image. */

#define SETTER(name, place)                                     \
	static void name(struct pvh_fixture *f, uint64_t value) \
	{                                                       \
		place = (__typeof__(place))value;               \
	}

SETTER(file_size, f->size)
SETTER(magic, f->header.e_ident[EI_MAG3])
SETTER(class, f->header.e_ident[EI_CLASS])
SETTER(byte_order, f->header.e_ident[EI_DATA])
SETTER(machine, f->header.e_machine)
SETTER(type, f->header.e_type)
SETTER(phentsize, f->header.e_phentsize)
SETTER(phoff, f->header.e_phoff)
SETTER(shoff, f->header.e_shoff)
SETTER(shnum, f->header.e_shnum)
SETTER(text_type, fixture_phdr(f, TEXT)->p_type)
SETTER(text_offset, fixture_phdr(f, TEXT)->p_offset)
SETTER(text_flags, fixture_phdr(f, TEXT)->p_flags)
SETTER(data_offset, fixture_phdr(f, DATA)->p_offset)
SETTER(data_memsz, fixture_phdr(f, DATA)->p_memsz)
SETTER(data_paddr, fixture_phdr(f, DATA)->p_paddr)
SETTER(note_segment, fixture_phdr(f, NOTE)->p_type)
SETTER(note_offset, fixture_phdr(f, NOTE)->p_offset)
SETTER(note_filesz, fixture_phdr(f, NOTE)->p_filesz)
SETTER(note_type, fixture_note(f)->header.n_type)
SETTER(note_name, fixture_note(f)->name[2])
SETTER(note_namesz, fixture_note(f)->header.n_namesz)
SETTER(note_entry, fixture_note(f)->desc[0])

static void both_types(struct pvh_fixture *f, uint64_t value)
{
	fixture_phdr(f, TEXT)->p_type = (Elf64_Word)value;
	fixture_phdr(f, DATA)->p_type = (Elf64_Word)value;
}

static void note_descsz(struct pvh_fixture *f, uint64_t value)
{
	fixture_note(f)->header.n_descsz = (Elf64_Word)value;
	fixture_phdr(f, NOTE)->p_filesz = sizeof(struct pvh_fixture_note);
}

static void entry_high(struct pvh_fixture *f, uint64_t value)
{
	note_descsz(f, 8);
	fixture_note(f)->desc[1] = (uint32_t)value;
}

/* A note without name and descriptor, which ends with its header. */
static void bare_note_filesz(struct pvh_fixture *f, uint64_t value)
{
	fixture_note(f)->header.n_namesz = 0;
	fixture_note(f)->header.n_descsz = 0;
	fixture_phdr(f, NOTE)->p_filesz = value;
}

static void empty_data_offset(struct pvh_fixture *f, uint64_t value)
{
	fixture_phdr(f, DATA)->p_filesz = 0;
	fixture_phdr(f, DATA)->p_offset = value;
}

static void phdrs_at(struct pvh_fixture *f, uint64_t value)
{
	memcpy(f->bytes + value, f->bytes + sizeof(Elf64_Ehdr), FIXTURE_PHDRS * sizeof(Elf64_Phdr));
	f->header.e_phoff = value;
}

/* As many program headers, in a longer file; the ones behind the fixture's own are PT_NULL. */
static void phnum(struct pvh_fixture *f, uint64_t value)
{
	phdrs_at(f, FIXTURE_SIZE);
	f->header.e_phnum = (Elf64_Half)value;
	f->size += value * sizeof(Elf64_Phdr);
}

/* As many loadable segments of one byte of memory each, behind the note's header. */
static void segments(struct pvh_fixture *f, uint64_t value)
{
	phnum(f, value + 1);
	for (uint64_t i = FIXTURE_PHDRS; i <= value; i++) {
		Elf64_Phdr *phdr = (Elf64_Phdr *)(f->bytes + FIXTURE_SIZE) + i;
		*phdr = (Elf64_Phdr){.p_type = PT_LOAD, .p_paddr = 0x200000 + i, .p_memsz = 1};
	}
}

#define TEXT_END   (FIXTURE_TEXT_PADDR + FIXTURE_TEXT_BYTES)
#define PHDRS_SIZE (FIXTURE_PHDRS * sizeof(Elf64_Phdr))

/*
 * One row for each side of a boundary: `good` gives `otherwise`, mostly a sound image, and `bad`
 * gives the error at that segment with that number.
 */
static const struct row {
	const char *what;
	void (*set)(struct pvh_fixture *, uint64_t);
	uint64_t good, bad;
	enum pvh_elf_error error;
	int32_t segment;
	uint64_t number;
	enum pvh_elf_error otherwise;
} rows[] = {
#define ROW(set, good, bad, error, segment, number) \
	{#set, set, good, bad, PVH_ELF_##error, segment, number, PVH_ELF_OK}
#define ROW_OTHERWISE(set, good, bad, error, segment, number, otherwise) \
	{#set, set, good, bad, PVH_ELF_##error, segment, number, PVH_ELF_##otherwise}
	ROW_OTHERWISE(file_size, 64, 63, TOO_SMALL, -1, 63, HEADERS_OUTSIDE_FILE),
	ROW_OTHERWISE(file_size, 64, 0, TOO_SMALL, -1, 0, HEADERS_OUTSIDE_FILE),
	ROW(magic, 'F', 'G', BAD_MAGIC, -1, 0),
	ROW(class, ELFCLASS64, ELFCLASS32, NOT_64BIT_LE, -1, 0),
	ROW(byte_order, ELFDATA2LSB, ELFDATA2MSB, NOT_64BIT_LE, -1, 0),
	ROW(machine, EM_X86_64, EM_386, WRONG_MACHINE, -1, EM_386),
	ROW(type, ET_EXEC, ET_DYN, WRONG_TYPE, -1, ET_DYN),
	ROW(phentsize, 56, 57, WRONG_ENTSIZE, -1, 57),
	ROW(phentsize, 56, 0, WRONG_ENTSIZE, -1, 0),
	ROW(phnum, PVH_ELF_MAX_HEADERS, PVH_ELF_MAX_HEADERS + 1, TOO_MANY_HEADERS, -1,
	    PVH_ELF_MAX_HEADERS + 1),
	ROW(phdrs_at, FIXTURE_SIZE - PHDRS_SIZE, FIXTURE_SIZE - PHDRS_SIZE + 1,
	    HEADERS_OUTSIDE_FILE, -1, FIXTURE_SIZE - PHDRS_SIZE + 1),
	ROW(phoff, 64, UINT64_MAX, HEADERS_OUTSIDE_FILE, -1, UINT64_MAX),
	ROW(shoff, FIXTURE_SECTIONS, FIXTURE_SECTIONS + 1, SECTIONS_OUTSIDE_FILE, -1,
	    FIXTURE_SECTIONS + 1),
	ROW(shnum, 2, 3, SECTIONS_OUTSIDE_FILE, -1, FIXTURE_SECTIONS),
	ROW(file_size, FIXTURE_SIZE, FIXTURE_SIZE - 1, SECTIONS_OUTSIDE_FILE, -1, FIXTURE_SECTIONS),
	ROW(text_offset, FIXTURE_SIZE - FIXTURE_TEXT_BYTES, FIXTURE_SIZE - FIXTURE_TEXT_BYTES + 1,
	    DATA_OUTSIDE_FILE, TEXT, FIXTURE_SIZE - FIXTURE_TEXT_BYTES + 1),
	ROW(data_offset, FIXTURE_DATA, -1, DATA_OUTSIDE_FILE, DATA, UINT64_MAX),
	ROW(empty_data_offset, FIXTURE_SIZE, FIXTURE_SIZE + 1, DATA_OUTSIDE_FILE, DATA,
	    FIXTURE_SIZE + 1),
	ROW(note_offset, FIXTURE_NOTE, FIXTURE_SIZE, DATA_OUTSIDE_FILE, NOTE, FIXTURE_SIZE),
	ROW(data_memsz, FIXTURE_DATA_BYTES, FIXTURE_DATA_BYTES - 1, FILESZ_ABOVE_MEMSZ, DATA,
	    FIXTURE_DATA_BYTES),
	ROW_OTHERWISE(data_paddr, -FIXTURE_DATA_MEMSZ - 1ULL, -FIXTURE_DATA_MEMSZ + 0ULL,
		      ADDRESS_WRAPS, DATA, -FIXTURE_DATA_MEMSZ + 0ULL, ABOVE_4G),
	ROW(data_paddr, 4 * GIB - FIXTURE_DATA_MEMSZ, 4 * GIB - FIXTURE_DATA_MEMSZ + 1, ABOVE_4G,
	    DATA, 4 * GIB - FIXTURE_DATA_MEMSZ + 1),
	ROW(segments, PVH_ELF_MAX_SEGMENTS, PVH_ELF_MAX_SEGMENTS + 1, TOO_MANY_SEGMENTS,
	    PVH_ELF_MAX_SEGMENTS + 1, 0),
	ROW(data_paddr, TEXT_END, TEXT_END - 1, OVERLAP, DATA, TEXT_END - 1),
	ROW(data_paddr, FIXTURE_TEXT_PADDR - FIXTURE_DATA_MEMSZ,
	    FIXTURE_TEXT_PADDR - FIXTURE_DATA_MEMSZ + 1, OVERLAP, DATA,
	    FIXTURE_TEXT_PADDR - FIXTURE_DATA_MEMSZ + 1),
	ROW(data_memsz, GIB - FIXTURE_TEXT_BYTES, GIB - FIXTURE_TEXT_BYTES + 1, TOO_LARGE, DATA,
	    GIB + 1),
	ROW(note_filesz, 20, 19, MALFORMED_NOTE, NOTE, FIXTURE_NOTE),
	ROW(note_filesz, 20, 11, MALFORMED_NOTE, NOTE, FIXTURE_NOTE),
	ROW_OTHERWISE(bare_note_filesz, 12, 11, MALFORMED_NOTE, NOTE, FIXTURE_NOTE, NO_ENTRY_NOTE),
	ROW(note_namesz, 4, UINT32_MAX, MALFORMED_NOTE, NOTE, FIXTURE_NOTE),
	ROW(note_descsz, 4, UINT32_MAX, MALFORMED_NOTE, NOTE, FIXTURE_NOTE),
	ROW(note_descsz, 8, 5, MALFORMED_NOTE, NOTE, FIXTURE_NOTE),
	ROW(note_descsz, 4, 0, MALFORMED_NOTE, NOTE, FIXTURE_NOTE),
	ROW(both_types, PT_LOAD, PT_NULL, NO_SEGMENT, -1, 0),
	ROW(note_segment, PT_NOTE, PT_NULL, NO_ENTRY_NOTE, -1, 0),
	ROW(note_filesz, 20, 0, NO_ENTRY_NOTE, -1, 0),
	ROW(note_type, 18, 17, NO_ENTRY_NOTE, -1, 0),
	ROW(note_name, 'n', 'm', NO_ENTRY_NOTE, -1, 0),
	ROW(note_namesz, 4, 3, NO_ENTRY_NOTE, -1, 0),
	ROW(text_type, PT_LOAD, PT_NULL, ENTRY_OUTSIDE, -1, FIXTURE_ENTRY),
	ROW(text_flags, PF_X, PF_R, ENTRY_OUTSIDE, -1, FIXTURE_ENTRY),
	ROW(note_entry, FIXTURE_TEXT_PADDR, FIXTURE_TEXT_PADDR - 1, ENTRY_OUTSIDE, -1,
	    FIXTURE_TEXT_PADDR - 1),
	ROW(note_entry, TEXT_END - 1, TEXT_END, ENTRY_OUTSIDE, -1, TEXT_END),
	ROW(note_entry, FIXTURE_ENTRY, FIXTURE_DATA_PADDR, ENTRY_OUTSIDE, -1, FIXTURE_DATA_PADDR),
	ROW(entry_high, 0, 1, ENTRY_OUTSIDE, -1, 4 * GIB + FIXTURE_ENTRY),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

Test(pvh_elf, refusals)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		struct pvh_fixture fixture;
		struct pvh_image image;
		struct pvh_elf_result result;

		pvh_fixture_init(&fixture);
		row->set(&fixture, row->good);
		result = parse(&fixture, &image);
		cr_expect_eq(result.error, row->otherwise, "%s=%#lx: %s", row->what, row->good,
			     pvh_elf_error_name(result.error));

		pvh_fixture_init(&fixture);
		row->set(&fixture, row->bad);
		result = parse(&fixture, &image);
		cr_expect(result.error == row->error && result.segment == row->segment &&
				  result.number == row->number,
			  "%s=%#lx: %s, segment %d, number %#lx", row->what, row->bad,
			  pvh_elf_error_name(result.error), result.segment, result.number);
	}
}

Test(pvh_elf, every_refusal_of_the_parser_has_a_row)
{
	for (int error = PVH_ELF_OK + 1; error < PVH_ELF_OUTSIDE_MEMORY; error++) {
		size_t i = 0;
		while (i < ROWS && rows[i].error != (enum pvh_elf_error)error)
			i++;
		cr_expect(i < ROWS, "%s", pvh_elf_error_name(error));
	}
}

Test(pvh_elf, every_error_has_its_words)
{
	for (int error = PVH_ELF_OK; error < PVH_ELF_ERROR_COUNT; error++) {
		cr_expect_not_null(pvh_elf_error_name(error), "%d", error);
		cr_expect_not_null(pvh_elf_error_text(error), "%d", error);
		cr_expect_not_null(pvh_elf_number_name(error), "%d", error);
	}
	cr_expect_str_eq(pvh_elf_error_name(PVH_ELF_OVERLAP), "OVERLAP");
	cr_expect_str_eq(pvh_elf_number_name(PVH_ELF_OVERLAP), "physical address");
}

Test(pvh_elf, a_sound_image)
{
	struct pvh_fixture fixture;
	struct pvh_image image;

	pvh_fixture_init(&fixture);
	cr_assert_eq(parse(&fixture, &image).error, PVH_ELF_OK);
	cr_expect_eq(image.entry, FIXTURE_ENTRY);
	cr_assert_eq(image.segment_count, 2);
	cr_expect(image.segments[0].executable && !image.segments[1].executable);
	cr_expect_eq(image.segments[1].paddr, FIXTURE_DATA_PADDR);
	cr_expect_eq(image.segments[1].offset, FIXTURE_DATA);
	cr_expect_eq(image.segments[1].filesz, FIXTURE_DATA_BYTES);
	cr_expect_eq(image.segments[1].memsz, FIXTURE_DATA_MEMSZ);
	cr_expect_eq(image.segments[1].header, DATA);
}

Test(pvh_elf, a_segment_without_memory_is_left_out)
{
	struct pvh_fixture fixture;
	struct pvh_image image;

	pvh_fixture_init(&fixture);
	fixture_phdr(&fixture, DATA)->p_filesz = 0;
	fixture_phdr(&fixture, DATA)->p_memsz = 0;
	fixture_phdr(&fixture, DATA)->p_paddr = FIXTURE_TEXT_PADDR;
	cr_assert_eq(parse(&fixture, &image).error, PVH_ELF_OK);
	cr_expect_eq(image.segment_count, 1);
}

/* A foreign note of one odd byte, then the entry: 8-byte padding puts it at 24, 4-byte at 20. */
static void add_foreign_note(struct pvh_fixture *fixture, uint64_t align)
{
	struct pvh_fixture_note entry = *fixture_note(fixture);
	uint64_t second = align == 8 ? 24 : 20;

	*fixture_note(fixture) = (struct pvh_fixture_note){
		.header = {.n_namesz = 4, .n_descsz = 1, .n_type = 18},
		.name = "GNU",
	};
	memcpy(fixture->bytes + FIXTURE_NOTE + second, &entry, sizeof(entry));
	fixture_phdr(fixture, NOTE)->p_filesz = second + 20;
	fixture_phdr(fixture, NOTE)->p_align = align;
}

Test(pvh_elf, notes_are_padded_as_their_segment_says)
{
	static const uint64_t aligns[] = {0, 1, 4, 8};

	for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		struct pvh_fixture fixture;
		struct pvh_image image;

		pvh_fixture_init(&fixture);
		add_foreign_note(&fixture, aligns[i]);
		cr_expect_eq(parse(&fixture, &image).error, PVH_ELF_OK, "%lu", aligns[i]);
		cr_expect_eq(image.entry, FIXTURE_ENTRY);
	}
}

Test(pvh_elf, ranges)
{
	cr_expect(pvh_ranges_overlap(10, 5, 14, 1));
	cr_expect_not(pvh_ranges_overlap(10, 5, 15, 1));
	cr_expect(pvh_ranges_overlap(14, 1, 10, 5));
	cr_expect_not(pvh_ranges_overlap(15, 1, 10, 5));
	cr_expect(pvh_ranges_overlap(10, 5, 11, 1));
	cr_expect_not(pvh_ranges_overlap(10, 0, 10, 5));
	cr_expect_not(pvh_ranges_overlap(10, 5, 12, 0));
}
