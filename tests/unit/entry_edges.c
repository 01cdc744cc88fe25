#include "l1vmm/arch/msr.h"

#include "entry_world.h"

#define S(NAME, value)	       vmcs12_set(&w->v, VMCS_##NAME, value);
#define GET(NAME)	       vmcs12_get(&w->v, VMCS_##NAME)
#define OR(NAME, value)	       S(NAME, GET(NAME) | (uint64_t)(value))
#define NO(NAME, value)	       S(NAME, GET(NAME) & ~(uint64_t)(value))
#define MEM(gpa, value, bytes) entry_world_store(w, gpa, value, bytes);
#define CAP(member, value)     w->vmx.member = (value);
#define TOP(bytes)	       ((UINT64_C(1) << WORLD_WIDTH) - (bytes))

/* Controls, set or clear. */
#define ON(WORD, control)    OR(WORD##_FIELD, (uint32_t)CONTROL_##WORD##_##control)
#define OFF(WORD, control)   NO(WORD##_FIELD, (uint32_t)CONTROL_##WORD##_##control)
#define VMCS_PIN_FIELD	     VMCS_PIN_BASED_CONTROLS
#define VMCS_PRIMARY_FIELD   VMCS_PRIMARY_CONTROLS
#define VMCS_SECONDARY_FIELD VMCS_SECONDARY_CONTROLS
#define VMCS_EXIT_FIELD	     VMCS_EXIT_CONTROLS
#define VMCS_ENTRY_FIELD     VMCS_ENTRY_CONTROLS

/* An event to inject. */
#define EVENT(type, vector) S(ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_TYPE_##type | (vector))
#define EVENT_WITH_CODE(type, vector) \
	S(ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_##type | (vector))

#define NON_CANONICAL UINT64_C(0x0000800000000000)
#define CANONICAL     UINT64_C(0x00007fffffffffff)

#define EDGE(NAME, BASE, SETUP, GOOD, BAD)              \
	entry_world_init(w, BASE_##BASE);               \
	{SETUP GOOD} visit(ctx, w, ENTRY_##NAME, true); \
	entry_world_init(w, BASE_##BASE);               \
	{SETUP BAD} visit(ctx, w, ENTRY_##NAME, false);

static void control_edges(struct entry_world *w, entry_edge_fn visit, void *ctx)
{
#include "entry_edges_controls.def"
}

static void host_edges(struct entry_world *w, entry_edge_fn visit, void *ctx)
{
#include "entry_edges_host.def"
}

static void segment_edges(struct entry_world *w, entry_edge_fn visit, void *ctx)
{
#include "entry_edges_segments.def"
}

static void guest_edges(struct entry_world *w, entry_edge_fn visit, void *ctx)
{
#include "entry_edges_guest.def"
}

void entry_edges(struct entry_world *w, entry_edge_fn visit, void *ctx)
{
	control_edges(w, visit, ctx);
	host_edges(w, visit, ctx);
	segment_edges(w, visit, ctx);
	guest_edges(w, visit, ctx);
}
