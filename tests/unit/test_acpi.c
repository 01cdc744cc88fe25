#include <criterion/criterion.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "l1vmm/boot/acpi.h"
#include "l1vmm/dev/ioapic.h"
#include "l1vmm/dev/lapic.h"

#define IOAPIC_ID 9

static uint8_t tables[ACPI_SIZE];

static uint8_t sum(const void *bytes, size_t size)
{
	uint8_t all = 0;

	for (size_t i = 0; i < size; i++)
		all += ((const uint8_t *)bytes)[i];
	return all;
}

/* The table at a guest-physical address, whole and with its checksum. */
static const struct acpi_header *table_at(uint64_t gpa, const char *signature)
{
	const struct acpi_header *table = (const void *)(tables + (gpa - ACPI_GPA));

	cr_assert(gpa >= ACPI_GPA && gpa - ACPI_GPA <= ACPI_SIZE - sizeof(*table));
	cr_assert_leq(gpa - ACPI_GPA + table->length, ACPI_SIZE);
	cr_assert_eq(memcmp(table->signature, signature, 4), 0, "%s", signature);
	cr_expect_eq(sum(table, table->length), 0, "%s", signature);
	return table;
}

/* As an operating system finds it: by the root pointer and the only entry of the XSDT. */
static const struct acpi_madt *find_madt(void)
{
	const struct acpi_rsdp *rsdp = (const void *)tables;
	const struct acpi_header *xsdt;
	uint64_t gpa;

	cr_assert_eq(memcmp(rsdp->signature, "RSD PTR ", 8), 0);
	cr_expect_eq(sum(rsdp, 20), 0, "what ACPI 1.0 knows of it");
	cr_expect_eq(sum(rsdp, rsdp->length), 0);
	memcpy(&gpa, rsdp->xsdt, sizeof(gpa));
	xsdt = table_at(gpa, "XSDT");
	cr_assert_eq(xsdt->length, sizeof(*xsdt) + sizeof(gpa));
	memcpy(&gpa, xsdt + 1, sizeof(gpa));
	return (const void *)table_at(gpa, "APIC");
}

struct found {
	unsigned processors, ioapics, overrides, nmis;
};

static void look_at(const uint8_t *entry, struct found *found)
{
	const struct acpi_local_apic *lapic = (const void *)entry;
	const struct acpi_ioapic *ioapic = (const void *)entry;
	const struct acpi_source_override *override = (const void *)entry;
	const struct acpi_local_nmi *nmi = (const void *)entry;

	switch (entry[0]) {
	case ACPI_LOCAL_APIC:
		cr_expect_eq(lapic->apic_id, found->processors);
		cr_expect_eq(lapic->flags, ACPI_PROCESSOR_ENABLED);
		found->processors++;
		break;
	case ACPI_IOAPIC:
		cr_expect_eq(ioapic->id, IOAPIC_ID);
		cr_expect_eq(ioapic->base, IOAPIC_BASE);
		cr_expect_eq(ioapic->first_line, 0);
		found->ioapics++;
		break;
	case ACPI_SOURCE_OVERRIDE:
		cr_expect_eq(override->source, 0);
		cr_expect_eq(override->line[0], 2, "where the chipset has its timer");
		found->overrides++;
		break;
	case ACPI_LOCAL_NMI:
		cr_expect_eq(nmi->processor, ACPI_EVERY_PROCESSOR);
		cr_expect_eq(nmi->lint, 1);
		found->nmis++;
		break;
	default:
		cr_assert_fail("type %u", entry[0]);
	}
}

Test(acpi, tells_of_each_machine)
{
	for (unsigned processors = 1; processors <= ACPI_MAX_PROCESSORS; processors++) {
		struct found found = {0};
		const struct acpi_madt *madt;
		const uint8_t *at, *end;

		memset(tables, 0xcc, sizeof(tables));
		acpi_build(processors, IOAPIC_ID, tables);
		madt = find_madt();
		cr_expect_eq(madt->lapic, LAPIC_BASE_AT_RESET);
		cr_expect_eq(madt->flags, ACPI_MADT_8259_PAIR);
		end = (const uint8_t *)madt + madt->header.length;
		for (at = (const uint8_t *)(madt + 1); at < end; at += at[1]) {
			cr_assert(at[1] >= 6 && at + at[1] <= end, "an entry's length");
			look_at(at, &found);
		}
		cr_expect_eq(found.processors, processors);
		cr_expect(found.ioapics == 1 && found.overrides == 1 && found.nmis == 1);
	}
}
