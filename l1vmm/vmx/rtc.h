/*
 * The real-time clock of a PC (MC146818) and its memory, at ports 0x70 and 0x71: the machine's own
 * time and status, to be read.  A kernel without it waits a second for it when it starts.
 */
#ifndef L1VMM_VMX_RTC_H
#define L1VMM_VMX_RTC_H

#include <stdbool.h>
#include <stdint.h>

#define RTC_INDEX_PORT 0x70
#define RTC_DATA_PORT  0x71

struct rtc {
	bool busy;     /* the lock of the machine's clock, which every vCPU gets at */
	uint8_t index; /* as it was written */
};

/*
 * A byte of a port of the clock.  What a guest writes to registers is ignored: the machine's clock
 * is not the guest's to set.  Where the machine has none, all reads as ones.
 */
uint8_t rtc_read_port(struct rtc *rtc, uint16_t port);
void rtc_write_port(struct rtc *rtc, uint16_t port, uint8_t value);

#endif
