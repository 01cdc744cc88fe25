/*
 * The local APIC that a guest sees (SDM volume 3, chapter 11), plain C: registers by page (xAPIC)
 * and by MSR (x2APIC), priorities, interrupts between processors, timer.
 *
 * Its registers lie in a page as the architecture lays them out, which the processor's own APIC
 * virtualization can work on.  Everything here belongs to the processor whose APIC it is, except
 * the mailbox: other processors leave their interrupts there, and the owner collects them.
 */
#ifndef L1VMM_DEV_LAPIC_H
#define L1VMM_DEV_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define LAPIC_BASE_AT_RESET UINT64_C(0xfee00000) /* gpa */
#define LAPIC_PAGE_BYTES    4096u
#define LAPIC_VECTOR_WORDS  8 /* 256 vectors, 32 a register */
#define LAPIC_LVT_ENTRIES   6 /* timer, thermal, performance, LINT0, LINT1, error */

#define LAPIC_REGISTER(offset, NAME, count, access, taken, kept) LAPIC_##NAME = (offset),
enum lapic_offset {
#include "l1vmm/dev/lapic_registers.def"
};
#undef LAPIC_REGISTER

struct lapic_page {
	uint32_t words[LAPIC_PAGE_BYTES / sizeof(uint32_t)];
};

/*
 * The posted-interrupt descriptor, which the processor too reads (SDM volume 3, table 30-1), and
 * behind it what a descriptor has no bits for.  All of it is accessed atomically.  The mark tells
 * of requests only: under irq=posted it is the processor that clears it, which knows of no signals.
 */
struct __attribute__((aligned(64))) lapic_mailbox {
	uint64_t requests[4]; /* a bit a vector */
	uint64_t control;     /* LAPIC_MAILBOX_* */
	uint64_t reserved[3];
	uint32_t signals;		     /* LAPIC_SIGNAL_* */
	uint32_t levels[LAPIC_VECTOR_WORDS]; /* level-triggered vectors, with LAPIC_SIGNAL_LEVEL */
	uint32_t unused[7];
};

#define LAPIC_MAILBOX_FULL	 UINT64_C(1) /* "outstanding notification" */
#define LAPIC_MAILBOX_SUPPRESSED UINT64_C(2) /* "suppress notification" */

/* What is no vector; a start-up message keeps its page in bits 15:8. */
#define LAPIC_SIGNAL_NMI     (1u << 0)
#define LAPIC_SIGNAL_INIT    (1u << 1)
#define LAPIC_SIGNAL_STARTUP (1u << 2)
#define LAPIC_SIGNAL_ILLEGAL (1u << 3) /* a vector below 16: an error at the receiver */
#define LAPIC_SIGNAL_LEVEL   (1u << 4) /* vectors whose end the I/O APIC has to hear of */
#define LAPIC_SIGNAL_EXTINT  (1u << 5) /* interrupt controllers besides the APIC may ask */
#define LAPIC_SIGNAL_PAGE    0xff00u
#define LAPIC_SIGNAL_MESSAGE (LAPIC_SIGNAL_STARTUP | LAPIC_SIGNAL_PAGE)

enum lapic_delivery_mode {
	LAPIC_FIXED,
	LAPIC_LOWEST_PRIORITY,
	LAPIC_SMI,
	LAPIC_RESERVED_3,
	LAPIC_NMI,
	LAPIC_INIT,
	LAPIC_STARTUP,
	LAPIC_EXTINT, /* no processor sends it */
};

/* An interrupt on its way from one processor to others. */
struct lapic_ipi {
	uint32_t destination; /* an ID, or what a logical destination is compared with */
	uint8_t vector;
	uint8_t mode; /* enum lapic_delivery_mode */
	bool logical;
	bool everybody; /* whatever `destination` says */
	bool level;	/* level-triggered, as an I/O APIC sends vectors */
};

struct lapic;

/* What an APIC needs of the world around it. */
struct lapic_ops {
	/* The guest's time-stamp counter, by which the timer counts. */
	uint64_t (*now)(void *ctx);
	/* The timer matters no more, or anew, or is over at another time. */
	void (*timer_changed)(void *ctx);
	/* Hands `ipi` to the processors other than the one that sends it. */
	void (*send)(void *ctx, const struct lapic_ipi *ipi);
	/* The end of a level-triggered interrupt, for the I/O APIC. */
	void (*end_of_level)(void *ctx, uint8_t vector);
};

struct lapic {
	struct lapic_page *page;
	struct lapic_mailbox *mailbox;
	const struct lapic_ops *ops;
	void *ctx;
	uint64_t base;	       /* IA32_APIC_BASE */
	uint64_t address_mask; /* bits of an address that the processor has */
	uint32_t id;
	uint32_t errors;  /* gathered until software writes ESR */
	uint32_t signals; /* collected and not yet taken */
	/* Which words of IRR and ISR are not 0; unless the processor changes them by itself. */
	uint8_t irr_words, isr_words;
	bool by_processor;
	/* INIT is blocked and waits, as while a guest's guest waits for a start-up message. */
	bool init_blocked;
	bool levels; /* there has been a level-triggered interrupt */
	struct {
		bool running;
		/* By ops->now(), which may wrap: what counts is how far off the one is of the
		 * other. */
		uint64_t since, expiry;
		uint64_t period; /* of a periodic timer, else 0 */
		/*
		 * A periodic timer leaves out what would come sooner than this after the last
		 * one, and what would take more than a third of the guest's time; for its user to
		 * set, 0: nothing is left out.
		 */
		uint64_t shortest;
		uint64_t accepted; /* when its latest interrupt was taken; 0: that has ended */
		uint64_t served;   /* how long the one before was in service */
	} timer;
};

