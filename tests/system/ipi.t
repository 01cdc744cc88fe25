#!/bin/bash
# Two processors: what the experiment `irq` promises of them repeats, each interrupt between them arrives
# once, and a processor that runs takes it without an exit under irq=posted.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

. tests/system/stress.sh

# value BENCHMARK WAY COLUMN: one cell of the CSV, of the stack with two processors
value() {
	cell "$T/first.csv" "$1" "$2-2" "$3"
}

# records SAMPLES WAY: exits of the second processor in a run of so many interrupts to it
records() {
	one_stack case "l1vmm cpus=2 irq=$2 / irq cpus=2 only=ipi-latency samples=$1" memory=256 watchdog=400 outbox=64
	run build/vmfee run --no-plots --results "$T/records-$1-$2" "$T/case.ini"
	sed -n 's/^@telemetry cpu=1 records=\([0-9]*\) dropped=0 .*/\1/p' \
		"$T/records-$1-$2/case/case/console.log"
}

# receiver WAY LEAST MOST: exits of the second processor for 2,000 interrupts more to it
receiver() {
	local few many
	few=$(records 16 "$1") many=$(records 2016 "$1")
	if [ -n "$few" ] && [ -n "$many" ] && [ $((many - few)) -ge "$2" ] && [ $((many - few)) -le "$3" ]; then holds=0; else holds=1; fi
	ok $holds "$1: 2,000 interrupts are $2 to $3 exits of the processor that they go to" || diag "got: $few, $many"
}

# refused TEXT NOTATION: a stack that does not start, and what it says
refused() {
	one_stack case "$2" memory=256
	run build/vmfee run --results "$T/refused" "$T/case.ini"
	is "$status" 2 "refused: $2"
	like "$errors" "$1" "it says why"
}

run build/vmfee run --results "$T/first" irq
is "$status" 0 "first run" || diag "$errors"
run build/vmfee run --no-plots --results "$T/second" irq
is "$status" 0 "second run" || diag "$errors"
cmp -s "$T/first/irq/manifest.json" "$T/second/irq/manifest.json"
ok $? "manifest.json is the same in both"
for results in first second; do
	build/vmfee report --csv "$T/$results/irq" >"$T/$results.csv"
done
is "$(promised "$T/second.csv")" "$(promised "$T/first.csv")" "and what is promised of the rest"

# Each exit by its name; the ICR of the sender is one wherever it lies.
is "$(value ipi-latency emulated exits)" "EXTERNAL_INTERRUPT:1;MSR_WRITE:2" "emulated: a kick and an EOI at the receiver"
is "$(value ipi-latency apicv exits)" "EXTERNAL_INTERRUPT:1;MSR_WRITE:1" "apicv: a kick at the receiver"
is "$(value ipi-latency posted exits)" "MSR_WRITE:1" "posted: nothing but the ICR of the sender"
is "$(value ipi posted exits)" "MSR_WRITE:2" "nor there and back"
is "$(value ipi-halted posted exits)" "HLT:1;MSR_WRITE:2" "halted, it is woken up"
is "$(value ipi-halted-latency emulated exits)" "HLT:1;MSR_WRITE:2" "one way, emulated: ICR, HLT, EOI"
is "$(value ipi-halted-latency posted exits)" "HLT:1;MSR_WRITE:1" "and posted: ICR, HLT"

# Of a storm and a shootdown the same, and what is left of the other processor's throughput.
for rate in 50 200 800; do
	is "$(value "storm-latency-$rate" emulated exits)" "EXTERNAL_INTERRUPT:1;MSR_WRITE:2" "a storm at $rate, emulated: ICR, kick, EOI"
	is "$(value "storm-latency-$rate" apicv exits)" "EXTERNAL_INTERRUPT:1;MSR_WRITE:1" "a storm at $rate, apicv: ICR, kick"
	is "$(value "storm-latency-$rate" posted exits)" "MSR_WRITE:1" "a storm at $rate, posted: ICR"
