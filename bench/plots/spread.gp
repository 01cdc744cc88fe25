# The empirical distribution of the samples of each benchmark that has different ones.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block for each benchmark: its name, then lines of "sample/median share"
#   heading   the figure's title

stats data using 1 nooutput

set key outside right
set title heading
set xlabel "sample / median"
set ylabel "share of samples at or below"
set yrange [0:1.02]
set grid

plot for [block=0:STATS_blocks - 1] data index block using 1:2 with steps title columnheader(1)
