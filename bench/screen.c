#include "bench/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* A table on fewer columns than this is not worth wrapping. */
enum { LEAST = 60 };

unsigned screen_width(unsigned most)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_col > most)
		return most;
	return size.ws_col < LEAST ? LEAST : size.ws_col;
}
