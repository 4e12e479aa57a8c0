/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * statement - prepared statements and the mapping of SQLite's results to ERR_*.
 *
 * A statement is prepared once per connection, on first use; the cache is keyed by the address of its SQL text, so the
 * text must be a string literal or static array.
 *
 * Binding is by a format, one letter a parameter:
 *     t  const char *       text, borrowed until the statement is reset (NULL binds NULL)
 *     i  int64_t            integer
 *     d  int                integer
 *     g  const struct guid * 16 bytes, borrowed (NULL binds NULL)
 *     h  const uint8_t *     32 bytes, borrowed: a hash
 *     n  (no argument)      NULL
 */
#ifndef COMPLYD_STORE_STATEMENT_H
#define COMPLYD_STORE_STATEMENT_H

#include <sqlite3.h>

#include "base/guid.h"
#include "store/database.h"

/* Fills *err from a SQLite result and returns the ERR_* code. */
int statement_error(struct database *database, int result, struct error *err, const char *what);

/* The prepared statement of `sql`, with its parameters bound. */
int statement_get(struct database *database, const char *sql, sqlite3_stmt **ret_statement, struct error *err,
                  const char *format, ...);

/* 1: a row is there. 0: finished. Negative: ERR_*. The statement is reset unless there is a row. */
int statement_step(struct database *database, sqlite3_stmt *statement, struct error *err);

/* Binds and runs a statement that returns no rows; the number of rows changed is told by sqlite3_changes(). */
int statement_run(struct database *database, const char *sql, struct error *err, const char *format, ...);

/* Binds, runs, and reads one integer of the first row; *ret_value is untouched when there is none (returns 0). Returns
 * 1 for a row, or ERR_*. */
int statement_int(struct database *database, const char *sql, int64_t *ret_value, struct error *err, const char *format,
                  ...);

/* Runs SQL text that is not worth keeping: pragmas, BEGIN, schema scripts. */
int statement_exec(struct database *database, const char *sql, struct error *err);

/* Column access: "" for NULL; `fallback` for NULL. */
const char *statement_text(sqlite3_stmt *statement, int column);
int64_t statement_integer(sqlite3_stmt *statement, int column, int64_t fallback);

/* Copies a 16-byte blob; false when the column is none. */
bool statement_guid(sqlite3_stmt *statement, int column, struct guid *ret_guid);

/* After a job: one that gave up half-way must not keep its read transaction open. */
void statement_reset_all(struct database *database);

void statement_finalize_all(struct database *database);

#endif
