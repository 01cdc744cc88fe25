/* The walker against a second one, written apart from it, over random tables. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/random.h"
#include "tests/unit/walk_fixture.h"

#define WALKS	       1000000
#define WALKS_A_MEMORY 500

/* What the second walker found.  Entries are those that the translation used, root first. */
struct reference {
	enum walk_status status;
	uint64_t gpa, size;
	bool user, writable, no_execute, global;
	uint32_t error_code;
	unsigned entries;
	uint64_t entry_gpa[4];
};

struct reference_walk {
	const struct fake_memory *fake;
	const struct paging_state *state;
	uint64_t gva;
	uint32_t access;
	struct reference *result;
};

static bool fault(struct reference_walk *w, uint32_t code)
{
	bool nx_works = w->state->efer & EFER_NXE && w->state->cr4 & CR4_PAE;
	bool smep = w->state->cr4 & CR4_SMEP;

	w->result->status = WALK_FAULT;
	w->result->error_code = code | (w->access & PF_W) | (w->access & PF_U);
	if (w->access & PF_I && (nx_works || smep))
		w->result->error_code |= PF_I;
	return false;
}

/* Read an entry and gather its rights; false if the walk ends at it. */
static bool use_entry(struct reference_walk *w, uint64_t gpa, unsigned size, uint64_t reserved,
		      uint64_t reserved_if_large, uint64_t *entry)
{
	struct reference *r = w->result;

	if (gpa >= FAKE_SIZE) {
		r->status = WALK_OUTSIDE_MEMORY;
		r->gpa = gpa;
		return false;
	}
	*entry = fake_get(w->fake, gpa, size);
	if ((*entry & 1) == 0)
		return fault(w, 0);
	if (*entry & 0x80)
		reserved |= reserved_if_large;
	if (*entry & reserved)
		return fault(w, PF_P | PF_RSVD);
	r->writable &= *entry >> 1 & 1;
	r->user &= *entry >> 2 & 1;
	r->no_execute |= *entry >> 63;
	r->global = *entry >> 8 & 1;
	r->entry_gpa[r->entries++] = gpa;
	return true;
}

static void map(struct reference_walk *w, uint64_t base, uint64_t size)
{
	struct reference *r = w->result;
	const struct paging_state *state = w->state;
	bool write = w->access & PF_W, fetch = w->access & PF_I, user = w->access & PF_U;
	bool denied = fetch && r->no_execute;

	if (user) {
		denied |= !r->user || (write && !r->writable);
	} else {
		denied |= write && !r->writable && state->cr0 & CR0_WP;
		denied |= fetch && r->user && state->cr4 & CR4_SMEP;
		denied |=
			!fetch && r->user && state->cr4 & CR4_SMAP && !(state->rflags & RFLAGS_AC);
	}
	if (denied) {
		fault(w, PF_P);
		return;
	}
	r->status = WALK_OK;
	r->gpa = base + w->gva % size;
	r->size = size;
}

static void reference_32(struct reference_walk *w)
{
	bool pse = w->state->cr4 & CR4_PSE;
	uint64_t width = w->state->maxphyaddr, pde, pte, high_reserved = 0;

	for (uint64_t bit = 13; bit <= 21; bit++)
		if (bit == 21 || bit - 13 + 32 >= width)
			high_reserved |= BIT(bit);
	uint64_t root = w->state->cr3 & 0xfffff000;
	if (!use_entry(w, root + (w->gva >> 22) * 4, 4, 0, pse ? high_reserved : 0, &pde))
		return;
	if (pse && pde & PTE_PS) {
		map(w, (pde & 0xffc00000) + (pde >> 13 & 0xff) * BIT(32), 0x400000);
		return;
	}
	if (use_entry(w, (pde & 0xfffff000) + (w->gva >> 12 & 1023) * 4, 4, 0, 0, &pte))
		map(w, pte & 0xfffff000, 0x1000);
}

