/*
 * The telemetry ring: one producer, one consumer, no locks, each in a protection domain of its own.
 *
 * The memory between them, all of it page-granular and provided by the caller:
 *   producer page   what the producer says: geometry, how many sub-buffers it has published
 *   consumer page   what the consumer says: how many sub-buffers it has given back
 *   sub-buffers     N of S bytes, each one CTF packet: a head of 128 bytes, then records
 * The consumer needs write access to its own page only.
 *
 * The producer never waits and never overwrites what was not given back: a full ring drops records
 * and counts them, and the count travels in the next packet.  Neither side believes the other: the
 * producer decides by struct telemetry_producer, which it does not share, and checks the consumer's
 * tail where it reads it; the consumer keeps its own copy of the geometry and checks each head.
 */
#ifndef TELEMETRY_RING_H
#define TELEMETRY_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry/packet.h"
#include "telemetry/record.h"

#define TELEMETRY_RING_MAGIC	      0x474e5254u /* "TRNG" */
#define TELEMETRY_PAGE		      4096
#define TELEMETRY_MAX_SUBBUFFERS      65536
#define TELEMETRY_MAX_SUBBUFFER_BYTES (16384 * TELEMETRY_PAGE)

struct telemetry_producer_page {
	_Atomic uint32_t magic; /* written last: from then on the geometry is valid */
	uint32_t version;
	uint32_t record_bytes;
	uint32_t subbuffers;
	uint32_t subbuffer_bytes;
	uint32_t cpu;
	uint32_t level;
	_Alignas(64) _Atomic uint64_t head; /* sub-buffers published since the ring began */
	_Atomic uint64_t discarded;	    /* records dropped, those of no packet yet included */
	_Atomic uint64_t bad_tails;	    /* how often the consumer's tail was nonsense */
	_Atomic uint32_t bad_tail;	    /* enum telemetry_fault of the latest of them */
	_Alignas(TELEMETRY_PAGE) char end[];
};

struct telemetry_consumer_page {
	_Atomic uint64_t tail; /* sub-buffers given back since the ring began */
	_Alignas(TELEMETRY_PAGE) char end[];
};

_Static_assert(sizeof(struct telemetry_producer_page) == TELEMETRY_PAGE, "one page");
_Static_assert(sizeof(struct telemetry_consumer_page) == TELEMETRY_PAGE, "one page");

/* The memory of a ring, in the address space of the caller, and what its packets say of it. */
struct telemetry_ring {
	struct telemetry_producer_page *producer_page;
	struct telemetry_consumer_page *consumer_page;
	void *subbuffers;	  /* page-aligned */
	uint32_t subbuffer_count; /* 2 or more, to drop nothing while one is read; at most 65536 */
	uint32_t subbuffer_bytes; /* a multiple of TELEMETRY_PAGE */
	uint32_t cpu;
	uint32_t level;
};

/* The producer's private state.  The first two members are all that the hot path touches. */
struct telemetry_producer {
	struct exit_record *cur;	 /* the record that was handed out last */
	uint64_t left;			 /* telemetry_next() until the slow path; never 0 */
	struct telemetry_packet *packet; /* open sub-buffer; NULL: none, cur is scratch */
	struct telemetry_ring ring;
	uint64_t capacity; /* records in a sub-buffer */
	uint64_t head;	   /* sub-buffers published */
	uint64_t tail;	   /* the latest tail that made sense */
	uint32_t slot;	   /* of the open sub-buffer, or of the next to open */
	bool on;
	uint64_t records;   /* in published sub-buffers */
	uint64_t discarded; /* records that went to scratch */
	uint64_t reported;  /* of them, those that a packet has carried */
	uint64_t last_tsc;  /* time of the latest record that was published or dropped */
	uint64_t bad_tails; /* tails that made no sense */
	struct exit_record scratch[2];
};

/* What a producer has done so far. */
struct telemetry_counts {
	uint64_t records; /* handed out and kept, those not published yet included */
	uint64_t discarded;
	uint64_t packets; /* published */
	uint64_t bad_tails;
};

/*
 * Start @producer on @ring, whose memory is cleared.  Anything but TELEMETRY_OK names what is wrong
 * with the geometry, and leaves the producer off.
 */
enum telemetry_fault telemetry_producer_init(struct telemetry_producer *producer,
					     const struct telemetry_ring *ring);

/* Make @producer one that keeps nothing: telemetry_next() works, and no record is counted. */
void telemetry_producer_init_off(struct telemetry_producer *producer);

/*
 * What telemetry_next() has to do now and then: publish a sub-buffer and open the next, or hand out
 * scratch memory and count.  True when a sub-buffer has become ready for the consumer.
 */
bool telemetry_next_slow(struct telemetry_producer *producer);

/*
 * Keep the record that was handed out last, and hand out the next: producer->cur, never NULL, and
 * scratch memory where the ring is full or off.  It may be written to until the next call, such as
 * with the stamp of an entry that is about to happen.  Of its fields id, level and vcpu are set;
 * the others are those of an older record.
 *
 * True when telemetry_next_slow() must be called before the record is there.  No fence and no
 * shared store in here: records become visible with their sub-buffer.
 */
static inline bool telemetry_next(struct telemetry_producer *producer)
{
	producer->cur++;
	/* Without this the compiler adds in a register: a load and a store for one instruction. */
	__asm__("" : "+m"(producer->cur));
	return __builtin_expect(--producer->left == 0, 0);
}

/*
 * Publish every record that was handed out, however few, so that the consumer sees them and the
 * number of dropped ones; the caller writes to none of them any more.  With nothing to tell, no
 * packet is made.  False where the ring is full and drops are still untold: flush again after the
 * consumer has given back a sub-buffer.
 */
bool telemetry_flush(struct telemetry_producer *producer);

struct telemetry_counts telemetry_counts(const struct telemetry_producer *producer);

/* The consumer's private state. */
struct telemetry_consumer {
	const struct telemetry_producer_page *producer_page;
	struct telemetry_consumer_page *consumer_page;
	const char *subbuffers;
	uint32_t subbuffer_count;
	uint32_t subbuffer_bytes;
	uint64_t tail;
	uint32_t slot; /* tail modulo subbuffer_count */
};

/* One packet as the consumer sees it. */
struct telemetry_view {
	struct telemetry_packet packet;	   /* a copy, checked; use it in place of the shared head */
	const struct exit_record *records; /* behind the head, in shared memory */
	uint64_t record_count;
	uint64_t bytes; /* packet_size: head, records and the zeroes behind them */
};

/*
 * Attach a consumer to a ring that a producer has started, at the tail of a consumer before it.
 * @mapped_bytes is how much of the sub-buffers the caller has mapped at @subbuffers.  Anything but
 * TELEMETRY_OK names what the producer page, or the tail left in the consumer page, has wrong.
 */
enum telemetry_fault telemetry_consumer_init(struct telemetry_consumer *consumer,
					     const struct telemetry_producer_page *producer_page,
					     struct telemetry_consumer_page *consumer_page,
					     const void *subbuffers, uint64_t mapped_bytes);

/*
 * Look at the oldest packet that was not consumed.  TELEMETRY_OK with view->bytes 0 when there is
 * none.  A fault names the field of the producer's that is wrong; a packet at fault can be skipped
 * by telemetry_consume(), but TELEMETRY_BAD_HEAD leaves nothing to consume.
 */
enum telemetry_fault telemetry_peek(const struct telemetry_consumer *consumer,
				    struct telemetry_view *view);

/* Give the oldest packet back to the producer, which telemetry_peek() has shown before. */
void telemetry_consume(struct telemetry_consumer *consumer);

#endif
