#include "bench/launcher/sandbox.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a vCPU, the drain and the end of the process need. */
static const uint32_t allowed[] = {
	SYS_read,	SYS_write,	     SYS_pwrite64,	 SYS_poll,
	SYS_ppoll,	SYS_epoll_wait,	     SYS_epoll_pwait,	 SYS_futex,
	SYS_close,	SYS_lseek,	     SYS_munmap,	 SYS_mmap,
	SYS_brk,	SYS_madvise,	     SYS_mprotect,	 SYS_exit,
	SYS_exit_group, SYS_rt_sigreturn,    SYS_rt_sigprocmask, SYS_getpid,
	SYS_gettid,	SYS_restart_syscall, SYS_clock_gettime,	 SYS_sched_yield,
	SYS_fstat,	SYS_newfstatat,
};

struct argument {
	uint32_t call, number, value;
};

/*
 * And what they need with one argument only.  A terminal, say, is an open file, too, and takes
 * ioctls that type commands into it.
 */
static const struct argument allowed_with[] = {
	{SYS_ioctl, 1, KVM_RUN},
	{SYS_ioctl, 1, KVM_GET_REGS},
	{SYS_ioctl, 1, PERF_EVENT_IOC_DISABLE}, /* libbpf lets go of a tracepoint */
	{SYS_bpf, 0, BPF_MAP_LOOKUP_ELEM},
};

/* Bits of an argument that make of an allowed call one that is not. */
static const struct argument refused_with[] = {
	{SYS_mmap, 2, PROT_EXEC},
	{SYS_mprotect, 2, PROT_EXEC},
};

enum {
	ALLOWED = sizeof(allowed) / sizeof(allowed[0]),
	ALLOWED_WITH = sizeof(allowed_with) / sizeof(allowed_with[0]),
	REFUSED_WITH = sizeof(refused_with) / sizeof(refused_with[0]),
	MAX_FILTER = 4 + 5 * (ALLOWED_WITH + 1 + REFUSED_WITH) + 1 + 2 * ALLOWED + 1,
};

struct filter {
	struct sock_filter code[MAX_FILTER];
	unsigned short length;
};

static void add(struct filter *filter, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	filter->code[filter->length++] = (struct sock_filter)BPF_JUMP(code, k, yes, no);
}

static void load(struct filter *filter, size_t offset)
{
	add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/*
 * Returns `action` for the call where the comparison of its argument holds.  Of the argument only
 * the lower half is looked at, which is all that the kernel takes of these, or has meaning.
 */
static void add_argument(struct filter *filter, const struct argument *argument, uint16_t compare,
			 uint32_t action)
{
	load(filter, offsetof(struct seccomp_data, nr));
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, argument->call, 0, 3);
	load(filter, offsetof(struct seccomp_data, args) + argument->number * sizeof(uint64_t));
	add(filter, BPF_JMP | compare | BPF_K, argument->value, 0, 1);
	add(filter, BPF_RET | BPF_K, action, 0, 0);
}

/* Kills at a call of another architecture's numbering, and at each that is not allowed. */
static void write_filter(struct filter *filter)
{
	const struct argument own = {SYS_tgkill, 0, (uint32_t)getpid()};

	load(filter, offsetof(struct seccomp_data, arch));
	add(filter, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	add(filter, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	for (size_t i = 0; i < ALLOWED_WITH; i++)
		add_argument(filter, &allowed_with[i], BPF_JEQ, SECCOMP_RET_ALLOW);
	add_argument(filter, &own, BPF_JEQ, SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < REFUSED_WITH; i++)
		add_argument(filter, &refused_with[i], BPF_JSET, SECCOMP_RET_KILL_PROCESS);
	load(filter, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ALLOWED; i++) {
		add(filter, BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	}
	add(filter, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
}

/* Also of a user who is not root: BPF programs may have been loaded by CAP_BPF alone. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return (int)syscall(SYS_capset, &head, none);
}

int sandbox_drop_privileges(struct vmfee_error *err)
{
	bool root = getuid() == 0 || geteuid() == 0;
	int death = 0;

	if (prctl(PR_GET_PDEATHSIG, &death) != 0 ||
	    (root &&
	     (setgroups(0, NULL) != 0 || setresgid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) != 0 ||
	      setresuid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) != 0)) ||
	    drop_capabilities() != 0 ||
	    /* Another user means another parent's signal, unless it is asked for again. */
	    prctl(PR_SET_PDEATHSIG, death) != 0)
		return vmfee_fail_errno(err, "cannot drop privileges");
	return 0;
}

int sandbox_enter(struct vmfee_error *err)
{
	struct filter filter = {.length = 0};

	write_filter(&filter);
	const struct sock_fprog program = {.len = filter.length, .filter = filter.code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return vmfee_fail_errno(err, "cannot restrict system calls");
	return 0;
}