/* The lower two levels of PAE and 4-level paging, from a page directory on. */
static void reference_directory(struct reference_walk *w, uint64_t directory, uint64_t reserved)
{
	uint64_t pde, pte;

	if (!use_entry(w, directory + (w->gva >> 21 & 511) * 8, 8, reserved, 0x1fe000, &pde))
		return;
	if (pde & PTE_PS) {
		map(w, pde & 0xfffffffe00000, 0x200000);
		return;
	}
	if (use_entry(w, (pde & 0xffffffffff000) + (w->gva >> 12 & 511) * 8, 8, reserved, 0, &pte))
		map(w, pte & 0xffffffffff000, 0x1000);
}

static uint64_t reserved_from(const struct paging_state *state, unsigned top)
{
	uint64_t reserved = state->efer & EFER_NXE ? 0 : PTE_NX;

	for (unsigned bit = state->maxphyaddr; bit <= top; bit++)
		reserved |= BIT(bit);
	return reserved;
}

static void reference_4level(struct reference_walk *w)
{
	uint64_t reserved = reserved_from(w->state, 51), pml4e, pdpte;
	uint64_t large = w->state->pages_1g ? 0x3fffe000 : PTE_PS;

	if (w->gva >> 47 != 0 && w->gva >> 47 != 0x1ffff) {
		w->result->status = WALK_NOT_CANONICAL;
		return;
	}
	uint64_t root = w->state->cr3 & 0xffffffffff000;
	if (!use_entry(w, root + (w->gva >> 39 & 511) * 8, 8, reserved | PTE_PS, 0, &pml4e))
		return;
	uint64_t table = pml4e & 0xffffffffff000;
	if (!use_entry(w, table + (w->gva >> 30 & 511) * 8, 8, reserved, large, &pdpte))
		return;
	if (pdpte & PTE_PS)
		map(w, pdpte & 0xfffffc0000000, 0x40000000);
	else
		reference_directory(w, pdpte & 0xffffffffff000, reserved);
}

static struct reference reference_walk(const struct fake_memory *fake,
				       const struct paging_state *state, uint64_t gva,
				       uint32_t access)
{
	struct reference result = {.user = true, .writable = true};
	struct reference_walk w = {fake, state, gva, access, &result};
	bool paging = state->cr0 & CR0_PG, pae = state->cr4 & CR4_PAE;

	if (!paging || !(state->efer & EFER_LMA))
		w.gva = (uint32_t)gva;
	if (!paging)
		result.gpa = w.gva;
	else if (state->efer & EFER_LMA)
		reference_4level(&w);
	else if (!pae)
		reference_32(&w);
	else if (state->pdpte[w.gva >> 30] & 1)
		reference_directory(&w, state->pdpte[w.gva >> 30] & 0xffffffffff000,
				    reserved_from(state, 62));
	else
		fault(&w, 0);
	return result;
}

static uint64_t random_page(struct random *random)
{
	return random_below(random, FAKE_PAGES + random_once_in(random, 16)) << 12;
}

/* Mostly a present entry that grants what it can, with a page of the fake memory behind it. */
static uint64_t random_entry(struct random *random)
{
	uint64_t entry = random_page(random) | PTE_P | PTE_RW | PTE_US;

	if (random_once_in(random, 4))
		entry ^= BIT(random_below(random, 9));
	if (random_once_in(random, 8))
		entry |= PTE_PS;
	if (random_once_in(random, 8))
		entry |= PTE_NX;
	if (random_once_in(random, 16))
		entry |= BIT(random_below(random, 64));
	if (random_once_in(random, 16))
		entry &= ~(PTE_P | PTE_RW | PTE_US) | random_next(random);
	return entry;
}

/* Where the large pages begin matters too: addresses without their lower bits. */
static uint64_t random_large_entry(struct random *random)
{
	static const unsigned shifts[] = {21, 22, 30};
	uint64_t base = random_below(random, 16) << shifts[random_below(random, 3)];

	return base | PTE_PS | (random_entry(random) & ~PTE_ADDR_MASK);
}

static void fill(struct random *random, struct fake_memory *fake, unsigned size)
{
	for (uint64_t gpa = 0; gpa < FAKE_SIZE; gpa += size)
		fake_set(fake, gpa, size,
			 random_once_in(random, 8) ? random_large_entry(random)
						   : random_entry(random));
}

