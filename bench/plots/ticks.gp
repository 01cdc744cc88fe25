# Ticks per operation, natively and on the stack, side by side.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      benchmark,NATIVE,STACK in comma-separated values, or benchmark,STACK
#   heading   the figure's title
#   unit      what ticks are on the platform of the run

set datafile separator ","
set datafile columnheaders
stats data using 0 nooutput

set key top left
set title heading
set ylabel unit . " per operation"
set logscale y
set yrange [0.5:*]
set xrange [-0.6:STATS_records - 0.4]
set grid ytics
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set xtics rotate by 40 right nomirror
set boxwidth 0.9

shown(x) = x > 0 ? x : NaN

# The stack is the last column.
plot for [c=2:STATS_columns] data using (shown(column(c))):xtic(1) \
	title columnheader(c) linecolor rgb c == STATS_columns ? "#c0392b" : "#7f8c8d"
