#!/bin/bash
# What a run is exported as, read back by the tools it is for: each gives the same totals.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
small=$PROJECT/results/small

cat >"$PROJECT/bench/experiments/small.ini" <<END
[experiment]
title = a "small" one
outbox = 1
[stack native]
levels = micro only=cpuid,walk-seq
[stack l1vmm]
levels = l1vmm / micro only=cpuid,vmcall,walk-seq
[stack nested]
levels = l1vmm nested=on / l1vmm / micro only=cpuid samples=4
[stack pair]
levels = l1vmm cpus=2 / irq cpus=2 only=ipi-latency samples=8
END
run "$vmfee" run --no-plots small
is "$status" 0 "a run succeeds" || diag "$errors"

# ask SQL: what results.db says
ask() {
	sqlite3 "$small/results.db" "$1"
}
exits=$(ask 'SELECT sum(count) FROM exit_sum')
ticks=$(ask 'SELECT sum(handled_ticks) FROM exit_sum')
samples=$(ask 'SELECT count(*) FROM sample')

# export FORMAT [OPTION]...: into $T/FORMAT
export_as() {
	run "$vmfee" export "$@" small
	cp "$T/.stdout" "$T/$1"
	is "$status$errors" 0 "export $*"
}

is "$(babeltrace2 "$small" | awk -F'handled_ticks = ' '{ s += $2 + 0 } END { print NR, s }')" \
	"$exits $ticks" "babeltrace2 reads the trace"

export_as csv
is "$(gnuplot -e "set datafile separator ','; f = '$T/csv';
	stats f index 'exit_sum' using 6 name 'a' nooutput;
	stats f index 'exit_sum' using 14 name 'b' nooutput;
	stats f index 'exit_latency' using 7 name 'c' nooutput;
	stats f index 'sample' using 3 name 'd' nooutput;
	print sprintf('%d %d %d %d', a_sum, b_sum, c_sum, d_records)" 2>&1)" \
	"$exits $ticks $exits $samples" "gnuplot finds the tables of the CSV by their names"
is "$(grep -A1 -Fx '# sample' "$T/csv" | tail -n 1)" '# benchmark,number,ticks' \
	"each has its columns' names"

export_as benchmark
is "$(perl -MJSON::PP -0777 -ne '
	for (@{decode_json($_)->{benchmarks}}) {
		$n += $_->{run_type} eq "iteration";
		$m = $_->{real_time} if $_->{name} eq "l1vmm/cpuid_median";
	}
	print "$n $m"' "$T/benchmark")" \
	"$samples $("$vmfee" report --csv small | sed -n 's/^cpuid,l1vmm,[^,]*,[^,]*,\([^,]*\),.*/\1/p')" \
	"a JSON parser reads Google Benchmark's: samples, and the report's median"
is "$(perl -MJSON::PP -0777 -ne 'print decode_json($_)->{context}{title}' "$T/benchmark")" \
	'a "small" one' "text in quotes survives"

export_as openmetrics
is "$(/usr/bin/python3 -c '
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
total = {f.name: sum(s.value for s in f.samples)
         for f in text_string_to_metric_families(sys.stdin.read())}
print("%d %d" % (total["vmfee_exits"], total["vmfee_exit_handled_ticks"]))' <"$T/openmetrics" 2>&1)" \
	"$exits $ticks" "the Prometheus client reads the metrics"

# compare.py, of Google Benchmark, is in no package that bootstrap installs.
COMPARE=/usr/share/benchmark/compare.py
if [ -x "$COMPARE" ] && /usr/bin/python3 -c 'import numpy, scipy' 2>/dev/null; then
	/usr/bin/python3 "$COMPARE" --no-color benchmarks "$T/benchmark" "$T/benchmark" |
		grep '^l1vmm/cpuid ' >"$T/compared"
	is "$(wc -l <"$T/compared") $(grep -c ' +0\.0000 ' "$T/compared")" "64 64" \
		"compare.py finds each sample, and the same"
else
	skip "compare.py compares samples" "there is no compare.py with its libraries"
fi

export_as chrome
/usr/bin/python3 tests/system/chrome.py <"$T/chrome" >"$T/tracks" 2>"$T/crossed"
is "$?$(<"$T/crossed")" 0 "a reader of Chrome's trace finds its spans nested"
is "$(awk '$2 != "benchmarks" { n += $(NF - 1); t += $NF } END { print n, t }' "$T/tracks")" "$exits $ticks" \
	"and all exits"
ask "SELECT name || ' L' || level || ' ' || sum(count) || ' ' || sum(handled_ticks) FROM exit_sum
	JOIN stack ON exit_sum.stack = stack.id WHERE name != 'pair' GROUP BY name, level" >"$T/levels"
is "$(grep -v -e benchmarks -e '^pair' "$T/tracks")" "$(<"$T/levels")" "with a track for each level"
is "$(grep -c '^pair L0' "$T/tracks")" 2 "and for each processor"

export_as folded
# Of a stack of several levels, each tick is the one's that took it.
own=$(ask "SELECT (SELECT sum(own_ticks) FROM path) + (SELECT sum(handled_ticks) FROM exit_sum
	WHERE stack NOT IN (SELECT stack FROM path))")
is "$(awk '!/^[^ ;]+(;[^ ;]+)+ [0-9]+$/ { bad++ } { s += $NF } END { print s, bad + 0 }' "$T/folded")" \
	"$own 0" "folded stacks add up"

export_as hdr
is "$(awk '$NF ~ /^[0-9]+\]$/ && /Total count/ { s += $NF } END { print s }' "$T/hdr")" "$exits" \
	"HdrHistogram's totals"
is "$(gnuplot -e "stats '$T/hdr' index 'l1vmm L0 CPUID emulation' using 2:3 nooutput;
	print sprintf('%d %d', STATS_max_x, STATS_max_y)" 2>&1)" \
	"1 $(ask "SELECT sum(count) FROM exit_sum
		JOIN stack ON exit_sum.stack = stack.id WHERE reason = 'CPUID' AND name = 'l1vmm'")" \
	"gnuplot finds a distribution by its name"

export_as folded --stack=l1vmm --reason=VMCALL
is "$(grep -vc VMCALL "$T/folded")" 0 "a part can be asked for"
run "$vmfee" export folded --stack=l2vmm small
fails_with 2 "small has no stack 'l2vmm'" "a stack that there is not is wrong usage"
run "$vmfee" export hdr --reason=CUPID small
fails_with 2 "no exit reason 'CUPID'" "so is a reason"
run "$vmfee" export csv --stack=l1vmm small
fails_with 2 'csv is the whole database' "and a part of what has none"
run "$vmfee" export xml small
fails_with 2 "no format 'xml'; there are: csv, benchmark, openmetrics, chrome, folded, hdr" \
	"and a format"
run "$vmfee" export csv
is "$status" 2 "and no run at all"

# No exporter is left out here.
is "$(sed -n 's/^export_as \([a-z]*\)$/\1/p' "${BASH_SOURCE[0]}" | LC_ALL=C sort)" \
	"$(sed -n 's/^EXPORT(\([a-z]*\),.*/\1/p' bench/export.def | LC_ALL=C sort)" \
	"every format has been read back"

truncate -s -64 "$small/l1vmm/trace/stream_0"
run "$vmfee" export chrome small
fails_with 1 'stream_0: packet [0-9]+, byte [0-9]+: packet_size [0-9]+ ' "a trace that is cut short is an error"
rm "$small/l1vmm/trace/stream_0"
run "$vmfee" export chrome small
fails_with 1 'no trace of the stack l1vmm' "and one that is missing"

finish
