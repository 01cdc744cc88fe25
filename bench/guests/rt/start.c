#include "bench/guests/rt/start.h"

#include "bench/guests/rt/memory.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"

_Noreturn void rt_start(uint32_t start_info_paddr);

/* Called by entry.S. */
_Noreturn void rt_start(uint32_t start_info_paddr)
{
	static const struct start_info_window all = {.size = MAPPED_SIZE};
	static struct start_info_view boot;

	trap_init();

	enum start_info_error error = start_info_check(start_info_paddr, &all, &boot);

	if (error)
		fail("bad-start-info error=%s paddr=0x%x", start_info_error_name(error),
		     start_info_paddr);
	guest_main(&boot);
	report_success();
}
