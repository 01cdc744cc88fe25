#include "l1vmm/dev/pic.h"

#include <stddef.h>

#include "l1vmm/lib/string.h"

#define CASCADE	 2 /* the line of the first chip that the second one is on */
#define SPURIOUS 7
#define NONE	 (-1)

/* Which lines can be level-triggered: those of the timer, the keyboard, the clock, FERR cannot. */
static const uint8_t level_writable[] = {0xf8, 0xde};

/* Command port: ICW1 and OCW3 have these bits, OCW2 has neither. */
#define COMMAND_ICW1 0x10
#define COMMAND_OCW3 0x08

#define ICW1_WITH_ICW4 0x01
#define ICW1_SINGLE    0x02
#define ICW4_AUTO_END  0x02
#define ICW4_NESTED    0x10
#define VECTOR_BITS    0xf8

#define OCW2_LINE(command)   ((command) & 7)
#define OCW2_ACTION(command) ((command) >> 5)
enum {
	STOP_ROTATING,
	END,
	NOTHING,
	END_OF_LINE,
	START_ROTATING,
	END_ROTATE,
	SET_LOWEST,
	END_ROTATE_LINE,
};

#define OCW3_READ	  0x02 /* the bit below says which */
#define OCW3_SERVICE	  0x01
#define OCW3_POLL	  0x04
#define OCW3_SPECIAL	  0x40 /* the bit below says whether */
#define OCW3_SPECIAL_MASK 0x20

static uint8_t bit(unsigned line)
{
	return (uint8_t)(1u << line);
}

/* The line of a set with the highest priority. */
static int first_of(const struct pic_chip *chip, uint8_t set)
{
	for (unsigned i = 1; i <= 8; i++) {
		unsigned line = (chip->lowest + i) % 8;

		if (set & bit(line))
			return (int)line;
	}
	return NONE;
}

static unsigned rank(const struct pic_chip *chip, unsigned line)
{
	return (line + 7 - chip->lowest) % 8;
}

/*
 * The line that asks for an interrupt: a request that no service of its or a higher priority holds
 * back.  In special mask mode only what is not masked holds back; in special fully nested mode the
 * cascade does not hold back itself.
 */
static int asking(const struct pic_chip *chip)
{
	uint8_t holding = chip->service;
	int request = first_of(chip, chip->requests & (uint8_t)~chip->mask);
	int held;

	if (chip->special_mask)
		holding &= (uint8_t)~chip->mask;
	if (chip->fully_nested)
		holding &= (uint8_t)~bit(CASCADE);
	held = first_of(chip, holding);
	if (request == NONE || held == NONE)
		return request;
	return rank(chip, (unsigned)request) < rank(chip, (unsigned)held) ? request : NONE;
}

/* A request by edge lasts as long as its line is high: without, it is spurious. */
static void set_input(struct pic_chip *chip, unsigned line, bool high)
{
	uint8_t before = chip->inputs;

	chip->inputs = high ? before | bit(line) : before & (uint8_t)~bit(line);
	if (!high)
		chip->requests &= (uint8_t)~bit(line);
	else if (!(before & bit(line)) || (chip->by_level & bit(line)))
		chip->requests |= bit(line);
}

static void update_cascade(struct pic *pic)
{
	set_input(&pic->chip[0], CASCADE, asking(&pic->chip[1]) != NONE);
}

void pic_reset(struct pic *pic)
{
	memset(pic, 0, sizeof(*pic));
	for (unsigned i = 0; i < 2; i++) {
		pic->chip[i].mask = 0xff;
		pic->chip[i].lowest = 7;
	}
}

void pic_set_line(struct pic *pic, unsigned line, bool high)
{
	if (line >= PIC_LINES || line == CASCADE)
		return;
	set_input(&pic->chip[line / 8], line % 8, high);
	update_cascade(pic);
}

static void end_service(struct pic_chip *chip, int line, bool rotate)
{
	if (line == NONE)
		return;
	chip->service &= (uint8_t)~bit((unsigned)line);
	if (rotate)
		chip->lowest = (uint8_t)line;
}

/* From requested to in service. */
static void acknowledge(struct pic_chip *chip, unsigned line)
{
	if (!(chip->by_level & bit(line)))
		chip->requests &= (uint8_t)~bit(line);
	chip->service |= bit(line);
	if (chip->automatic_end)
		end_service(chip, (int)line, chip->rotates);
}

/* ICW1 clears what was; the edges are looked for anew. */
static void initialize(struct pic_chip *chip, uint8_t command)
{
	chip->requests = chip->inputs & chip->by_level;
	chip->service = 0;
	chip->mask = 0;
	chip->lowest = 7;
	chip->single = command & ICW1_SINGLE;
	chip->with_icw4 = command & ICW1_WITH_ICW4;
	chip->automatic_end = chip->rotates = chip->fully_nested = chip->special_mask = false;
	chip->reads_service = chip->polled = false;
	chip->expects = PIC_ICW2;
}

