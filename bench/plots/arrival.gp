# How long interrupts are on their way to the handler: the empirical distribution for each stack.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block for each stack: its name, then lines of "ticks share"
#   heading   the figure's title
#   unit      what ticks are on the platform of the run

stats data using 1 nooutput

set key outside right
set title heading
set xlabel unit . " from the source to the handler, the stamps included"
set ylabel "share of interrupts that took at most so long"
set logscale x
set yrange [0:1.02]
set grid

plot for [block=0:STATS_blocks - 1] data index block using 1:2 with steps linewidth 2 \
	title columnheader(1)
