#include "bench/tlb_sim.h"

#include <stdlib.h>
#include <string.h>

enum {
	SMALL_BITS = 12,
	LARGE_BITS = 21,
	TABLE_BITS = 9, /* of an address that one level of tables translates */
	KINDS = 3,	/* of paging-structure caches: PDE, PDPTE, PML4E */
	MAX_TOUCHED = 64,
	MAX_REFILLS = 10000, /* of one access: the set has too few ways, and there is no end */
};

/* A row of ways.  What is in none is NO_TAG. */
struct row {
	uint64_t *tag;
	bool *global;
	unsigned ways, hand;
};

#define NO_TAG UINT64_MAX

struct access {
	uint64_t address;
	bool large, global;
	unsigned leaf, tables, host;
};

struct tlb_sim {
	struct tlb_parameters parameters;
	struct row *small, *large; /* one row a set; large is NULL where they are shared */
	struct row structure[KINDS];
	/* What the instruction at hand has touched, in this order. */
	struct access touched[MAX_TOUCHED];
	unsigned count;
};

static bool make_row(struct row *row, unsigned ways)
{
	row->ways = ways;
	row->tag = malloc((ways + 1) * sizeof(row->tag[0]));
	row->global = calloc(ways + 1, sizeof(row->global[0]));
	for (unsigned i = 0; row->tag != NULL && i < ways; i++)
		row->tag[i] = NO_TAG;
	return row->tag != NULL && row->global != NULL;
}

static void free_row(struct row *row)
{
	free(row->tag);
	free(row->global);
}

static bool make_rows(struct row **rows, unsigned sets, unsigned ways)
{
	*rows = calloc(sets, sizeof((*rows)[0]));
	for (unsigned i = 0; *rows != NULL && i < sets; i++)
		if (!make_row(&(*rows)[i], ways))
			return false;
	return *rows != NULL;
}

struct tlb_sim *tlb_sim_create(const struct tlb_parameters *parameters)
{
	const unsigned entries[KINDS] = {parameters->pde, parameters->pdpte, parameters->pml4e};
	struct tlb_sim *sim = calloc(1, sizeof(*sim));

	if (sim == NULL)
		return NULL;
	sim->parameters = *parameters;
	bool good = make_rows(&sim->small, parameters->sets, parameters->ways);
	if (good && parameters->large_sets > 0)
		good = make_rows(&sim->large, parameters->large_sets, parameters->large_ways);
	for (unsigned i = 0; good && i < KINDS; i++)
		good = make_row(&sim->structure[i], entries[i]);
	if (good)
		return sim;
	tlb_sim_free(sim);
	return NULL;
}

void tlb_sim_free(struct tlb_sim *sim)
{
	if (sim == NULL)
		return;
	for (unsigned i = 0; sim->small != NULL && i < sim->parameters.sets; i++)
		free_row(&sim->small[i]);
	for (unsigned i = 0; sim->large != NULL && i < sim->parameters.large_sets; i++)
		free_row(&sim->large[i]);
	for (unsigned i = 0; i < KINDS; i++)
		free_row(&sim->structure[i]);
	free(sim->small);
	free(sim->large);
	free(sim);
}

/* A page is told from others by its number and its size. */
static uint64_t page_tag(uint64_t address, bool large)
{
	return address >> (large ? LARGE_BITS : SMALL_BITS) << 1 | large;
}

static struct row *page_row(struct tlb_sim *sim, uint64_t address, bool large)
{
	uint64_t number = address >> (large ? LARGE_BITS : SMALL_BITS);

	if (large && sim->large != NULL)
		return &sim->large[number % sim->parameters.large_sets];
	return &sim->small[number % sim->parameters.sets];
}

static unsigned way_of(const struct row *row, uint64_t tag)
{
	unsigned way = 0;

	while (way < row->ways && row->tag[way] != tag)
		way++;
	return way;
}

static bool in_row(const struct row *row, uint64_t tag)
{
	return way_of(row, tag) < row->ways;
}

static void put(struct row *row, uint64_t tag, bool global)
{
	unsigned way = way_of(row, NO_TAG);

	if (row->ways == 0)
		return;
	if (way == row->ways) {
		way = row->hand;
		row->hand = (row->hand + 1) % row->ways;
	}
	row->tag[way] = tag;
	row->global[way] = global;
}

