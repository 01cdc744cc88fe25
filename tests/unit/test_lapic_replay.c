/* What the replay of a stress's log makes of logs that are right, and of each way to be wrong. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/lapic_replay.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Steps as "R40 T40 E", their numbers in hexadecimal. */
static struct replay_log log_of(const char *text, uint8_t bytes[static 64])
{
	struct replay_log log = {.bytes = bytes};

	while (*text) {
		unsigned number = 0;

		bytes[log.count++] = (uint8_t)*text++;
		for (; *text && *text != ' '; text++)
			number = number * 16 +
				 (unsigned)(strchr("0123456789abcdef", *text) - "0123456789abcdef");
		bytes[log.count++] = (uint8_t)number;
		text += *text == ' ';
	}
	return log;
}

static bool judge(const char *first, const char *second, struct replay_result *result)
{
	uint8_t bytes[REPLAY_SIDES][64];
	const struct replay_log logs[REPLAY_SIDES] = {log_of(first, bytes[0]),
						      log_of(second, bytes[1])};

	return replay(logs, result);
}

Test(lapic_replay, takes_what_is_right)
{
	static const struct {
		const char *first, *second;
		unsigned long taken, nmis;
	} rows[] = {
		{"", "", 0, 0},
		{"R40 T40 E C", "", 1, 0},
		{"R40 R40 T40 E C", "", 1, 0},
		{"R40 R50 P4 N n T50 E C P0 T40 E C", "", 2, 1},
		{"R40 T40 R50 T50 E E C", "", 2, 0},
		{"S41 M M", "M T41 E C M", 1, 0},
		{"S41 M", "T41 E M", 1, 0},
		{"S41 M", "L51 T41 E T51 A51 E M", 2, 0}, /* either may be first */
		{"L42 R40 T40 E T42 E C", "", 2, 0},
		{"N M", "n M", 0, 1},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct replay_result result;
		bool right = judge(rows[i].first, rows[i].second, &result);

		cr_expect(right, "%zu: %s", i, result.why);
		cr_expect_eq(result.taken, rows[i].taken, "%zu", i);
		cr_expect_eq(result.nmis, rows[i].nmis, "%zu", i);
	}
}

Test(lapic_replay, says_what_is_wrong)
{
	static const struct {
		const char *first, *second, *why;
	} rows[] = {
		{"T40 E", "", "processor 0, step 0: 0x40 comes, which nobody has sent"},
		{"R40 T40 E T40 E", "", "step 3: 0x40 comes, which nobody has sent"},
		{"R40", "", "0x40 never comes"},
		{"R40 C", "", "step 1: 0x40 has not come"},
		{"R40 R50 T40 E T50 E", "", "step 2: 0x40 comes before 0x50"},
		{"P4 R40 T40 E", "", "0x40 comes, which class 4 holds back"},
		{"R50 T50 R45 T45 E E", "", "0x45 comes, which class 5 holds back"},
		{"S41 M", "M", "processor 1, step 1: 0x41 never comes"},
		{"S41 M", "R31 M T31 E T41 E", "processor 1, step 2: 0x31 comes before 0x41"},
		{"S41 S41 M", "T41 E M", "0x41 is sent while it is still on its way"},
		{"M S41", "T41 E M", "processor 1, step 0: 0x41 comes, which nobody has sent"},
		{"L42", "", "0x42 never comes"},
		{"N", "", "0 NMIs come of 1"},
		{"N n n", "", "2 NMIs come of 1"},
		{"N M", "M", "processor 1, step 1: 0 NMIs come of 1"},
		{"X", "", "0x58 is no step"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct replay_result result;

		cr_expect_not(judge(rows[i].first, rows[i].second, &result), "%zu", i);
		cr_expect_not_null(strstr(result.why, rows[i].why), "%zu: %s", i, result.why);
	}
}
