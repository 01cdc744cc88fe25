#include "l1vmm/boot/pvh_elf.h"

#include "tests/unit/pvh_fixture.h"
#include "tests/unit/random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct pvh_image sound_image(struct pvh_fixture *fixture)
{
	struct pvh_image image;

	pvh_fixture_init(fixture);
	cr_assert_eq(pvh_elf_parse(fixture->bytes, fixture->size, &image).error, PVH_ELF_OK);
	return image;
}

#define DATA_END (FIXTURE_DATA_PADDR + FIXTURE_DATA_MEMSZ)

Test(pvh_elf_place, segments_lie_in_memory)
{
	static const struct {
		struct pvh_range memory[2];
		enum pvh_elf_error error;
		int32_t segment;
	} rows[] = {
		{{{FIXTURE_TEXT_PADDR, DATA_END - FIXTURE_TEXT_PADDR}}, PVH_ELF_OK, -1},
		{{{FIXTURE_TEXT_PADDR + 1, DATA_END}}, PVH_ELF_OUTSIDE_MEMORY, TEXT},
		{{{FIXTURE_TEXT_PADDR, DATA_END - FIXTURE_TEXT_PADDR - 1}},
		 PVH_ELF_OUTSIDE_MEMORY,
		 DATA},
		{{{FIXTURE_TEXT_PADDR, FIXTURE_TEXT_BYTES}, {FIXTURE_DATA_PADDR, DATA_END}},
		 PVH_ELF_OK,
		 -1},
		{{{0, FIXTURE_DATA_PADDR + 1}, {FIXTURE_DATA_PADDR + 1, DATA_END}},
		 PVH_ELF_OUTSIDE_MEMORY,
		 DATA},
		{{{0, 0}}, PVH_ELF_OUTSIDE_MEMORY, TEXT},
		{{{0, UINT64_MAX}}, PVH_ELF_OK, -1},
	};
	struct pvh_fixture fixture;
	struct pvh_image image = sound_image(&fixture);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pvh_elf_result result = pvh_elf_place(&image, rows[i].memory, 2, NULL, 0);
		cr_expect(result.error == rows[i].error && result.segment == rows[i].segment,
			  "row %zu: %s, segment %d", i, pvh_elf_error_name(result.error),
			  result.segment);
	}
}

Test(pvh_elf_place, segments_keep_clear_of_reserved_ranges)
{
	static const struct pvh_range memory = {0, 1ULL << 32};
	static const struct {
		struct pvh_range reserved[2];
		enum pvh_elf_error error;
		uint64_t number;
	} rows[] = {
		{{{0, FIXTURE_TEXT_PADDR}, {DATA_END, 0x1000}}, PVH_ELF_OK, 0},
		{{{0, FIXTURE_TEXT_PADDR + 1}}, PVH_ELF_RESERVED, FIXTURE_TEXT_PADDR},
		{{{0, 1}, {DATA_END - 1, 1}}, PVH_ELF_RESERVED, FIXTURE_DATA_PADDR},
		{{{FIXTURE_TEXT_PADDR, 0}}, PVH_ELF_OK, 0},
	};
	struct pvh_fixture fixture;
	struct pvh_image image = sound_image(&fixture);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pvh_elf_result result =
			pvh_elf_place(&image, &memory, 1, rows[i].reserved, 2);
		cr_expect(result.error == rows[i].error && result.number == rows[i].number,
			  "row %zu: %s, number %#lx", i, pvh_elf_error_name(result.error),
			  result.number);
	}
}

/* A machine's memory from `base` on; its functions fail from the call number `fail_at` on. */
struct fake_memory {
	uint64_t base;
	uint8_t *bytes;
	unsigned calls;
	unsigned fail_at;
};

static bool fake_write(void *ctx, uint64_t paddr, const void *data, uint64_t size)
{
	struct fake_memory *memory = ctx;

	if (memory->calls++ == memory->fail_at)
		return false;
	memcpy(memory->bytes + (paddr - memory->base), data, size);
	return true;
}

static bool fake_zero(void *ctx, uint64_t paddr, uint64_t size)
{
	struct fake_memory *memory = ctx;

	if (memory->calls++ == memory->fail_at)
		return false;
	memset(memory->bytes + (paddr - memory->base), 0, size);
	return true;
}

Test(pvh_elf_load, data_then_zeroes_and_nothing_else)
{
	uint8_t bytes[DATA_END - FIXTURE_TEXT_PADDR + 1];
	struct fake_memory fake = {FIXTURE_TEXT_PADDR, bytes, 0, 99};
	const struct pvh_elf_memory memory = {&fake, fake_write, fake_zero};
	struct pvh_fixture fixture;
	struct pvh_image image = sound_image(&fixture);
	const uint8_t *data = bytes + (FIXTURE_DATA_PADDR - FIXTURE_TEXT_PADDR);

	memset(bytes, 0xcc, sizeof(bytes));
	cr_assert_eq(pvh_elf_load(&image, fixture.bytes, &memory).error, PVH_ELF_OK);
	cr_expect_arr_eq(bytes, fixture.bytes + FIXTURE_TEXT, FIXTURE_TEXT_BYTES);
	for (const uint8_t *gap = bytes + FIXTURE_TEXT_BYTES; gap < data; gap++)
		cr_assert_eq(*gap, 0xcc);
	cr_expect_arr_eq(data, fixture.bytes + FIXTURE_DATA, FIXTURE_DATA_BYTES);
	for (unsigned i = FIXTURE_DATA_BYTES; i < FIXTURE_DATA_MEMSZ; i++)
		cr_assert_eq(data[i], 0);
	cr_expect_eq(data[FIXTURE_DATA_MEMSZ], 0xcc);
	cr_expect_eq(fake.calls, 3, "the text leaves nothing to fill");
}

