/* What the parts of a guest that tries moments have in common, and these parts. */
#ifndef TESTS_GUESTS_MOMENTS_H
#define TESTS_GUESTS_MOMENTS_H

#include <stdint.h>

extern volatile uint64_t taken[256]; /* interrupts by vector */

void wait_until(uint64_t time);

#define ICR_INIT  0x4500
#define ICR_START 0x4600 /* and its page */

/* Sends the second processor an INIT or a start-up message, and lets come of it what may. */
void send_second(uint32_t icr);

/* moments_pair.c: what two processors do to each other. */
void startups_count_behind_an_init(void);
void exchanges_are_whole(void);

/* moments_pic.c: the controllers' interrupts, to the processor of this APIC ID or of two. */
void pic_interrupts_by_the_ioapic(uint32_t apic_id);
void pic_interrupts_without_an_apic(void);
void pit_goes_on_without_its_keeper(void);

#endif
