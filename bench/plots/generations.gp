# The fee of one workload by generation, stacked by what it is charged to: a panel for each depth, as
# each further hypervisor multiplies it.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block for each depth: a heading, then lines of "generation,depth,COMPONENT...,upper"
#             in comma-separated values
#   heading   the figure's title
#   unit      what ticks are on the platform of the run

set datafile separator ","
stats data using 2 nooutput
panels = STATS_blocks

set multiplot layout 1, panels title heading
set style data histogram
set style histogram rowstacked
set style fill solid 0.85 noborder
set boxwidth 0.6
set grid ytics
set xtics nomirror scale 0
set bmargin 8
set tmargin 4

do for [panel=0:panels - 1] {
	# stats looks at nothing outside of them.
	set xrange [*:*]
	set yrange [*:*]
	stats data index panel using 2 nooutput
	bars = STATS_records
	set title STATS_max == 1 ? "one hypervisor" : sprintf("%d hypervisors", STATS_max)
	stats data index panel using (sum [column=3:9] column(column)) nooutput
	# One key serves all panels.
	if (panel == 0) {
		set ylabel unit
		set key at screen 0.5, 0.01 center bottom horizontal
	} else {
		unset ylabel
		unset key
	}
	unset label
	set xrange [-0.6:bars - 0.4]
	set yrange [0:*]
	set ytics auto
	if (STATS_max < 0.5) {
		set label "no fee" at graph 0.5, 0.5 center
		set yrange [0:1]
		unset ytics
	}
	plot for [column=3:9] data index panel using column:xtic(1) linetype column - 2 \
		title columnheader(column)
}
unset multiplot
