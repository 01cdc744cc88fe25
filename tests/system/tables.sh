# Sourced by tests of the guest `tables`, after lib.sh.
# shellcheck shell=bash

# runs STACK LEVELS: the experiment $T/tables.ini of one stack
runs() {
	printf '[experiment]\ntitle = t\nmemory = 128\nwatchdog = 2000\noutbox = 32\n[stack %s]\nlevels = %s\n' \
		"$1" "$2" >"$T/tables.ini"
	rm -rf "$T/results"
	run build/vmfee run --no-plots --results "$T/results" "$T/tables.ini"
}

# agrees STACK LEVELS: all that is defined comes out as defined
agrees() {
	runs "$1" "$2"
	is "$status" 0 "$1: all cases have their defined outcomes" || diag "$errors"
	like "$(cat "$T/results/tables/$1/console.log")" '@end image=tables status=ok' "$1: to the end"
}

# stopped CASE MMU: a case that ends the guest
stopped() {
	runs "$1" "l1vmm mmu=$2 / tables case=$1"
	if [ "$status" -eq 3 ] && [[ $errors =~ reason=access-outside-memory\ gpa=0x(bffff000|fec00000) ]]; then holds=0; else holds=1; fi
	ok $holds "$2: $1 outside memory stops the guest" || diag "status $status: $errors"
}
