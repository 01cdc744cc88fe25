/*
 * The guest's machine: its memory with its image in it, its devices, its first processor.
 */
#ifndef L1VMM_GUEST_H
#define L1VMM_GUEST_H

#include "l1vmm/boot/boot_info.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/vcpu.h"

/* Where a guest was put. */
struct guest_start {
	uint64_t rip;	     /* entry of its image */
	uint64_t start_info; /* gpa: EBX */
	uint32_t magic;	     /* EAX, which PVH leaves undefined */
};

/*
 * Loads module 0 as the guest's image and hands it the other modules.  An image that is no sound
 * PVH or multiboot image for this memory ends the run, and says so.
 */
struct guest_start guest_load(struct vm *vm, const struct boot_info *boot);

#endif
