#!/bin/bash
# What a run leaves, and that everything derived from it can be derived again.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results

cat >"$PROJECT/bench/experiments/small.ini" <<END
[experiment]
title = a small one
outbox = 1
[stack native]
levels = micro only=cpuid,vmcall,walk-seq
[stack l1vmm]
levels = l1vmm / micro only=cpuid,vmcall,walk-seq
END

run "$vmfee" run small
is "$status" 0 "a run succeeds" || diag "$errors"
first=$output
like "$output" 'cpuid +1\.0 +[0-9]+\.0 +[0-9]+\.0 +1\.00  CPUID 1' "it prints the table"
like "$errors" 'small: native: started \(micro only=' "progress is plain lines in a pipe"
if [[ $errors != *$'\r'* && $errors != *$'\e'* ]]; then holds=0; else holds=1; fi
ok $holds "without a terminal's control characters"
is "$(cd "$results/small" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" \
	"./l1vmm/bochsrc ./l1vmm/cell.json ./l1vmm/console.log ./l1vmm/trace/metadata ./l1vmm/trace/stream_0 \
./manifest.json ./native/bochsrc ./native/cell.json ./native/console.log ./plots/l1vmm-components.csv \
./plots/l1vmm-components.png ./plots/l1vmm-components.svg ./plots/l1vmm-heat.csv \
./plots/l1vmm-heat.png ./plots/l1vmm-heat.svg ./plots/l1vmm-latency.csv \
./plots/l1vmm-latency.png ./plots/l1vmm-latency.svg ./plots/l1vmm-ticks.csv \
./plots/l1vmm-ticks.png ./plots/l1vmm-ticks.svg ./plots/l1vmm-time.csv \
./plots/l1vmm-time.png ./plots/l1vmm-time.svg ./report.html ./report.txt ./results.db " \
	"the run directory holds what it should and nothing else"
is "$(stat -c %F "$results/small")" directory "under its own name"


run "$vmfee" report small
is "$output" "$(cat "$results/small/report.txt")" "report prints report.txt again"
read -r count ticks <<<"$(babeltrace2 "$results/small/l1vmm" |
	awk -F'handled_ticks = ' '{ ticks += $2 + 0 } END { print NR, ticks }')"
like "$output" "
$count samples, $ticks instructions; 0 samples lost" "its exits took what the trace says"
like "$output" ' CPUID +emulation +[0-9]+ +[0-9.]+% +[0-9.]+%( +[0-9]+){4}( +[0-9.]+){2}' \
	"with shares and a distribution by reason"
is "$output" "${first%$'\n\n'The run is in*}" "which is what run printed"
cd "$results" || exit
run "$vmfee" report ./small
is "$output" "$(cat small/report.txt)" "a run can be given by its path"
cd "$ROOT" || exit

run "$vmfee" report --csv small
is "$(head -n 1 <<<"$output" | cut -d, -f1-6)" \
	"benchmark,stack,depth,ops,ticks_per_op,exits_per_op" "the CSV names its columns"
is "$(wc -l <<<"$output")" 8 "it has a row per benchmark and stack"
is "$(grep -c '^vmcall,native' <<<"$output")" 0 "none for what has no meaning there"
is "$(awk -F, 'NR == 1 { n = NF } NF != n' <<<"$output")" "" "every row has every column"

cp -r "$results/small/plots" "$T/plots"
rm -r "$results/small/plots"
run "$vmfee" report --plots small
is "$status$output" 0 "report --plots draws the figures again"
run diff -r "$T/plots" "$results/small/plots"
is "$status" 0 "byte for byte"
is "$(head -c 8 "$results/small/plots/l1vmm-ticks.png" | od -An -tx1)" \
	" 89 50 4e 47 0d 0a 1a 0a" "a PNG is one"

page=$results/small/report.html
cp "$page" "$T/page"
rm -r "$page" "$results/small/plots"
run "$vmfee" report --html small
is "$status $output" "0 $page" "report --html writes the page again and says where"
cmp -s "$T/page" "$page"
ok $? "byte for byte"
is "$(grep -oE '<figure id="[^"]+"' "$page" | cut -d'"' -f2 | tr '\n' ' ')" \
	"l1vmm-components l1vmm-ticks l1vmm-latency l1vmm-heat l1vmm-time l1vmm-flame-0 " "with every figure"
is "$(grep -o ' id=["'\''][^"'\'']*' "$page" | sort | uniq -d)" "" "no id names two things"
is "$(grep -oE '(src|href)=["'\''][^#"'\'']+' "$page")" 'href="data:,' "nothing is fetched"
is "$(sed -n '/<pre/,/<\/pre>/p' "$page" | sed 's/<[^>]*>//g; s/&quot;/"/g' | perl -MJSON::PP -0777 -ne \
	'print decode_json($_)->{title}')" "a small one" "and the manifest"

run "$vmfee" run --no-plots --jobs=1 small
is "$status" 0 "a second run succeeds"
is "$(ls -m "$results")" "small, small.1" "the first one is kept under a number"
if [ ! -e "$results/small/plots" ] && [ ! -e "$results/small/report.html" ]; then holds=0; else holds=1; fi
ok $holds "--no-plots draws none, and makes no page of them"
for file in report.txt results.db manifest.json l1vmm/console.log l1vmm/trace/stream_0; do
	cmp -s "$results/small/$file" "$results/small.1/$file"
	ok $? "one machine at a time or two, $file is the same"
done
run "$vmfee" report small.1
is "$output" "$(cat "$results/small/report.txt")" "the older run can be reported"

run "$vmfee" run --memory=64 --watchdog=50 --no-plots small
is "$status" 0 "options override the experiment"
like "$(cat "$results/small/manifest.json")" '"memory_mib": 64,.*"watchdog_million_ticks": 50,' \
	"and the manifest says so"
run "$vmfee" run --watchdog=1 --no-plots small
is "$status" 5 "a watchdog of a million ticks ends before the BIOS does"
is "$(ls -m "$results")" "small, small.1, small.2" "a run that fails replaces nothing"

# A terminal gets a line that changes, and none of it stays.
run script -qec "$vmfee run --no-plots small" /dev/null
like "$output" $'\r\e\\[K''small: [0-2] of 2 stacks' "progress is one live line on a terminal"
if [[ $output != *"started ("* ]]; then holds=0; else holds=1; fi
ok $holds "in place of the plain ones"

run script -qec "stty cols 60; $vmfee run --no-plots small" /dev/null
is "$(tr '\r' '\n' <<<"$output" | sed 's/\x1b\[K//' | grep ' of 2 stacks' | awk 'length > 59')" "" \
	"and no longer than a line of it"

# The report is the same on every page of up to 100 columns, but for where its lines break.
run script -qec "stty cols 70; $vmfee report small" /dev/null
# The tables of exits are as wide as their columns are many.
is "$(awk '/^(All exits|How long)/ { skip = 1 } /^(The trace|[0-9]+ samples,)/ { skip = 0 } { sub(/\r/, "") }
	!skip && length > 70' <<<"$output")" "" "no line is longer than the page"

finish
