#include "telemetry/ring.h"

#include "l1vmm/lib/string.h"

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
	       "a lock in shared memory could be held by the other side");

static enum telemetry_fault check_geometry(uint32_t subbuffers, uint32_t subbuffer_bytes)
{
	if (subbuffers == 0 || subbuffers > TELEMETRY_MAX_SUBBUFFERS)
		return TELEMETRY_BAD_SUBBUFFERS;
	if (subbuffer_bytes == 0 || subbuffer_bytes > TELEMETRY_MAX_SUBBUFFER_BYTES ||
	    subbuffer_bytes % TELEMETRY_PAGE != 0)
		return TELEMETRY_BAD_SUBBUFFER_BYTES;
	return TELEMETRY_OK;
}

static uint32_t next_slot(uint32_t slot, uint32_t subbuffers)
{
	return slot + 1 == subbuffers ? 0 : slot + 1;
}

/* Let records go to scratch memory, and have every telemetry_next() take the slow path. */
static void park(struct telemetry_producer *p)
{
	p->packet = NULL;
	p->cur = p->scratch;
	p->left = 1;
}

static void distrust(struct telemetry_producer *p, enum telemetry_fault fault)
{
	struct telemetry_producer_page *page = p->ring.producer_page;

	p->bad_tails++;
	atomic_store_explicit(&page->bad_tails, p->bad_tails, memory_order_relaxed);
	atomic_store_explicit(&page->bad_tail, fault, memory_order_relaxed);
}

/*
 * Whether the consumer has left room for one more sub-buffer.  A tail that makes no sense gives no
 * room: it may be followed by one that does.
 */
static bool has_room(struct telemetry_producer *p)
{
	uint64_t tail = atomic_load_explicit(&p->ring.consumer_page->tail, memory_order_acquire);

	if (tail > p->head) {
		distrust(p, TELEMETRY_BAD_TAIL_AHEAD);
		return false;
	}
	if (tail < p->tail) {
		distrust(p, TELEMETRY_BAD_TAIL_BACK);
		return false;
	}
	p->tail = tail;
	return p->head - tail < p->ring.subbuffer_count;
}

static struct exit_record *first_record(struct telemetry_packet *packet)
{
	return (struct exit_record *)(packet + 1);
}

/* Records of the open sub-buffer that were handed out. */
static uint64_t open_records(const struct telemetry_producer *p)
{
	return p->packet ? p->capacity + 1 - p->left : 0;
}

/* Open the next sub-buffer, none of its records handed out yet; or none if the ring is full. */
static bool open_packet(struct telemetry_producer *p)
{
	if (!has_room(p)) {
		park(p);
		return false;
	}
	p->packet =
		(void *)((char *)p->ring.subbuffers + (size_t)p->slot * p->ring.subbuffer_bytes);
	p->cur = first_record(p->packet) - 1;
	p->left = p->capacity + 1;
	return true;
}

/* Give the open sub-buffer its head, and to the consumer. */
static void publish(struct telemetry_producer *p, uint64_t count)
{
	struct telemetry_packet *packet = p->packet;
	const struct exit_record *records = first_record(packet);
	uint64_t content = sizeof(*packet) + count * sizeof(*records);
	uint64_t size = (content + TELEMETRY_PAGE - 1) / TELEMETRY_PAGE * TELEMETRY_PAGE;
	uint64_t begin = count ? records[0].tsc : p->last_tsc;

	if (count)
		p->last_tsc = records[count - 1].tsc;
	*packet = (struct telemetry_packet){
		.magic = TELEMETRY_PACKET_MAGIC,
		.stream_id = TELEMETRY_STREAM_EXITS,
		.timestamp_begin = begin,
		.timestamp_end = p->last_tsc,
		.content_size = content * 8,
		.packet_size = size * 8,
		.events_discarded = p->discarded,
		.packet_seq_num = p->head,
		.cpu_id = p->ring.cpu,
		.level = p->ring.level,
		.version = TELEMETRY_VERSION,
		.record_bytes = sizeof(*records),
	};
	p->records += count;
	p->reported = p->discarded;
	p->slot = next_slot(p->slot, p->ring.subbuffer_count);
	p->head++;
	atomic_store_explicit(&p->ring.producer_page->head, p->head, memory_order_release);
}

static void drop(struct telemetry_producer *p)
{
	p->discarded++;
	atomic_store_explicit(&p->ring.producer_page->discarded, p->discarded,
			      memory_order_relaxed);
}

bool telemetry_next_slow(struct telemetry_producer *p)
{
	bool ready = p->packet;

	if (!p->on) {
		park(p);
		return false;
	}
	if (ready)
		publish(p, p->capacity);
	else if (p->discarded > p->reported)
		p->last_tsc = p->scratch[0].tsc;
	if (open_packet(p)) {
		p->cur++;
		p->left--;
	} else {
		drop(p);
	}
	return ready;
}

bool telemetry_flush(struct telemetry_producer *p)
{
	if (!p->on || (open_records(p) == 0 && p->discarded == p->reported))
		return true;
	if (!p->packet) {
		p->last_tsc = p->scratch[0].tsc;
		if (!open_packet(p))
			return false;
	}
	publish(p, open_records(p));
	open_packet(p);
	return true;
}

