/*
 * A sound PVH image that tests take as it is or spoil in one place.  It is made with the system's
 * elf.h, whose layout does not depend on that of the code under test.
 */
#ifndef TESTS_UNIT_PVH_FIXTURE_H
#define TESTS_UNIT_PVH_FIXTURE_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

enum { NOTE, TEXT, DATA, FIXTURE_PHDRS };

/* File offsets. */
#define FIXTURE_NOTE	 0x200
#define FIXTURE_TEXT	 0x400
#define FIXTURE_DATA	 0x601 /* odd, as nothing promises alignment */
#define FIXTURE_SECTIONS 0x700
#define FIXTURE_SIZE	 0x780
#define FIXTURE_ROOM	 0x4000

#define FIXTURE_TEXT_PADDR 0x100000
#define FIXTURE_TEXT_BYTES 0x101 /* odd, too */
#define FIXTURE_DATA_PADDR 0x102000
#define FIXTURE_DATA_BYTES 0x81
#define FIXTURE_DATA_MEMSZ 0x1003
#define FIXTURE_ENTRY	   0x100010

struct pvh_fixture {
	union {
		Elf64_Ehdr header;
		uint8_t bytes[FIXTURE_ROOM];
	};
	uint64_t size;
};

struct pvh_fixture_note {
	Elf64_Nhdr header;
	char name[4];
	uint32_t desc[2];
};

/* While e_phoff is what pvh_fixture_init() made it. */
static inline Elf64_Phdr *fixture_phdr(struct pvh_fixture *fixture, unsigned index)
{
	return (Elf64_Phdr *)(fixture->bytes + sizeof(Elf64_Ehdr)) + index;
}

static inline struct pvh_fixture_note *fixture_note(struct pvh_fixture *fixture)
{
	return (struct pvh_fixture_note *)(fixture->bytes + FIXTURE_NOTE);
}

static inline void pvh_fixture_init(struct pvh_fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->size = FIXTURE_SIZE;
	fixture->header = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_shoff = FIXTURE_SECTIONS,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = FIXTURE_PHDRS,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (FIXTURE_SIZE - FIXTURE_SECTIONS) / sizeof(Elf64_Shdr),
	};
	*fixture_phdr(fixture, NOTE) = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_flags = PF_R,
		.p_offset = FIXTURE_NOTE,
		.p_filesz = sizeof(struct pvh_fixture_note) - sizeof(uint32_t),
		.p_align = 4,
	};
	*fixture_phdr(fixture, TEXT) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = FIXTURE_TEXT,
		.p_paddr = FIXTURE_TEXT_PADDR,
		.p_filesz = FIXTURE_TEXT_BYTES,
		.p_memsz = FIXTURE_TEXT_BYTES,
	};
	*fixture_phdr(fixture, DATA) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = FIXTURE_DATA,
		.p_paddr = FIXTURE_DATA_PADDR,
		.p_filesz = FIXTURE_DATA_BYTES,
		.p_memsz = FIXTURE_DATA_MEMSZ,
	};
	*fixture_note(fixture) = (struct pvh_fixture_note){
		.header = {.n_namesz = 4, .n_descsz = 4, .n_type = 18},
		.name = "Xen",
		.desc = {FIXTURE_ENTRY},
	};
	for (unsigned i = 0; i < FIXTURE_TEXT_BYTES; i++)
		fixture->bytes[FIXTURE_TEXT + i] = (uint8_t)(i * 7 + 1);
	for (unsigned i = 0; i < FIXTURE_DATA_BYTES; i++)
		fixture->bytes[FIXTURE_DATA + i] = (uint8_t)(i * 11 + 3);
}

#endif
