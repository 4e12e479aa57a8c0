/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "capture.h"
#include "ctl/output.h"
#include "ctl/progress.h"

static void assert_line(int64_t done, int64_t total, int64_t elapsed_ms, size_t columns, const char *expected)
{
    struct buf buf;

    buf_init(&buf, 0);
    progress_format(&buf, "import", done, total, "lines", elapsed_ms, columns);
    assert_string_equal(buf_text(&buf), expected);
    assert_true(columns < 40 || output_width(buf_text(&buf)) < columns);
    buf_deinit(&buf);
}

static void draws_a_bar_that_fits(void **state)
{
    (void)state;
    assert_line(500, 1000, 3400, 60, "import [##########..........]  50 %  500 of 1,000 lines  3s");
    assert_line(0, 1000, 0, 50, "import [............]   0 %  0 of 1,000 lines  0s");
    assert_line(1000, 1000, 61000, 200,
                "import [########################################] 100 %  1,000 of 1,000 lines  1m1s");
}

static void leaves_the_bar_away_without_room_or_total(void **state)
{
    (void)state;
    assert_line(500, 1000, 3000, 30, "import 500 of 1,000 lines  3s");
    assert_line(123456, 0, 3000, 80, "import 123,456 lines  3s");
}

static void more_than_all_is_all(void **state)
{
    (void)state;
    assert_line(2000, 1000, 0, 54, "import [############] 100 %  1,000 of 1,000 lines  0s");
}

static void draws_nothing_where_no_terminal_is(void **state)
{
    struct progress progress;
    struct capture capture;

    (void)state;
    capture_start(&capture);
    progress_start(&progress, capture.file, "import", false);
    progress_update(&progress, 1, 2, "lines");
    progress_end(&progress);
    assert_string_equal(capture_text(&capture), "");
    capture_end(&capture);
}

static int64_t now_ms;

static int64_t stub_now(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static void draws_ten_times_a_second_and_wipes_itself(void **state)
{
    static const struct clock stub = {stub_now, stub_now, NULL};
    struct progress progress;
    struct capture capture;
    size_t length;

    (void)state;
    capture_start(&capture);
    progress_start(&progress, capture.file, "import", false);
    progress.shown = true; /* as on a terminal */
    progress.clock = &stub;
    progress.started_ms = progress.drawn_ms = now_ms = 0;
    progress_update(&progress, 1, 0, "lines");
    assert_string_equal(capture_text(&capture), "");
    now_ms = 100;
    progress_update(&progress, 2, 0, "lines");
    assert_string_equal(capture_text(&capture), "\rimport 2 lines  0s\033[K");
    length = strlen(capture_text(&capture));
    now_ms = 199;
    progress_update(&progress, 3, 0, "lines");
    assert_int_equal(strlen(capture_text(&capture)), length);
    progress_end(&progress);
    assert_string_equal(capture_text(&capture) + length, "\r\033[K");
    length = strlen(capture_text(&capture));
    progress_end(&progress);
    assert_int_equal(strlen(capture_text(&capture)), length);
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_a_bar_that_fits),
        cmocka_unit_test(leaves_the_bar_away_without_room_or_total),
        cmocka_unit_test(more_than_all_is_all),
        cmocka_unit_test(draws_nothing_where_no_terminal_is),
        cmocka_unit_test(draws_ten_times_a_second_and_wipes_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