struct telemetry_counts telemetry_counts(const struct telemetry_producer *p)
{
	return (struct telemetry_counts){
		.records = p->records + open_records(p),
		.discarded = p->discarded,
		.packets = p->head,
		.bad_tails = p->bad_tails,
	};
}

void telemetry_producer_init_off(struct telemetry_producer *p)
{
	*p = (struct telemetry_producer){.on = false};
	park(p);
}

/* What is the same in every record of a ring is written once. */
static void prepare_records(const struct telemetry_ring *ring, uint64_t capacity)
{
	for (uint32_t i = 0; i < ring->subbuffer_count; i++) {
		struct telemetry_packet *packet =
			(void *)((char *)ring->subbuffers + (size_t)i * ring->subbuffer_bytes);
		struct exit_record *records = first_record(packet);

		memset(packet, 0, ring->subbuffer_bytes);
		for (uint64_t j = 0; j < capacity; j++) {
			records[j].id = RECORD_ID_EXIT;
			records[j].level = (uint8_t)ring->level;
			records[j].vcpu = (uint8_t)ring->cpu;
		}
	}
}

enum telemetry_fault telemetry_producer_init(struct telemetry_producer *p,
					     const struct telemetry_ring *ring)
{
	struct telemetry_producer_page *page = ring->producer_page;
	enum telemetry_fault fault = check_geometry(ring->subbuffer_count, ring->subbuffer_bytes);

	telemetry_producer_init_off(p);
	if (fault)
		return fault;
	p->ring = *ring;
	p->capacity = (ring->subbuffer_bytes - sizeof(struct telemetry_packet)) / RECORD_BYTES;
	p->on = true;

	prepare_records(ring, p->capacity);
	memset(page, 0, sizeof(*page));
	memset(ring->consumer_page, 0, sizeof(*ring->consumer_page));
	page->version = TELEMETRY_VERSION;
	page->record_bytes = RECORD_BYTES;
	page->subbuffers = ring->subbuffer_count;
	page->subbuffer_bytes = ring->subbuffer_bytes;
	page->cpu = ring->cpu;
	page->level = ring->level;
	open_packet(p);
	atomic_store_explicit(&page->magic, TELEMETRY_RING_MAGIC, memory_order_release);
	return TELEMETRY_OK;
}

enum telemetry_fault telemetry_consumer_init(struct telemetry_consumer *c,
					     const struct telemetry_producer_page *producer_page,
					     struct telemetry_consumer_page *consumer_page,
					     const void *subbuffers, uint64_t mapped_bytes)
{
	uint32_t magic = atomic_load_explicit(&producer_page->magic, memory_order_acquire);
	enum telemetry_fault fault;
	uint64_t head;

	if (magic != TELEMETRY_RING_MAGIC)
		return TELEMETRY_BAD_RING_MAGIC;
	if (producer_page->version != TELEMETRY_VERSION)
		return TELEMETRY_BAD_VERSION;
	if (producer_page->record_bytes != RECORD_BYTES)
		return TELEMETRY_BAD_RECORD_BYTES;
	*c = (struct telemetry_consumer){
		.producer_page = producer_page,
		.consumer_page = consumer_page,
		.subbuffers = subbuffers,
		.subbuffer_count = *(const volatile uint32_t *)&producer_page->subbuffers,
		.subbuffer_bytes = *(const volatile uint32_t *)&producer_page->subbuffer_bytes,
	};
	fault = check_geometry(c->subbuffer_count, c->subbuffer_bytes);
	if (fault)
		return fault;
	if ((uint64_t)c->subbuffer_count * c->subbuffer_bytes > mapped_bytes)
		return TELEMETRY_BAD_MAPPED_BYTES;

	c->tail = atomic_load_explicit(&consumer_page->tail, memory_order_relaxed);
	head = atomic_load_explicit(&producer_page->head, memory_order_acquire);
	if (c->tail > head)
		return TELEMETRY_BAD_TAIL_AHEAD;
	if (head - c->tail > c->subbuffer_count)
		return TELEMETRY_BAD_TAIL_BACK;
	c->slot = c->tail % c->subbuffer_count;
	return TELEMETRY_OK;
}

enum telemetry_fault telemetry_peek(const struct telemetry_consumer *c, struct telemetry_view *view)
{
	uint64_t head = atomic_load_explicit(&c->producer_page->head, memory_order_acquire);
	const char *subbuffer = c->subbuffers + (size_t)c->slot * c->subbuffer_bytes;
	enum telemetry_fault fault;

	*view = (struct telemetry_view){.bytes = 0};
	if (head - c->tail > c->subbuffer_count)
		return TELEMETRY_BAD_HEAD;
	if (head == c->tail)
		return TELEMETRY_OK;
	memcpy(&view->packet, subbuffer, sizeof(view->packet));
	fault = telemetry_packet_check(&view->packet, c->subbuffer_bytes);
	if (fault)
		return fault;
	view->records = (const struct exit_record *)(subbuffer + sizeof(view->packet));
	view->record_count = telemetry_packet_records(&view->packet);
	view->bytes = view->packet.packet_size / 8;
	return TELEMETRY_OK;
}

void telemetry_consume(struct telemetry_consumer *c)
{
	c->slot = next_slot(c->slot, c->subbuffer_count);
	c->tail++;
	atomic_store_explicit(&c->consumer_page->tail, c->tail, memory_order_release);
}
