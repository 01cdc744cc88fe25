#!/bin/bash
# KVM within Bochs at full length: the experiment `fee` is repeatable to the byte, and fast enough;
# each parameter of KVM's modules that a level can set, with its trouble where it has one; the
# experiment `mmu`, and stacks of several hypervisors.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# What `make fee PLATFORM=bochs-kvm` may take on two processors, set-up done.
LIMIT=240

for results in first second; do
	begun=$SECONDS
	run build/vmfee run --platform=bochs-kvm --results "$T/$results" fee
	took=$((SECONDS - begun))
	is "$status" 0 "$results run of fee upon KVM" || diag "$errors"
	diag "$results run: $took seconds"
	if [ "$took" -lt "$LIMIT" ]; then holds=0; else holds=1; fi
	ok $holds "it takes less than $LIMIT seconds"
done
files=$(cd "$T/first" && find . -type f | sort)
is "$(cd "$T/second" && find . -type f | sort)" "$files" "both leave the same files"
while read -r file; do
	cmp "$T/first/$file" "$T/second/$file" >&2
	ok $? "${file#./} is the same in both"
done <<<"$files"

run build/vmfee run --no-plots --platform=bochs-kvm --results "$T/results" mmu
is "$status" 0 "mmu upon KVM" || diag "$errors"
is "$(sqlite3 "$T/results/mmu-bochs-kvm/results.db" "SELECT COUNT(*) FROM stack
	WHERE (SELECT COUNT(*) FROM benchmark WHERE stack = stack.id) =
		(SELECT COUNT(*) FROM benchmark WHERE stack = 0)")" \
	"$(grep -c '^\[stack' bench/experiments/mmu.ini)" "each way to translate ran each workload"

private_project
cp build/l1vmm-launch "$PROJECT/build/"
mkdir "$PROJECT/scripts"
cp scripts/kvm-init "$PROJECT/scripts/"
# stack LEVELS [MODEL]: runs one stack, upon that model of Bochs's
stack() {
	one_stack case "$1 only=cpuid" memory=256 watchdog=4000 outbox=16 ${2:+"cpu=$2"}
	run "$PROJECT/build/vmfee" run --no-plots "$T/case.ini"
}
# switched NAME VALUE LEVELS [MODEL]: a run that ends well, in which KVM has the parameter so
switched() {
	stack "kvm $1=$2 / $3" "${4-}"
	is "$status" 0 "$1=$2 beneath $3" || diag "$errors"
	like "$output" "cpuid +[1-9][0-9.]+ +1\.00 +CPUID 1" "an exit of L1's guest has its count"
	is "$(sqlite3 "$PROJECT/results/case/results.db" \
		"SELECT value FROM switch WHERE level = 0 AND name = '$1'")" "${5-$2}" "KVM says so"
}
# refused STATUS LEVELS TEXT NAME: a run that fails, and says why
refused() {
	stack "$2"
	is "$status" "$1" "$4"
	like "$errors" "$3" "it says what would help"
}
HASWELL=corei7_haswell_4770
switched enable_shadow_vmcs N 'l1vmm / micro'
switched ept N 'l1vmm mmu=shadow:unsync / micro'
switched vpid N 'l1vmm tlb=flush / micro'
switched nested_early_check Y 'l1vmm / micro' $HASWELL
# That model has no APICv: KVM says no.
switched enable_apicv Y 'l1vmm / micro' $HASWELL N

for upper in 'l1vmm nested=on' 'l1vmm nested=on vmcs=shadow' \
	'l1vmm nested=on vmcs=shadow / l1vmm nested=on memory=160'; do
	stack "kvm / $upper / l1vmm / micro"
	is "$status" 0 "a guest of $upper upon KVM" || diag "$errors"
	like "$output" "cpuid +[1-9][0-9.]+ +[1-9][0-9]*\.00 +CPUID" "L1 took each exit"
done

refused 2 'kvm ept=0 / l1vmm / micro' \
	'lacks UNRESTRICTED_GUEST .*; ept: without EPT .* mmu=shadow:unsync' "EPT that there is not"
refused 2 'kvm vpid=0 / l1vmm / micro' 'lacks ENABLE_VPID .*; vpid: .* tlb=flush' "tags that there are not"
refused 4 'kvm enable_apicv=1 / micro' \
	'the entry failed, reason 0x7; enable_apicv: Bochs 3.0 wants' "APICv upon Bochs 3.0"
refused 4 'kvm nested_early_check=1 / l1vmm / micro' \
	'error 7: .*; nested_early_check: .* TSC multiplier' "an early check that comes too early"

finish
