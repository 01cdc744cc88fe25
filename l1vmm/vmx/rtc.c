#include "l1vmm/vmx/rtc.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/spin.h"

/* Bit 7 of the index masks NMIs on some machines. */
#define INDEX_MASK 0x7f

/* The time and date, registers A (update in progress, rates) and B (format), D (power). */
#define LAST_OF_TIME 0x09
#define REGISTER_A   0x0a
#define REGISTER_B   0x0b
#define REGISTER_C   0x0c /* interrupts; reading takes them back */
#define REGISTER_D   0x0d

#define FORMAT 0x07 /* of register B without its interrupts: binary, 24 hours, summer time */

static uint8_t machine_register(struct rtc *rtc, uint8_t index)
{
	uint8_t value;

	spin_lock(&rtc->busy);
	out8(RTC_INDEX_PORT, index);
	value = in8(RTC_DATA_PORT);
	spin_unlock(&rtc->busy);
	return value;
}

uint8_t rtc_read_port(struct rtc *rtc, uint16_t port)
{
	uint8_t index = __atomic_load_n(&rtc->index, __ATOMIC_RELAXED) & INDEX_MASK;

	if (port == RTC_INDEX_PORT)
		return UINT8_MAX;
	if (index <= LAST_OF_TIME || index == REGISTER_A || index == REGISTER_D)
		return machine_register(rtc, index);
	if (index == REGISTER_B)
		return machine_register(rtc, index) & FORMAT;
	return index == REGISTER_C ? 0 : UINT8_MAX;
}

void rtc_write_port(struct rtc *rtc, uint16_t port, uint8_t value)
{
	if (port == RTC_INDEX_PORT)
		__atomic_store_n(&rtc->index, value, __ATOMIC_RELAXED);
}
