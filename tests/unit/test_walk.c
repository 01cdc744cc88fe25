/* The page-table walker, bit by bit. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/walk_fixture.h"

/* The tables through which GVA is mapped lie in page 1 (level 1) to page 4 (level 4). */
#define TABLE(level) (0x1000UL * (level))
#define FRAME	     0x9000UL /* of the page that GVA is in */
#define GVA	     0x7654321UL

#define ALL_RIGHTS (PTE_P | PTE_RW | PTE_US)

/* What differs from a walk under CR0.WP and EFER.NXE with 40 address bits. */
enum setting {
	NO_WP = 1 << 0,
	NO_NXE = 1 << 1,
	SMEP = 1 << 2,
	SMAP = 1 << 3,
	AC = 1 << 4,
	NO_PSE = 1 << 5,
	NO_1G = 1 << 6,
	WIDE = 1 << 7, /* 52 address bits */
};

struct scene {
	struct fake_memory fake;
	struct walk_memory memory;
	struct paging_state state;
	struct walk_result result;
};

static unsigned entry_size(enum paging_mode mode)
{
	return mode == PAGING_32BIT ? 4 : 8;
}

static unsigned table_levels(enum paging_mode mode)
{
	return mode == PAGING_4LEVEL ? 4 : 2;
}

static unsigned level_shift(enum paging_mode mode, unsigned level)
{
	return 12 + (level - 1) * (mode == PAGING_32BIT ? 10 : 9);
}

static uint64_t entry_gpa(enum paging_mode mode, unsigned level)
{
	uint64_t entries = 4096 / entry_size(mode);

	return TABLE(level) + (GVA >> level_shift(mode, level)) % entries * entry_size(mode);
}

static void edit(struct scene *scene, enum paging_mode mode, unsigned level, uint64_t set,
		 uint64_t clear)
{
	uint64_t gpa = entry_gpa(mode, level);
	uint64_t entry = fake_get(&scene->fake, gpa, entry_size(mode));

	fake_set(&scene->fake, gpa, entry_size(mode), (entry & ~clear) | set);
}

static void set_up(struct scene *scene, enum paging_mode mode, unsigned settings)
{
	memset(scene, 0, sizeof(*scene));
	scene->memory = fake_walk_memory(&scene->fake);
	scene->state = (struct paging_state){
		.cr0 = CR0_PE | (mode == PAGING_NONE ? 0 : CR0_PG) |
		       (settings & NO_WP ? 0 : CR0_WP),
		.cr3 = TABLE(table_levels(mode)) | 0x18,
		.cr4 = (mode >= PAGING_PAE ? CR4_PAE : 0) | (settings & SMEP ? CR4_SMEP : 0) |
		       (settings & SMAP ? CR4_SMAP : 0) | (settings & NO_PSE ? 0 : CR4_PSE),
		.efer = (mode == PAGING_4LEVEL ? EFER_LME | EFER_LMA : 0) |
			(settings & NO_NXE ? 0 : EFER_NXE),
		.rflags = RFLAGS_FIXED | (settings & AC ? RFLAGS_AC : 0),
		.pdpte = {TABLE(2) | PTE_P},
		.maxphyaddr = settings & WIDE ? 52 : 40,
		.pages_1g = !(settings & NO_1G),
	};
	for (unsigned level = table_levels(mode); level > 1; level--)
		edit(scene, mode, level, TABLE(level - 1) | ALL_RIGHTS, 0);
	edit(scene, mode, 1, FRAME | ALL_RIGHTS, 0);
}

static enum walk_status walk_scene(struct scene *scene, uint64_t gva, uint32_t access)
{
	return walk(&scene->memory, &scene->state, gva, access, &scene->result);
}

#define FAULT	   0x80000000
#define M32	   PAGING_32BIT
#define PAE	   PAGING_PAE
#define M64	   PAGING_4LEVEL
#define RSVD_FAULT (FAULT | PF_P | PF_RSVD)

/*
 * Each row edits one entry of a mapping that grants everything and makes one access.  The result is
 * 0, or FAULT with the error code.
 */
