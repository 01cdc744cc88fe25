#include "bench/version.h"

/* bench/build.mk asks git. */
#ifndef VMFEE_VERSION
#define VMFEE_VERSION "unknown"
#endif

const char vmfee_version[] = VMFEE_VERSION;
