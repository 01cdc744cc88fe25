#!/bin/bash
# vmfee's command line and the files of experiments: what is wrong is said in one line, by name.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee

run "$vmfee" --help
is "$status" 0 "vmfee --help succeeds"
like "$output" 'run EXPERIMENT' "it names the commands"
while read -r number name; do
	like "$output" $'\n'" *${number}[[:space:]]" "it explains exit status $number ($name)"
done < <(sed -n 's/^STATUS(\([0-9]*\), \([A-Z]*\),.*/\1 \2/p' bench/status.def)
is "$(sed -n 's/^| \([0-9]*\) | \(.*\) |$/\1 \2/p' docs/architecture.md)" \
	"$(sed -n 's/^STATUS(\([0-9]*\), [A-Z]*, "\(.*\)")$/\1 \2/p' bench/status.def)" \
	"docs/architecture.md explains them in the same words"
help=$output
run "$vmfee" help
is "$output" "$help" "vmfee help says the same"
run "$vmfee" help run
is "$status" 0 "vmfee help run succeeds"
like "$output" '--jobs=N' "it names run's options"
run "$vmfee" help nonsense
fails_with 2 "no command 'nonsense'; there are: run, report, .*doctor, .*help" "help for what there is not"
run "$vmfee" --version
is "$status $output" "0 $(cat build/version)" "the version is the commit"

run "$vmfee"
is "$status" 2 "no command is wrong usage"
run "$vmfee" walk
is "$status" 2 "an unknown command is wrong usage"
like "$errors" "no command 'walk'; there are: run, report, .*doctor, .*help" "it names those that there are"
run "$vmfee" run
is "$status" 2 "run without an experiment is wrong usage"
run "$vmfee" run --colour=red fee
is "$status" 2 "an unknown option is wrong usage"
run "$vmfee" run --jobs=0 fee
is "$status" 2 "no jobs at all are wrong usage"
run "$vmfee" run --memory=7 fee
fails_with 2 "^vmfee: --memory: memory = '7' is not possible; it is .* from 16 to 3071" \
	"an option's limits are those of the key"

run "$vmfee" run nonsense
fails_with 2 "no experiment 'nonsense' in bench/experiments; there are: .*fee" \
	"an unknown experiment"
run "$vmfee" run "$T/nowhere.ini"
fails_with 2 "^vmfee: $T/nowhere.ini: No such file" "an experiment's file that is not there"
run "$vmfee" run /etc/passwd
fails_with 2 "^vmfee: /etc/passwd:1: " "a file that is no experiment"

# malformed LINE REGEX NAME: an experiment, on stdin, with a fault in that line
malformed() {
	cat >"$T/bad.ini"
	run "$vmfee" run "$T/bad.ini"
	fails_with 2 "^vmfee: $T/bad.ini:$1: $2" "$3"
}
malformed 3 "unknown key 'colour' .*there are: title," "an unknown key" <<-END
	[experiment]
	title = t
	colour = red
END
malformed 2 "neither a \[section\] nor 'key = value'" "a line that is nothing" <<-END
	[experiment]
	what is this?
END
malformed 2 "unknown section \[machine\]" "an unknown section" <<-END
	[machine]
	cpu = fast
END
malformed 4 "no image 'mirco' in build/images; there are: .*l1vmm" "an unknown image" <<-END
	[experiment]
	title = t
	[stack a]
	levels = l1vmm / mirco
END
malformed 3 "outbox = 'lots' is not possible; it is a number of MiB" "a value that is none" <<-END
	[experiment]
	title = t
	outbox = lots
END

run "$vmfee" report
is "$status" 2 "report without a run is wrong usage"
run "$vmfee" report nonsense
fails_with 2 "no run 'nonsense'" "an unknown run"
mkdir -p "$PROJECT/results/.fee.failed" "$T/half"
run "$vmfee" report .fee.failed
fails_with 2 "no run '.fee.failed'" "the logs of a failed run are no run"
run "$vmfee" report "$T/half"
fails_with 2 "no run '$T/half'" "a folder without a results.db is no run"
echo "this is no database, but long enough to be looked at" >"$T/half/results.db"
run "$vmfee" report "$T/half"
fails_with 2 "$T/half/results.db: file is not a database" "a results.db that is none"

if [ -z "$(find "$PROJECT/results" -mindepth 1 ! -name .fee.failed)" ]; then holds=0; else holds=1; fi
ok $holds "none of it leaves anything in results/"
finish
