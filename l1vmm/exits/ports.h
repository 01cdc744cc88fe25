/*
 * The I/O ports that a guest finds: dev/ports.def.
 */
#ifndef L1VMM_EXITS_PORTS_H
#define L1VMM_EXITS_PORTS_H

#include <stddef.h>
#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

#define IO_BITMAP_BYTES 8192

/* IN of `size` bytes (1, 2, 4). */
uint32_t port_read(struct vcpu *v, uint16_t port, unsigned size);

/* OUT of `count` elements of `size` bytes each, one behind the other at `data`. */
void port_write(struct vcpu *v, uint16_t port, unsigned size, const uint8_t *data, size_t count);

/* The bitmaps A and B of io=bitmap: all ports exit but those that the table leaves to the guest. */
void io_bitmap_fill(uint8_t bitmap[IO_BITMAP_BYTES]);

#endif
