#include "bench/digest.h"

#include <sha256.h>
#include <stddef.h>

_Static_assert(DIGEST_TEXT == SHA256_DIGEST_STRING_LENGTH, "room for the digest and its end");

int digest_file(const char *path, char text[DIGEST_TEXT], struct vmfee_error *err)
{
	return SHA256File(path, text) == NULL ? vmfee_fail_errno(err, "%s", path) : 0;
}
