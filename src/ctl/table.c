/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ctl/output.h"
#include "ctl/say.h"

enum {
    GAP = 2, /* blanks between columns */
    CELLS_MIN = 160,
};

void table_init(struct table *table, const struct table_column *columns, size_t column_count, size_t terminal_width)
{
    assert(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .column_count = column_count, .terminal_width = terminal_width};
}

static void drop_rows(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    table->cell_count = 0;
}

void table_deinit(struct table *table)
{
    drop_rows(table);
    free(table->cells);
    table->cells = NULL;
    table->cell_capacity = 0;
}

static int reserve(struct table *table)
{
    size_t capacity = table->cell_capacity > 0 ? table->cell_capacity * 2 : CELLS_MIN;
    char **cells;

    if (table->cell_count + table->column_count <= table->cell_capacity)
        return 0;
    cells = realloc(table->cells, capacity * sizeof(*cells));
    if (cells == NULL)
        return ERR_NOMEM;
    table->cells = cells;
    table->cell_capacity = capacity;
    return 0;
}

int table_row(struct table *table, const char *const *cells)
{
    if (reserve(table) != 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < table->column_count; i++) {
        struct buf text;

        buf_init(&text, 0);
        output_escape(&text, cells[i]);
        table->cells[table->cell_count + i] = buf_take(&text);
        if (table->cells[table->cell_count + i] == NULL) {
            while (i-- > 0)
                free(table->cells[table->cell_count + i]);
            return ERR_NOMEM;
        }
    }
    table->cell_count += table->column_count;
    return 0;
}

/* What cutting leaves of a column at the least. One that can be dropped is of no use when it shows next to nothing. */
static size_t floor_width(const struct table *table, size_t column)
{
    int gives = table->columns[column].gives;
    size_t least = gives >= TABLE_DROP(1) ? TABLE_DROP_MIN : TABLE_SHRINK_MIN;

    return (gives & TABLE_CUT) != 0 && table->width[column] > least ? least : table->width[column];
}

/* Of a row as it is, or at the least that cutting leaves. */
static size_t total_width(const struct table *table, bool least)
{
    size_t total = 0, shown = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        if (table->dropped[i])
            continue;
        shown++;
        total += least ? floor_width(table, i) : table->width[i];
    }
    return total + (shown - 1) * GAP;
}

/* Drops columns, the least wanted first, until the rest can be made to fit or wants to stay. */
static void drop_columns(struct table *table)
{
    while (table->terminal_width > 0 && total_width(table, true) > table->terminal_width) {
        size_t least = table->column_count;

        for (size_t i = 0; i < table->column_count; i++) {
            if (!table->dropped[i] && table->columns[i].gives >= TABLE_DROP(1) &&
                (least == table->column_count || table->columns[i].gives > table->columns[least].gives))
                least = i;
        }
        if (least == table->column_count)
            return;
        table->dropped[least] = true;
    }
}

/* Takes columns off the widest flexible one, one by one, until a row fits or nothing can give any more. */
static void shrink(struct table *table)
{
    size_t total = total_width(table, false);

    while (table->terminal_width > 0 && total > table->terminal_width) {
        size_t widest = table->column_count;

        for (size_t i = 0; i < table->column_count; i++) {
            if (!table->dropped[i] && table->width[i] > floor_width(table, i) &&
                (widest == table->column_count || table->width[i] > table->width[widest]))
                widest = i;
        }
        if (widest == table->column_count)
            return;
        table->width[widest]--;
        total--;
    }
}

static void settle(struct table *table)
{
    size_t column = 0;

    for (size_t i = 0; i < table->column_count; i++)
        table->width[i] = output_width(say(table->columns[i].heading));
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t width = output_width(table->cells[i]);
        size_t *widest = &table->width[column];

        if (width > *widest)
            *widest = width;
        column = column + 1 < table->column_count ? column + 1 : 0;
    }
    drop_columns(table);
    shrink(table);
    table->settled = true;
}

/* One cell: cut only on a terminal and only where the column may shrink. */
static void add_cell(const struct table *table, struct buf *out, size_t column, const char *text, bool heading)
{
    enum output_style style = heading ? OUTPUT_STRONG : output_style_of(text);
    struct buf cell;
    size_t width;

    buf_init(&cell, 0);
    if (table->terminal_width > 0 && (table->columns[column].gives & TABLE_CUT) != 0)
        output_cut(&cell, text, table->width[column]);
    else
        buf_add_text(&cell, text);
    width = output_width(buf_text(&cell));
    output_paint(out, buf_text(&cell), table->colours && width > 0 ? style : OUTPUT_PLAIN);
    for (size_t pad = width < table->width[column] ? table->width[column] - width + GAP : GAP; pad > 0; pad--)
        buf_add_char(out, ' ');
    buf_deinit(&cell);
}

static void add_line(const struct table *table, struct buf *out, char *const *cells)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->dropped[i])
            add_cell(table, out, i, cells != NULL ? cells[i] : say(table->columns[i].heading), cells == NULL);
    }
    while (out->length > 0 && out->data[out->length - 1] == ' ')
        out->data[--out->length] = '\0';
    buf_add_char(out, '\n');
}

void table_flush(struct table *table, struct buf *out)
{
    if (!table->settled) {
        settle(table);
        add_line(table, out, NULL);
    }
    for (size_t i = 0; i < table->cell_count; i += table->column_count)
        add_line(table, out, table->cells + i);
    drop_rows(table);
}
