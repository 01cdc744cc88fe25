#include "l1vmm/lib/string.h"

#include <stdint.h>

/*
 * Copies and fills are one string instruction: processors with ERMS run it at full width, and it
 * keeps the compiler from turning a loop in here into a call of the very function it implements.
 */
static void copy_upwards(void *to, const void *from, size_t size)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	copy_upwards(to, from, size);
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	char *last_to = (char *)to + size - 1;
	const char *last_from = (const char *)from + size - 1;

	/* Downwards where `to` starts inside the source, which upwards would overwrite unread. */
	if ((uintptr_t)to - (uintptr_t)from >= size)
		copy_upwards(to, from, size);
	else
		__asm__ volatile("std; rep movsb; cld"
				 : "+D"(last_to), "+S"(last_from), "+c"(size)
				 :
				 : "memory");
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	void *cursor = to;

	__asm__ volatile("rep stosb" : "+D"(cursor), "+c"(size) : "a"(byte) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < size; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
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
