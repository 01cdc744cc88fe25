# Sourced by tests of the guest `tables`, after lib.sh.
# shellcheck shell=bash

# runs LEVELS: these alone
runs() {
	run_stack tables "$1" memory=128 watchdog=2000 outbox=32
}

# agrees NAME LEVELS: all that is defined comes out as defined
agrees() {
	runs "$2"
	is "$status" 0 "$1: all cases have their defined outcomes" || diag "$errors"
	like "$(cat "$T/results/tables/case/console.log")" '@end image=tables status=ok' "$1: to the end"
}

# stopped CASE MMU: a case that ends the guest
stopped() {
	runs "l1vmm mmu=$2 / tables case=$1"
	if [ "$status" -eq 3 ] && [[ $errors =~ reason=access-outside-memory\ gpa=0x(bffff000|fec00000) ]]; then holds=0; else holds=1; fi
	ok $holds "$2: $1 outside memory stops the guest" || diag "status $status: $errors"
}
