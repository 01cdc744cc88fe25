/*
 * The launcher's command line.
 */
#ifndef BENCH_LAUNCHER_OPTIONS_H
#define BENCH_LAUNCHER_OPTIONS_H

#include "bench/launcher/load.h"

#include <stdbool.h>

struct launch_options {
	unsigned memory;     /* MiB */
	unsigned ring;	     /* KiB; 0: the lowest image records nothing */
	unsigned timeout;    /* seconds; 0: none */
	int processor;	     /* for the vCPU; -1: the highest that the launcher may use */
	const char *trace;   /* of the lowest image: a file or ata:LBA,SECTORS; NULL: none */
	const char *observe; /* where KVM's own view goes: a file, "trace" for there too; NULL */
	bool ports;	     /* console and end by the ports of the machine beneath */
	bool bare;	     /* the console is the guest's alone */
	bool clock_of_host;  /* the guest's time-stamp counter has no offset */
	struct load_image images[LOAD_MAX_IMAGES];
	size_t count;
};

/* Reads the command line; wrong usage ends the program with VMFEE_USAGE. */
void launch_options_parse(struct launch_options *options, int argc, char **argv);

#endif
