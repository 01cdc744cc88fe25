/*
 * A guest that fills a telemetry ring as a hypervisor does, so that the launcher's side of it can
 * be tried where no guest has VMX; and one that then writes nonsense where the launcher reads.
 *
 *     records=N outbox=mapped:ADDRESS,KIB spoil=WHAT
 *
 * WHAT is none, or a word of the ring's or a packet's that is then nonsense; or nowhere, for a
 * guest that goes on where there is no memory.
 */
#include "telemetry/ring.h"
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"

#define PREFIX		"mapped:"
#define SUBBUFFER_BYTES 0x10000u
#define NONSENSE	0xdeadbeefu

static struct telemetry_producer producer;
static struct telemetry_ring ring;

static uint64_t number_of(const char *cmdline, const char *key)
{
	char text[24];
	uint64_t number;

	if (cmdline_get(cmdline, key, text, sizeof(text)) != CMDLINE_FOUND ||
	    !cmdline_number(text, strlen(text), &number))
		fail("bad-number key=%s", key);
	return number;
}

static void find_ring(const char *cmdline)
{
	char text[64];
	size_t comma = strlen(PREFIX);
	uint64_t address, kib;

	if (cmdline_get(cmdline, "outbox", text, sizeof(text)) != CMDLINE_FOUND)
		fail("no-outbox");
	while (text[comma] && text[comma] != ',')
		comma++;
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0 || !text[comma] ||
	    !cmdline_number(text + strlen(PREFIX), comma - strlen(PREFIX), &address) ||
	    !cmdline_number(text + comma + 1, strlen(text + comma + 1), &kib))
		fail("bad-outbox");
	ring = (struct telemetry_ring){
		.producer_page = (void *)address,
		.consumer_page = (void *)(address + TELEMETRY_PAGE),
		.subbuffers = (void *)(address + (uint64_t)2 * TELEMETRY_PAGE),
		.subbuffer_count = (uint32_t)(kib * 1024 / SUBBUFFER_BYTES),
		.subbuffer_bytes = SUBBUFFER_BYTES,
	};
}

/* What the launcher is to find when it first looks; the magic is what it waits for. */
static bool begin_spoilt(const char *what)
{
	struct telemetry_producer_page *page = ring.producer_page;

	page->version = TELEMETRY_VERSION;
	page->record_bytes = RECORD_BYTES;
	page->subbuffers = ring.subbuffer_count;
	page->subbuffer_bytes = ring.subbuffer_bytes;
	if (strcmp(what, "version") == 0)
		page->version = NONSENSE;
	else if (strcmp(what, "record_bytes") == 0)
		page->record_bytes = NONSENSE;
	else if (strcmp(what, "subbuffers") == 0)
		page->subbuffers = NONSENSE;
	else if (strcmp(what, "subbuffer_bytes") == 0)
		page->subbuffer_bytes = NONSENSE;
	else if (strcmp(what, "magic") != 0)
		return false;
	page->magic = strcmp(what, "magic") == 0 ? NONSENSE : TELEMETRY_RING_MAGIC;
	return true;
}

/* What it is to find in a ring that it has taken packets from. */
static void spoil(const char *what)
{
	if (strcmp(what, "head") == 0) {
		ring.producer_page->head = NONSENSE;
	} else if (strcmp(what, "packet") == 0) {
		memset(ring.subbuffers, 0xa5, (uint64_t)ring.subbuffer_count * SUBBUFFER_BYTES);
		ring.producer_page->head++;
	} else {
		fail("bad-spoil");
	}
}

static void record(uint64_t number)
{
	if (telemetry_next(&producer))
		telemetry_next_slow(&producer);
	producer.cur->tsc = number;
	producer.cur->seq = (uint32_t)number;
}

static void fill_ring(uint64_t records)
{
	struct telemetry_counts counts;

	if (telemetry_producer_init(&producer, &ring) != TELEMETRY_OK)
		fail("bad-ring");
	for (uint64_t i = 0; i < records; i++)
		record(i);
	telemetry_flush(&producer);
	counts = telemetry_counts(&producer);
	printk("records=%lu dropped=%lu packets=%lu\n", counts.records, counts.discarded,
	       counts.packets);
}

void guest_main(const struct start_info_view *boot)
{
	char what[16];

	report_image("ring");
	if (cmdline_get(boot->cmdline, "spoil", what, sizeof(what)) != CMDLINE_FOUND)
		fail("no-spoil");
	if (strcmp(what, "nowhere") == 0)
		((void (*)(void))0xd0000000)();
	find_ring(boot->cmdline);
	if (!begin_spoilt(what)) {
		fill_ring(number_of(boot->cmdline, "records"));
		if (strcmp(what, "none") == 0)
			return;
		spoil(what);
	}
	/* A launcher that does not notice runs into its timeout. */
	for (;;)
		__asm__ volatile("pause");
}
