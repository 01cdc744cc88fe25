# What a processor gets done while another one interrupts it.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block for each stack: its name, then lines of "rate share"
#   heading   the figure's title
#   axis      what the rate is

stats data using 1 nooutput

set key outside right
set title heading
set xlabel axis
set ylabel "throughput, as a share of that without interrupts"
set yrange [0:1.05]
set grid

plot for [block=0:STATS_blocks - 1] data index block using 1:2 with linespoints linewidth 2 \
	pointtype 7 title columnheader(1)
