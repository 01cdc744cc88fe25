#!/bin/bash
# KVM within Bochs: Debian's kernel as L0, l1vmm as its guest, and a workload in that.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
cp build/l1vmm-launch "$PROJECT/build/"
mkdir "$PROJECT/scripts"
cp scripts/kvm-init "$PROJECT/scripts/"
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results

cat >"$PROJECT/bench/experiments/short.ini" <<END
[experiment]
title = a stack that the platform puts upon KVM
memory = 128
outbox = 1
[stack one]
levels = l1vmm / micro only=cpuid,rdmsr-trapped
END
cat >"$PROJECT/bench/experiments/pair.ini" <<END
[experiment]
title = the same L1 upon either L0
memory = 128
outbox = 1
[stack seen]
levels = kvm observe=on / l1vmm / micro only=cpuid,rdmsr-trapped
[stack kvm]
levels = kvm / l1vmm / micro only=cpuid,rdmsr-trapped
[stack l1vmm]
levels = l1vmm nested=on telemetry=off / l1vmm / micro only=cpuid,rdmsr-trapped
END
run "$vmfee" run --no-plots --platform=bochs-kvm short
is "$status" 0 "two levels of hypervisors within Bochs" || diag "$errors"
like "$output" "one \(kvm / l1vmm / micro" "the platform puts KVM beneath a hypervisor"
like "$output" "cpuid +[1-9][0-9]{3,4}\.0 +1\.00 +CPUID 1" "L1 records the exits that the guest expects"
short=$results/short-bochs-kvm
run "$vmfee" run --no-plots pair
is "$status" 0 "the same L1 upon KVM and upon l1vmm" || diag "$errors"
pair=$results/pair
cmp "$short/one/console.log" "$pair/kvm/console.log" >&2
is $? 0 "two runs write the same console"
cmp "$short/one/trace/stream_1" "$pair/kvm/trace/stream_1" >&2
is $? 0 "and the same trace"
run babeltrace2 "$short/one"
is "$status" 0 "babeltrace2 reads it"
is "$(grep -c 'reason = ( "CPUID"' <<<"$output")" "$(sqlite3 "$short/results.db" \
	"SELECT SUM(count) FROM exit_sum WHERE level = 1 AND reason = 'CPUID'")" \
	"with all of L1's exits"

# vmfee compares what KVM delivered with what L1 recorded, and fails where they differ.
like "$(<"$pair/seen/console.log")" "@observed records=[1-9][0-9]{2,} dropped=0 packets=[1-9][0-9]* interrupts=" \
	"BPF programs see KVM's own exits"
is "$(sqlite3 "$pair/results.db" "SELECT SUM(count) FROM observed_log2")" \
	"$(sed -n 's/^@observed records=\([0-9]*\) .*/\1/p' "$pair/seen/console.log")" \
	"their maps of how long each took count the same"
is "$(sed -n 's/^@delivered reason=CPUID count=//p' "$pair/seen/console.log")" "$(sqlite3 \
	"$pair/results.db" "SELECT SUM(count) FROM exit_sum WHERE stack = 0 AND level = 1
		AND reason = 'CPUID'")" "KVM delivered what L1 recorded"
run "$vmfee" report pair
like "$output" "rdmsr-trapped +1\.00 +3\.00 .*VMREAD 1, VMRESUME 1, MSR_READ 1" \
	"the report says what KVM did for an exit of L1's guest"
like "$output" "  CPUID +[1-9][0-9]+ +[1-9][0-9.]+ +[1-9][0-9.]+ +[1-9][0-9.]+ +[1-9][0-9.]+  CPUID 1\.[0-9]+, VMRESUME 1" \
	"and what such an exit took of either level, and in between"
# All but the last exit, behind which nothing is entered.
is "$(sqlite3 "$pair/results.db" "SELECT SUM(count) FROM joined")" "$(($(sqlite3 "$pair/results.db" \
	"SELECT records FROM stack WHERE id = 0") - 1))" "each exit is joined with what it took"
is "$(sqlite3 "$pair/results.db" "SELECT COUNT(*) FROM joined_beneath WHERE beneath = 'VMRESUME'
	AND count <> (SELECT SUM(count) FROM joined WHERE joined.reason = joined_beneath.reason
	AND joined.benchmark IS joined_beneath.benchmark)")" 0 "with one entry behind it"
like "$output" "Observing takes [1-9][0-9]+\.[0-9] instructions an exit" "and what looking cost"

# ratio BENCHMARK: checks the row of either L0 that the report prints
ratio() {
	local ours kvms printed
	read -r ours kvms printed < <(awk -v name="$1" '/^The same upon either L0/ { inside = 1 }
		inside && $1 == name { print $2, $3, $4 }' <<<"$output")
	is "$printed" "$(awk -v a="$ours" -v b="$kvms" 'BEGIN { if (a > 0) printf "%.2f", b / a }')" \
		"$1: the ratio is that of the two L0s"
	if awk -v ratio="$printed" 'BEGIN { exit !(ratio > 1) }'; then holds=0; else holds=1; fi
	ok $holds "$1: KVM takes more instructions beneath the same L1" || diag "$ours $kvms $printed"
}
heading=$(sed -n '/^The same upon/,/^$/p' <<<"$output" | paste -sd' ' | tr -s ' ')
like "$heading" "The same upon either L0, l1vmm \(l1vmm nested=on telemetry=off / l1vmm / micro[^)]*\) and kvm \(kvm / l1vmm / micro" \
	"the report sets both L0s side by side, two levels up"
ratio cpuid
ratio rdmsr-trapped

# stack LEVELS: makes the experiment `case` of one stack
stack() {
	printf '[experiment]\ntitle = case\n[stack case]\nlevels = %s\n' "$1" \
		>"$PROJECT/bench/experiments/case.ini"
}
stack "kvm ept=0 tlb=flush / micro"
run "$vmfee" run case
like "$errors" "'tlb=flush' is no parameter of KVM with a value; there are: nested, ept," \
	"a parameter that KVM does not have"
is "$status" 2 "is wrong usage"
stack "kvm"
run "$vmfee" run case
like "$errors" "kvm: nothing to launch" "KVM alone"
is "$status" 2 "is wrong usage"
stack "l1vmm / kvm"
run "$vmfee" run case
like "$errors" "kvm: nothing to launch" "KVM as a guest, with nothing upon it"
is "$status" 2 "is wrong usage"
stack "kvm / micro"
rm "$PROJECT/.cache"
mkdir "$PROJECT/.cache"
ln -s "$ROOT/.cache/bochs" "$PROJECT/.cache/bochs"
run "$vmfee" run case
like "$errors" "vmlinux: .*run scripts/bootstrap kernel" "no kernel: what would help is told"
is "$status" 6 "it is the platform that is missing"
is "$(ls "$results")" "pair"$'\n'"short-bochs-kvm" "nothing looks like a result"

finish
