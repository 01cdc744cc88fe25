#!/bin/bash
# One run of several: the same as if it had been one, and nothing that is no part of it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results

# experiment NAME OUTBOX STACK...: of the stacks that it names
experiment() {
	local ini=$PROJECT/bench/experiments/$1.ini stack
	printf '[experiment]\ntitle = parts and the whole\nmemory = 64\noutbox = %s\n' "$2" >"$ini"
	shift 2
	for stack; do
		printf '[stack %s]\nlevels = %s\n' "$stack" "${levels[$stack]}" >>"$ini"
		[ "$stack" != quiet ] || echo "probe_of = l1vmm" >>"$ini"
	done
}
declare -A levels=(
	[native]='micro only=cpuid,cr0-owned'
	[l1vmm]='l1vmm / micro only=cpuid,cr0-owned'
	[quiet]='l1vmm telemetry=off / micro only=cpuid,cr0-owned'
	[trap]='l1vmm cr=trap / micro only=cpuid,cr0-owned'
)
experiment whole 1 native l1vmm quiet trap
experiment part1 1 native l1vmm quiet
experiment part2 1 native trap
for run in whole part1 part2; do
	run "$vmfee" run --no-plots $run
	is "$status" 0 "the run $run" || diag "$errors"
done

run "$vmfee" merge --no-plots merged part1 "$results/part2/"
is "$status,$errors" "0," "two parts are merged"
for table in stack capability switch benchmark sample expectation skip exit_sum exit_latency; do
	for run in whole merged; do
		sqlite3 "$results/$run/results.db" "SELECT * FROM $table" >"$T/$run.$table"
	done
	[ -s "$T/whole.$table" ] || [ $table = skip ] || ok 1 "there is something in $table"
	run cmp "$T/whole.$table" "$T/merged.$table"
	is "$status" 0 "the table $table is that of the whole"
done
for run in whole merged; do "$vmfee" report --csv $run >"$T/$run.csv"; done
run cmp "$T/whole.csv" "$T/merged.csv"
is "$status" 0 "the report is, too"
run "$vmfee" compare whole merged
is "$status" 0 "and nothing differs" || diag "$output"
is "$(cd "$results/merged" && find . -name '*.log' -o -name stream_0 | LC_ALL=C sort | tr '\n' ' ')" \
	"$(cd "$results/whole" && find . -name '*.log' -o -name stream_0 | LC_ALL=C sort | tr '\n' ' ')" \
	"consoles and traces are there"
run sqlite3 "$results/merged/results.db" "SELECT value FROM run WHERE key IN ('experiment', 'sources') ORDER BY key"
is "$output" $'merged\npart1, part2' "it has its own name, and those of its sources"
# what the manifest says of each source
manifest() {
	perl -MJSON::PP -e 'local $/; my $m = decode_json(<STDIN>);
		print join(" ", (map { $_->{name} } @{$m->{stacks}}), "|",
			map { ($_->{run}, $_->{manifest_sha256}, @{$_->{stacks}}) } @{$m->{sources}})' \
		<"$results/merged/manifest.json"
}
digest() { sha256sum <"$results/$1/manifest.json" | cut -d' ' -f1; }
is "$(manifest)" "native l1vmm quiet trap | part1 $(digest part1) native l1vmm quiet part2 $(digest part2) trap" \
	"the manifest has all stacks, and which source each is from"
run "$vmfee" run --no-plots --resume=merged whole
is "$status,$(grep -c kept <<<"$errors")" "0,4" "a run takes its cells from the merged one"
run "$vmfee" merge --no-plots all merged whole
is "$status,$(sqlite3 "$results/all/results.db" 'SELECT count(*) FROM stack')" "0,4" \
	"what is in both, and the same, is taken once"
run "$vmfee" merge halves part1 part2
if [ "$status" -eq 0 ] && [ -s "$results/halves/report.html" ] && [ -s "$results/halves/plots/l1vmm-ticks.svg" ]; then holds=0; else holds=1; fi
ok $holds "with its figures and its page"

# refused REGEX NAME: the last merge was, and left nothing
refused() {
	fails_with 2 "$1" "$2"
	is "$(ls -d "$results"/none* "$results"/.none* 2>/dev/null)" "" "$2: nothing is left"
}
# other SQL: a run like part2 but for one thing
other() {
	rm -rf "$results/other"
	cp -r "$results/part2" "$results/other"
	sqlite3 "$results/other/results.db" "$1"
}
other "UPDATE sample SET ticks = ticks + 1 WHERE number = 1 AND benchmark = (SELECT id FROM benchmark WHERE name = 'cpuid' AND stack = 0)"
run "$vmfee" merge none part1 other
refused "part1 and other have different results of the stack 'native'" "one sample that differs"
other "DELETE FROM expectation WHERE rowid = (SELECT min(rowid) FROM expectation)"
run "$vmfee" merge none part1 other
refused "different results of the stack 'native'" "one row that is missing"
for key in platform platform_version cpu unit vmfee; do
	other "UPDATE run SET value = 'another' WHERE key = '$key'"
	run "$vmfee" merge none part1 other
	refused "part1 and other are no parts of one run: their $key is '.*' and 'another'" "another $key"
done
other "PRAGMA user_version = 99"
run "$vmfee" merge none part1 other
refused "not a results.db of this vmfee \(schema 99, expected" "a database from another version"
other "DELETE FROM stack"
run "$vmfee" merge none part1 other
refused "damaged: it holds no run" "a database without a run"
other ""
head -c 3000 "$results/part2/results.db" >"$results/other/results.db"
run "$vmfee" merge none part1 other
refused "other/results.db: .*malformed" "a database that is cut short"
other ""
sed -i 's/"memory_mib": 64/"memory_mib": 65/' "$results/other/manifest.json"
run "$vmfee" merge none part1 other
refused "different memory" "another memory"
rm "$results/other/manifest.json"
run "$vmfee" merge none part1 other
refused "other/manifest.json: unable to open" "no manifest"
run "$vmfee" merge none part1 nowhere
refused "no run 'nowhere'" "a run that is not there"
run "$vmfee" merge none part1
is "$status" 2 "one run is none to merge"
run "$vmfee" merge no/ne part1 part2
is "$status" 2 "a name that is a path"

# Machines that differ in nothing that counts: each source keeps what is its own.
experiment part3 2 trap
run "$vmfee" run --no-plots part3
run "$vmfee" merge --no-plots mixed part1 part3
is "$status,$(grep -c outbox_mib "$results/mixed/manifest.json")" "0,2" "what differs stays with each source"

mkdir "$results/.none.partial"
exec 8<"$results/.none.partial"
flock 8
run "$vmfee" merge none part1 part2
fails_with 1 "another vmfee is at this experiment: .*/.none.partial is locked" "two that write the same run"
exec 8<&-

finish
