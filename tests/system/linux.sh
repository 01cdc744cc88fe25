# Sourced by tests of a stock kernel, after lib.sh.
# shellcheck shell=bash

# kvm LEVELS: the workload upon Debian's KVM, upon l1vmm, ends with the results that it checks
kvm() {
	run_stack kvm "$1" memory=384 watchdog=1500 outbox=64
	is "$status" 0 "$1" || diag "$errors"
	build/vmfee report --csv "$T/results/kvm" >"$T/kvm.csv"
}

# linux BARS LEVELS: Debian's kernel upon these levels is content with its interrupts and clocks
linux() {
	local console
	run_stack linux "$2" memory=512 watchdog=9000 outbox=64
	console=$(cat "$T/results/linux/case/console.log" "$T/results/.linux.failed/case/console.log" 2>/dev/null)
	is "$status" 0 "$2" || diag "$errors"
	if grep -qxF "$1@end image=linux status=ok" <<<"$console"; then holds=0; else holds=1; fi
	ok $holds "the program in it says so" || diag "$(grep -F '@fail' <<<"$console")"
}
