/*
 * The tables by which a PC's firmware tells an operating system of processors and interrupt
 * controllers, plain C: the ACPI Specification, 6.4, whose chapter 5 has the formats.  A kernel
 * that finds none makes do with one processor and the 8259 pair.
 */
#ifndef L1VMM_BOOT_ACPI_H
#define L1VMM_BOOT_ACPI_H

#include <stdint.h>

/* Where an operating system looks for the root pointer if nobody tells it: gpa. */
#define ACPI_GPA 0xe0000

#define ACPI_MAX_PROCESSORS 8

/* All tables of ACPI_MAX_PROCESSORS, in bytes. */
#define ACPI_SIZE 512

/* The root pointer: 5.2.5.3. */
struct acpi_rsdp {
	uint8_t signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	uint8_t oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint8_t xsdt[8]; /* gpa; not aligned */
	uint8_t whole_checksum;
	uint8_t reserved[3];
};

/* What each table begins with: 5.2.6. */
struct acpi_header {
	uint8_t signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum; /* all bytes add up to 0 */
	uint8_t oem[6];
	uint8_t table[8];
	uint32_t oem_revision;
	uint8_t creator[4];
	uint32_t creator_revision;
};

/* Interrupt controllers (MADT): 5.2.12. */
struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic; /* gpa */
	uint32_t flags;
};

#define ACPI_MADT_8259_PAIR 1 /* of its flags */

enum acpi_controller {
	ACPI_LOCAL_APIC = 0,
	ACPI_IOAPIC = 1,
	ACPI_SOURCE_OVERRIDE = 2,
	ACPI_LOCAL_NMI = 4,
};

struct acpi_local_apic {
	uint8_t type, length;
	uint8_t processor;
	uint8_t apic_id;
	uint32_t flags;
};

#define ACPI_PROCESSOR_ENABLED 1

struct acpi_ioapic {
	uint8_t type, length;
	uint8_t id;
	uint8_t reserved;
	uint32_t base; /* gpa */
	uint32_t first_line;
};

/* A line of the 8259 pair that is another one of the I/O APIC. */
struct acpi_source_override {
	uint8_t type, length;
	uint8_t bus;
	uint8_t source;
	uint8_t line[4]; /* not aligned */
	uint8_t flags[2];
};

struct acpi_local_nmi {
	uint8_t type, length;
	uint8_t processor; /* ACPI_EVERY_PROCESSOR */
	uint8_t flags[2];
	uint8_t lint;
};

#define ACPI_EVERY_PROCESSOR 0xff

/*
 * Builds the tables of a machine with `processors` processors, APIC IDs from 0 on, and an I/O APIC
 * with this ID, at `to`, which the guest finds at ACPI_GPA.
 * @pre `to` has ACPI_SIZE bytes; 1 to ACPI_MAX_PROCESSORS processors
 */
void acpi_build(unsigned processors, uint8_t ioapic_id, void *to);

#endif
