#include "bench/schema.h"

/*
 * What bench/analysis.c makes of the tables, for those who ask in SQL.  tests/unit/test_query.c
 * holds the one against the other.
 */
const char schema_views_sql[] =
	"CREATE VIEW median AS -- of the samples of each benchmark, in ticks of a sample\n"
	"	WITH ranked AS (SELECT benchmark, ticks,\n"
	"			row_number() OVER (PARTITION BY benchmark ORDER BY ticks) AS rank,\n"
	"			count(*) OVER (PARTITION BY benchmark) AS samples FROM sample)\n"
	"	SELECT benchmark, max(samples) AS samples, min(ticks) AS smallest,\n"
	"		avg(ticks) FILTER (WHERE rank IN ((samples + 1) / 2, (samples + 2) / 2)) AS median,\n"
	"		max(ticks) AS largest\n"
	"	FROM ranked GROUP BY benchmark;\n"

	"CREATE VIEW ticks_per_op AS -- medians, less the smallest sample of the empty harness\n"
	"	SELECT stack.id AS stack_id, stack.name AS stack, depth, probe_of,\n"
	"		benchmark.id AS benchmark_id, benchmark.name AS benchmark, component, samples,\n"
	"		(median - (SELECT min(ticks) FROM sample JOIN benchmark AS empty\n"
	"			ON sample.benchmark = empty.id\n"
	"			WHERE empty.stack = stack.id AND empty.name = 'empty')) / ops AS ticks_per_op\n"
	"	FROM benchmark JOIN stack ON benchmark.stack = stack.id\n"
	"	JOIN median ON median.benchmark = benchmark.id;\n"

	"CREATE VIEW workload AS -- the image on top of each stack\n"
	"	WITH RECURSIVE rest (stack, text) AS (SELECT id, notation FROM stack UNION ALL\n"
	"		SELECT stack, substr(text, instr(text, ' / ') + 3) FROM rest\n"
	"		WHERE instr(text, ' / ') > 0)\n"
	"	SELECT stack, substr(text, 1, instr(text || ' ', ' ') - 1) AS image FROM rest\n"
	"	WHERE instr(text, ' / ') = 0;\n"

	"CREATE VIEW fee AS -- what an operation takes more than on the first stack at depth 0 that\n"
	"	-- has the same workload\n"
	"	SELECT ticks.stack, ticks.benchmark, ticks.component,\n"
	"		native.ticks_per_op AS native_per_op, ticks.ticks_per_op,\n"
	"		ticks.ticks_per_op - native.ticks_per_op AS fee_per_op, ticks.benchmark_id\n"
	"	FROM ticks_per_op AS ticks JOIN ticks_per_op AS native\n"
	"	ON native.benchmark = ticks.benchmark AND native.stack_id = (SELECT min(stack.id)\n"
	"		FROM stack JOIN workload ON workload.stack = stack.id\n"
	"		WHERE depth = 0 AND probe_of IS NULL AND image = (SELECT image FROM workload\n"
	"			WHERE stack = ticks.stack_id))\n"
	"	WHERE ticks.stack_id <> native.stack_id;\n"

	"CREATE VIEW exits_per_op AS -- by stack, benchmark, level and reason\n"
	"	SELECT stack.name AS stack, benchmark.name AS benchmark, exit_sum.level, reason,\n"
	"		sum(exit_sum.count) * 1.0 / (benchmark.ops * (SELECT count(*) FROM sample\n"
	"			WHERE sample.benchmark = benchmark.id)) AS exits_per_op\n"
	"	FROM exit_sum\n"
	"	JOIN benchmark ON exit_sum.benchmark = benchmark.id\n"
	"	JOIN stack ON benchmark.stack = stack.id\n"
	"	GROUP BY benchmark.id, exit_sum.level, reason;\n"

	"CREATE VIEW exit_cost AS -- all exits of a stack, with what one takes on average\n"
	"	SELECT stack.name AS stack, level, reason, component, sum(count) AS exits,\n"
	"		sum(handled_ticks) * 1.0 / sum(count) AS handled_ticks\n"
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) \
	"		, sum(" #name ") * 1.0 / sum(count) AS " #name "\n"
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	"	FROM exit_sum JOIN stack ON exit_sum.stack = stack.id\n"
	"	GROUP BY stack.id, level, reason, component;\n"

	"CREATE VIEW joined_cost AS -- an exit of a guest of KVM's guest: ticks of each level\n"
	"	WITH way AS (SELECT stack, min(shortest) AS ticks FROM joined GROUP BY stack),\n"
	"		kvm AS (SELECT stack, benchmark, reason, sum(count) AS exits,\n"
	"			sum(handled_ticks) AS ticks FROM joined_beneath\n"
	"			GROUP BY stack, benchmark, reason)\n"
	"	SELECT stack.name AS stack, benchmark.name AS benchmark, joined.reason, joined.count,\n"
	"		kvm.exits * 1.0 / joined.count AS kvm_exits,\n"
	"		kvm.ticks * 1.0 / joined.count AS in_kvm,\n"
	"		(stay_ticks - stays * way.ticks) * 1.0 / joined.count AS in_l1,\n"
	"		(stays + joined.count) * way.ticks * 1.0 / joined.count AS transition\n"
	"	FROM joined JOIN stack ON joined.stack = stack.id\n"
	"	JOIN way ON way.stack = joined.stack\n"
	"	JOIN kvm ON kvm.stack = joined.stack AND kvm.benchmark IS joined.benchmark\n"
	"		AND kvm.reason = joined.reason\n"
	"	LEFT JOIN benchmark ON joined.benchmark = benchmark.id;\n"

	"CREATE VIEW fee_component AS -- the fee by component; what no handler took is transition\n"
	"	WITH base AS (SELECT id, CASE WHEN notation GLOB 'kvm[ \t]*' THEN 1 ELSE 0 END AS level\n"
	"			FROM stack),\n"
	"		common AS (SELECT base.id AS stack, base.level, min(shortest) AS ticks FROM exit_sum\n"
	"			JOIN base ON exit_sum.stack = base.id AND exit_sum.level = base.level\n"
	"			GROUP BY base.id),\n"
	"		handled AS (SELECT exit_sum.benchmark, exit_sum.component, sum(handled_ticks -\n"
	"			count * common.ticks) * 1.0 / (ops * samples) AS ticks FROM exit_sum\n"
	"			JOIN common ON exit_sum.stack = common.stack AND exit_sum.level = common.level\n"
	"			JOIN benchmark ON exit_sum.benchmark = benchmark.id\n"
	"			JOIN median ON median.benchmark = benchmark.id\n"
	"			GROUP BY exit_sum.benchmark, exit_sum.component),\n"
	"		charged AS (SELECT benchmark, component, ticks FROM handled UNION ALL\n"
	"			SELECT fee.benchmark_id,\n"
	"				iif(sum(handled.ticks) IS NULL, fee.component, 'transition'),\n"
	"				fee_per_op - ifnull(sum(handled.ticks), 0)\n"
	"			FROM fee LEFT JOIN handled ON handled.benchmark = fee.benchmark_id\n"
	"			GROUP BY fee.benchmark_id)\n"
	"	SELECT fee.stack, fee.benchmark, charged.component, sum(charged.ticks) AS fee_per_op\n"
	"	FROM fee JOIN charged ON charged.benchmark = fee.benchmark_id\n"
	"	GROUP BY fee.benchmark_id, charged.component;\n";
