#include "bench/launcher/sandbox.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a vCPU, the drain and the end of the process need. */
static const uint32_t allowed[] = {
	SYS_ioctl,	   SYS_read,	    SYS_write,	      SYS_pwrite64,
	SYS_poll,	   SYS_ppoll,	    SYS_epoll_wait,   SYS_epoll_pwait,
	SYS_futex,	   SYS_close,	    SYS_lseek,	      SYS_munmap,
	SYS_mmap,	   SYS_brk,	    SYS_madvise,      SYS_mprotect,
	SYS_exit,	   SYS_exit_group,  SYS_rt_sigreturn, SYS_rt_sigprocmask,
	SYS_tgkill,	   SYS_getpid,	    SYS_gettid,	      SYS_restart_syscall,
	SYS_clock_gettime, SYS_sched_yield, SYS_fstat,	      SYS_newfstatat,
};

enum { ALLOWED = sizeof(allowed) / sizeof(allowed[0]), PROLOGUE = 4, BPF_RULE = 4 };

/*
 * Kills at a call of another architecture's numbering, and at each that is not allowed.  bpf() may
 * read maps that are open.
 */
static void write_filter(struct sock_filter *filter)
{
	const struct sock_filter prologue[PROLOGUE] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	const struct sock_filter bpf_rule[BPF_RULE] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, BPF_RULE - 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_MAP_LOOKUP_ELEM, ALLOWED + 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	size_t at = 0;

	while (at < PROLOGUE) {
		filter[at] = prologue[at];
		at++;
	}
	for (size_t i = 0; i < BPF_RULE; i++)
		filter[at++] = bpf_rule[i];
	for (size_t i = 0; i < ALLOWED; i++)
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
							    (uint8_t)(ALLOWED - i), 0);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[at] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

static int drop_root(struct vmfee_error *err)
{
	int death = 0;

	if (getuid() != 0 && geteuid() != 0)
		return 0;
	/* Another user means another parent's signal, unless it is asked for again. */
	if (prctl(PR_GET_PDEATHSIG, &death) != 0 || setgroups(0, NULL) != 0 ||
	    setresgid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) != 0 ||
	    setresuid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) != 0 ||
	    prctl(PR_SET_PDEATHSIG, death) != 0)
		return vmfee_fail_errno(err, "cannot stop being root");
	return 0;
}

int sandbox_enter(struct vmfee_error *err)
{
	struct sock_filter filter[PROLOGUE + BPF_RULE + ALLOWED + 2];
	const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]),
					   .filter = filter};

	write_filter(filter);
	if (drop_root(err) != 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return vmfee_fail_errno(err, "cannot restrict system calls");
	return 0;
}
