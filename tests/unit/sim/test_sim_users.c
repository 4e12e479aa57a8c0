/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "base/error.h"
#include "sim/users.h"

#define TENANT "11111111-0000-4000-8000-000000000001"
#define OTHER  "11111111-0000-4000-8000-000000000002"
#define ID     "33333333-0000-4000-8000-00000000000a"

static void test_named(void **state)
{
    struct users users;
    struct user user;

    (void)state;
    users_init(&users, TENANT);
    assert_int_equal(users_add(&users, "Ann@Example.org", ID, "Ann"), 0);
    assert_int_equal(users_add(&users, "ann@example.ORG", NULL, NULL), ERR_EXISTS);
    assert_int_equal(users_add(&users, "bob@example.org", ID, NULL), ERR_EXISTS);
    assert_int_equal(users_add(&users, "bob@example.org", "x", NULL), ERR_INVALID);
    assert_int_equal(users_lookup(&users, "ANN@example.org", false, &user), 0);
    assert_string_equal(user.id, ID);
    assert_string_equal(user.name, "Ann@Example.org");
    assert_string_equal(user.display_name, "Ann");
    users_release(&user);
    assert_int_equal(users_lookup(&users, "33333333-0000-4000-8000-00000000000A", false, &user), 0);
    users_release(&user);
    assert_int_equal(users_lookup(&users, "bob@example.org", false, &user), ERR_NOTFOUND);
    assert_true(users_knows_id(&users, ID, false));
    assert_false(users_knows_id(&users, TENANT, true));
    users_deinit(&users);
}

static void test_anyone(void **state)
{
    struct users users;
    struct users foreign;
    struct user user;
    struct user again;

    (void)state;
    users_init(&users, TENANT);
    users_init(&foreign, OTHER);
    assert_int_equal(users_lookup(&users, "ann@example.org", true, &user), 0);
    assert_int_equal(users_lookup(&users, "ANN@example.org", true, &again), 0);
    assert_string_equal(user.id, again.id);
    assert_true(guid_is_valid(user.id));
    assert_true(users_knows_id(&users, user.id, true));
    assert_false(users_knows_id(&users, user.id, false));
    assert_false(users_knows_id(&foreign, user.id, true));
    users_release(&again);
    users_release(&user);
    assert_int_equal(users_lookup(&users, "Missing.one@example.org", true, &user), ERR_NOTFOUND);
    users_deinit(&foreign);
    users_deinit(&users);
}

/* A named user whose id derives is known as that user, too. */
static void test_named_without_id(void **state)
{
    struct users users;
    struct user user;

    (void)state;
    users_init(&users, TENANT);
    assert_int_equal(users_add(&users, "missing@example.org", NULL, NULL), 0);
    assert_int_equal(users_lookup(&users, "missing@example.org", false, &user), 0);
    assert_true(users_knows_id(&users, user.id, false));
    users_release(&user);
    users_deinit(&users);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"", "ann", "@example.org", "ann@", "a@b@c", "a b@c", "a\n@c"};
    struct users users;
    struct user user;

    (void)state;
    users_init(&users, TENANT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(users_add(&users, bad[i], NULL, NULL), ERR_INVALID);
        assert_int_equal(users_lookup(&users, bad[i], true, &user), ERR_NOTFOUND);
    }
    assert_int_equal(users.count, 0);
    users_deinit(&users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_anyone),
        cmocka_unit_test(test_named_without_id),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