static void random_state(struct random *random, struct paging_state *state)
{
	static const uint8_t widths[] = {32, 36, 39, 40, 46, 52};
	uint64_t bits = random_next(random);

	*state = (struct paging_state){
		.cr0 = CR0_PE | (bits & CR0_WP) | (random_once_in(random, 32) ? 0 : CR0_PG),
		.cr3 = random_page(random) | (bits & 0xfff),
		.cr4 = bits & (CR4_PSE | CR4_SMEP | CR4_SMAP),
		.efer = bits >> 32 & EFER_NXE,
		.rflags = bits & RFLAGS_AC,
		.maxphyaddr = widths[random_below(random, sizeof(widths))],
		.pages_1g = bits >> 63,
	};
	for (unsigned i = 0; i < 4; i++)
		state->pdpte[i] = random_page(random) | (random_once_in(random, 8) ? 0 : PTE_P);
	switch (random_below(random, 3)) {
	case 1:
		state->cr4 |= CR4_PAE;
		break;
	case 2:
		state->cr4 |= CR4_PAE;
		state->efer |= state->cr0 & CR0_PG ? EFER_LME | EFER_LMA : EFER_LME;
		break;
	default:
		break;
	}
}

static uint32_t random_access(struct random *random)
{
	static const uint32_t accesses[] = {0, PF_W, PF_I, PF_U, PF_U | PF_W, PF_U | PF_I};

	return accesses[random_below(random, 6)];
}

/* Canonical more often than not, with bits everywhere. */
static uint64_t random_gva(struct random *random)
{
	uint64_t gva = random_next(random);

	return random_once_in(random, 8) ? gva : (uint64_t)((int64_t)(gva << 16) >> 16);
}

static void mark(struct fake_memory *fake, const struct reference *r, unsigned size, bool write)
{
	for (unsigned i = 0; i < r->entries; i++) {
		bool leaf = i == r->entries - 1;
		uint64_t marks = PTE_A | (write && leaf ? PTE_D : 0);
		fake_set(fake, r->entry_gpa[i], size,
			 fake_get(fake, r->entry_gpa[i], size) | marks);
	}
}

/* One walk by each walker, each in its own copy of the same memory. */
static enum walk_status compare(struct fake_memory *fake, struct fake_memory *twin,
				const struct paging_state *state, uint64_t gva, uint32_t access)
{
	struct walk_memory memory = fake_walk_memory(fake);
	struct reference r = reference_walk(twin, state, gva, access);
	struct walk_result result;
	enum walk_status status = walk(&memory, state, gva, access, &result);

	cr_assert(status == r.status, "%#lx by %#x: %d, not %d", gva, access, status, r.status);
	if (status == WALK_FAULT)
		cr_assert(result.error_code == r.error_code, "%#lx by %#x: %#x, not %#x", gva,
			  access, result.error_code, r.error_code);
	if (status == WALK_OK || status == WALK_OUTSIDE_MEMORY)
		cr_assert(result.gpa == r.gpa, "%#lx: %#lx, not %#lx", gva, result.gpa, r.gpa);
	if (status == WALK_OK)
		mark(twin, &r, state->cr4 & CR4_PAE ? 8 : 4, access & PF_W);
	if (status == WALK_OK && r.entries > 0) {
		uint64_t rights = (r.writable ? PTE_RW : 0) | (r.user ? PTE_US : 0) |
				  (r.no_execute ? PTE_NX : 0) | (r.global ? PTE_G : 0);
		cr_assert(result.page_size == r.size, "%#lx: size %#lx", gva, result.page_size);
		cr_assert(result.rights == rights, "%#lx: rights %#lx", gva, result.rights);
	}
	return status;
}

