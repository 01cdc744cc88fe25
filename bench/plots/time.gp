# Exits while the run went on, stacked by their reason.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block with a line "begin name" for each benchmark that is wide enough to be named;
#             then one for each reason: its name, then lines of "begin end from to", from and to being
#             how far its part of a bar reaches
#   heading   the figure's title
#   unit      what ticks are on the platform of the run

stats data using 1 nooutput

set label heading at screen 0.5, 0.97 center
set xlabel unit . " since the first benchmark"
set ylabel "exits in a hundredth of the time"
set grid ytics
set yrange [0:*]
set format x "%.1s %c"
set tmargin 8
set x2tics out rotate by 40 left font ",9" scale 0.5
set key outside right
set style fill solid 0.85 noborder

plot for [block=1:STATS_blocks - 1] data index block using \
		(($1 + $2) / 2):(($3 + $4) / 2):1:2:3:4 with boxxyerror title columnheader(1), \
	data index 0 using 1:(NaN):x2ticlabel(2) with points notitle
