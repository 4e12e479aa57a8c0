/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "ctl/output.h"
#include "ctl/table.h"

static const struct table_column columns[] = {{"ID", TABLE_FIXED}, {"NAME", TABLE_CUT}, {"STATE", TABLE_FIXED}};

static void add(struct table *table, const char *id, const char *name, const char *state_word)
{
    const char *cells[] = {id, name, state_word};

    assert_int_equal(table_row(table, cells), 0);
}

static void assert_flush(struct table *table, const char *expected)
{
    struct buf out;

    buf_init(&out, 0);
    table_flush(table, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_deinit(&out);
}

static void columns_are_as_wide_as_their_text(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, columns, 3, 0);
    add(&table, "D1", "Jörg's 電話", "compliant");
    add(&table, "D2000", NULL, "");
    assert_flush(&table, "ID     NAME         STATE\n"
                         "D1     Jörg's 電話  compliant\n"
                         "D2000\n");
    table_deinit(&table);
}

static void later_pages_keep_the_widths_and_have_no_heading(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, columns, 3, 0);
    add(&table, "D1", "abc", "x");
    assert_flush(&table, "ID  NAME  STATE\nD1  abc   x\n");
    add(&table, "D2", "a longer name", "y");
    assert_flush(&table, "D2  a longer name  y\n");
    assert_flush(&table, "");
    table_deinit(&table);
}

static void a_narrow_terminal_cuts_what_may_be_cut(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, columns, 3, 30);
    add(&table, "D1234567", "The telephone of somebody", "compliant");
    assert_flush(&table, "ID        NAME       STATE\n"
                         "D1234567  The tele…  compliant\n");
    table_deinit(&table);

    table_init(&table, columns, 3, 10); /* ids and states are never cut */
    add(&table, "D1234567", "The telephone of somebody", "compliant");
    assert_flush(&table, "ID        NAME      STATE\n"
                         "D1234567  The tel…  compliant\n");
    table_deinit(&table);
}

static void an_empty_table_is_its_heading(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, columns, 3, 80);
    assert_flush(&table, "ID  NAME  STATE\n");
    table_deinit(&table);
}

static void cells_are_made_safe(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, columns, 3, 0);
    add(&table, "D1", "\x1b[2J", "x");
    assert_flush(&table, "ID  NAME     STATE\nD1  \\x1b[2J  x\n");
    table_deinit(&table);
}

static void holds_many_rows(void **state)
{
    struct table table;
    struct buf out;

    (void)state;
    table_init(&table, columns, 3, 0);
    for (int i = 0; i < 1000; i++)
        add(&table, "D1", "n", "x");
    buf_init(&out, 0);
    table_flush(&table, &out);
    assert_int_equal(out.length, strlen("ID  NAME  STATE\n") + 1000 * strlen("D1  n     x\n"));
    buf_deinit(&out);
    table_deinit(&table);
}

static void a_narrow_terminal_drops_what_may_go(void **state)
{
    static const struct table_column giving[] = {
        {"ID", TABLE_FIXED}, {"TIME", TABLE_DROP(2)}, {"STATE", TABLE_FIXED}, {"WHY", TABLE_CUT | TABLE_DROP(1)}};
    const char *cells[] = {"D1234567", "05:04:03", "compliant", "for a reason that is long"};
    static const struct {
        size_t columns;
        const char *expected;
    } cases[] = {
        {0, "ID        TIME      STATE      WHY\nD1234567  05:04:03  compliant  for a reason that is long\n"},
        {50, "ID        TIME      STATE      WHY\nD1234567  05:04:03  compliant  for a reason that …\n"},
        {40, "ID        STATE      WHY\nD1234567  compliant  for a reason that …\n"},
        {30, "ID        STATE\nD1234567  compliant\n"},
        {5, "ID        STATE\nD1234567  compliant\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table table;

        table_init(&table, giving, 4, cases[i].columns);
        assert_int_equal(table_row(&table, cells), 0);
        assert_flush(&table, cases[i].expected);
        table_deinit(&table);
    }
}

static void states_have_their_colours(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, columns, 3, 80);
    table.colours = true;
    add(&table, "D1", "error prone", "error");
    assert_flush(&table, "\033[1mID\033[0m  \033[1mNAME\033[0m         \033[1mSTATE\033[0m\n"
                         "D1  error prone  \033[31merror\033[0m\n");
    table_deinit(&table);
}

static int setup(void **state)
{
    (void)state;
    output_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_text),
        cmocka_unit_test(later_pages_keep_the_widths_and_have_no_heading),
        cmocka_unit_test(a_narrow_terminal_cuts_what_may_be_cut),
        cmocka_unit_test(an_empty_table_is_its_heading),
        cmocka_unit_test(cells_are_made_safe),
        cmocka_unit_test(holds_many_rows),
        cmocka_unit_test(a_narrow_terminal_drops_what_may_go),
        cmocka_unit_test(states_have_their_colours),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
