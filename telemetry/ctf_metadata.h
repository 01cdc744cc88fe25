/*
 * Metadata of a CTF 1.8 trace whose streams are the packets of a telemetry ring, written from the
 * lists that the producer was compiled from.  Hosted.
 */
#ifndef TELEMETRY_CTF_METADATA_H
#define TELEMETRY_CTF_METADATA_H

#include <stdbool.h>
#include <stdio.h>

/* What the metadata cannot know from the lists. */
struct ctf_metadata {
	const char *stack; /* the levels of the run, bottom to top: "bochs / l1vmm / micro" */
	unsigned level;	   /* level of the hypervisor that made the trace */
	const char *tick;  /* what one tick of its clock is: "emulated instruction", "cycle" */
};

/*
 * Write the metadata of one trace to @out.  The text depends on @metadata and on the lists alone,
 * so two equal runs give equal bytes.  False when writing failed, with errno set.
 */
bool ctf_metadata_write(FILE *out, const struct ctf_metadata *metadata);

#endif
