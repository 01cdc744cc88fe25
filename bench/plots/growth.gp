# What an operation takes under no, one and more hypervisors: a line for each benchmark.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block for each: its name, then lines of "hypervisors ticks"
#   heading   the figure's title
#   unit      what ticks are on the platform of the run

stats data using 1 nooutput

set key outside right
set title heading
set xlabel "hypervisors under the workload"
set ylabel unit . " per operation"
set logscale y
set xtics 1
set xrange [-0.1:STATS_max + 0.1]
set grid

plot for [block=0:STATS_blocks - 1] data index block using 1:2 with linespoints linewidth 2 \
	dashtype block / 8 + 1 title columnheader(1)
