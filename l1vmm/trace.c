#include "l1vmm/trace.h"

#include "l1vmm/arch/ata.h"
#include "l1vmm/arch/below.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/spin.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/layout.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/hypercall.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/timer.h"

#define SUBBUFFER_BYTES 0x10000u

/* The disk's sectors for packets, or the level below, and where those come from. */
static struct {
	struct {
		struct vcpu *vcpu; /* NULL: it has no ring */
		struct telemetry_consumer consumer;
	} ring[MAX_CPUS];
	enum outbox kind;
	bool open;   /* packets are carried out of the rings, so far without a failure */
	bool drains; /* before the run ends, while time stands still */
	bool busy;   /* with a packet from above */
	uint32_t lba, sectors_left;
} outbox;

static bool takes_time(void)
{
	return outbox.kind == OUTBOX_CALL && below_takes_packets() == PACKETS_TAKEN_TIMED;
}

static bool attach_outbox(const struct telemetry_ring *ring, const struct trace_options *options)
{
	struct telemetry_consumer *consumer = &outbox.ring[ring->cpu].consumer;
	uint64_t bytes = (uint64_t)ring->subbuffer_count * ring->subbuffer_bytes;
	bool carried;

	outbox.kind = options->outbox;
	if (outbox.kind == OUTBOX_NONE && below_takes_packets() != PACKETS_NOT_TAKEN)
		outbox.kind = OUTBOX_CALL;
	outbox.lba = options->outbox_lba;
	outbox.sectors_left = options->outbox_sectors;
	carried = outbox.kind == OUTBOX_ATA || outbox.kind == OUTBOX_CALL;
	outbox.open = carried &&
		      telemetry_consumer_init(consumer, ring->producer_page, ring->consumer_page,
					      ring->subbuffers, bytes) == TELEMETRY_OK;
	return outbox.open == carried;
}

uint64_t trace_mapped_bytes(uint64_t ring_bytes)
{
	return 2 * PAGE_SIZE + ring_bytes;
}

/* The ring's memory: the machine beneath has named it, or it comes from the pool.  0: there is
 * none. */
static uint64_t ring_memory(const struct trace_options *options)
{
	if (options->outbox == OUTBOX_MAPPED)
		return options->outbox_address;
	return memory_alloc(trace_mapped_bytes(options->ring_bytes) / PAGE_SIZE);
}

bool trace_init(struct vcpu *v, uint32_t level, const struct trace_options *options)
{
	struct telemetry_ring ring = {
		.subbuffer_count = (uint32_t)(options->ring_bytes / SUBBUFFER_BYTES),
		.subbuffer_bytes = SUBBUFFER_BYTES,
		.cpu = v->id,
		.level = level,
	};
	uint64_t memory;

	telemetry_producer_init_off(&v->telemetry);
	if (!options->on)
		return true;
	memory = ring_memory(options);
	if (!memory)
		return false;
	ring.producer_page = (void *)memory;
	ring.consumer_page = (void *)(memory + PAGE_SIZE);
	ring.subbuffers = (void *)(memory + 2 * PAGE_SIZE);
	outbox.ring[v->id].vcpu = v;
	if (telemetry_producer_init(&v->telemetry, &ring) != TELEMETRY_OK ||
	    !attach_outbox(&ring, options))
		return false;
	/*
	 * A deadline that the guest has set in the processor itself must not be reached meanwhile,
	 * and no processor's time be set back behind that of the others: then all is kept to the
	 * end.
	 */
	outbox.drains = outbox.open && v->vm->switches.timer != SW_TIMER_DIRECT &&
			v->vm->vcpu_count == 1 && !takes_time();
	return true;
}

