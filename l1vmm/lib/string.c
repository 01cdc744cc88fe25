#include "l1vmm/lib/string.h"

#include <stdint.h>

/*
 * Copies and fills are one string instruction: processors with ERMS run it at full width, and it
 * keeps the compiler from turning a loop in here into a call of the very function it implements.
 */
static void copy_upwards(void *to, const void *from, size_t bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	copy_upwards(to, from, bytes);
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	char *last_to = (char *)to + bytes - 1;
	const char *last_from = (const char *)from + bytes - 1;

	/* Downwards where `to` starts inside the source, which upwards would overwrite unread. */
	if ((uintptr_t)to - (uintptr_t)from >= bytes)
		copy_upwards(to, from, bytes);
	else
		__asm__ volatile("std; rep movsb; cld"
				 : "+D"(last_to), "+S"(last_from), "+c"(bytes)
				 :
				 : "memory");
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	void *cursor = to;

	__asm__ volatile("rep stosb" : "+D"(cursor), "+c"(bytes) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < bytes; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *s)
{
	size_t length = 0;

	while (s[length])
		length++;
	return length;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t bytes)
{
	while (bytes && *a && *a == *b) {
		a++;
		b++;
		bytes--;
	}
	return bytes ? (unsigned char)*a - (unsigned char)*b : 0;
}
