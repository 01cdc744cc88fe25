/*
 * The first and only process of a stock kernel that is a guest: a program of Linux, not of this
 * project's own run-time.  It looks at the kernel's interrupts and clock, and for complaints in the
 * kernel's log, and reports as every image does, by the port of the console.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT_CONSOLE  0xe9
#define PORT_STATUS   0xf4
#define PORT_POWEROFF 0x8900

#define SYSLOG_ACTION_READ_ALL 3

#define MAX_CPUS  8
#define TURNS	  20000 /* of each process that compares clocks */
#define NAPS	  20
#define NAP_NS	  1000000
#define NS	  UINT64_C(1000000000)
#define LINE_SIZE 480

static bool failed;

/* One string instruction is one exit. */
static void port_string(uint16_t port, const char *text)
{
	outsb(port, text, strlen(text));
}

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	port_string(PORT_CONSOLE, line);
}

#define fail(name, format, ...)                                             \
	do {                                                                \
		failed = true;                                              \
		say("@fail name=" name " why=" format "\n", ##__VA_ARGS__); \
	} while (0)

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NS + (uint64_t)time.tv_nsec;
}

/* The rest of the line of `file` that begins with `name` behind blanks; false if none does. */
static bool find_line(const char *file, const char *name, char *rest, size_t size)
{
	char line[4096];
	bool found = false;
	FILE *lines = fopen(file, "re");

	while (lines && !found && fgets(line, sizeof(line), lines)) {
		const char *begin = line + strspn(line, " ");

		found = strncmp(begin, name, strlen(name)) == 0;
		if (found)
			snprintf(rest, size, "%s", begin + strlen(name));
	}
	if (lines)
		fclose(lines);
	return found;
}

/* How many interrupts of a kind each processor has had. */
static bool counts(const char *name, unsigned cpus, uint64_t *count)
{
	char rest[512];
	char *at = rest;

	if (!find_line("/proc/interrupts", name, rest, sizeof(rest)))
		return false;
	for (unsigned i = 0; i < cpus; i++)
		count[i] = strtoull(at, &at, 10);
	say("%s %s", name, rest);
	return true;
}

static uint64_t sum(const uint64_t *count, unsigned cpus)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < cpus; i++)
		all += count[i];
	return all;
}

/* The interval timer by way of the I/O APIC, and each processor's own timer. */
static void check_timers(unsigned cpus)
{
	uint64_t count[MAX_CPUS] = {0};
	char rest[512];

	if (!find_line("/proc/interrupts", "0:", rest, sizeof(rest)) || !strstr(rest, "IO-APIC"))
		fail("timer", "not-by-the-io-apic");
	else if (!counts("0:", cpus, count) || sum(count, cpus) == 0)
		fail("timer", "no-interrupt");
	if (!counts("LOC:", cpus, count))
		fail("local-timer", "none");
	for (unsigned i = 0; i < cpus; i++)
		if (count[i] == 0)
			fail("local-timer", "no-interrupt cpu=%u", i);
}

static void check_interrupts(unsigned cpus)
{
	uint64_t count[MAX_CPUS] = {0};

	check_timers(cpus);
	/* The first two are of the whole machine. */
	if (!counts("ERR:", 1, count) || sum(count, 1) != 0)
		fail("interrupts", "errors");
	if (!counts("MIS:", 1, count) || sum(count, 1) != 0)
		fail("interrupts", "levels-missed");
	if (!counts("SPU:", cpus, count) || sum(count, cpus) != 0)
		fail("interrupts", "spurious");
	if (cpus > 1 && (!counts("CAL:", cpus, count) || sum(count, cpus) == 0))
		fail("function-calls", "none-between-processors");
}

/* A nap lasts at least as long as it is to. */
static void check_naps(void)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	uint64_t start = now();

	for (unsigned i = 0; i < NAPS; i++)
		nanosleep(&nap, NULL);
	uint64_t took = now() - start;
	say("%u naps of %u us took %lu us\n", NAPS, NAP_NS / 1000, took / 1000);
	if (took < (uint64_t)NAPS * NAP_NS)
		fail("naps", "too-short ns=%lu", took);
}

/* On processor `cpu`: no time is before one that another has seen.  The exit status says so. */
static _Noreturn void watch_clock(unsigned cpu, uint64_t *latest)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here) != 0)
		_exit(2);
	for (unsigned i = 0; i < TURNS; i++) {
		uint64_t seen = __atomic_load_n(latest, __ATOMIC_ACQUIRE);
		uint64_t time = now();

		if (time < seen)
			_exit(1);
		while (seen < time &&
		       !__atomic_compare_exchange_n(latest, &seen, time, false, __ATOMIC_ACQ_REL,
						    __ATOMIC_ACQUIRE))
			;
	}
	_exit(0);
}

static void check_clock(unsigned cpus)
{
	uint64_t *latest = mmap(NULL, sizeof(*latest), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (latest == MAP_FAILED) {
		fail("clock", "no-memory");
		return;
	}
	for (unsigned i = 0; i < cpus; i++)
		if (fork() == 0)
			watch_clock(i, latest);
	for (unsigned i = 0; i < cpus; i++) {
		int status = 0;

		if (wait(&status) < 0 || status != 0)
			fail("clock", "runs-backwards status=0x%x", (unsigned)status);
	}
}

/* What a kernel says when it finds its processor or itself at fault. */
static void check_log(void)
{
	static const char *const complaints[] = {"BUG:",       "Oops",		"WARNING: CPU",
						 "Call Trace", "unchecked MSR", "spurious",
						 "unstable"};
	static char text[1 << 20];
	int length = klogctl(SYSLOG_ACTION_READ_ALL, text, sizeof(text) - 1);

	if (length <= 0) {
		fail("log", "empty");
		return;
	}
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
			if (strstr(line, complaints[i])) {
				say("%.400s\n", line);
				fail("log", "a-complaint");
			}
}

static _Noreturn void end(void)
{
	say("@end image=linux status=%s\n", failed ? "fail" : "ok");
	outb(failed, PORT_STATUS);
	port_string(PORT_POWEROFF, "Shutdown");
	for (;;)
		pause();
}

int main(void)
{
	const char *told = getenv("cpus"); /* the kernel hands on what it does not know */
	unsigned wanted = told ? (unsigned)strtoul(told, NULL, 10) : 1;
	unsigned cpus;

	if (iopl(3) != 0)
		return 1;
	say("@image name=linux\n");
	if (mount("proc", "/proc", "proc", 0, NULL) != 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) != 0)
		fail("mount", "errno=%d", errno);
	cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus != wanted || cpus > MAX_CPUS)
		fail("processors", "online=%u wanted=%u", cpus, wanted);
	if (!failed) {
		check_naps();
		check_clock(cpus);
		check_interrupts(cpus);
	}
	check_log();
	end();
}
