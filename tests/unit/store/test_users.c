/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"
#include "store/connection.h"

static const char *users(struct fixture *fixture)
{
    return tmpstore_text(&fixture->store,
                         "SELECT ifnull(group_concat(connection || '/' || user_principal_name, ' '), '') FROM "
                         "(SELECT * FROM user ORDER BY connection, user_principal_name)");
}

static void test_who_was_not_asked_for_in_a_month_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct users_purge purge;
    unsigned purged = 0;

    tmpstore_sql(&fixture->store, "DELETE FROM user");
    for (int i = 0; i < 5; i++)
        tmpstore_sql(
            &fixture->store,
            "INSERT INTO user VALUES ('default', 'u%d@example.com', '', %lld), ('left', 'u%d@example.com', '', %lld)",
            i, (long long)(fixture->now_ms - (i == 2 ? USERS_KEPT_MS + 1 : 0)), i,
            (long long)(fixture->now_ms - USERS_KEPT_MS - (i == 4 ? 0 : 1)));
    users_purge_init(&purge, 3, NULL);
    purge.now_ms = fixture->now_ms;
    for (int pieces = 0; pieces < 4; pieces++) {
        fixture_run(fixture, &purge.job);
        purged += purge.purged;
    }
    assert_null(purge.after_name); /* at the end it begins from the start */
    assert_int_equal(purged, 5);
    assert_string_equal(users(fixture), "default/u0@example.com default/u1@example.com default/u3@example.com "
                                        "default/u4@example.com left/u4@example.com");
    purge.now_ms += 1;
    for (int pieces = 0; pieces < 2; pieces++)
        fixture_run(fixture, &purge.job);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM user WHERE connection = 'left'"), 0);
    users_purge_deinit(&purge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_was_not_asked_for_in_a_month_is_forgotten, fixture_set_up,
                                        fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
