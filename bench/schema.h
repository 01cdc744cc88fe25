/*
 * The schema of results.db, the same for every experiment.  SQLite keeps the text as it stands
 * here, comments included, so `.schema` explains a file to whoever opens it.
 */
#ifndef BENCH_SCHEMA_H
#define BENCH_SCHEMA_H

/* PRAGMA user_version of a file with this schema; another number means another schema. */
#define SCHEMA_VERSION 9

#define SCHEMA_STRING_(text) #text
#define SCHEMA_STRING(text)  SCHEMA_STRING_(text)

extern const char schema_sql[];	      /* the tables */
extern const char schema_views_sql[]; /* the common questions */

#endif
