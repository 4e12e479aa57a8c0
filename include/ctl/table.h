/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * table - rows under headings, columns as wide as their text.
 *
 * Rows are kept until table_flush(), which settles the widths; rows of later flushes are cut to these, so that a list
 * longer than memory can be printed page by page. On a terminal columns go, and others shrink, until a row fits;
 * elsewhere nothing is cut.
 */
#ifndef COMPLYD_CTL_TABLE_H
#define COMPLYD_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

enum { TABLE_COLUMNS_MAX = 10, TABLE_SHRINK_MIN = 8, TABLE_DROP_MIN = 16 };

enum { TABLE_FIXED = 0, TABLE_CUT = 1 };
#define TABLE_DROP(order) (2 * (order))

struct table_column {
    const char *heading;
    int gives; /* on a narrow terminal: TABLE_CUT its text may be cut; TABLE_DROP(n) it goes, the highest n first */
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    size_t terminal_width; /* 0 = no terminal */
    bool colours;          /* states and the like are shown in their colours: set after table_init() */
    size_t width[TABLE_COLUMNS_MAX];
    bool dropped[TABLE_COLUMNS_MAX];
    bool settled;
    char **cells; /* escaped; column_count of them a row */
    size_t cell_count, cell_capacity;
};

void table_init(struct table *table, const struct table_column *columns, size_t column_count, size_t terminal_width);
void table_deinit(struct table *table);

/* One row; `cells` has column_count texts (NULL = ""), copied. 0 or ERR_NOMEM. */
int table_row(struct table *table, const char *const *cells);

/* Appends the rows collected, and once the headings, to `out`. */
void table_flush(struct table *table, struct buf *out);

#endif
