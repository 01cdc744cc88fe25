#include "bench/guests/rt/report.h"

#include <stdarg.h>
#include <stddef.h>

#include "l1vmm/arch/console.h"
#include "l1vmm/arch/poweroff.h"
#include "l1vmm/lib/printf.h"

#define STATUS_SUCCESS 0
#define STATUS_FAILURE 1

static const char *image_name = "unnamed";
static const char *running;

void report_image(const char *image)
{
	image_name = image;
	printk("@image name=%s\n", image);
}

void report_running(const char *name)
{
	running = name;
}

_Noreturn void fail(const char *why, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, why);
	vformat(text, sizeof(text), why, arguments);
	va_end(arguments);
	printk("@fail name=%s why=%s\n", running ? running : image_name, text);
	printk("@end image=%s status=fail\n", image_name);
	poweroff(STATUS_FAILURE);
}

void expect(const char *why, uint64_t found, uint64_t expected)
{
	if (found != expected)
		fail("%s found=0x%lx expected=0x%lx", why, found, expected);
}

_Noreturn void report_success(void)
{
	printk("@end image=%s status=ok\n", image_name);
	poweroff(STATUS_SUCCESS);
}
