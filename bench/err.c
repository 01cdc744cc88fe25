#include "bench/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int vmfee_fail(struct vmfee_error *err, enum vmfee_status status, const char *fmt, ...)
{
	if (err->status != VMFEE_OK)
		return -1;
	err->status = status;

	va_list args;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return -1;
}

static enum vmfee_status status_of_errno(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EROFS:
	case EACCES:
		return VMFEE_DISK;
	default:
		return VMFEE_SYSTEM;
	}
}

int vmfee_fail_errno(struct vmfee_error *err, const char *fmt, ...)
{
	int number = errno;
	char what[384];

	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return vmfee_fail(err, status_of_errno(number), "%s: %s", what, strerror(number));
}

int vmfee_prefix(struct vmfee_error *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	memcpy(text, err->text, sizeof(text));

	va_list args;
	va_start(args, fmt);
	int prefix = vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	if (prefix >= 0 && (size_t)prefix < sizeof(err->text))
		snprintf(err->text + prefix, sizeof(err->text) - (size_t)prefix, ": %s", text);
	return -1;
}

int vmfee_suffix(struct vmfee_error *err, const char *fmt, ...)
{
	size_t used = strlen(err->text);

	va_list args;
	va_start(args, fmt);
	vsnprintf(err->text + used, sizeof(err->text) - used, fmt, args);
	va_end(args);
	return -1;
}