static const struct {
	const char *text;
	enum paging_mode mode;
	unsigned settings;
	unsigned level;
	uint64_t set, clear;
	uint32_t access;
	uint32_t result;
} rows[] = {
	{"user reads", M64, 0, 1, 0, 0, PF_U, 0},
	{"user writes", M64, 0, 1, 0, 0, PF_U | PF_W, 0},
	{"user fetches", M64, 0, 1, 0, 0, PF_U | PF_I, 0},
	{"PTE not present", M64, 0, 1, 0, PTE_P, 0, FAULT},
	{"PDE not present", M64, 0, 2, 0, PTE_P, PF_U, FAULT | PF_U},
	{"PDPTE not present", M64, 0, 3, 0, PTE_P, PF_W, FAULT | PF_W},
	{"PML4E not present", M64, 0, 4, 0, PTE_P, PF_I, FAULT | PF_I},
	{"not present hides reserved", M64, 0, 1, BIT(45), PTE_P, 0, FAULT},
	{"32-bit PDE not present", M32, 0, 2, 0, PTE_P, PF_U | PF_W, FAULT | PF_U | PF_W},
	{"PAE PDE not present", PAE, 0, 2, 0, PTE_P, PF_I, FAULT | PF_I},

	{"user, supervisor PTE", M64, 0, 1, 0, PTE_US, PF_U, FAULT | PF_P | PF_U},
	{"user, supervisor PML4E", M64, 0, 4, 0, PTE_US, PF_U, FAULT | PF_P | PF_U},
	{"user, supervisor 32-bit PDE", M32, 0, 2, 0, PTE_US, PF_U, FAULT | PF_P | PF_U},
	{"supervisor, supervisor PTE", M64, 0, 1, 0, PTE_US, PF_W, 0},
	{"user writes read-only PTE", M64, 0, 1, 0, PTE_RW, PF_U | PF_W,
	 FAULT | PF_P | PF_U | PF_W},
	{"user writes read-only PDPTE", M64, 0, 3, 0, PTE_RW, PF_U | PF_W,
	 FAULT | PF_P | PF_U | PF_W},
	{"user writes read-only, no WP", M64, NO_WP, 1, 0, PTE_RW, PF_U | PF_W,
	 FAULT | PF_P | PF_U | PF_W},
	{"supervisor writes read-only", M64, 0, 1, 0, PTE_RW, PF_W, FAULT | PF_P | PF_W},
	{"supervisor writes read-only, no WP", M64, NO_WP, 1, 0, PTE_RW, PF_W, 0},
	{"supervisor reads read-only", M64, 0, 1, 0, PTE_RW, 0, 0},

	{"fetch from NX PTE", M64, 0, 1, PTE_NX, 0, PF_I, FAULT | PF_P | PF_I},
	{"fetch from NX PML4E", M64, 0, 4, PTE_NX, 0, PF_I | PF_U, FAULT | PF_P | PF_I | PF_U},
	{"fetch from PAE NX PDE", PAE, 0, 2, PTE_NX, 0, PF_I, FAULT | PF_P | PF_I},
	{"read from NX", M64, 0, 1, PTE_NX, 0, PF_U, 0},
	{"NX is reserved without NXE", M64, NO_NXE, 1, PTE_NX, 0, 0, RSVD_FAULT},
	{"NX is reserved in a PAE PDE", PAE, NO_NXE, 2, PTE_NX, 0, PF_W, RSVD_FAULT | PF_W},
	{"I/D needs NXE", M64, NO_NXE, 1, 0, PTE_P, PF_I, FAULT},
	{"I/D or SMEP", M64, NO_NXE | SMEP, 1, 0, PTE_P, PF_I, FAULT | PF_I},
	{"I/D not by NXE in 32-bit", M32, 0, 1, 0, PTE_P, PF_I, FAULT},
	{"I/D by SMEP in 32-bit", M32, SMEP, 1, 0, PTE_P, PF_I, FAULT | PF_I},

	{"supervisor fetches user page", M64, 0, 1, 0, 0, PF_I, 0},
	{"the same under SMEP", M64, SMEP, 1, 0, 0, PF_I, FAULT | PF_P | PF_I},
	{"under SMEP in 32-bit", M32, SMEP, 1, 0, 0, PF_I, FAULT | PF_P | PF_I},
	{"SMEP, supervisor page", M64, SMEP, 2, 0, PTE_US, PF_I, 0},
	{"SMEP, user fetch", M64, SMEP, 1, 0, 0, PF_I | PF_U, 0},
	{"SMEP, data", M64, SMEP, 1, 0, 0, PF_W, 0},
	{"SMAP, read", M64, SMAP, 1, 0, 0, 0, FAULT | PF_P},
	{"SMAP, write", M32, SMAP, 1, 0, 0, PF_W, FAULT | PF_P | PF_W},
	{"SMAP and AC, write", M64, SMAP | AC, 1, 0, 0, PF_W, 0},
	{"SMAP, no WP, write", M64, SMAP | NO_WP, 1, 0, 0, PF_W, FAULT | PF_P | PF_W},
	{"SMAP and AC, read-only", M64, SMAP | AC, 1, 0, PTE_RW, PF_W, FAULT | PF_P | PF_W},
	{"SMAP, supervisor page", M64, SMAP, 4, 0, PTE_US, PF_W, 0},
	{"SMAP, fetch", M64, SMAP, 1, 0, 0, PF_I, 0},
	{"SMAP, user", M64, SMAP, 1, 0, 0, PF_U, 0},

	{"PTE above the address width", M64, 0, 1, BIT(40), 0, PF_U, RSVD_FAULT | PF_U},
	{"PTE bit 51", M64, 0, 1, BIT(51), 0, PF_W, RSVD_FAULT | PF_W},
	{"PTE bits 62:52 are ignored", M64, WIDE, 1, 0x7ffUL << 52, 0, 0, 0},
	{"PAE PTE bit 52 is reserved", PAE, WIDE, 1, BIT(52), 0, 0, RSVD_FAULT},
	{"PAE PTE bit 62 is reserved", PAE, 0, 1, BIT(62), 0, PF_I, RSVD_FAULT | PF_I},
	{"PAE PDE bit 40 is reserved", PAE, 0, 2, BIT(40), 0, 0, RSVD_FAULT},
	{"PML4E bit 7", M64, 0, 4, PTE_PS, 0, 0, RSVD_FAULT},
	{"PDPTE maps 1 GB", M64, 0, 3, PTE_PS, 0xfff000, 0, 0},
	{"PDPTE maps 1 GB, not offered", M64, NO_1G, 3, PTE_PS, 0xfff000, 0, RSVD_FAULT},
	{"1 GB page, bit 13", M64, 0, 3, PTE_PS | BIT(13), 0xfff000, 0, RSVD_FAULT},
	{"1 GB page, bit 29", M64, 0, 3, PTE_PS | BIT(29), 0xfff000, 0, RSVD_FAULT},
	{"1 GB page, bit 12 is PAT", M64, 0, 3, PTE_PS | BIT(12), 0xfff000, 0, 0},
	{"2 MB page", M64, 0, 2, PTE_PS, 0xfff000, 0, 0},
	{"2 MB page, bit 13", M64, 0, 2, PTE_PS | BIT(13), 0xfff000, 0, RSVD_FAULT},
	{"2 MB page, bit 20", PAE, 0, 2, PTE_PS | BIT(20), 0xfff000, 0, RSVD_FAULT},
	{"2 MB page, CR4.PSE is ignored", PAE, NO_PSE, 2, PTE_PS | BIT(20), 0xfff000, 0,
	 RSVD_FAULT},
	{"4 MB page", M32, 0, 2, PTE_PS, 0x3ff000, 0, 0},
	{"4 MB page, bit 20 is address bit 39", M32, 0, 2, PTE_PS | BIT(20), 0x3ff000, 0, 0},
	{"4 MB page, bit 21", M32, WIDE, 2, PTE_PS | BIT(21), 0x3ff000, 0, RSVD_FAULT},
	{"PDE bit 7 without PSE", M32, NO_PSE, 2, PTE_PS, 0, 0, 0},
	{"PTE bit 7 is PAT", M32, 0, 1, PTE_PAT, 0, 0, 0},
	{"reserved before rights", M64, 0, 1, BIT(45), PTE_US, PF_U, RSVD_FAULT | PF_U},
	{"not present before rights above", M64, 0, 4, 0, PTE_P | PTE_US, PF_U, FAULT | PF_U},
};

