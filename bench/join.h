/*
 * The exits of a guest's guest, joined with what they took of the level beneath: between the exit
 * that the lower level delivers and the entry with which it goes back, everything that level does
 * for this vCPU is for this one exit.
 *
 *     join_above()    each record of the upper level, in the order of its trace
 *     join_beneath()  then each of the lower level's
 *     join_end()
 */
#ifndef BENCH_JOIN_H
#define BENCH_JOIN_H

#include "bench/err.h"
#include "telemetry/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JOIN_VCPUS = 8,
	JOIN_REASONS = 128, /* more than there are basic exit reasons */
};

/* All exits of one window with one reason. */
struct join_sum {
	unsigned window;
	uint16_t reason;
	uint64_t count;
	uint64_t stays, stay_ticks; /* of the upper level, between two exits of the lower one's */
	uint64_t shortest;	    /* of the stays */
};

/* The lower level's exits of one reason among what these took. */
struct join_part {
	unsigned window;
	uint16_t reason, beneath;
	uint64_t count, handled_ticks;
};

/* An exit that the upper level recorded. */
struct join_exit {
	uint64_t left, entered; /* its stamps */
	unsigned window;
	uint16_t reason;
	uint8_t vcpu;
};

struct join_vcpu {
	size_t next; /* exit of the upper level: the next one, if it is of this vCPU */
	bool open;   /* the one before is being handled */
	struct join_sum sum;
	size_t parts;
	struct join_part part[JOIN_REASONS];
};

struct join {
	struct join_exit *exit;
	size_t exits, room;
	struct join_vcpu vcpu[JOIN_VCPUS];
	struct join_sum *sum; /* in the order of windows and reasons, after join_end() */
	size_t sums;
	struct join_part *part; /* likewise */
	size_t parts;
};

/* Begin with a zeroed struct.  Each returns 0, or -1 with VMFEE_SYSTEM. */
int join_above(struct join *join, unsigned window, const struct exit_record *record,
	       struct vmfee_error *err);

/* Fails where what was delivered is not what the upper level recorded, or not at that time. */
int join_beneath(struct join *join, const struct exit_record *record, struct vmfee_error *err);

/* Fails where the upper level recorded more.  An exit that was not entered from is in no sum. */
int join_end(struct join *join, struct vmfee_error *err);

void join_free(struct join *join);

#endif
