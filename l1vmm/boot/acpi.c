#include "l1vmm/boot/acpi.h"

#include <stddef.h>

#include "l1vmm/dev/ioapic.h"
#include "l1vmm/dev/lapic.h"
#include "l1vmm/lib/string.h"

#define RSDP_FIRST_PART 20 /* bytes: the root pointer of ACPI 1.0 */
#define RSDP_REVISION	2
#define XSDT_REVISION	1
#define MADT_REVISION	5

/* Lines of the controllers and of the I/O APIC that the timer is on. */
#define TIMER_ISA_LINE	  0
#define TIMER_IOAPIC_LINE 2

#define LINT_NMI 1

/* Where the tables are, from the first on. */
#define XSDT_AT ((sizeof(struct acpi_rsdp) + 7) / 8 * 8)
#define TABLES	1 /* that the XSDT lists */
#define MADT_AT ((XSDT_AT + sizeof(struct acpi_header) + 8 * TABLES + 7) / 8 * 8)

_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.4, table 5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "table 5.4");
_Static_assert(sizeof(struct acpi_madt) == 44, "table 5.19");
_Static_assert(sizeof(struct acpi_local_apic) == 8, "table 5.21");
_Static_assert(sizeof(struct acpi_ioapic) == 12, "table 5.23");
_Static_assert(sizeof(struct acpi_source_override) == 10, "table 5.24");
_Static_assert(sizeof(struct acpi_local_nmi) == 6, "table 5.27");
_Static_assert(MADT_AT + sizeof(struct acpi_madt) +
			       ACPI_MAX_PROCESSORS * sizeof(struct acpi_local_apic) +
			       sizeof(struct acpi_ioapic) + sizeof(struct acpi_source_override) +
			       sizeof(struct acpi_local_nmi) <=
		       ACPI_SIZE,
	       "the largest tables have room");

/* What the bytes need to add up to 0. */
static uint8_t checksum(const void *bytes, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += ((const uint8_t *)bytes)[i];
	return (uint8_t)-sum;
}

static void begin(struct acpi_header *header, const char *signature, uint8_t revision)
{
	*header = (struct acpi_header){
		.revision = revision,
		.oem = {'l', '1', 'v', 'm', 'm', ' '},
		.table = {'g', 'u', 'e', 's', 't', ' ', ' ', ' '},
		.creator = {'l', '1', 'v', 'm'},
	};
	memcpy(header->signature, signature, sizeof(header->signature));
}

static void end(struct acpi_header *header, const uint8_t *behind)
{
	header->length = (uint32_t)(behind - (uint8_t *)header);
	header->checksum = checksum(header, header->length);
}

static uint8_t *add(uint8_t *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

static void build_rsdp(struct acpi_rsdp *rsdp)
{
	const uint64_t xsdt = ACPI_GPA + XSDT_AT;

	*rsdp = (struct acpi_rsdp){
		.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
		.oem = {'l', '1', 'v', 'm', 'm', ' '},
		.revision = RSDP_REVISION,
		.length = sizeof(*rsdp),
	};
	memcpy(rsdp->xsdt, &xsdt, sizeof(xsdt));
	rsdp->checksum = checksum(rsdp, RSDP_FIRST_PART);
	rsdp->whole_checksum = checksum(rsdp, sizeof(*rsdp));
}

static void build_xsdt(struct acpi_header *xsdt)
{
	const uint64_t tables[TABLES] = {ACPI_GPA + MADT_AT};

	begin(xsdt, "XSDT", XSDT_REVISION);
	end(xsdt, add((uint8_t *)(xsdt + 1), tables, sizeof(tables)));
}

static void build_madt(struct acpi_madt *madt, unsigned processors, uint8_t ioapic_id)
{
	const struct acpi_ioapic ioapic = {
		.type = ACPI_IOAPIC,
		.length = sizeof(ioapic),
		.id = ioapic_id,
		.base = IOAPIC_BASE,
	};
	const struct acpi_source_override timer = {
		.type = ACPI_SOURCE_OVERRIDE,
		.length = sizeof(timer),
		.source = TIMER_ISA_LINE,
		.line = {TIMER_IOAPIC_LINE},
	};
	const struct acpi_local_nmi nmi = {
		.type = ACPI_LOCAL_NMI,
		.length = sizeof(nmi),
		.processor = ACPI_EVERY_PROCESSOR,
		.lint = LINT_NMI,
	};
	uint8_t *at = (uint8_t *)(madt + 1);

	begin(&madt->header, "APIC", MADT_REVISION);
	madt->lapic = (uint32_t)LAPIC_BASE_AT_RESET;
	madt->flags = ACPI_MADT_8259_PAIR;
	for (unsigned i = 0; i < processors; i++) {
		const struct acpi_local_apic lapic = {
			.type = ACPI_LOCAL_APIC,
			.length = sizeof(lapic),
			.processor = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = ACPI_PROCESSOR_ENABLED,
		};

		at = add(at, &lapic, sizeof(lapic));
	}
	at = add(at, &ioapic, sizeof(ioapic));
	at = add(at, &timer, sizeof(timer));
	at = add(at, &nmi, sizeof(nmi));
	end(&madt->header, at);
}

void acpi_build(unsigned processors, uint8_t ioapic_id, void *to)
{
	uint8_t *at = to;

	build_rsdp(to);
	build_xsdt((struct acpi_header *)(at + XSDT_AT));
	build_madt((struct acpi_madt *)(at + MADT_AT), processors, ioapic_id);
}