static bool write_sectors(const void *data, uint64_t bytes)
{
	const uint8_t *from = data;
	uint64_t sectors = bytes / ATA_SECTOR;

	if (sectors > outbox.sectors_left)
		return false;
	while (sectors) {
		uint32_t part = sectors < ATA_MAX_SECTORS ? (uint32_t)sectors : ATA_MAX_SECTORS;

		if (!ata_write(outbox.lba, part, from))
			return false;
		outbox.lba += part;
		outbox.sectors_left -= part;
		from += (uint64_t)part * ATA_SECTOR;
		sectors -= part;
	}
	return true;
}

static bool carry_out(const void *packet, uint64_t bytes)
{
	if (outbox.kind == OUTBOX_CALL)
		return hypercall(HYPERCALL_TRACE, (uint64_t)packet, bytes) == 0;
	return write_sectors(packet, bytes);
}

/*
 * A packet that does not get out stays in the ring, which fills up and drops: the loss is counted,
 * and the run goes on.
 */
static void drain_ring(struct telemetry_consumer *consumer)
{
	struct telemetry_view view;

	while (outbox.open && telemetry_peek(consumer, &view) == TELEMETRY_OK && view.bytes) {
		const char *packet = (const char *)view.records - sizeof(view.packet);

		outbox.open = carry_out(packet, view.bytes);
		if (outbox.open)
			telemetry_consume(consumer);
	}
}

static void drain(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (outbox.ring[i].vcpu)
			drain_ring(&outbox.ring[i].consumer);
}

/* Where packets go to the level below, that stops the clock for all. */
static void stop_clock(struct vcpu *v)
{
	if (outbox.kind == OUTBOX_ATA)
		timer_stop(v);
}

static void restart_clock(uint64_t now)
{
	if (outbox.kind == OUTBOX_ATA)
		wrmsr(MSR_IA32_TIME_STAMP_COUNTER, now);
}

void trace_next_slow(struct vcpu *v)
{
	uint64_t now = rdtsc();

	if (!outbox.drains) {
		telemetry_next_slow(&v->telemetry);
		return;
	}
	stop_clock(v);
	if (telemetry_next_slow(&v->telemetry))
		drain();
	restart_clock(now);
}

enum packets_taken trace_takes_packets(const struct vcpu *v)
{
	if (!v->nested || !outbox.open)
		return PACKETS_NOT_TAKEN;
	return outbox.drains ? PACKETS_TAKEN : PACKETS_TAKEN_TIMED;
}

bool trace_take_packet(struct vcpu *v, const void *packet, uint64_t bytes)
{
	uint64_t now = rdtsc();
	bool taken;

	spin_lock(&outbox.busy);
	if (outbox.drains)
		stop_clock(v);
	taken = carry_out(packet, bytes);
	if (outbox.drains)
		restart_clock(now);
	spin_unlock(&outbox.busy);
	return taken;
}

/* The exit that ends the run, on each processor, has no entry; its record ends here. */
static void finish_record(struct vcpu *v)
{
	struct exit_record *record = v->telemetry.cur;

	if (!telemetry_counts(&v->telemetry).records)
		return;
	exit_record_set_cost(record, &v->cost);
	record->handled_ticks = rdtsc() - record->tsc;
}

static void finish(struct vcpu *v)
{
	static const char *const names[] = {
		[OUTBOX_NONE] = "none",
		[OUTBOX_ATA] = "ata",
		[OUTBOX_MAPPED] = "mapped",
		[OUTBOX_CALL] = "call",
	};
	struct telemetry_counts counts;

	telemetry_flush(&v->telemetry);
	drain();
	telemetry_flush(&v->telemetry); /* drops that a full ring had no room to tell */
	drain();
	counts = telemetry_counts(&v->telemetry);
	printk("@telemetry cpu=%u records=%lu dropped=%lu packets=%lu outbox=%s\n", v->id,
	       counts.records, counts.discarded, counts.packets, names[outbox.kind]);
}

/* All records first: what it takes to carry the rings out is no exit's. */
void trace_finish(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (outbox.ring[i].vcpu)
			finish_record(outbox.ring[i].vcpu);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (outbox.ring[i].vcpu)
			finish(outbox.ring[i].vcpu);
}
