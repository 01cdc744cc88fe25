/*
 * The string functions that plain C may use: the standard's own prototypes.  string.c defines them
 * in the images, libc in hosted programs, so that one object source serves both.
 */
#ifndef L1VMM_LIB_STRING_H
#define L1VMM_LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t bytes);

#endif