Test(pvh_elf_load, a_failed_function_ends_it)
{
	static const uint64_t paddrs[] = {FIXTURE_TEXT_PADDR, FIXTURE_DATA_PADDR,
					  FIXTURE_DATA_PADDR + FIXTURE_DATA_BYTES};
	uint8_t bytes[DATA_END - FIXTURE_TEXT_PADDR];
	struct pvh_fixture fixture;
	struct pvh_image image = sound_image(&fixture);

	for (unsigned i = 0; i < sizeof(paddrs) / sizeof(paddrs[0]); i++) {
		struct fake_memory fake = {FIXTURE_TEXT_PADDR, bytes, 0, i};
		const struct pvh_elf_memory memory = {&fake, fake_write, fake_zero};
		struct pvh_elf_result result = pvh_elf_load(&image, fixture.bytes, &memory);
		cr_expect_eq(result.error, PVH_ELF_NOT_WRITTEN);
		cr_expect_eq(result.number, paddrs[i]);
		cr_expect_eq(fake.calls, i + 1);
	}
}

/* Spoils up to four places, of 1 to 8 bytes, of what the parser reads; at times cuts the file. */
static void mutate(struct pvh_fixture *fixture, struct random *random)
{
	static const uint64_t edges[] = {0,
					 1,
					 4,
					 8,
					 FIXTURE_SIZE,
					 FIXTURE_SIZE - 1,
					 FIXTURE_TEXT_PADDR,
					 UINT32_MAX,
					 1ULL << 32,
					 INT64_MAX,
					 UINT64_MAX};
	const uint64_t headers = sizeof(Elf64_Ehdr) + FIXTURE_PHDRS * sizeof(Elf64_Phdr);

	for (uint64_t count = 1 + random_below(random, 4); count > 0; count--) {
		uint64_t at = random_below(random, headers + sizeof(struct pvh_fixture_note));
		uint64_t value = random_next(random);
		uint64_t size = 1ULL << random_below(random, 4);

		if (at >= headers)
			at += FIXTURE_NOTE - headers;
		if (random_once_in(random, 2))
			value = edges[random_below(random, sizeof(edges) / sizeof(edges[0]))];
		if (!random_once_in(random, 4))
			at -= at % size;
		memcpy(fixture->bytes + at, &value, size);
	}
	if (random_once_in(random, 8))
		fixture->size = random_below(random, FIXTURE_SIZE + 1);
}

struct reader {
	const uint8_t *file;
	uint64_t size;
	uint64_t sum; /* keeps the reads from being left out */
};

static bool read_all(void *ctx, uint64_t paddr, const void *data, uint64_t size)
{
	struct reader *reader = ctx;
	const uint8_t *bytes = data;

	cr_assert(bytes >= reader->file && size <= reader->size &&
		  bytes - reader->file <= (ptrdiff_t)(reader->size - size));
	cr_assert_leq(paddr + size, 1ULL << 32);
	for (uint64_t i = 0; i < size; i++)
		reader->sum += bytes[i];
	return true;
}

static bool within_4g(void *ctx, uint64_t paddr, uint64_t size)
{
	cr_assert_not_null(ctx);
	cr_assert(paddr <= 1ULL << 32 && size <= (1ULL << 32) - paddr);
	return true;
}

Test(pvh_elf, no_mutation_makes_it_read_outside_of_the_file, .timeout = 120)
{
	const struct pvh_range anywhere = {0, UINT64_MAX};
	struct random random = {1};
	unsigned seen[PVH_ELF_ERROR_COUNT] = {0};
	struct pvh_fixture sound;

	pvh_fixture_init(&sound);
	for (unsigned i = 0; i < 100000; i++) {
		struct pvh_fixture fixture = sound;
		struct pvh_image image;

		mutate(&fixture, &random);
		/* Exactly sized, so that the address sanitizer sees any access past the end. */
		uint8_t *file = malloc(fixture.size + !fixture.size);
		cr_assert_not_null(file);
		memcpy(file, fixture.bytes, fixture.size);

		struct pvh_elf_result result = pvh_elf_parse(file, fixture.size, &image);
		seen[result.error]++;
		if (result.error == PVH_ELF_OK) {
			struct reader reader = {file, fixture.size, 0};
			const struct pvh_elf_memory memory = {&reader, read_all, within_4g};
			cr_assert_eq(pvh_elf_place(&image, &anywhere, 1, NULL, 0).error,
				     PVH_ELF_OK);
			cr_assert_eq(pvh_elf_load(&image, file, &memory).error, PVH_ELF_OK);
		}
		free(file);
	}
	/* The mutations are of use only as long as they reach every check but the count of loads.
	 */
	for (int error = PVH_ELF_OK; error < PVH_ELF_OUTSIDE_MEMORY; error++)
		cr_expect(seen[error] > 0 || error == PVH_ELF_TOO_MANY_SEGMENTS, "%s",
			  pvh_elf_error_name(error));
}
