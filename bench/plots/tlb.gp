# What a modelled TLB does along a family of benchmarks, and where one stack overtakes another.
#
# vmfee sets the terminal, takes the figure from stdout, and sets these first:
#   data      a block for each stack: its name, then lines of "number label refills references
#             modelled relative", the first two of the benchmark, the others per operation
#   heading   the figure's title
#   unit      what ticks are on the platform of the run
#   axis      what the number counts

stats data using 1 nooutput

set multiplot layout 2,2 title heading
set xlabel axis
set logscale x
set xrange [STATS_min / 1.5:STATS_max * 1.5]
set xtics nomirror
set grid

# Where stacks agree, the lines of all of them stay in sight.
width(block) = 7 - 5.0 * block / (STATS_blocks > 1 ? STATS_blocks - 1 : 1)
size(block) = 0.2 * width(block)

set key top left
set yrange [0:*]
set ylabel "TLB refills per operation"
plot for [block=0:STATS_blocks - 1] data index block using 1:3:xtic(2) with linespoints \
	linewidth width(block) pointtype 7 pointsize size(block) title columnheader(1)

unset key
set ylabel "walk references per operation"
plot for [block=0:STATS_blocks - 1] data index block using 1:4:xtic(2) with linespoints \
	linewidth width(block) pointtype 7 pointsize size(block)

set ylabel "modelled " . unit . "\nper operation"
set logscale y
set yrange [*:*]
plot for [block=0:STATS_blocks - 1] data index block using 1:5:xtic(2) with linespoints \
	linewidth width(block) pointtype 7 pointsize size(block)

# Who is cheapest is at 1.
unset logscale y
set yrange [0.9:*]
set ylabel "modelled " . unit . ",\nrelative to the cheapest"
plot for [block=0:STATS_blocks - 1] data index block using 1:6:xtic(2) with linespoints \
	linewidth width(block) pointtype 7 pointsize size(block)

unset multiplot
