/* A lock between processors, held for moments only: whoever waits for it turns in place. */
#ifndef L1VMM_ARCH_SPIN_H
#define L1VMM_ARCH_SPIN_H

#include <stdbool.h>

#include "l1vmm/arch/cpu.h"

static inline bool spin_try(bool *taken)
{
	return !__atomic_test_and_set(taken, __ATOMIC_ACQUIRE);
}

static inline void spin_lock(bool *taken)
{
	while (!spin_try(taken))
		pause();
}

static inline void spin_unlock(bool *taken)
{
	__atomic_clear(taken, __ATOMIC_RELEASE);
}

#endif
