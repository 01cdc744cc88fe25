/* Port I/O. */
#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/exits/guest_access.h"
#include "l1vmm/exits/ports.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vmx/event.h"

/* The exit qualification of I/O instructions: SDM volume 3, table 28-5. */
#define IO_SIZE(qualification) ((unsigned)((qualification) & 7) + 1)
#define IO_IN		       BIT(3)
#define IO_STRING	       BIT(4)
#define IO_REP		       BIT(5)
#define IO_PORT(qualification) ((uint16_t)((qualification) >> 16))

/* Address size in the exit-instruction information: SDM volume 3, table 28-8. */
#define INFO_ADDRESS_SIZE(info) (2u << ((info) >> 7 & 7)) /* bytes */

/* How much one exit does at most, so that an interrupt need not wait for a whole REP. */
#define MAX_BYTES 4096

struct string_io {
	struct guest_view view;
	uint16_t port;
	unsigned size; /* bytes an element */
	bool in, backward;
	uint64_t linear; /* of the next element */
	uint64_t count;	 /* elements that this exit is to do */
	uint64_t done;
};

static uint64_t address_mask(unsigned bytes)
{
	return bytes == 8 ? ~UINT64_C(0) : BIT(bytes * 8) - 1;
}

/* Elements that can be moved as one piece: up to the end of a page, or a single one. */
static uint64_t piece(const struct string_io *io)
{
	uint64_t room = (PAGE_SIZE - (io->linear & (PAGE_SIZE - 1))) / io->size;
	uint64_t left = io->count - io->done;

	if (io->backward || room == 0)
		return 1;
	return left < room ? left : room;
}

static bool move_piece(struct string_io *io, uint64_t elements)
{
	uint8_t data[MAX_BYTES];
	size_t bytes = elements * io->size;
	uint64_t gpa;

	if (io->in) {
		/* A fault must come before the port is read, for it cannot be read again. */
		if (!guest_translate(&io->view, io->linear, PF_W, &gpa) ||
		    !guest_translate(&io->view, io->linear + bytes - 1, PF_W, &gpa))
			return false;
		for (uint64_t i = 0; i < elements; i++) {
			uint32_t value = port_read(io->view.v, io->port, io->size);

			memcpy(data + i * io->size, &value, io->size);
		}
		return guest_write(&io->view, io->linear, data, bytes);
	}
	if (!guest_read(&io->view, io->linear, 0, data, bytes))
		return false;
	port_write(io->view.v, io->port, io->size, data, elements);
	return true;
}

/* Adds to a register within the instruction's address size: SDM volume 1, 3.4.1.1. */
static void add_register(struct vcpu *v, enum gpr reg, uint64_t change, unsigned address_bytes)
{
	uint64_t mask = address_mask(address_bytes);
	uint64_t kept = address_bytes == 2 ? v->regs[reg] & ~mask : 0;

	v->regs[reg] = kept | ((v->regs[reg] + change) & mask);
}

/* Elements up to where the index register wraps; the next exit has the address behind that. */
static uint64_t before_wrap(const struct string_io *io, uint64_t index, uint64_t mask)
{
	uint64_t bytes = io->backward ? index & mask : mask - (index & mask);

	return bytes / io->size + 1;
}

static enum exit_action string_io(struct vcpu *v)
{
	unsigned address_bytes = INFO_ADDRESS_SIZE(vmcs_read(v, VMCS_EXIT_INSTRUCTION_INFO));
	bool rep = v->detail & IO_REP;
	uint64_t wanted = rep ? v->regs[RCX] & address_mask(address_bytes) : 1;
	struct string_io io = {
		.port = IO_PORT(v->detail),
		.size = IO_SIZE(v->detail),
		.in = v->detail & IO_IN,
		.linear = vmcs_read(v, VMCS_GUEST_LINEAR_ADDRESS),
	};
	bool fault = false;
	uint64_t step;

	guest_view_init(&io.view, v);
	io.backward = io.view.paging.rflags & RFLAGS_DF;
	io.count = before_wrap(&io, v->regs[io.in ? RDI : RSI], address_mask(address_bytes));
	if (io.count > MAX_BYTES / io.size)
		io.count = MAX_BYTES / io.size;
	if (io.count > wanted)
		io.count = wanted;
	step = io.backward ? -(uint64_t)io.size : io.size;
	while (io.done < io.count && !fault) {
		uint64_t elements = piece(&io);

		fault = !move_piece(&io, elements);
		if (!fault) {
			io.done += elements;
			io.linear += step * elements;
		}
	}
	add_register(v, io.in ? RDI : RSI, step * io.done, address_bytes);
	if (rep)
		add_register(v, RCX, -io.done, address_bytes);
	return !fault && io.done == wanted ? EXIT_ADVANCE : EXIT_RETRY;
}

enum exit_action exit_io(struct vcpu *v)
{
	uint16_t port = IO_PORT(v->detail);
	unsigned size = IO_SIZE(v->detail);
	uint64_t mask = address_mask(size);
	uint64_t rax = v->regs[RAX];

	if (v->detail & IO_STRING)
		return string_io(v);
	if (!(v->detail & IO_IN)) {
		port_write(v, port, size, (const uint8_t *)&rax, 1);
	} else {
		/* EAX as a destination clears the upper half, AX and AL leave the rest. */
		uint64_t kept = size == 4 ? 0 : rax & ~mask;

		v->regs[RAX] = kept | (port_read(v, port, size) & mask);
	}
	return EXIT_ADVANCE;
}
