#include "bench/schema.h"

const char schema_sql[] = "PRAGMA user_version = " SCHEMA_STRING(
	SCHEMA_VERSION) ";\n"

			"CREATE TABLE run ( -- what was run, one row per property\n"
			"	key   TEXT PRIMARY KEY,\n"
			"	value TEXT NOT NULL\n"
			") WITHOUT ROWID;\n"

			"CREATE TABLE stack (\n"
			"	id       INTEGER PRIMARY KEY, -- from 0, in the order of the experiment\n"
			"	name     TEXT NOT NULL UNIQUE,\n"
			"	notation TEXT NOT NULL,       -- its levels, bottom to top\n"
			"	depth    INTEGER NOT NULL,    -- hypervisors under the workload\n"
			"	probe_of TEXT,                -- the stack that this one is without telemetry\n"
			"	traced   INTEGER NOT NULL,    -- 1 where there is a trace\n"
			"	records  INTEGER NOT NULL,    -- in the trace\n"
			"	dropped  INTEGER NOT NULL     -- exits whose record was lost\n"
			");\n"

			"CREATE TABLE capability ( -- what a hypervisor found in the MSRs of its CPU\n"
			"	stack INTEGER NOT NULL REFERENCES stack (id),\n"
			"	level INTEGER NOT NULL,\n"
			"	name  TEXT NOT NULL,\n"
			"	msr   TEXT NOT NULL,\n"
			"	value TEXT NOT NULL\n"
			");\n"

			"CREATE TABLE switch ( -- the assists that a hypervisor used\n"
			"	stack INTEGER NOT NULL REFERENCES stack (id),\n"
			"	level INTEGER NOT NULL,\n"
			"	name  TEXT NOT NULL,\n"
			"	value TEXT NOT NULL\n"
			");\n"

			"CREATE TABLE benchmark (\n"
			"	id        INTEGER PRIMARY KEY, -- in the order of measurement\n"
			"	stack     INTEGER NOT NULL REFERENCES stack (id),\n"
			"	name      TEXT NOT NULL,\n"
			"	component TEXT NOT NULL,    -- of the fee, that the benchmark is about\n"
			"	ops       INTEGER NOT NULL, -- operations of one sample\n"
			"	begin_tsc INTEGER NOT NULL, -- the guest's TSC around all samples\n"
			"	end_tsc   INTEGER NOT NULL,\n"
			"	UNIQUE (stack, name)\n"
			");\n"

			"CREATE TABLE sample (\n"
			"	benchmark INTEGER NOT NULL REFERENCES benchmark (id),\n"
			"	number    INTEGER NOT NULL, -- from 0, in the order of measurement\n"
			"	ticks     INTEGER NOT NULL, -- of all operations and the harness\n"
			"	PRIMARY KEY (benchmark, number)\n"
			") WITHOUT ROWID;\n"

			"CREATE TABLE expectation ( -- exits that a guest says an operation causes\n"
			"	benchmark INTEGER NOT NULL REFERENCES benchmark (id),\n"
			"	reason    TEXT NOT NULL,\n"
			"	per_op    INTEGER NOT NULL\n"
			");\n"

			"CREATE TABLE skip ( -- what has no meaning on a stack\n"
			"	stack INTEGER NOT NULL REFERENCES stack (id),\n"
			"	name  TEXT NOT NULL,\n"
			"	why   TEXT NOT NULL\n"
			");\n"

			"CREATE TABLE exit_sum ( -- the trace, added up\n"
			"	stack         INTEGER NOT NULL REFERENCES stack (id),\n"
			"	benchmark     INTEGER REFERENCES benchmark (id), -- NULL: outside of all\n"
			"	level         INTEGER NOT NULL, -- of the hypervisor that took the exits\n"
			"	reason        TEXT NOT NULL,\n"
			"	component     TEXT NOT NULL,    -- of the fee, that they are charged to\n"
			"	count         INTEGER NOT NULL,\n"
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) "	" #name " INTEGER NOT NULL, -- " text "\n"
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
			"	guest_ticks   INTEGER NOT NULL, -- that the guest ran before the exits\n"
			"	handled_ticks INTEGER NOT NULL, -- from the exit stamp to the entry stamp\n"
			"	shortest      INTEGER NOT NULL  -- handled_ticks of the exit that took least\n"
			");\n"

			"CREATE VIEW exits_per_op AS -- by stack, benchmark and reason\n"
			"	SELECT stack.name AS stack, benchmark.name AS benchmark, exit_sum.level, reason,\n"
			"		sum(exit_sum.count) * 1.0 / (benchmark.ops * (SELECT count(*) FROM sample\n"
			"			WHERE sample.benchmark = benchmark.id)) AS exits_per_op\n"
			"	FROM exit_sum\n"
			"	JOIN benchmark ON exit_sum.benchmark = benchmark.id\n"
			"	JOIN stack ON benchmark.stack = stack.id\n"
			"	GROUP BY benchmark.id, exit_sum.level, reason;\n";