done
is "$(value tlbshoot emulated exits)" "EXTERNAL_INTERRUPT:1;MSR_WRITE:2" "a shootdown, emulated"
is "$(value tlbshoot apicv exits)" "EXTERNAL_INTERRUPT:1;MSR_WRITE:1" "a shootdown, apicv"
is "$(value tlbshoot posted exits)" "MSR_WRITE:1" "a shootdown, posted"
is "$(value tlbshoot-halted posted exits)" "HLT:1;MSR_WRITE:1" "halted, it is woken up"
is "$(value storm-0 posted ticks_per_op)" "$(value storm-0 native ticks_per_op)" "without a storm, a processor computes as fast as natively"
for rate in 50 100 200 400 800; do
	throughput=$(for way in emulated apicv posted native; do value "storm-$rate" $way ticks_per_op; done)
	is "$throughput" "$(sort -rn <<<"$throughput" | uniq)" "a storm at $rate leaves least of emulated, then apicv, posted, native"
done
for figure in storm ipi-latency storm-latency-200; do
	is "$(grep -c '^"' "$T/first/irq/plots/$figure.csv")" 4 "the figure $figure has a line for each stack"
done
like "$(<"$T/first/irq/report.txt")" 'One tick is one tick of the emulated processors.{1,3}one.{1,3}clock' "and ticks are called what they are"

receiver emulated 4000 8000
receiver apicv 0 2000
receiver posted 0 0

# Both at once, at random, checked by the guest; and INIT.
for way in '' 'l1vmm cpus=2 irq=emulated /' 'l1vmm cpus=2 irq=apicv /' 'l1vmm cpus=2 irq=posted /'; do
	pair_stress "$way" 40
done
many_stress 'l1vmm cpus=3 irq=posted telemetry=off /' 3 16

# And two hypervisors up.
for way in emulated posted; do
	pair_stress "l1vmm cpus=2 nested=on irq=$way vmcs=shadow telemetry=off / l1vmm cpus=2 irq=$way telemetry=off /" 1
done
# What four processors of one level do is joined with the four below: an access of the upper level to its
# VMCS is part of an exit of that processor's.
one_stack levels 'l1vmm cpus=4 nested=on / l1vmm cpus=4 / irq cpus=4 only=many-*,ipi* samples=4' memory=256 watchdog=4000 outbox=64
run build/vmfee run --no-plots --results "$T/levels" "$T/levels.ini"
is "$status" 0 "two hypervisors run four processors" || diag "$errors"
joined=$(sqlite3 -separator ' ' "$T/levels/levels/results.db" "
	SELECT sum(count), sum((kind = 'within') * count) FROM path
	WHERE level = 0 AND reason IN ('VMREAD', 'VMWRITE') AND benchmark IS NOT NULL")
read -r accesses within <<<"$joined"
if [ "${accesses:-0}" -gt 10000 ] && [ $((within * 100)) -ge $((accesses * 99)) ]; then holds=0; else holds=1; fi
ok $holds "99 of 100 exits for its VMCS are within one of the upper level" || diag "got: $joined"

one_stack around 'l1vmm cpus=2 irq=posted around=none / irq cpus=2 only=pair-stress samples=4' memory=256 watchdog=400 outbox=64
run build/vmfee run --results "$T/around" "$T/around.ini"
is "$status" 3 "which the faults of Bochs fail that around= is for"

# beside WAY QUIET: the second processor's exits while the first does to its APIC what is wrong, or nothing
beside() {
	one_stack beside "l1vmm cpus=2 irq=$1 / apic cpus=2 $2" memory=128 watchdog=2000 outbox=64
	rm -rf "$T/beside"
	run build/vmfee run --no-plots --results "$T/beside" "$T/beside.ini"
	sed -n 's/^@telemetry cpu=1 records=\([0-9]*\) .*/\1/p' "$T/beside/beside/case/console.log"
}

for way in emulated apicv posted; do
	kind=$(beside "$way" quiet=1) unkind=$(beside "$way" '')
	is "$unkind" "$kind" "what one does to its APIC is no exit more of the other: irq=$way"
	if [ "${kind:-0}" -ge 1000 ]; then holds=0; else holds=1; fi
	ok $holds "of which there are some: $kind"
done

refused 'cpus= needs mmu=ept' 'l1vmm cpus=2 mmu=shadow:trap / irq'
refused 'cpus= takes a number from 1 to 8' 'l1vmm cpus=0 / irq'

finish
