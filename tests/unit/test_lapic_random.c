/* The local APIC against a model that is written another way: random accesses, the same answers. */
#include <criterion/criterion.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/dev/lapic.h"
#include "tests/unit/lapic_rig.h"
#include "tests/unit/random.h"

#define OPERATIONS 300000
#define ID	   0x13 /* cluster 1, bit 3 */
#define VECTORS	   256

#define ESR_REDIRECTABLE 0x10u
#define ESR_SEND	 0x20u
#define ESR_RECEIVE	 0x40u

enum mode { DISABLED, XAPIC, X2APIC };

struct model {
	enum mode mode;
	bool requested[VECTORS], in_service[VECTORS];
	uint64_t tpr, svr, icr, initial, divide, current, lvt[6];
	uint64_t errors, told;
};

static void model_reset(struct model *m, enum mode mode)
{
	*m = (struct model){.mode = mode, .svr = 0xff};
	for (int i = 0; i < 6; i++)
		m->lvt[i] = 0x10000;
}

static int model_highest(const bool vectors[VECTORS])
{
	int vector = VECTORS - 1;

	while (vector >= 0 && !vectors[vector])
		vector--;
	return vector;
}

static uint64_t model_ppr(const struct model *m)
{
	int served = model_highest(m->in_service);

	if (served >= 0 && (uint64_t)served / 16 > m->tpr / 16)
		return (uint64_t)served / 16 * 16;
	return m->tpr;
}

static int model_pending(const struct model *m)
{
	int vector = model_highest(m->requested);

	return vector >= 0 && (uint64_t)vector / 16 > model_ppr(m) / 16 ? vector : -1;
}

/* An error interrupts, unless the interrupt would be wrong itself. */
static void model_error(struct model *m, uint64_t error)
{
	unsigned vector = m->lvt[5] & 0xff;

	m->errors |= error;
	if (m->lvt[5] >> 16 & 1)
		return;
	if (vector < 16)
		m->errors |= ESR_RECEIVE;
	else if (m->svr >= 0x100)
		m->requested[vector] = true;
}

static void model_ipi(struct model *m, unsigned vector, bool received)
{
	if (vector < 16)
		model_error(m, received ? ESR_SEND | ESR_RECEIVE : ESR_SEND);
	else if (received && m->svr >= 0x100)
		m->requested[vector] = true;
}

static bool model_is_destination(uint64_t icr)
{
	uint32_t to = (uint32_t)(icr >> 32);
	bool logical = icr >> 11 & 1;

	switch (icr >> 18 & 3) {
	case 1:
	case 2:
		return true;
	case 3:
		return false;
	}
	if (to == UINT32_MAX)
		return true;
	return logical ? to >> 16 == ID / 16 && (to >> ID % 16 & 1) : to == ID;
}

static bool model_icr(struct model *m, uint64_t icr)
{
	if ((icr & 0xffffffff) >> 20 || (icr >> 16 & 3) || (icr >> 13 & 1))
		return false;
	m->icr = icr - (icr & 0x1000);
	if ((icr >> 8 & 7) == 1)
		model_error(m, ESR_REDIRECTABLE);
	if ((icr >> 8 & 7) == 0)
		model_ipi(m, icr & 0xff, model_is_destination(icr));
	return true;
}

static bool model_lvt(struct model *m, unsigned entry, uint64_t value)
{
	/* timer, thermal, performance, LINT0, LINT1, error */
	static const uint64_t fields[] = {0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff};
	uint64_t ignored = entry == 3 || entry == 4 ? 0x5000 : 0x1000;

	if (value & ~fields[entry] & ~ignored)
		return false;
	/* Into and out of deadline mode, and the reserved one, the timer stops. */
	if (entry == 0 && (value >> 17 & 3) != (m->lvt[0] >> 17 & 3) &&
	    ((value >> 18 & 1) || (m->lvt[0] >> 18 & 1)))
		m->current = 0;
	m->lvt[entry] = value & fields[entry];
	if (m->svr < 0x100)
		m->lvt[entry] |= 0x10000;
	return true;
}

