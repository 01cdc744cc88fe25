#!/bin/bash
# The page of a run in a real browser: nothing on its console, every figure there, in the light, in
# the dark and on paper.  The pictures stay in build/page.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
page=$PROJECT/results/fee/report.html
pictures=$ROOT/build/page

run "$vmfee" run fee
is "$status" 0 "a run succeeds" || diag "$errors"
if [ "$(stat -c %s "$page")" -lt 3000000 ]; then holds=0; else holds=1; fi
ok $holds "its page is smaller than 3 MB"
rm -rf "$pictures"
mkdir -p "$pictures"

# browse OPTION...: the page in a browser of its own, without a network
browse() {
	HOME=$T run chromium --headless --no-sandbox --disable-gpu --user-data-dir="$T/browser" \
		--host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --hide-scrollbars \
		"$@" "file://$page"
}

browse --dump-dom
is "$status" 0 "a browser loads it" || diag "$errors"
is "$(grep CONSOLE <<<"$errors")" "" "nothing is on its console"
for figure in generations-{tasks,interrupts,exits} assists growth l1vmm-{components,ticks,latency,heat,time,flame-0} \
	tasks-{1,2}-gen1-{latency,heat,time,flame-0} exits-3-gen1-{latency,heat,time,flame-0}; do
	is "$(grep -c "<figure id=\"$figure\"" <<<"$output")" 1 "it has the figure $figure"
done
is "$(grep -c '<figure id' <<<"$output")" "$(grep -c '<figcaption><b>Figure' <<<"$output")" \
	"each figure has its caption"
is "$(grep -c '<figure id' <<<"$output")" "$(grep -c 'Unit: ' <<<"$output")" "its unit"
is "$(grep -c '<figure id' <<<"$output")" "$(grep -c '<span class="command"><code>' <<<"$output")" \
	"and the command that draws it"
like "$(grep -A1 '</h1>' <<<"$output")" '<p class="lead">The fee is what work takes more .* for tasks, .* duplication' \
	"it begins with where the fee goes"
is "$(sed -n 's/^<caption>How long L0 took for each exit of l1vmm, in instructions: \([0-9]*\) exits, \([0-9]*\) .*/\1 \2/p' \
	<<<"${output//<table>/$'\n'}" | sort -u)" \
	"$(sqlite3 -separator ' ' "$PROJECT/results/fee/results.db" "SELECT sum(count), sum(handled_ticks)
		FROM exit_sum JOIN stack ON exit_sum.stack = stack.id WHERE name = 'l1vmm'")" \
	"its totals are those of the database"
is "$(grep -oE '(src|href)="[^#d][^"]*"' <<<"$output")" "" "nothing is fetched"
is "$(grep -oE 'href="#[^"]+"' <<<"$output" | tr -d '"' | cut -d'#' -f2 | sort -u |
	while read -r id; do grep -q "id=['\"]${id}['\"]" <<<"$output" || echo "$id"; done)" "" \
	"every link leads somewhere"

browse --window-size=1280,12000 --screenshot="$pictures/light.png"
browse --window-size=1280,12000 --screenshot="$pictures/dark.png" \
	--blink-settings=preferredColorScheme=0
browse --no-pdf-header-footer --print-to-pdf="$pictures/paper.pdf"
for picture in light.png dark.png paper.pdf; do
	if [ -s "$pictures/$picture" ]; then holds=0; else holds=1; fi
	ok $holds "build/page/$picture is there to be looked at"
done
if cmp -s "$pictures/light.png" "$pictures/dark.png"; then holds=1; else holds=0; fi
ok $holds "the dark is not the light"

finish