Test(walk, grants_and_faults_bit_by_bit)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct scene scene, before;
		set_up(&scene, rows[i].mode, rows[i].settings);
		edit(&scene, rows[i].mode, rows[i].level, rows[i].set, rows[i].clear);
		before = scene;

		enum walk_status status = walk_scene(&scene, GVA, rows[i].access);
		if (!(rows[i].result & FAULT)) {
			cr_expect(status == WALK_OK, "%s: %d, error code %#x", rows[i].text, status,
				  scene.result.error_code);
			continue;
		}
		cr_expect(status == WALK_FAULT, "%s: %d", rows[i].text, status);
		cr_expect(scene.result.error_code == (rows[i].result & ~FAULT), "%s: %#x",
			  rows[i].text, scene.result.error_code);
		cr_expect(memcmp(scene.fake.bytes, before.fake.bytes, FAKE_SIZE) == 0,
			  "%s: a fault marked an entry", rows[i].text);
	}
}

static const struct {
	const char *text;
	enum paging_mode mode;
	unsigned settings;
	unsigned level; /* of the entry below, which maps the page */
	uint64_t entry;
	uint64_t gpa;
	uint64_t page_size;
} mappings[] = {
	{"no paging", PAGING_NONE, 0, 1, 0, GVA, 0x1000},
	{"32-bit, 4 KB", M32, 0, 1, 0xabcde000, 0xabcde321, 0x1000},
	{"4 MB", M32, 0, 2, 0xabc00000 | PTE_PS, 0xabe54321, 0x400000},
	{"4 MB by PSE-36", M32, 0, 2, 0xabc00000 | 0xa5UL << 13 | PTE_PS, 0xa5abe54321, 0x400000},
	{"PAE, 4 KB", PAE, WIDE, 1, 0xf2345678000, 0xf2345678321, 0x1000},
	{"PAE, 2 MB", PAE, 0, 2, 0xabcde00000 | PTE_PS, 0xabcde54321, 0x200000},
	{"4-level, 4 KB", M64, WIDE, 1, 0xf23456789a000 | PTE_PAT, 0xf23456789a321, 0x1000},
	{"4-level, 2 MB", M64, 0, 2, 0xabcde00000 | PTE_PS | BIT(12), 0xabcde54321, 0x200000},
	{"4-level, 1 GB", M64, 0, 3, 0x1240000000 | PTE_PS | BIT(12), 0x1247654321, 0x40000000},
};

