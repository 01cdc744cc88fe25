/*
 * VMCS shadowing for a guest hypervisor (SDM volume 3, 25.10).  While L1 runs, vmcs02 itself is the
 * processor's shadow VMCS: what the `shadow` column of vmcs_fields.def names stands there in the
 * form that L1 knows, so that nothing need be copied either way.  L0 has to put there what only the
 * copy holds, and to find out what L1 has written.
 */
#ifndef NESTING_SHADOWING_H
#define NESTING_SHADOWING_H

#include "nesting/vmx.h"

#define SHADOWING_BITMAP_BYTES 4096 /* a bit for each encoding: SDM volume 3, 25.6.15 */

#define SHADOWING_INLINE static inline __attribute__((always_inline))

/*
 * Fills the bitmaps of the accesses that exit, and tells `n` which fields L1 reaches without.
 */
void shadowing_init(struct nested *n, uint8_t *vmread_bitmap, uint8_t *vmwrite_bitmap);

/* Whether the copy holds fields that L1 would look for in the shadow VMCS. */
bool shadowing_pending(const struct nested *n);

/* Puts them there.  @pre `to` is vmcs02 */
void shadowing_put(struct nested *n, const struct vmcs_ops *to);

/* Takes note that L1 has written a field. */
void shadowing_written(struct nested *n, enum vmcs_field field, uint64_t value);

/*
 * Notes what the fields are that L1 can write, when L2 has exited.  Some dozen VMREADs on each exit
 * to L1: like host_state_load(), inlined where `from` is constant.  @pre `from` is vmcs02
 */
SHADOWING_INLINE void shadowing_note(struct nested *n, const struct vmcs_ops *from)
{
#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow)     \
	if (VMCS12_SHADOW_##shadow == VMCS12_SHADOW_WRITE)         \
		vmcs12_set(n->vmcs12, (enum vmcs_field)(encoding), \
			   from->read(from->ctx, (enum vmcs_field)(encoding)));
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
}

SHADOWING_INLINE void shadowing_compare(struct nested *n, const struct vmcs_ops *from,
					enum vmcs_field field)
{
	uint64_t value = from->read(from->ctx, field);

	if (value != vmcs12_get(n->vmcs12, field))
		shadowing_written(n, field, value);
}

/* What L1 has written since then is in vmcs02, and is to be checked.  @pre as before */
SHADOWING_INLINE void shadowing_take(struct nested *n, const struct vmcs_ops *from)
{
#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow) \
	if (VMCS12_SHADOW_##shadow == VMCS12_SHADOW_WRITE)     \
		shadowing_compare(n, from, (enum vmcs_field)(encoding));
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
}

#endif
