#!/bin/bash
# Guests that are not kind to their page tables, under every way to translate what they map, with
# either kind of TLB; tests/system/tables.t says what is to come out.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

. tests/system/tables.sh

for mmu in ept:4k ept:2m shadow:trap shadow:unsync; do
	for tlb in flush vpid; do
		agrees "${mmu/:/-}-$tlb" "l1vmm mmu=$mmu tlb=$tlb / tables"
	done
	for case in cr3 table device-table page; do
		stopped "$case" "$mmu"
	done
done

finish
