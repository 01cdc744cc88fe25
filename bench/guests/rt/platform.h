/* What the image runs on: found out once by CPUID, which is an exit under any hypervisor. */
#ifndef BENCH_GUESTS_RT_PLATFORM_H
#define BENCH_GUESTS_RT_PLATFORM_H

#include <stdbool.h>

struct platform {
	bool hypervisor; /* some hypervisor lies beneath */
	bool l1vmm;	 /* it is l1vmm */
	bool x2apic;
};

struct platform platform_probe(void);

#endif
