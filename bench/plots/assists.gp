# What each generation pays back of the fee that the first one of the same depth has.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      workload,GENERATION... in comma-separated values, with a heading
#   heading   the figure's title

set datafile separator ","
set datafile columnheaders
stats data using 0 nooutput

set key outside bottom center horizontal
set title heading
set ylabel "% of the fee"
set yrange [*<-10:105]
set xrange [-0.6:STATS_records - 0.4]
set xzeroaxis
set grid ytics
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set xtics nomirror

plot for [column=2:STATS_columns] data using column:xtic(1) title columnheader(column)