static void control(struct pic_chip *chip, uint8_t command)
{
	int line = OCW2_LINE(command);

	switch (OCW2_ACTION(command)) {
	case STOP_ROTATING:
	case START_ROTATING:
		chip->rotates = OCW2_ACTION(command) == START_ROTATING;
		break;
	case END:
	case END_ROTATE:
		/* What special mask mode has masked is ended by its number. */
		end_service(chip,
			    first_of(chip, chip->special_mask ? chip->service & (uint8_t)~chip->mask
							      : chip->service),
			    OCW2_ACTION(command) == END_ROTATE);
		break;
	case END_OF_LINE:
	case END_ROTATE_LINE:
		end_service(chip, line, OCW2_ACTION(command) == END_ROTATE_LINE);
		break;
	case SET_LOWEST:
		chip->lowest = (uint8_t)line;
		break;
	case NOTHING:
		break;
	}
}

static void select(struct pic_chip *chip, uint8_t command)
{
	if (command & OCW3_SPECIAL)
		chip->special_mask = command & OCW3_SPECIAL_MASK;
	if (command & OCW3_POLL)
		chip->polled = true;
	else if (command & OCW3_READ)
		chip->reads_service = command & OCW3_SERVICE;
}

static void write_command(struct pic_chip *chip, uint8_t command)
{
	if (command & COMMAND_ICW1)
		initialize(chip, command);
	else if (command & COMMAND_OCW3)
		select(chip, command);
	else
		control(chip, command);
}

static void write_data(struct pic_chip *chip, uint8_t value, bool has_cascade)
{
	switch (chip->expects) {
	case PIC_MASK:
		chip->mask = value;
		return;
	case PIC_ICW2:
		chip->vector = value & VECTOR_BITS;
		if (!chip->single) {
			chip->expects = PIC_ICW3;
			return;
		}
		break;
	case PIC_ICW3: /* who is where is wired */
		break;
	default:
		chip->automatic_end = value & ICW4_AUTO_END;
		chip->fully_nested = has_cascade && (value & ICW4_NESTED);
		chip->expects = PIC_MASK;
		return;
	}
	chip->expects = chip->with_icw4 ? PIC_ICW4 : PIC_MASK;
}

static void write_level(struct pic_chip *chip, uint8_t value)
{
	uint8_t now_by_level = value & (uint8_t)~chip->by_level;

	chip->by_level = value;
	chip->requests |= chip->inputs & now_by_level;
}

/* The chip that a port belongs to. */
static unsigned chip_at(uint16_t port)
{
	return port == PIC_SECOND_COMMAND || port == PIC_SECOND_DATA || port == PIC_SECOND_LEVEL;
}

void pic_write(struct pic *pic, uint16_t port, uint8_t value)
{
	unsigned index = chip_at(port);
	struct pic_chip *chip = &pic->chip[index];

	switch (port) {
	case PIC_FIRST_COMMAND:
	case PIC_SECOND_COMMAND:
		write_command(chip, value);
		break;
	case PIC_FIRST_DATA:
	case PIC_SECOND_DATA:
		write_data(chip, value, index == 0);
		break;
	default:
		write_level(chip, value & level_writable[index]);
	}
	update_cascade(pic);
}

/* A poll is an acknowledgement: bit 7 says whether there was something, of which line. */
static uint8_t poll(struct pic_chip *chip)
{
	int line = asking(chip);

	chip->polled = false;
	if (line == NONE)
		return SPURIOUS;
	acknowledge(chip, (unsigned)line);
	return 0x80 | (uint8_t)line;
}

uint8_t pic_read(struct pic *pic, uint16_t port)
{
	struct pic_chip *chip = &pic->chip[chip_at(port)];
	uint8_t value;

	if (port == PIC_FIRST_LEVEL || port == PIC_SECOND_LEVEL)
		return chip->by_level;
	if (chip->polled) {
		value = poll(chip);
		update_cascade(pic);
		return value;
	}
	if (port == PIC_FIRST_DATA || port == PIC_SECOND_DATA)
		return chip->mask;
	return chip->reads_service ? chip->service : chip->requests;
}

bool pic_asks(const struct pic *pic)
{
	return asking(&pic->chip[0]) != NONE;
}

uint8_t pic_acknowledge(struct pic *pic)
{
	struct pic_chip *chip = &pic->chip[0];
	int line = asking(chip);

	if (line == CASCADE) {
		acknowledge(chip, CASCADE);
		chip = &pic->chip[1];
		line = asking(chip);
	}
	if (line == NONE)
		return chip->vector + SPURIOUS;
	acknowledge(chip, (unsigned)line);
	update_cascade(pic);
	return chip->vector + (uint8_t)line;
}

/* What ends by itself is not in service, so that nobody knows. */
static bool was_taken(const struct pic_chip *chip, unsigned line)
{
	return chip->automatic_end || (chip->service & bit(line));
}

/* A request by level is there as long as its line is high. */
static void take_back(struct pic_chip *chip, unsigned line)
{
	chip->service &= (uint8_t)~bit(line);
	if (!(chip->by_level & bit(line)))
		chip->requests |= bit(line);
}

bool pic_give_back(struct pic *pic, uint8_t vector)
{
	struct pic_chip *first = &pic->chip[0], *second = &pic->chip[1];
	unsigned line = vector & (uint8_t)~VECTOR_BITS;
	uint8_t base = vector & VECTOR_BITS;

	if (base == second->vector && was_taken(first, CASCADE) && was_taken(second, line)) {
		take_back(second, line);
		take_back(first, CASCADE);
	} else if (base == first->vector && line != CASCADE && was_taken(first, line)) {
		take_back(first, line);
	} else {
		return false;
	}
	update_cascade(pic);
	return true;
}
