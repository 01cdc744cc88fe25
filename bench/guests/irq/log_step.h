/* What the log of a stress consists of, for its writer and its readers. */
#ifndef BENCH_GUESTS_IRQ_LOG_STEP_H
#define BENCH_GUESTS_IRQ_LOG_STEP_H

#define LOG_SIDES 2 /* processors */

/* Two bytes each: what, and a number. */
enum log_step {
	LOG_REQUEST = 'R',  /* a vector is requested of itself, with interrupts off */
	LOG_COMES = 'L',    /* one will come of itself, at some time from now on */
	LOG_HAS_COME = 'A', /* that one has by now, taken or not */
	LOG_SEND = 'S',	    /* one is about to be sent to the other processor */
	LOG_PRIORITY = 'P', /* the class of the task priority: before it falls, after it rises */
	LOG_TAKE = 'T',	    /* a vector, as its handler begins */
	LOG_END = 'E',	    /* that one's end is about to be written */
	LOG_CLOSED = 'C',   /* interrupts have been on: what could come has come */
	LOG_MEET = 'M',	    /* both processors have come to the same place */
	LOG_SEND_NMI = 'N',
	LOG_TAKE_NMI = 'n',
};

#endif
