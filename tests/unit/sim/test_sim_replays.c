/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>

#include "sim/replays.h"

static const char *id_of(unsigned number, char id[GUID_TEXT])
{
    snprintf(id, GUID_TEXT, "%08x-0000-4000-8000-000000000001", number);
    return id;
}

static void test_once(void **state)
{
    struct replays replays;
    char id[GUID_TEXT];

    (void)state;
    replays_init(&replays);
    for (unsigned i = 0; i < 100; i++)
        assert_true(replays_first_use(&replays, id_of(i, id)));
    for (unsigned i = 0; i < 100; i++)
        assert_false(replays_first_use(&replays, id_of(i, id)));
    replays_deinit(&replays);
}

/* Full: the oldest makes room for the newest, the rest stays known. */
static void test_bounded(void **state)
{
    struct replays replays;
    char id[GUID_TEXT];

    (void)state;
    replays_init(&replays);
    for (unsigned i = 0; i < REPLAYS_MAX + 1; i++)
        assert_true(replays_first_use(&replays, id_of(i, id)));
    assert_false(replays_first_use(&replays, id_of(1, id)));
    assert_false(replays_first_use(&replays, id_of(REPLAYS_MAX, id)));
    assert_true(replays_first_use(&replays, id_of(0, id)));
    replays_deinit(&replays);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
