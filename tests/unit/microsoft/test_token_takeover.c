/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Two credentials side by side, and files that change. */
#include "microsoft/credential.h"
#include "tenant.h"

static const struct scripted_step good[] = {
    {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP},
    {TOKEN_RESPONSE("bbbb", "3600"), SCRIPTED_KEEP},
};

#define REFUSAL(number)                                                                                                \
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 50\r\n\r\n{\"error\":\"invalid_client\",\"error_codes\":[" number "]}"

static char *federated_file;

/* The federated token goes first, then the secret. */
static void start(struct tenant *tenant)
{
    tenant_start(tenant);
    federated_file = strdup(tempdir_write("projected", "jwt.one\n", 8, 0644));
    tenant->settings.federated_token_file = federated_file;
}

static void stop(struct tenant *tenant)
{
    tenant_stop(tenant);
    free(federated_file);
}

static void assert_asked_with(const struct tenant *tenant, unsigned number, const char *parameter)
{
    char *seen = scripted_request(tenant->server, number);

    assert_non_null(strstr(seen, parameter));
    free(seen);
}

static void test_the_second_takes_over_within_one_want(void **state)
{
    static const struct scripted_step steps[] = {
        {REFUSAL("7000215"), SCRIPTED_KEEP},
        {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP},
        {TOKEN_RESPONSE("bbbb", "3600"), SCRIPTED_KEEP},
    };
    struct tenant tenant;
    struct told told;

    (void)state;
    start(&tenant);
    play(&tenant, steps);
    assert_string_equal(token_credential(tenant.source), "");
    want(&tenant, &told);
    assert_true(told.good);
    assert_string_equal(token_get(tenant.source), "aaaa");
    assert_string_equal(token_credential(tenant.source), "client_secret_file");
    assert_non_null(token_passed_over(tenant.source));
    assert_int_equal(token_passed_over(tenant.source)->trouble, TROUBLE_CREDENTIAL_WRONG);
    assert_ptr_equal(strstr(token_passed_over(tenant.source)->detail, "federated_token_file: 401"),
                     token_passed_over(tenant.source)->detail);
    assert_asked_with(&tenant, 0, "client_assertion=jwt.one");
    assert_asked_with(&tenant, 1, "client_secret=s3cr");
    token_drop(tenant.source, "aaaa");
    want(&tenant, &told); /* what served last goes first */
    assert_asked_with(&tenant, 2, "client_secret=s3cr");
    assert_null(token_passed_over(tenant.source));
    assert_int_equal(token_fetches(tenant.source), 3);
    stop(&tenant);
}

static void test_a_changed_file_brings_the_first_back(void **state)
{
    static const struct scripted_step steps[] = {
        {REFUSAL("7000215"), SCRIPTED_KEEP},
        {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP},
        {TOKEN_RESPONSE("bbbb", "3600"), SCRIPTED_KEEP},
    };
    struct tenant tenant;
    struct told told;

    (void)state;
    start(&tenant);
    play(&tenant, steps);
    want(&tenant, &told);
    tempdir_write("projected", "jwt.two\n", 8, 0644);
    token_drop(tenant.source, "aaaa");
    want(&tenant, &told);
    assert_true(told.good);
    assert_asked_with(&tenant, 2, "client_assertion=jwt.two");
    assert_string_equal(token_credential(tenant.source), "federated_token_file");
    stop(&tenant);
}

static void test_a_file_that_cannot_be_used_is_passed_over(void **state)
{
    struct tenant tenant;
    struct told told;

    (void)state;
    start(&tenant);
    play(&tenant, good);
    unlink(federated_file);
    want(&tenant, &told);
    assert_true(told.good);
    assert_asked_with(&tenant, 0, "client_secret=s3cr");
    assert_int_equal(token_fetches(tenant.source), 1);
    stop(&tenant);
}

static void test_both_refused_the_first_is_told(void **state)
{
    static const struct scripted_step steps[] = {{REFUSAL("700024 "), SCRIPTED_KEEP},
                                                 {REFUSAL("7000222"), SCRIPTED_KEEP}};
    struct tenant tenant;
    struct told told;

    (void)state;
    start(&tenant);
    play(&tenant, steps);
    want(&tenant, &told);
    assert_false(told.good);
    assert_int_equal(told.outcome.class, OUTCOME_CONNECTION);
    assert_non_null(strstr(told.outcome.detail, "federated_token_file: 401"));
    assert_int_equal(token_fetches(tenant.source), 2);
    assert_string_equal(token_credential(tenant.source), "");
    stop(&tenant);
}

/* Nobody's credential is at fault: the other is not tried. */
static void test_passing_trouble_is_no_takeover(void **state)
{
    static const struct scripted_step steps[] = {{"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP}};
    struct tenant tenant;
    struct told told;

    (void)state;
    start(&tenant);
    play(&tenant, steps);
    want(&tenant, &told);
    assert_false(told.good);
    assert_int_equal(told.outcome.class, OUTCOME_TRANSIENT);
    assert_int_equal(token_fetches(tenant.source), 1);
    stop(&tenant);
}

static void test_files_are_looked_at(void **state)
{
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, good);
    assert_false(token_look_at_files(tenant.source));
    want(&tenant, &told);
    assert_false(token_look_at_files(tenant.source));
    tempdir_write("secret", "another", 7, 0600);
    assert_true(token_look_at_files(tenant.source));
    while (token_fetches(tenant.source) < 2 || http_in_flight(tenant.client) > 0)
        uv_run(&tenant.loop, UV_RUN_NOWAIT);
    assert_string_equal(token_get(tenant.source), "bbbb");
    assert_asked_with(&tenant, 1, "client_secret=another");
    assert_false(token_look_at_files(tenant.source));
    tenant_stop(&tenant);
}

static void test_the_clocks_difference_is_told(void **state)
{
    /* The test's clock stands at 2026-01-01 00:00:00. */
    static const struct scripted_step steps[] = {
        {"HTTP/1.1 401 Unauthorized\r\nDate: Wed, 31 Dec 2025 21:00:00 GMT\r\nContent-Length: 50\r\n\r\n"
         "{\"error\":\"invalid_client\",\"error_codes\":[700024 ]}",
         SCRIPTED_KEEP},
        {"HTTP/1.1 401 Unauthorized\r\nDate: Thu, 01 Jan 2026 00:00:10 GMT\r\nContent-Length: 50\r\n\r\n"
         "{\"error\":\"invalid_client\",\"error_codes\":[700024 ]}",
         SCRIPTED_KEEP},
    };
    struct tenant tenant;
    struct told told;

    (void)state;
    start(&tenant);
    static char empty[] = "";
    char *secret_file = tenant.settings.client_secret_file;
    tenant.settings.client_secret_file = empty;
    play(&tenant, steps);
    want(&tenant, &told);
    assert_int_equal(told.outcome.trouble, TROUBLE_CLOCK);
    assert_ptr_equal(strstr(told.outcome.detail, "this clock is 3h ahead: 401 invalid_client"), told.outcome.detail);
    assert_int_equal(token_clock_skew_s(tenant.source), 3 * 3600);
    want(&tenant, &told); /* the clock is right: it is the projected token that is old */
    assert_int_equal(told.outcome.trouble, TROUBLE_CREDENTIAL_EXPIRED);
    assert_int_equal(token_clock_skew_s(tenant.source), -10);
    tenant.settings.client_secret_file = secret_file;
    stop(&tenant);
}

static void test_nearness_of_the_end(void **state)
{
    static const struct {
        int64_t days, seconds;
        int nearness;
    } cases[] = {{31, 0, 0}, {30, 1, 0}, {30, 0, 1}, {14, 1, 1}, {14, 0, 2},
                 {3, 1, 2},  {3, 0, 3},  {0, 1, 3},  {0, 0, 4},  {-9, 0, 4}};
    const int64_t now_s = 1770000000;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(credential_nearness(now_s + cases[i].days * 86400 + cases[i].seconds, now_s),
                         cases[i].nearness);
    assert_int_equal(credential_nearness(-1, now_s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_second_takes_over_within_one_want),
        cmocka_unit_test(test_a_changed_file_brings_the_first_back),
        cmocka_unit_test(test_a_file_that_cannot_be_used_is_passed_over),
        cmocka_unit_test(test_both_refused_the_first_is_told),
        cmocka_unit_test(test_passing_trouble_is_no_takeover),
        cmocka_unit_test(test_files_are_looked_at),
        cmocka_unit_test(test_the_clocks_difference_is_told),
        cmocka_unit_test(test_nearness_of_the_end),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
