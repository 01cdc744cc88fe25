#include "l1vmm/vmx/stop.h"

#include <stdarg.h>

#include "l1vmm/arch/console.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/arch/poweroff.h"
#include "l1vmm/dev/console.h"
#include "l1vmm/lib/printf.h"
#include "l1vmm/smp.h"
#include "l1vmm/status.h"
#include "l1vmm/trace.h"
#include "l1vmm/vm.h"

static const struct {
	const char *name, *text;
} stops[] = {
#define STOP(NAME, name, text) [STOP_##NAME] = {name, text},
#include "l1vmm/vmx/stop_reasons.def"
#undef STOP
};

static _Noreturn void end(const char *status, uint8_t code)
{
	const struct vcpu *v = this_cpu()->vcpu;

	guest_console_flush();
	trace_finish();
	if (v)
		vm_report_pages(v->vm);
	printk("@end image=l1vmm status=%s\n", status);
	poweroff(code);
}

/* `where` is more tokens, or empty. */
static void say(enum stop_reason reason, const char *where, const char *text, va_list arguments)
{
	char tokens[256];

	vformat(tokens, sizeof(tokens), text, arguments);
	guest_console_flush();
	printk("l1vmm: guest stopped: %s\n", stops[reason].text);
	printk("@stop reason=%s %s%s\n", stops[reason].name, tokens, where);
}

void vcpu_stop(struct vcpu *v, enum stop_reason reason, const char *text, ...)
{
	char where[128];
	va_list arguments;

	smp_stop_others();
	format(where, sizeof(where), " vcpu=%u rip=0x%lx exit=%u detail=0x%lx", v->id, v->rip,
	       v->reason, v->detail);
	va_start(arguments, text);
	say(reason, where, text, arguments);
	va_end(arguments);
	end("guest-stopped", STATUS_GUEST_STOPPED);
}

void guest_refused(enum stop_reason reason, const char *text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	say(reason, "", text, arguments);
	va_end(arguments);
	end("guest-stopped", STATUS_GUEST_STOPPED);
}

void vcpu_poweroff(uint8_t status)
{
	smp_stop_others();
	if (status)
		end("guest-failure", STATUS_GUEST_FAILURE);
	end("ok", STATUS_OK);
}
