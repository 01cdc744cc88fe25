#include "bench/err.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

Test(err, the_first_error_stays)
{
	struct vmfee_error err = {0};

	cr_expect_eq(vmfee_fail(&err, VMFEE_GUEST, "benchmark %d", 7), -1);
	cr_expect_eq(vmfee_fail(&err, VMFEE_PANIC, "its consequence"), -1);
	cr_expect_eq(err.status, VMFEE_GUEST);
	cr_expect_str_eq(err.text, "benchmark 7");
}

Test(err, a_disk_that_takes_nothing_is_told_from_other_failures)
{
	static const struct {
		int number;
		int status;
	} rows[] = {
		{ENOSPC, VMFEE_DISK},	{EDQUOT, VMFEE_DISK}, {EFBIG, VMFEE_DISK},
		{ENOENT, VMFEE_SYSTEM}, {EIO, VMFEE_SYSTEM},  {EROFS, VMFEE_DISK},
		{EACCES, VMFEE_DISK},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmfee_error err = {0};
		char text[128];
		errno = rows[i].number;
		cr_expect_eq(vmfee_fail_errno(&err, "disk.img"), -1);
		cr_expect_eq(err.status, rows[i].status, "%s", strerror(rows[i].number));
		snprintf(text, sizeof(text), "disk.img: %s", strerror(rows[i].number));
		cr_expect_str_eq(err.text, text);
	}
}

Test(err, text_goes_before_and_behind_and_never_overflows)
{
	struct vmfee_error err = {0};
	char long_text[600];

	vmfee_fail(&err, VMFEE_GUEST, "middle");
	vmfee_prefix(&err, "file:%d", 3);
	vmfee_suffix(&err, "; %s", "end");
	cr_expect_str_eq(err.text, "file:3: middle; end");

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	vmfee_suffix(&err, "%s", long_text);
	cr_expect_eq(strlen(err.text), sizeof(err.text) - 1);
	vmfee_suffix(&err, "more");
	cr_expect_eq(strlen(err.text), sizeof(err.text) - 1);
	vmfee_prefix(&err, "%s", long_text);
	cr_expect_eq(strlen(err.text), sizeof(err.text) - 1);
	cr_expect_eq(err.text[0], 'x');
}
