# How long exits took while the run went on: the darker, the more of them.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block with a line "begin name" for each benchmark that is wide enough to be named;
#             then one with lines of "begin end least most count"
#   heading   the figure's title
#   unit      what ticks are on the platform of the run

stats data index 1 using 5 nooutput
most = STATS_max

set label heading at screen 0.5, 0.97 center
set xlabel unit . " since the first benchmark"
set ylabel unit . " from the exit stamp to the entry stamp"
set cblabel "exits"
set logscale y
set logscale cb
set cbrange [1:most > 1 ? most : 2]
set palette defined (0 "#6c9bd2", 0.5 "#b05fc0", 1 "#e8590c")
set grid ytics
set format x "%.1s %c"
set tmargin 8
set x2tics out rotate by 40 left font ",9" scale 0.5
unset key

plot data index 1 using (($1 + $2) / 2):(($3 + $4) / 2):1:2:3:4:5 with boxxyerror \
		fillstyle solid noborder linecolor palette, \
	data index 0 using 1:(NaN):x2ticlabel(2) with points
