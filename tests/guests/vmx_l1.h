/*
 * The least that a hypervisor is: one VMCS, whose guest is code of the same image with the same
 * tables and descriptors.  For images that hold a processor's VMX against the SDM.
 */
#ifndef TESTS_GUESTS_VMX_L1_H
#define TESTS_GUESTS_VMX_L1_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/controls.h"
#include "l1vmm/vmx/exit_reason.h"
#include "l1vmm/vmx/vmcs.h"

/* Code of the guest: `name` labels what may be written in assembly. */
#define L2_CODE(name, code)       \
	extern const char name[]; \
	__asm__(".pushsection .text\n" #name ":\n" code "\n.popsection")

/* As the guest's registers are saved; RSP is in the VMCS. */
enum l2_register { L2_RAX, L2_RCX, L2_RDX, L2_RBX, L2_RBP, L2_RSI, L2_RDI, L2_REGISTERS = 15 };
extern uint64_t l2_registers[L2_REGISTERS];

/*
 * Enters VMX operation, and leaves it, on a processor: the first or the second.  There is one VMCS:
 * only one of them at a time has a guest.
 */
void l1_start(unsigned processor);
void l1_stop(void);

/* A guest that has not run, in 64-bit code at `rip` with interrupts off. */
void l1_new_guest(const void *rip);

/* Whether a control can be set, and sets or clears it. */
bool l1_can(enum control_word word, uint32_t control);
void l1_set(enum control_word word, uint32_t control, bool on);

/* Runs the guest to its next exit and returns the reason; an entry that is refused is a failure. */
uint64_t l1_run(void);

/* The same for an entry that may be refused: 0, or the error number. */
uint64_t l1_try(void);

/* The guest exits for `reason`, at `rip` with its NULL: wherever it is. */
void l1_expect(uint64_t reason, const void *rip);

/*
 * Asks the hypervisor below to tell of exits in memory (l1vmm/exit_page.h), if it does: from now on
 * l1_run() holds what it tells against the VMCS.  And has no more told.
 * @pre of the second: the guest can be run once more
 */
bool l1_ask_for_page(void);
void l1_decline_page(void);

/* Goes on behind the instruction that exited. */
void l1_skip(void);

#endif
