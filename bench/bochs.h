/*
 * Bochs as the machine under a stack: its configuration, its process, and how it ended.
 */
#ifndef BENCH_BOCHS_H
#define BENCH_BOCHS_H

#include "bench/process.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Names inside the folder that a machine runs in. */
#define BOCHS_DISK   "disk.img"
#define BOCHS_CONFIG "bochsrc"
#define BOCHS_SERIAL "kernel.log" /* what a kernel says */

/* A kernel's processor in kHz: instructions of Bochs in a millisecond of its devices. */
enum { BOCHS_KERNEL_KHZ = 200000 };

struct bochs_machine {
	const char *program; /* path of Bochs or of a wrapper around it */
	const char *folder;  /* holds BOCHS_DISK; everything else is made there */
	const char *cpu;
	unsigned cpus;
	unsigned memory;   /* MiB */
	unsigned watchdog; /* million ticks */
	/* With an operating system in it: devices at the pace of a real processor, a serial port.
	 */
	bool kernel;
};

enum bochs_end {
	BOCHS_SHUTDOWN,	    /* the machine asked for it */
	BOCHS_WATCHDOG,	    /* after so many ticks, by bochs_read() */
	BOCHS_TRIPLE_FAULT, /* the CPU gave up */
	BOCHS_BROKEN,	    /* Bochs itself: its configuration, the host's disk, a signal */
};

struct bochs {
	struct process process;
	char folder[PATH_MAX];
	int banner;	  /* '=' lines of Bochs's own banner that have come; 2: it is over */
	char line[128];	  /* of the banner, as far as it has come */
	size_t pending;	  /* bytes in it */
	char version[32]; /* "3.0"; empty until the banner has said it */
	char mark[64];	  /* what Bochs writes to stdout when the watchdog's time has come */
	char recent[64];  /* as many bytes as the mark has, the last ones that came */
	bool expired;	  /* the mark has come */
};

/* Whether the program is there.  Returns 0, or -1 with VMFEE_PLATFORM and what to do. */
int bochs_check(const char *program, struct vmfee_error *err);

/* Boots the machine.  Returns 0, or -1. */
int bochs_start(struct bochs *bochs, const struct bochs_machine *machine, struct vmfee_error *err);

/*
 * Reads what the machine wrote to its console into bytes, the banner of Bochs left out.  Returns
 * how many bytes came; 0 where there are none at the moment; -1 at the end.
 */
int bochs_read(struct bochs *bochs, char *bytes, size_t size);

/*
 * Waits for Bochs and removes the files that it leaves in its folder.  message, of size bytes, is
 * what Bochs said last, or empty.
 */
enum bochs_end bochs_wait(struct bochs *bochs, char *message, size_t size);

/* Ends a machine without asking it, and removes the files that it leaves. */
void bochs_kill(struct bochs *bochs);

#endif