static void empty(struct row *row, bool spare_global)
{
	for (unsigned i = 0; i < row->ways; i++)
		if (!spare_global || !row->global[i])
			row->tag[i] = NO_TAG;
}

static bool held(struct tlb_sim *sim, uint64_t address, bool large)
{
	return in_row(page_row(sim, address, large), page_tag(address, large));
}

static void drop(struct tlb_sim *sim, uint64_t address)
{
	for (unsigned large = 0; large < 2; large++) {
		struct row *row = page_row(sim, address, large);
		unsigned way = way_of(row, page_tag(address, large));

		if (way < row->ways)
			row->tag[way] = NO_TAG;
	}
	for (unsigned i = 0; i < KINDS; i++)
		empty(&sim->structure[i], false);
}

static void flush(struct tlb_sim *sim, bool spare_global)
{
	for (unsigned i = 0; i < sim->parameters.sets; i++)
		empty(&sim->small[i], spare_global);
	for (unsigned i = 0; sim->large != NULL && i < sim->parameters.large_sets; i++)
		empty(&sim->large[i], spare_global);
	for (unsigned i = 0; i < KINDS; i++)
		empty(&sim->structure[i], false);
}

/* The references of a walk from the lowest known table on; what was not known is from then on. */
static unsigned walk_to(struct tlb_sim *sim, const struct access *access)
{
	unsigned read = 0;
	bool known = false;

	if (access->tables == 0)
		return access->host;
	/* Entry i above the one that maps belongs to level leaf + i, whose cache is i + leaf - 2.
	 */
	for (unsigned i = 1; i < access->tables && !known; i++, read++) {
		unsigned level = access->leaf + i;

		known = in_row(&sim->structure[level - 2],
			       access->address >> (SMALL_BITS + TABLE_BITS * (level - 1)));
		if (known)
			break;
	}
	for (unsigned i = read; i >= 1; i--) {
		unsigned level = access->leaf + i;

		put(&sim->structure[level - 2],
		    access->address >> (SMALL_BITS + TABLE_BITS * (level - 1)), false);
	}
	/* Each entry that is read is found through EPT, unless a cache knows where its table is. */
	return (read + 1) + read * access->host + (known ? 0 : access->host) + access->host;
}

/* Begins the instruction again until all that it has touched is held. */
static struct tlb_sim_result settle(struct tlb_sim *sim)
{
	struct tlb_sim_result result = {0, 0};

	for (unsigned i = 0; i < sim->count && result.refills < MAX_REFILLS; i++) {
		const struct access *access = &sim->touched[i];

		if (held(sim, access->address, access->large))
			continue;
		result.refills++;
		result.references += walk_to(sim, access);
		put(page_row(sim, access->address, access->large),
		    page_tag(access->address, access->large), access->global);
		i = UINT32_MAX;
	}
	return result;
}

static struct access decode(uint64_t qualification)
{
	struct access access = {
		.large = qualification & OBSERVED_LARGE,
		.global = qualification & OBSERVED_GLOBAL,
		.leaf = qualification >> OBSERVED_LEAF & 3,
		.host = qualification >> OBSERVED_HOST & 3,
	};

	access.address = qualification >> SMALL_BITS << SMALL_BITS;
	access.host += access.host > 0;
	if (access.leaf > 0)
		access.tables = (qualification & OBSERVED_FOUR_LEVELS ? 5 : 3) - access.leaf;
	return access;
}

struct tlb_sim_result tlb_sim_feed(struct tlb_sim *sim, const struct exit_record *record)
{
	struct tlb_sim_result result = {0, 0};

	if (record->flags & RECORD_F_FIRST)
		sim->count = 0;
	if (record->flags & RECORD_F_ACCESS && sim->count < MAX_TOUCHED) {
		sim->touched[sim->count++] = decode(record->qualification);
		result = settle(sim);
	}
	if (record->flags & RECORD_F_FLUSH_PAGE)
		drop(sim, record->qualification);
	if (record->flags & (RECORD_F_FLUSH_LOCAL | RECORD_F_FLUSH_ALL))
		flush(sim, !(record->flags & RECORD_F_FLUSH_ALL));
	return result;
}
