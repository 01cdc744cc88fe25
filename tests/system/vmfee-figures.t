#!/bin/bash
# Figures are drawn where there is something to draw; without them, a run is as good.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results

# experiment NAME STACK LEVELS [STACK LEVELS]...
experiment() {
	local name=$1
	shift
	{
		printf '[experiment]\ntitle = %s\noutbox = 1\n' "$name"
		printf '[stack %s]\nlevels = %s\n' "$@"
	} >"$PROJECT/bench/experiments/$name.ini"
}
# files RUN: what its folder of figures holds
files() {
	(cd "$results/$1/plots" && echo *)
}

experiment bare native 'micro only=cpuid samples=1'
run "$vmfee" run bare
is "$status" 0 "a native stack alone gives a run" || diag "$errors"
like "$output" 'cpuid +[0-9.]+' "and its report"
if [[ $output != *'native  native'* ]]; then holds=0; else holds=1; fi
ok $holds "without a column to compare it with"
is "$(files bare)" "native-ticks.csv native-ticks.png native-ticks.svg" "with the one figure it has"
touch "$results/bare/plots/native-heat.svg"
run "$vmfee" report --plots bare
is "$(files bare)" "native-ticks.csv native-ticks.png native-ticks.svg" "and none that it has no more"

like "$(<"$results/bare/plots/native-ticks.svg")" \
	'native: ticks per operation .bochs [0-9.]+, corei7_skylake_x.' "whose title says what it shows"

experiment under l1vmm 'l1vmm / micro only=cpuid samples=1'
run "$vmfee" run under
is "$status" 0 "a hypervisor without a native stack gives a run" || diag "$errors"
like "$output" 'CPUID 1' "and its report"
is "$(files under)" "$(echo l1vmm-{heat,latency,ticks,time}.{csv,png,svg})" "with the figures it has"

# Where a figure has nothing to show at all, it says so; it is drawn all the same.
experiment matrix native 'micro only=cpuid' way-1-gen1 'l1vmm generation=gen1 / micro only=cpuid' \
	way-1-gen2 'l1vmm generation=gen2 / micro only=cpuid' \
	way-2-gen3 'l1vmm generation=gen3 nested=on / l1vmm / micro only=cpuid'
run "$vmfee" run matrix
is "$status" 0 "generations and depths give a run" || diag "$errors"
like "$output" 'way +2  gen3 +[0-9]+' "which ends with their table"
like "$(files matrix)" '^assists.csv assists.png assists.svg generations-way.csv .* growth.svg ' \
	"and has their figures"
is "$(grep -c '^<figure id="way-' "$results/matrix/report.html")" \
	"$(grep -c '^<figure id="way-[12]-gen[13]-' "$results/matrix/report.html")" \
	"of each depth the dearest stack alone has a look at its exits"
is "$(grep -c '^<section id="stack-' "$results/matrix/report.html")" 2 "and a section of its own"

experiment probe l1vmm 'l1vmm / micro only=cpuid' loud 'l1vmm / micro only=cpuid'
echo 'probe_of = l1vmm' >>"$PROJECT/bench/experiments/probe.ini"
run "$vmfee" run probe
is "$status" 2 "a probe with telemetry is refused"
like "$errors" "stack loud: a probe of l1vmm .* must have telemetry=off" "by name"
if [ ! -e "$results/probe" ]; then holds=0; else holds=1; fi
ok $holds "it gives no run"

# All commands but gnuplot.
mkdir "$T/bin"
ln -s /usr/bin/* "$T/bin"
rm -f "$T/bin"/gnuplot*
PATH=$T/bin run "$vmfee" run bare
is "$status" 1 "without gnuplot it is an error of the system"
like "${errors##*$'\n'}" 'cannot run gnuplot: No such file .*the run is kept without .*--no-plots' \
	"which says how to go without"
like "$output" 'cpuid +[0-9.]+' "the report is printed all the same"
is "$(ls "$results/bare")" "$(printf 'manifest.json\nnative\nreport.txt\nresults.db')" "and the run is kept"
PATH=$T/bin run "$vmfee" run --no-plots bare
is "$status" 0 "--no-plots goes without"

# A gnuplot that never ends.  What the machines said is kept for --resume.
printf '#!/bin/bash\ntouch %s/drawing\nsleep 1000\n' "$T" >"$T/bin/gnuplot"
chmod +x "$T/bin/gnuplot"
before=$(ls "$results")
for signal in INT TERM; do
	rm -f "$T/drawing"
	PATH=$T/bin env --default-signal=INT "$vmfee" run bare >/dev/null 2>"$T/err" &
	until [ -e "$T/drawing" ]; do sleep 0.05; done
	kill -$signal $!
	wait $!
	is $? 130 "SIG$signal while a figure is drawn: status 130"
	like "$(tail -n 1 "$T/err")" '^vmfee: interrupted \(.*\); 1 of 1 stacks are in .*/\.bare\.failed: --resume does what is left' \
		"SIG$signal: it says so"
	is "$(ls "$results")" "$before" "SIG$signal: nothing takes the name of a result"
done
run "$vmfee" run --resume --bochs="$T/nowhere" bare
fails_with 6 "no Bochs" "what is left takes a Bochs as ever"
run "$vmfee" run --resume bare
is "$status" 0 "--resume draws them" || diag "$errors"
like "$errors" 'bare: native: kept from before' "and runs nothing again"
if [ -s "$results/bare/plots/native-ticks.svg" ] && [ ! -e "$results/.bare.failed" ]; then holds=0; else holds=1; fi
ok $holds "the figures are there"

finish
