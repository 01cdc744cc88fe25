#!/bin/bash
# A cost model fitted to a processor that is known: the counts of a run on Bochs, times prices.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results
models=$PROJECT/bench/models

cat >"$PROJECT/bench/experiments/many.ini" <<END
[experiment]
title = operations to be priced
outbox = 16
[stack native]
levels = micro
[stack l1vmm]
levels = l1vmm / micro
[stack trap]
levels = l1vmm cr=trap msr=trap / micro
[stack unseen]
levels = l1vmm telemetry=off / micro only=cpuid
END
run "$vmfee" run --no-plots many
is "$status" 0 "a run that counts" || diag "$errors"

declare -A truth=([transition]=1200 [vmread]=35 [vmwrite]=50 [instruction]=2)
{
	printf '[model]\ntitle = a processor that is known\n'
	for cost in "${!truth[@]}"; do
		printf '[cost %s]\nlow = %s\nhigh = %s\nsource = this test\n' "$cost" "${truth[$cost]}" "${truth[$cost]}"
	done
} >"$models/truth.ini"
"$vmfee" report --csv --model truth many >"$T/truth.csv"

# measured NAME NOISE: a run on that processor, of whose samples each is off by up to NOISE percent
measured() {
	rm -rf "${results:?}/$1"
	cp -r "$results/many" "$results/$1"
	{
		echo "BEGIN; UPDATE run SET value = 'kvm' WHERE key = 'platform';
			UPDATE run SET value = 'cycles' WHERE key = 'unit';
			UPDATE run SET value = 'a processor' WHERE key = 'cpu';
			CREATE TEMP TABLE empty AS SELECT stack, min(ticks) AS ticks FROM sample
			JOIN benchmark ON id = benchmark WHERE name = 'empty' GROUP BY stack;
			UPDATE sample SET ticks = ${truth[instruction]} * ticks - (${truth[instruction]} - 1)
				* (SELECT ticks FROM empty WHERE stack = 0)
			WHERE benchmark IN (SELECT id FROM benchmark WHERE stack = 0 AND name <> 'empty');"
		# An offset that hangs on the benchmark, so that no median takes it away.
		awk -F, -v noise="$2" '
			NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
			{
				off = 1 + noise / 100 * sin(NR * 12.9898)
				printf "UPDATE sample SET ticks = (SELECT ticks FROM empty WHERE stack = (SELECT id FROM stack WHERE name = \"%s\")) + round(%.6f * (SELECT ops FROM benchmark WHERE id = benchmark)) WHERE benchmark IN (SELECT b.id FROM benchmark b JOIN stack s ON s.id = b.stack WHERE s.name = \"%s\" AND b.name = \"%s\" AND b.name <> \"empty\");\n", $2, $at["modelled_low"] * off, $2, $1
			}' "$T/truth.csv" | tr '"' "'"
		echo "COMMIT;"
	} | sqlite3 "$results/$1/results.db"
}
# price FILE COST KEY
price() { awk -v section="[cost $2]" -v key="$3" '$0 == section { on = 1; next } /^\[/ { on = 0 } on && $1 == key { print $3 }' "$1"; }
# fitted FILE COST: what the fit itself is, in the line in front of its section
fitted() { grep -B1 -Fx "[cost $2]" "$1" | sed -n '1s/^# //p'; }
# off FILE COST: how far from the truth, as a share of it
off() { awk -v a="$(fitted "$1" "$2")" -v b="${truth[$2]}" 'BEGIN { print (a > b ? a - b : b - a) / b }'; }

measured exact 0
run "$vmfee" calibrate --counts=many exact
is "$status,$errors" "0," "a run without noise"
echo "$output" >"$models/exact.ini"
for cost in "${!truth[@]}"; do
	at_most "$(off "$models/exact.ini" "$cost")" 0.001 "$cost is off by"
done
like "$output" '# reference: no row has any' "what nobody counted has no price"
like "$output" '# not used: unseen: there is no trace of its exits' "what cannot be priced is not used"
run "$vmfee" report --model exact many
is "$status" 0 "the model is one" || diag "$errors"
like "$output" 'a processor on kvm, fitted' "and names its processor"

measured noisy 1
run "$vmfee" calibrate --counts=many --title='with noise' "$results/noisy"
echo "$output" >"$models/noisy.ini"
like "$output" $'\ntitle = with noise\n' "a run with noise"
# tests/unit/test_fit.c tells how often ranges hold the truth; here it is within this much of the fit.
declare -A bound=([transition]=0.05 [vmread]=0.1 [vmwrite]=0.2 [instruction]=0.02)
for cost in "${!truth[@]}"; do
	at_most "$(off "$models/noisy.ini" "$cost")" "${bound[$cost]}" "$cost is off by"
	read -r low high <<<"$(price "$models/noisy.ini" "$cost" low) $(price "$models/noisy.ini" "$cost" high)"
	at_most "$low" "$(fitted "$models/noisy.ini" "$cost")" "$cost: the range begins"
	at_most "$(fitted "$models/noisy.ini" "$cost")" "$high" "$cost: and ends"
done
read -r low high <<<"$(price "$models/noisy.ini" transition low) $(price "$models/noisy.ini" transition high)"
at_most "$(awk -v a="$low" -v b="$high" 'BEGIN { print (b - a) / 1200 }')" 0.1 "the range of a transition is as wide as"
run "$vmfee" calibrate --counts=many --leave-out=cpuid,vmcall noisy
like "$output" '# not used: cpuid of l1vmm: left out as asked for' "benchmarks can be left out"
is "$(grep -c '^# l1vmm, cpuid:' <<<"$output")" 0 "and are"

sqlite3 "$results/noisy/results.db" "DELETE FROM sample WHERE number % 2 = 1 AND benchmark IN (SELECT id FROM benchmark WHERE name = 'cpuid')"
run "$vmfee" calibrate --counts=many noisy
like "$output" 'not used: cpuid of l1vmm: its exits are others' "an operation that was not the same is not used"

# Runs that are no calibration.
run "$vmfee" calibrate --counts=many many
fails_with 2 "a tick of many is one emulated instruction, not a cycle of a processor: .*--force" "ticks that are instructions"
run "$vmfee" calibrate --force --counts=many many
is "$status" 0 "--force fits them all the same"
echo "$output" >"$models/forced.ini"
at_most "$(fitted "$models/forced.ini" instruction)" 1.02 "then an instruction is one"
run "$vmfee" calibrate exact
is "$status" 2 "no counts"
like "$errors" "--counts names a run of the same stacks on Bochs" "it says what is missing"
run "$vmfee" calibrate --counts=exact exact
fails_with 2 "exact was not run on Bochs, so nobody has counted" "counts of a processor"
run "$vmfee" calibrate --counts=many --leave-out="$(cut -d, -f1 "$T/truth.csv" | sort -u | grep -vx cpuid | tr '\n' ,)" exact
fails_with 2 "3 rows for 4 prices: too few" "too few rows"
run "$vmfee" calibrate --counts=many --leave-out="$(cut -d, -f1 "$T/truth.csv" | sort -u | grep -vxE 'cpuid|vmcall' | tr '\n' ,)" exact
fails_with 2 "cannot tell these prices apart: transition, vmread, vmwrite; one of them occurs in the same proportion" \
	"exits of which each does the same"
finish
