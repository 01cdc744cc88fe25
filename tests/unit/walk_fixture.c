#include "tests/unit/walk_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

uint64_t fake_get(const struct fake_memory *fake, uint64_t gpa, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, fake->bytes + gpa, size);
	return value;
}

void fake_set(struct fake_memory *fake, uint64_t gpa, unsigned size, uint64_t value)
{
	memcpy(fake->bytes + gpa, &value, size);
}

static void check_access(uint64_t gpa, unsigned size)
{
	cr_assert(size == 4 || size == 8, "an entry of %u bytes", size);
	cr_assert(gpa % size == 0, "an entry at %#lx", gpa);
}

static bool fake_read(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
	const struct fake_memory *fake = ctx;

	check_access(gpa, size);
	if (gpa >= FAKE_SIZE)
		return false;
	*value = fake_get(fake, gpa, size);
	return true;
}

static bool fake_exchange(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
			  uint64_t desired)
{
	struct fake_memory *fake = ctx;

	check_access(gpa, size);
	cr_assert(gpa < FAKE_SIZE, "exchange at %#lx, which was never read", gpa);
	cr_assert(expected != desired, "exchange that changes nothing");
	fake->exchanges++;
	if (fake->interfere)
		fake->interfere(fake, gpa);
	if (fake_get(fake, gpa, size) != expected)
		return false;
	fake_set(fake, gpa, size, desired);
	return true;
}

struct walk_memory fake_walk_memory(struct fake_memory *fake)
{
	return (struct walk_memory){.read = fake_read, .exchange = fake_exchange, .ctx = fake};
}
