# Sourced by the system tests (*.t): assertions that print TAP, a folder of the test's own, and the
# check that nothing is left running.
#
#   cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
#   run build/vmfee run nonsense
#   is "$status" 2 "an unknown experiment is wrong usage"
#   one_line "$errors" "it says so in one line"
#   finish
# shellcheck shell=bash
set -u

ROOT=$PWD
mkdir -p "$ROOT/build/tests"
# The test's own folder; whatever a test starts carries its name in the environment.
T=$(mktemp -d "$ROOT/build/tests/XXXXXX")
export L1VMM_TEST=$T
tests=0

# Prints the process ids of what the test started and what still runs.
processes_left() {
	local environ
	# grep must not find itself.
	for environ in $(env -u L1VMM_TEST grep -lszF -- "L1VMM_TEST=$T" /proc/[0-9]*/environ); do
		basename "${environ%/environ}"
	done
}

clean_up() {
	local left
	left=$(processes_left)
	[ -z "$left" ] || xargs kill -9 <<<"$left"
	rm -rf "$T"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# run COMMAND...: sets status, output (its stdout) and errors (its stderr)
status=0 output='' errors=''
run() {
	"$@" </dev/null >"$T/.stdout" 2>"$T/.stderr"
	status=$?
	output=$(<"$T/.stdout")
	errors=$(<"$T/.stderr")
}

# one_stack NAME LEVELS [KEY=VALUE...]: writes $T/NAME.ini, an experiment of one stack, `case`
one_stack() {
	local name=$1 levels=$2
	shift 2
	printf '%s\n' '[experiment]' 'title = t' "$@" '[stack case]' "levels = $levels" >"$T/$name.ini"
}

# run_stack NAME LEVELS [KEY=VALUE...]: runs that, into $T/results, where nothing else is left
run_stack() {
	one_stack "$@"
	rm -rf "$T/results"
	run build/vmfee run --no-plots --results "$T/results" "$T/$1.ini"
}

# Prints text as TAP comments.
diag() {
	echo "# ${1//$'\n'/$'\n# '}"
}

# ok STATUS NAME: a status of 0 passes
ok() {
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		diag "${BASH_SOURCE[-1]##*/} line ${BASH_LINENO[-2]}"
	fi
	return "$1"
}

# is GOT WANTED NAME
is() {
	if [ "$1" = "$2" ]; then holds=0; else holds=1; fi
	ok $holds "$3" || diag "got:    $1"$'\n'"wanted: $2"
}

# like GOT REGEX NAME
like() {
	if [[ $1 =~ $2 ]]; then holds=0; else holds=1; fi
	ok $holds "$3" || diag "got:    $1"$'\n'"wanted: $2"
}

# at_most GOT BOUND NAME: either may have a fraction; nothing got is a failure
at_most() {
	if awk -v got="$1" -v bound="$2" 'BEGIN { exit !(got != "" && got + 0 <= bound + 0) }'; then holds=0; else holds=1; fi
	ok $holds "$3: $1, at most $2" || diag "got: $1"
}

# cell FILE BENCHMARK STACK COLUMN: one cell of what `vmfee report --csv` printed
cell() {
	awk -F, -v benchmark="$2" -v stack="$3" -v column="$4" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == benchmark && $2 == stack { print $at[column] }' "$1"
}

# skip NAME WHY: a test that this machine has no means for
skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# one_line TEXT NAME: exactly one line of text
one_line() {
	if [ -n "$1" ] && [[ $1 != *$'\n'* ]]; then holds=0; else holds=1; fi
	ok $holds "$2" || diag "got: $1"
}

# fails_with STATUS REGEX NAME: the last run ended with STATUS, and its one line on stderr matches
fails_with() {
	if [ "$status" -eq "$1" ] && [ -n "$errors" ] && [[ $errors != *$'\n'* ]] && [[ $errors =~ $2 ]]; then holds=0; else holds=1; fi
	ok $holds "$3" || diag "got:    status $status, $errors"$'\n'"wanted: status $1, $2"
}

# private_project: sets PROJECT to a tree in which build/vmfee works as in this one, but on
# experiments and results of its own.
private_project() {
	PROJECT=$T/project
	mkdir -p "$PROJECT/build" "$PROJECT/bench"
	cp "$ROOT/build/vmfee" "$PROJECT/build/"
	cp -r "$ROOT/bench/experiments" "$ROOT/bench/models" "$ROOT/bench/plots" \
		"$ROOT/bench/published" "$PROJECT/bench/"
	cp -r "$ROOT/build/images" "$PROJECT/build/"
	ln -s "$ROOT/.cache" "$PROJECT/.cache"
}

# Ends the test: checks that nothing is left running, and prints the plan.
finish() {
	is "$(processes_left)" "" "nothing is left running"
	echo "1..$tests"
}
