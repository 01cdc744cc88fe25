/*
 * The pair of interrupt controllers of a PC (8259A), plain C: 8 lines each, the second one's output
 * on line 2 of the first.  Words are those of Intel's data sheet, order number 231468.
 */
#ifndef L1VMM_DEV_PIC_H
#define L1VMM_DEV_PIC_H

#include <stdbool.h>
#include <stdint.h>

#define PIC_LINES 16

/* The I/O ports: a command and a data register each, and the edge/level registers of a PC. */
#define PIC_FIRST_COMMAND  0x20
#define PIC_FIRST_DATA	   0x21
#define PIC_SECOND_COMMAND 0xa0
#define PIC_SECOND_DATA	   0xa1
#define PIC_FIRST_LEVEL	   0x4d0
#define PIC_SECOND_LEVEL   0x4d1

/* What the data register takes next. */
enum pic_expects { PIC_MASK, PIC_ICW2, PIC_ICW3, PIC_ICW4 };

/* A bit in each set is a line. */
struct pic_chip {
	uint8_t inputs;	  /* as they are */
	uint8_t requests; /* IRR */
	uint8_t service;  /* ISR */
	uint8_t mask;	  /* IMR */
	uint8_t by_level; /* the others by edge */
	uint8_t vector;	  /* of line 0 */
	uint8_t lowest;	  /* the line with the lowest priority: the one behind it has the highest */
	uint8_t expects;  /* enum pic_expects */
	bool single, with_icw4; /* said by ICW1: which of ICW3 and ICW4 do not come */
	bool automatic_end, rotates, fully_nested, special_mask;
	bool reads_service; /* of the two registers behind the command port */
	bool polled;	    /* the next read acknowledges */
};

struct pic {
	struct pic_chip chip[2];
};

/* Every line masked; a guest has to initialize the two before they do anything of use. */
void pic_reset(struct pic *pic);

/* The level of one of the PIC_LINES; line 2 is taken. */
void pic_set_line(struct pic *pic, unsigned line, bool high);

/* Access to one of the ports above. */
uint8_t pic_read(struct pic *pic, uint16_t port);
void pic_write(struct pic *pic, uint16_t port, uint8_t value);

/* Whether the processor is asked for an interrupt (INTR). */
bool pic_asks(const struct pic *pic);

/* The processor takes it: its vector, that of line 7 where there is none any more. */
uint8_t pic_acknowledge(struct pic *pic);

/*
 * It has not taken `vector` after all: requested again, and no longer in service.  False where it
 * is not, as where nothing was there.
 */
bool pic_give_back(struct pic *pic, uint8_t vector);

#endif
