#include "shadow/tlb_model.h"

/* An entry is the first address of a page, or of what a table maps, with these bits. */
#define HELD   UINT64_C(1) /* clear: an empty way */
#define LARGE  UINT64_C(2)
#define GLOBAL UINT64_C(4)

#define PAGE_BITS	12
#define LARGE_PAGE_BITS 21
#define LEVEL_BITS	9

struct set {
	uint64_t *ways;
	uint32_t count;
	uint32_t *counter;
};

bool tlb_parameters_valid(const struct tlb_parameters *p)
{
#define TLB_PARAMETER(name, least, most, text)                                 \
	if (p->name > (most) || (uint64_t)p->name + 1 < (uint64_t)(least) + 1) \
		return false;
	TLB_PARAMETERS
#undef TLB_PARAMETER
	if (p->large_sets > 0 && p->large_ways < TLB_WAYS_MIN)
		return false;
	return tlb_parameters_entries(p) <= TLB_ENTRIES_MAX;
}

uint32_t tlb_parameters_entries(const struct tlb_parameters *p)
{
	return p->sets * p->ways + p->large_sets * p->large_ways;
}

static uint32_t structures(const struct tlb_parameters *p)
{
	return p->pde + p->pdpte + p->pml4e;
}

static uint32_t all_sets(const struct tlb_parameters *p)
{
	return p->sets + p->large_sets + TLB_STRUCTURE_LEVELS;
}

size_t tlb_model_workspace(const struct tlb_parameters *p)
{
	return (tlb_parameters_entries(p) + structures(p)) * sizeof(uint64_t) +
	       all_sets(p) * sizeof(uint32_t);
}

void tlb_model_init(struct tlb_model *model, const struct tlb_parameters *parameters,
		    void *workspace, void (*lost)(void *ctx, const struct tlb_page *page),
		    void *ctx)
{
	uint32_t entries = tlb_parameters_entries(parameters) + structures(parameters);

	*model = (struct tlb_model){
		.parameters = *parameters,
		.entries = workspace,
		.counters = (uint32_t *)((uint64_t *)workspace + entries),
		.lost = lost,
		.ctx = ctx,
	};
	for (uint32_t i = 0; i < entries; i++)
		model->entries[i] = 0;
	for (uint32_t i = 0; i < all_sets(parameters); i++)
		model->counters[i] = 0;
}

static struct set page_set(const struct tlb_model *model, uint64_t gva, bool large)
{
	const struct tlb_parameters *p = &model->parameters;
	uint64_t number = gva >> (large ? LARGE_PAGE_BITS : PAGE_BITS);
	size_t first = 0, set = number % p->sets, ways = p->ways, counter = 0;

	if (large && p->large_sets > 0) {
		first = (size_t)p->sets * p->ways;
		set = number % p->large_sets;
		ways = p->large_ways;
		counter = p->sets;
	}
	return (struct set){&model->entries[first + set * ways], (uint32_t)ways,
			    &model->counters[counter + set]};
}

/* The cache of the entries of a level, 2 to 4. */
static struct set structure_set(const struct tlb_model *model, unsigned level)
{
	const struct tlb_parameters *p = &model->parameters;
	uint64_t *pdes = &model->entries[tlb_parameters_entries(p)];
	uint32_t *counter = &model->counters[p->sets + p->large_sets];

	if (level == 2)
		return (struct set){pdes, p->pde, counter};
	if (level == 3)
		return (struct set){pdes + p->pde, p->pdpte, counter + 1};
	return (struct set){pdes + p->pde + p->pdpte, p->pml4e, counter + 2};
}

/* The way that holds this address, GLOBAL or not; NULL if none. */
static uint64_t *find(struct set set, uint64_t entry)
{
	for (uint32_t i = 0; i < set.count; i++)
		if ((set.ways[i] & ~GLOBAL) == entry)
			return &set.ways[i];
	return NULL;
}

static uint64_t *find_page(const struct tlb_model *model, uint64_t gva)
{
	uint64_t *small = find(page_set(model, gva, false), tlb_page_start(gva, false) | HELD);

	if (small)
		return small;
	return find(page_set(model, gva, true), tlb_page_start(gva, true) | LARGE | HELD);
}

/* The way that the next entry goes to. */
static uint64_t *victim(struct set set)
{
	for (uint32_t i = 0; i < set.count; i++)
		if (!set.ways[i])
			return &set.ways[i];
	uint64_t *way = &set.ways[*set.counter];

	*set.counter = *set.counter + 1 < set.count ? *set.counter + 1 : 0;
	return way;
}

static struct tlb_page page_of(uint64_t entry)
{
	bool large = entry & LARGE;

	return (struct tlb_page){tlb_page_start(entry, large), large, entry & GLOBAL};
}

static void lose(struct tlb_model *model, uint64_t *way)
{
	struct tlb_page page = page_of(*way);

	*way = 0;
	model->lost(model->ctx, &page);
}

bool tlb_model_find(const struct tlb_model *model, uint64_t gva, struct tlb_page *page)
{
	const uint64_t *way = find_page(model, gva);

	if (way)
		*page = page_of(*way);
	return way;
}

void tlb_model_insert(struct tlb_model *model, const struct tlb_page *page)
{
	uint64_t *way = victim(page_set(model, page->gva, page->large));

	if (*way)
		lose(model, way);
	*way = tlb_page_start(page->gva, page->large) | HELD | (page->large ? LARGE : 0) |
	       (page->global ? GLOBAL : 0);
}

static uint64_t structure_entry(unsigned level, uint64_t gva)
{
	return (gva & ~((UINT64_C(1) << (PAGE_BITS + LEVEL_BITS * (level - 1))) - 1)) | HELD;
}

unsigned tlb_model_walk(struct tlb_model *model, uint64_t gva, const struct tlb_walk *walk)
{
	unsigned top = walk->leaf + walk->levels, level = walk->leaf + 1U;

	if (walk->levels == 0)
		return walk->host_levels;
	while (level < top && !find(structure_set(model, level), structure_entry(level, gva)))
		level++;
	/* The address of the first table is the host's where a cache had it. */
	unsigned references = (level - walk->leaf) * (walk->host_levels + 1U) +
			      (level < top ? 0 : walk->host_levels);

	/* What lies above an entry that was found has not been looked at. */
	while (--level > walk->leaf) {
		struct set set = structure_set(model, level);

		if (set.count > 0)
			*victim(set) = structure_entry(level, gva);
	}
	return references;
}

static void forget_structures(struct tlb_model *model)
{
	uint64_t *first = &model->entries[tlb_parameters_entries(&model->parameters)];

	for (uint32_t i = 0; i < structures(&model->parameters); i++)
		first[i] = 0;
}

void tlb_model_drop(struct tlb_model *model, uint64_t gva)
{
	uint64_t *way;

	while ((way = find_page(model, gva)))
		lose(model, way);
	forget_structures(model);
}

void tlb_model_flush(struct tlb_model *model, bool global)
{
	uint32_t entries = tlb_parameters_entries(&model->parameters);

	for (uint32_t i = 0; i < entries; i++)
		if (model->entries[i] && (global || !(model->entries[i] & GLOBAL)))
			lose(model, &model->entries[i]);
	forget_structures(model);
}
