#!/bin/bash
# Guests that are not kind to their page tables, natively and under each way to translate what they
# map: what is defined comes out as on the bare machine, what is not ends the guest by name.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

. tests/system/tables.sh

agrees native tables
agrees ept 'l1vmm mmu=ept:2m tlb=vpid / tables'
agrees trap 'l1vmm mmu=shadow:trap tlb=vpid / tables'
agrees unsync 'l1vmm mmu=shadow:unsync tlb=flush / tables'
agrees tracked 'l1vmm mmu=ept:4k dirty=protect exec=demand / tables'
agrees flagged 'l1vmm mmu=ept:2m dirty=ad / tables'

# A guest that breaks its word to mmu=shadow:pv, not to store to tables without telling, may find
# them as they were, which it reports; its hypervisor goes on.
runs 'l1vmm mmu=shadow:pv / tables'
is "$status" 3 "a guest that does not tell of its stores is the one that fails" || diag "$errors"
like "$(cat "$T"/results/.tables.failed/case/console.log)" '@end image=l1vmm status=guest-failure' \
	"and not its hypervisor"

for case in cr3 table device-table page; do
	stopped "$case" ept:2m
	stopped "$case" shadow:unsync
done

finish
