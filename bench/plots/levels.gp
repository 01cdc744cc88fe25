# What each operation takes, stacked by the level that takes it.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      benchmark,LEVEL...,rest in comma-separated values
#   heading   the figure's title
#   unit      what ticks are on the platform of the run

set datafile separator ","
set datafile columnheaders
stats data using 0 nooutput

set key top left
set title heading
set ylabel unit . " per operation"
set xrange [-0.6:STATS_records - 0.4]
set grid ytics
set style data histogram
set style histogram rowstacked
set style fill solid 0.85 noborder
set xtics rotate by 40 right nomirror
set boxwidth 0.7

plot for [column=2:STATS_columns] data using column:xtic(1) title columnheader(column)