Test(walk, finds_pages_of_every_size)
{
	for (unsigned i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
		static struct scene scene;
		enum paging_mode mode = mappings[i].mode;

		set_up(&scene, mode, mappings[i].settings);
		edit(&scene, mode, mappings[i].level, mappings[i].entry | ALL_RIGHTS, ~0UL);
		cr_expect(paging_mode(&scene.state) == mode, "%s", mappings[i].text);
		cr_expect(walk_scene(&scene, GVA, PF_U) == WALK_OK, "%s", mappings[i].text);
		cr_expect(scene.result.gpa == mappings[i].gpa, "%s: %#lx", mappings[i].text,
			  scene.result.gpa);
		cr_expect(scene.result.page_size == mappings[i].page_size, "%s: %#lx",
			  mappings[i].text, scene.result.page_size);
		cr_expect(scene.result.rights == (PTE_RW | PTE_US), "%s", mappings[i].text);
	}
}

Test(walk, combines_rights_over_the_levels)
{
	static struct scene scene;

	set_up(&scene, M64, 0);
	edit(&scene, M64, 4, PTE_NX | PTE_G, 0);
	edit(&scene, M64, 3, 0, PTE_US);
	cr_assert(walk_scene(&scene, GVA, 0) == WALK_OK);
	cr_expect(scene.result.rights == (PTE_RW | PTE_NX));
	edit(&scene, M64, 1, PTE_G, PTE_RW);
	cr_assert(walk_scene(&scene, GVA, 0) == WALK_OK);
	cr_expect(scene.result.rights == (PTE_NX | PTE_G));
}

static uint64_t marks(struct scene *scene, enum paging_mode mode, unsigned level)
{
	return fake_get(&scene->fake, entry_gpa(mode, level), entry_size(mode)) & (PTE_A | PTE_D);
}

Test(walk, marks_entries_accessed_and_dirty)
{
	static const enum paging_mode modes[] = {M32, PAE, M64};

	for (unsigned i = 0; i < 3; i++) {
		static struct scene scene;
		unsigned levels = table_levels(modes[i]);

		set_up(&scene, modes[i], 0);
		cr_assert(walk_scene(&scene, GVA, 0) == WALK_OK);
		for (unsigned level = 1; level <= levels; level++)
			cr_expect(marks(&scene, modes[i], level) == PTE_A);
		cr_assert(walk_scene(&scene, GVA, PF_W) == WALK_OK);
		cr_expect(marks(&scene, modes[i], 1) == (PTE_A | PTE_D));
		cr_expect(marks(&scene, modes[i], 2) == PTE_A);
		cr_expect(scene.fake.exchanges == levels + 1);
		cr_assert(walk_scene(&scene, GVA, PF_W | PF_U) == WALK_OK);
		cr_expect(scene.fake.exchanges == levels + 1, "marked twice");
	}
}