static bool model_svr(struct model *m, uint64_t value)
{
	if (value > 0x1ff)
		return false;
	m->svr = value;
	for (int i = 0; i < 6 && value < 0x100; i++)
		m->lvt[i] |= 0x10000;
	return true;
}

static bool model_write(struct model *m, uint32_t msr, uint64_t value)
{
	if (m->mode != X2APIC)
		return false;
	switch (msr) {
	case 0x808:
		m->tpr = value < 0x100 ? value : m->tpr;
		return value < 0x100;
	case 0x80b:
		if (value == 0 && model_highest(m->in_service) >= 0)
			m->in_service[model_highest(m->in_service)] = false;
		return value == 0;
	case 0x80f:
		return model_svr(m, value);
	case 0x828:
		if (value == 0) {
			m->told = m->errors;
			m->errors = 0;
		}
		return value == 0;
	case 0x830:
		return model_icr(m, value);
	case 0x832 ... 0x837:
		return model_lvt(m, msr - 0x832, value);
	case 0x838:
		if (value >> 32)
			return false;
		m->initial = value;
		if (!(m->lvt[0] >> 18 & 1))
			m->current = value;
		return true;
	case 0x83e:
		m->divide = value & ~UINT64_C(0xb) ? m->divide : value;
		return (value & ~UINT64_C(0xb)) == 0;
	case 0x83f:
		if (value < 0x100)
			model_ipi(m, (unsigned)value, true);
		return value < 0x100;
	}
	return false;
}

static uint64_t model_word(const bool vectors[VECTORS], unsigned word)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 32; i++)
		bits |= (uint64_t)vectors[word * 32 + i] << i;
	return bits;
}

static bool model_read(const struct model *m, uint32_t msr, uint64_t *value)
{
	*value = 0;
	if (m->mode != X2APIC)
		return false;
	switch (msr) {
	case 0x802:
		*value = ID;
		return true;
	case 0x803:
		*value = 0x50014;
		return true;
	case 0x808:
		*value = m->tpr;
		return true;
	case 0x80a:
		*value = model_ppr(m);
		return true;
	case 0x80d:
		*value = ID / 16 * 0x10000 + (1u << ID % 16);
		return true;
	case 0x80f:
		*value = m->svr;
		return true;
	case 0x810 ... 0x817:
		*value = model_word(m->in_service, msr - 0x810);
		return true;
	case 0x820 ... 0x827:
		*value = model_word(m->requested, msr - 0x820);
		return true;
	case 0x828:
		*value = m->told;
		return true;
	case 0x830:
		*value = m->icr;
		return true;
	case 0x832 ... 0x837:
		*value = m->lvt[msr - 0x832];
		return true;
	case 0x838:
		*value = m->initial;
		return true;
	case 0x83e:
		*value = m->divide;
		return true;
	case 0x839: /* the clock stands still */
		*value = m->current;
		return true;
	case 0x818 ... 0x81f: /* no level-triggered interrupts */
		return true;
	}
	return false;
}

static bool model_write_base(struct model *m, uint64_t value)
{
	static const enum mode modes[] = {DISABLED, X2APIC, XAPIC, X2APIC};
	enum mode to = modes[value >> 10 & 3];

	if ((value & ~UINT64_C(0xc00) & ~UINT64_C(0xfffffff000)) || (value >> 10 & 3) == 1)
		return false;
	if ((to == X2APIC && m->mode == DISABLED) || (to == XAPIC && m->mode == X2APIC))
		return false;
	if (to == DISABLED)
		model_reset(m, to);
	m->mode = to;
	return true;
}

