#!/bin/bash
# vmfee on this machine's own KVM.  What is measured is time, so nothing here looks at a count.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
# The launcher takes a path up to its first blank.
mv "$PROJECT" "$T/a project"
PROJECT="$T/a project"
cp build/l1vmm-launch "$PROJECT/build/"
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results

# case_of LEVELS...: makes the experiment `case`, a stack a, b, c for each
case_of() {
	local names=(a b c d) i=0 levels
	printf '[experiment]\ntitle = case\nmemory = 64\n' >"$PROJECT/bench/experiments/case.ini"
	for levels in "$@"; do
		printf '[stack %s]\nlevels = %s\n' "${names[i]}" "$levels"
		i=$((i + 1))
	done >>"$PROJECT/bench/experiments/case.ini"
}
on_kvm() { run "$@" "$vmfee" run --no-plots --platform=kvm case; }

case_of "micro only=cpuid" "kvm / micro only=cpuid,rdtsc"
run "$vmfee" run --platform=kvm --cpu=corei7_skylake_x case
fails_with 2 "cpu names a model of Bochs" "a model of Bochs for a real processor"

run "$vmfee" run --platform=kvm --memory=2049 case
fails_with 2 "memory = 2049 is not possible on the platform kvm" "more memory than a guest can have"

# A stack that asks for a machine which the launcher does not make.
case_of "micro only=cpuid" "l1vmm cpus=2 irq=posted / irq cpus=2"
on_kvm
fails_with 2 "\[stack b\]: cpus=2 is not possible upon KVM, .*--platform=bochs" "two processors upon KVM"
run "$vmfee" run --no-plots --platform=bochs-kvm case
fails_with 2 "\[stack b\]: cpus=2 is not possible upon KVM" "nor within Bochs"
case_of "irq cpus=2"
on_kvm
fails_with 2 "\[stack a\]: cpus=2 is not possible upon KVM" "a workload's two processors"
case_of "micro only=cpuid" "kvm / micro only=cpuid,rdtsc"

if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>"$T/.stderr"; then
	# shellcheck disable=SC2016
	on_kvm unshare --mount sh -c 'mount -t tmpfs none /dev && exec "$@"' sh
	fails_with 6 "no /dev/kvm: load KVM \(modprobe kvm_intel\)" "a machine without KVM"
	# shellcheck disable=SC2016
	on_kvm unshare --mount sh -c 'mount -t tmpfs none /dev && : >/dev/kvm && chmod 0 /dev/kvm &&
		exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"' sh
	fails_with 6 "no permission for /dev/kvm: add yourself to its group" "a KVM that is closed"
	# shellcheck disable=SC2016
	run unshare --mount sh -c 'mount -t tmpfs none /dev && : >/dev/kvm && chmod 0 /dev/kvm &&
		exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"' sh "$vmfee" doctor
	like "$output" "\(!\) +right to use it +no.*adduser .USER kvm" "vmfee doctor finds that, too"
else
	skip "a machine without KVM" "root and a mount namespace are needed to hide /dev/kvm"
	skip "a KVM that is closed" "root and a mount namespace are needed to close /dev/kvm"
	skip "vmfee doctor finds that, too" "likewise"
fi
is "$(ls "$PROJECT")" $'bench\nbuild' "none of them leaves anything"

if [ ! -w /dev/kvm ]; then
	skip "stacks upon this machine's KVM" "/dev/kvm is not there, or closed"
	finish
	exit
fi

on_kvm
is "$status" 0 "workloads upon this machine's KVM" || diag "$errors"
like "$output" "kvm $(uname -r), .*One tick is one[[:space:]]+cycle of the time-stamp counter: a[[:space:]]+time" \
	"the report says upon what, and that ticks are time"
like "$output" "b \(kvm / micro only=cpuid,rdtsc\), cycles per operation:" "in cycles"
is "$(grep -c instruction <<<"$output")" 0 "and of no instructions"
run sqlite3 "$results/case-kvm/results.db" "SELECT name, depth FROM stack ORDER BY id"
is "$output" $'a|0\nb|1' "a workload alone is at depth 0"
is "$(grep -c '^|' "$results/case-kvm/a/console.log")" 0 "its console is its own"
like "$(<"$results/case-kvm/b/console.log")" "\|@end image=micro status=ok"$'\n'"@end image=kvm status=ok" \
	"upon the level kvm it has a bar"
is "$(find "$results/case-kvm/a" "$results/case-kvm/b" ! -type d ! -name console.log ! -name cell.json)" "" \
	"a stack's folder has nothing but what is of use"

# Root without the capabilities is refused BPF; anybody else is anyway.
case_of "kvm observe=on / micro only=cpuid"
unprivileged=()
[ "$(id -u)" -ne 0 ] || unprivileged=(setpriv "--bounding-set=-bpf,-perfmon,-sys_admin")
on_kvm "${unprivileged[@]}"
is "$status" 0 "a run that is refused its BPF programs goes on" || diag "$errors"
like "$(<"$results/case-kvm/a/console.log")" "BPF programs: load: .*; the run goes on without" \
	"and its console says so"
like "$output" "KVM was not observed beneath a; its console.log says why" "so does the report"

# Where /sys is not mounted nobody can know a module's parameters.
if poll=$(cat /sys/module/kvm/parameters/halt_poll_ns 2>/dev/null); then
	case_of "kvm halt_poll_ns=$poll / micro only=cpuid"
	on_kvm
	is "$status" 0 "a parameter that the module has" || diag "$errors"
	case_of "kvm halt_poll_ns=$((poll + 1)) / micro only=cpuid"
	on_kvm
	fails_with 6 "kvm has halt_poll_ns=$poll, not $((poll + 1)): .*modprobe kvm halt_poll_ns=$((poll + 1))" \
		"one that it has otherwise"
else
	skip "a parameter that the module has" "/sys/module/kvm/parameters cannot be read"
	skip "one that it has otherwise" "/sys/module/kvm/parameters cannot be read"
fi

case_of "micro fault=triple"
on_kvm
is "$status" 3 "a triple fault is the guest's failure"
like "$errors" "stack a: l1vmm-launch: the guest ended in a triple fault; see .*case-kvm.failed/a/console.log" \
	"which is told, and where to look"
case_of "kvm / micro only=nonsense"
on_kvm
is "$status" 3 "so is a workload that fails"
like "$errors" "stack a: micro: benchmark 'micro' failed: unknown-benchmark" "in its own words"

case_of "micro fault=hang"
"$vmfee" run --no-plots --platform=kvm case >"$T/out" 2>"$T/errors" </dev/null &
until grep -qs '@image' "$results"/.case-kvm.partial/a/console.log; do sleep 0.05; done
kill -TERM $!
wait $!
is $? 130 "SIGTERM ends a run"
is "$(processes_left)" "" "and the launcher with it"

# What the processor beneath offers is KVM's to say.
case_of "l1vmm / micro only=cpuid" "micro only=cpuid"
on_kvm
is "$status" 0 "what can be run is run" || diag "$errors"
run "$vmfee" report case-kvm
if [[ $output == *"Not run"* ]]; then
	like "$output" "Not run: a: (this KVM offers|kvm_intel has nested=)" "what needs VMX is named"
	case_of "l1vmm / micro only=cpuid"
	on_kvm
	fails_with 6 "(no VMX|nested=)" "a run of which nothing is left says what would help"
else
	like "$output" "a \(kvm / l1vmm / micro only=cpuid\), cycles" "a hypervisor upon KVM is measured"
	skip "a run of which nothing is left" "this KVM offers its guests VMX"
fi

finish