enum lapic_result {
	LAPIC_OK,
	LAPIC_FAULT, /* #GP(0) */
};

/*
 * Sets up the APIC of processor `id`, number 0 being the boot processor, in the state after
 * power-up.  `page` and `mailbox` are zero; `physical_bits` is the width of physical addresses.
 */
void lapic_init(struct lapic *apic, uint32_t id, struct lapic_page *page,
		struct lapic_mailbox *mailbox, unsigned physical_bits, const struct lapic_ops *ops,
		void *ctx);

/* State after an INIT: as after power-up, but ID, base and mode stay (SDM volume 3, 11.4.7.3). */
void lapic_reset(struct lapic *apic);

/*
 * RDMSR and WRMSR of x2APIC register `msr` (0x800 to 0x8ff).  LAPIC_FAULT outside of x2APIC mode,
 * for registers that do not exist, cannot be read or written, and for reserved bits.
 */
enum lapic_result lapic_read_msr(struct lapic *apic, uint32_t msr, uint64_t *value);
enum lapic_result lapic_write_msr(struct lapic *apic, uint32_t msr, uint64_t value);

/* Whether the page at `gpa` is the APIC's, in whatever mode it is. */
bool lapic_at(const struct lapic *apic, uint64_t gpa);

/*
 * Access to `offset` in that page.  Outside of xAPIC mode nothing answers: all ones are read.
 * Registers have 32 bits at multiples of 16; what lies between them reads as zero and ignores
 * writes.
 */
uint32_t lapic_read_page(struct lapic *apic, uint32_t offset);
void lapic_write_page(struct lapic *apic, uint32_t offset, uint32_t value);

/* WRMSR of IA32_APIC_BASE: the mode transitions of SDM volume 3, 11.12.5. */
enum lapic_result lapic_write_base(struct lapic *apic, uint64_t value);

/* IA32_TSC_DEADLINE (SDM volume 3, 11.5.4.1): nothing, unless the timer is in that mode. */
uint64_t lapic_deadline(struct lapic *apic);
void lapic_write_deadline(struct lapic *apic, uint64_t value);

/*
 * The processor keeps the deadline instead, as long as lapic_awaits_deadline(): what there is of
 * one, 0 with none.  And gives back what is left, which is not looked at before lapic_timer_poll().
 */
uint64_t lapic_hand_deadline_over(struct lapic *apic);
void lapic_hand_deadline_back(struct lapic *apic, uint64_t value);

/* The task priority as CR8 has it: bits 7:4 of the TPR. */
uint64_t lapic_cr8(const struct lapic *apic);
enum lapic_result lapic_write_cr8(struct lapic *apic, uint64_t value);

/* The highest vector that is requested, and the highest that is in service; -1: none. */
int lapic_requested(const struct lapic *apic);
int lapic_in_service(const struct lapic *apic);

/* Whether what comes in at LINT0 is the interrupt of controllers like the 8259. */
bool lapic_takes_extint(const struct lapic *apic);

/* The vector that may interrupt the processor now, by its priority; -1 where there is none. */
int lapic_pending(const struct lapic *apic);

/* The processor takes `vector`: from requested to in service. */
void lapic_accept(struct lapic *apic, uint8_t vector);

/* It has not taken `vector` after all.  @pre that is lapic_in_service() */
void lapic_give_back(struct lapic *apic, uint8_t vector);

/* The interrupt in service is over. */
void lapic_end_of_interrupt(struct lapic *apic);

/* A vector arrives: from the APIC itself, or from an I/O APIC with its trigger mode. */
void lapic_request(struct lapic *apic, uint8_t vector, bool level);

/* Whether `ipi`, sent by another processor, is for this one.  For any processor to ask. */
bool lapic_is_destination(const struct lapic *apic, const struct lapic_ipi *ipi);

/* Sends `ipi` to those that it is for, this one among them. */
void lapic_send(struct lapic *apic, const struct lapic_ipi *ipi);

/* Whether it is a vector that arrives: the part of a mailbox that the processor knows too. */
bool lapic_is_vector(const struct lapic_ipi *ipi);

/*
 * Leaves `ipi` in the APIC's mailbox; for any processor.  True where nothing of its kind, vector or
 * signal, was there before, so that the owner has to be told.
 */
bool lapic_post(struct lapic *apic, const struct lapic_ipi *ipi);

/* Takes in what others have left; vectors only if software has the APIC enabled. */
void lapic_collect(struct lapic *apic);

/*
 * Its owner waits for no vectors: nobody is to tell it of one any more, until it goes on, which
 * takes in those that have been left meanwhile.
 */
void lapic_suppress(struct lapic *apic);
void lapic_go_on(struct lapic *apic);

/* Whether there is something to collect; for any processor. */
bool lapic_has_mail(const struct lapic *apic);

/*
 * Whether lapic_timer_poll() is to be called when the timer is over.  One that could change
 * nothing, because it is masked or its vector is requested already, need not be looked at.
 */
bool lapic_timer_matters(const struct lapic *apic);

/* Ticks from `now` until it is over.  @pre it runs */
static inline uint64_t lapic_timer_left(const struct lapic *apic, uint64_t now)
{
	uint64_t all = apic->timer.expiry - apic->timer.since, gone = now - apic->timer.since;

	return gone < all ? all - gone : 0;
}

/* Whether the timer interrupts at a deadline, unmasked, so that a processor could keep it instead.
 */
bool lapic_awaits_deadline(const struct lapic *apic);

/* Requests the timer's interrupt if it is due. */
void lapic_timer_poll(struct lapic *apic);

/* The guest's TSC is about to be set `by` ticks ahead: counts, unlike deadlines, do not follow. */
void lapic_timer_shift(struct lapic *apic, uint64_t by);

#endif