/* A value for `msr`: most are legal, some have a bit too many. */
static uint64_t random_value(struct random *r, uint32_t msr)
{
	static const uint64_t destinations[] = {ID, ID + 1, 0x10008, 0x10004, 0x20008, UINT32_MAX};
	uint64_t value = random_next(r);

	switch (msr) {
	case 0x80b:
	case 0x828:
		value = 0;
		break;
	case 0x80f:
		value &= 0x1ff;
		value |= random_once_in(r, 4) ? 0 : 0x100;
		break;
	case 0x830:
		value &= 0xcd8ff;
		value |= destinations[random_below(r, 6)] << 32;
		value |= random_once_in(r, 3) ? random_below(r, 8) << 8 : 0;
		break;
	case 0x832 ... 0x837:
		value &= 0x700ff;
		break;
	case 0x838:
		value &= 0xffffffff;
		break;
	default:
		value &= 0xff;
		break;
	}
	return random_once_in(r, 16) ? value | UINT64_C(1) << random_below(r, 64) : value;
}

static void write_both(struct lapic *apic, struct model *m, struct random *r)
{
	static const uint32_t often[] = {0x808, 0x80b, 0x80b, 0x80f, 0x828, 0x830, 0x830, 0x83f,
					 0x83f, 0x832, 0x833, 0x834, 0x835, 0x836, 0x837, 0x83e};
	uint32_t msr = random_once_in(r, 8) ? 0x800 + (uint32_t)random_below(r, 0x100)
					    : often[random_below(r, 16)];
	uint64_t value = random_value(r, msr);

	cr_assert_eq(lapic_write_msr(apic, msr, value) == LAPIC_OK, model_write(m, msr, value),
		     "WRMSR %#x of %#lx", msr, value);
}

static void write_base_of_both(struct lapic *apic, struct model *m, struct random *r)
{
	uint64_t value = 0xfee00000 | random_below(r, 4) << 10;

	if (random_once_in(r, 8))
		value ^= UINT64_C(1) << random_below(r, 64);
	cr_assert_eq(lapic_write_base(apic, value) == LAPIC_OK, model_write_base(m, value),
		     "IA32_APIC_BASE of %#lx in mode %d", value, m->mode);
}

static void write_cr8_of_both(struct lapic *apic, struct model *m, struct random *r)
{
	uint64_t value = random_below(r, 18);

	cr_assert_eq(lapic_write_cr8(apic, value) == LAPIC_OK, value < 16);
	if (value < 16)
		m->tpr = value * 16;
}

static void compare_registers(struct lapic *apic, const struct model *m)
{
	for (uint32_t msr = 0x7ff; msr <= 0x900; msr++) {
		uint64_t expected, got = 0;
		bool readable = model_read(m, msr, &expected);

		cr_assert_eq(lapic_read_msr(apic, msr, &got) == LAPIC_OK, readable, "%#x", msr);
		cr_assert_eq(got, expected, "MSR %#x: %#lx, not %#lx", msr, got, expected);
	}
}

Test(lapic_random, answers_as_the_model_does)
{
	struct random random = {.state = 2024};
	struct lapic_rig rig;
	struct lapic *apic = &rig.apic;
	struct model model;
	unsigned accepted = 0, modes[3] = {0};

	lapic_power_up(&rig, ID);
	model_reset(&model, XAPIC);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		int vector = lapic_pending(apic);

		cr_assert_eq(vector, model_pending(&model), "operation %u", i);
		if (vector >= 0 && random_once_in(&random, 3)) {
			lapic_accept(apic, (uint8_t)vector);
			model.requested[vector] = false;
			model.in_service[vector] = true;
			accepted++;
		} else if (random_once_in(&random, 64)) {
			write_cr8_of_both(apic, &model, &random);
		} else if (random_once_in(&random, model.mode == X2APIC ? 1000 : 4)) {
			write_base_of_both(apic, &model, &random);
		} else {
			write_both(apic, &model, &random);
		}
		modes[model.mode]++;
		cr_assert_eq(lapic_cr8(apic), model.tpr / 16);
		if (i % 64 == 0)
			compare_registers(apic, &model);
	}
	/* The walk went everywhere and did not only fault. */
	cr_expect_gt(accepted, OPERATIONS / 50, "%u", accepted);
	for (int mode = DISABLED; mode <= X2APIC; mode++)
		cr_expect_gt(modes[mode], OPERATIONS / 1000, "mode %d: %u", mode, modes[mode]);
}
