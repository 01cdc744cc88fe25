#!/bin/bash
# The table of VM-entry checks against the checks that the processor makes itself.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

cat >"$T/checks.ini" <<-END
	[experiment]
	title = VM-entry checks
	platform = bochs
	cpu = corei7_skylake_x
	memory = 128
	watchdog = 250
	outbox = 8

	[stack checks]
	levels = entry-checks
END
run build/vmfee run --no-plots --results "$T/results" "$T/checks.ini"
is "$status" 0 "the processor agrees but for its known deviations" || diag "$errors"
console=$(cat "$T"/results/checks/checks/console.log "$T"/results/.checks.failed/*/console.log 2>/dev/null)
like "$console" $'\n''1[0-9]{3} edges compared, [0-9]{1,2} skipped, 0 differ' "at a thousand edges"
[ "$status" -eq 0 ] || diag "$console"
finish