Test(walk, leaves_no_trace_without_exchange)
{
	static struct scene scene, before;

	set_up(&scene, M64, 0);
	scene.memory.exchange = NULL;
	before = scene;
	cr_expect(walk_scene(&scene, GVA, PF_W) == WALK_OK);
	cr_expect(memcmp(scene.fake.bytes, before.fake.bytes, FAKE_SIZE) == 0);
}

/* Another vCPU takes the page away between the walk and its marks. */
static void unmap_pte(struct fake_memory *fake, uint64_t gpa)
{
	if (gpa < TABLE(2))
		fake_set(fake, gpa, 8, 0);
}

static void flip_bit(struct fake_memory *fake, uint64_t gpa)
{
	fake_set(fake, gpa, 8, fake_get(fake, gpa, 8) ^ BIT(9));
}

Test(walk, walks_again_when_an_entry_changed)
{
	static struct scene scene;

	set_up(&scene, M64, 0);
	scene.fake.interfere = unmap_pte;
	cr_expect(walk_scene(&scene, GVA, PF_W) == WALK_FAULT);
	cr_expect(scene.result.error_code == PF_W);
	cr_expect(fake_get(&scene.fake, entry_gpa(M64, 1), 8) == 0);
}

Test(walk, gives_up_on_entries_that_never_hold_still)
{
	static struct scene scene;

	set_up(&scene, M64, 0);
	scene.fake.interfere = flip_bit;
	cr_expect(walk_scene(&scene, GVA, 0) == WALK_CONTENDED);
	cr_expect(scene.fake.exchanges < 100);
}

Test(walk, tells_addresses_that_have_no_translation)
{
	static struct scene scene;

	set_up(&scene, M64, 0);
	cr_expect(walk_scene(&scene, BIT(47), 0) == WALK_NOT_CANONICAL);
	cr_expect(walk_scene(&scene, ~BIT(47), 0) == WALK_NOT_CANONICAL);
	cr_expect(walk_scene(&scene, ~(BIT(47) - 1), 0) == WALK_FAULT);
	set_up(&scene, M32, 0);
	cr_expect(walk_scene(&scene, BIT(32) + GVA, 0) == WALK_OK, "bits 63:32 do not count");
	cr_expect(scene.result.gpa == (FRAME | (GVA & 0xfff)));
}

Test(walk, names_the_entry_that_lies_outside_memory)
{
	static struct scene scene;

	set_up(&scene, M64, 0);
	edit(&scene, M64, 3, FAKE_SIZE, PTE_ADDR_MASK);
	cr_expect(walk_scene(&scene, GVA, 0) == WALK_OUTSIDE_MEMORY);
	cr_expect(scene.result.gpa == FAKE_SIZE + (entry_gpa(M64, 2) & 0xfff));
	scene.state.cr3 = 0xff0000000;
	cr_expect(walk_scene(&scene, GVA, 0) == WALK_OUTSIDE_MEMORY);
	cr_expect(scene.result.gpa == 0xff0000000);
}

Test(walk, takes_the_top_of_pae_from_registers)
{
	static struct scene scene;

	set_up(&scene, PAE, 0);
	scene.state.cr3 = 0xff0000000;
	scene.state.pdpte[2] = scene.state.pdpte[0] | BIT(60);
	cr_expect(walk_scene(&scene, 0x80000000 + GVA, PF_U | PF_W) == WALK_OK);
	cr_expect(walk_scene(&scene, 0x40000000 + GVA, PF_U) == WALK_FAULT);
	cr_expect(scene.result.error_code == PF_U);
}

Test(walk, ends_in_tables_that_loop)
{
	static struct scene scene;

	set_up(&scene, M64, 0);
	for (unsigned level = 4; level > 1; level--)
		edit(&scene, M64, level, TABLE(4) | ALL_RIGHTS, PTE_ADDR_MASK);
	fake_set(&scene.fake, TABLE(4), 8, TABLE(4) | ALL_RIGHTS);
	cr_expect(walk_scene(&scene, 0, PF_W) == WALK_OK);
	cr_expect(scene.result.gpa == TABLE(4));
}