Test(walk, agrees_with_a_second_walker_on_random_tables)
{
	static struct fake_memory fake, twin;
	struct random random = {.state = 3};
	unsigned seen[PAGING_4LEVEL + 1][WALK_CONTENDED + 1] = {0};

	for (unsigned i = 0; i < WALKS / WALKS_A_MEMORY; i++) {
		fill(&random, &fake, i % 3 == 0 ? 4 : 8);
		memcpy(twin.bytes, fake.bytes, FAKE_SIZE);
		for (unsigned j = 0; j < WALKS_A_MEMORY; j++) {
			struct paging_state state;
			random_state(&random, &state);
			enum walk_status status = compare(&fake, &twin, &state, random_gva(&random),
							  random_access(&random));
			seen[paging_mode(&state)][status]++;
		}
		cr_assert(memcmp(fake.bytes, twin.bytes, FAKE_SIZE) == 0, "marks differ");
	}
	for (int mode = PAGING_32BIT; mode <= PAGING_4LEVEL; mode++)
		for (int status = WALK_OK; status <= WALK_OUTSIDE_MEMORY; status++)
			cr_expect(seen[mode][status] > WALKS / 200 ||
					  (status == WALK_NOT_CANONICAL && mode != PAGING_4LEVEL),
				  "mode %d ended in status %d only %u times", mode, status,
				  seen[mode][status]);
}

#define UPPER_TABLES (FAKE_SIZE - 3 * 4096UL)

/* Has gva lead to the table of level 1 at `table`, with these rights in the entry that points to
 * it. */
static void lead_to(struct fake_memory *fake, struct paging_state *state, uint64_t gva,
		    uint64_t table, uint64_t rights)
{
	const uint64_t used = PTE_P | PTE_RW | PTE_US | PTE_A;
	uint64_t entry = table | PTE_P | PTE_A | rights, directory = UPPER_TABLES;

	if (paging_mode(state) == PAGING_32BIT) {
		state->cr3 = directory;
		fake_set(fake, directory + (gva >> 22) % 1024 * 4, 4, entry);
		return;
	}
	fake_set(fake, directory + (gva >> 21) % 512 * 8, 8, entry);
	state->pdpte[gva >> 30 & 3] = directory | PTE_P;
	if (paging_mode(state) == PAGING_PAE)
		return;
	state->cr3 = directory + 0x2000;
	fake_set(fake, directory + 0x1000 + (gva >> 30) % 512 * 8, 8, directory | used);
	fake_set(fake, directory + 0x2000 + (gva >> 39) % 512 * 8, 8, (directory + 0x1000) | used);
}

Test(walk, finds_the_same_from_the_last_level_on)
{
	static struct fake_memory fake, twin;
	struct random random = {.state = 5};
	unsigned seen[WALK_CONTENDED + 1] = {0};

	for (unsigned i = 0; i < WALKS / 10; i++) {
		struct walk_memory memory = fake_walk_memory(&fake), same = fake_walk_memory(&twin);
		struct walk_result whole, last;
		struct paging_state state;
		uint64_t gva = random_gva(&random), rights = random_next(&random);
		uint64_t table = random_below(&random, UPPER_TABLES / 4096) * 4096;
		uint32_t access = random_access(&random);

		random_state(&random, &state);
		state.cr0 |= CR0_PG;
		if (paging_mode(&state) == PAGING_4LEVEL)
			gva = (uint64_t)((int64_t)(gva << 16) >> 16);
		else
			gva &= UINT32_MAX;
		rights &= PTE_RW | PTE_US;
		if (paging_mode(&state) != PAGING_32BIT && state.efer & EFER_NXE)
			rights |= random_next(&random) & PTE_NX;
		if (i % WALKS_A_MEMORY == 0)
			fill(&random, &fake, i % 3 == 0 ? 4 : 8);
		lead_to(&fake, &state, gva, table, rights);
		memcpy(twin.bytes, fake.bytes, FAKE_SIZE);

		enum walk_status status = walk(&memory, &state, gva, access, &whole);

		cr_assert(walk_last_level(&same, &state, table, rights, gva, access, &last) ==
			  status);
		if (status == WALK_FAULT)
			cr_assert(last.error_code == whole.error_code, "%#x, not %#x",
				  last.error_code, whole.error_code);
		else
			cr_assert(last.gpa == whole.gpa && last.rights == whole.rights &&
				  last.entry == whole.entry && last.page_size == 4096);
		cr_assert(memcmp(fake.bytes, twin.bytes, FAKE_SIZE) == 0, "marks differ");
		seen[status]++;
	}
	cr_expect(seen[WALK_OK] > WALKS / 100 && seen[WALK_FAULT] > WALKS / 100);
}
