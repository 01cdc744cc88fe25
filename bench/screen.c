#include "bench/screen.h"

#include <sys/ioctl.h>

/* A table on fewer columns than this is not worth wrapping. */
enum { LEAST = 60 };

unsigned screen_width(int terminal, unsigned most)
{
	struct winsize size;

	if (ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_col > most)
		return most;
	return size.ws_col < LEAST ? LEAST : size.ws_col;
}
