#!/bin/bash
# The table of VM-entry checks against the checks that the processor makes itself.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

one_stack checks entry-checks memory=128 watchdog=250 outbox=8
run build/vmfee run --no-plots --results "$T/results" "$T/checks.ini"
is "$status" 0 "the processor agrees but for its known deviations" || diag "$errors"
console=$(cat "$T"/results/checks/case/console.log "$T"/results/.checks.failed/case/console.log 2>/dev/null)
like "$console" $'\n''1[0-9]{3} edges compared, [0-9]{1,2} skipped, 0 differ' "at a thousand edges"
[ "$status" -eq 0 ] || diag "$console"
finish
