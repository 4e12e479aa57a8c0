/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "tenant.h"

static const struct scripted_step tokens[] = {
    {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP},
    {TOKEN_RESPONSE("bbbb", "3600"), SCRIPTED_KEEP},
    {TOKEN_RESPONSE("cccc", "3600"), SCRIPTED_KEEP},
};

static const struct scripted_step refusals[] = {
    {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 50\r\n\r\n{\"error\":\"invalid_client\",\"error_codes\":[7000222]}",
     SCRIPTED_KEEP},
};

static void test_a_token_is_fetched_once_and_kept(void **state)
{
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    assert_null(token_get(tenant.source));
    assert_int_equal(token_state(tenant.source), TOKEN_NONE);
    assert_int_equal(token_expires_at_ms(tenant.source), -1);
    want(&tenant, &told);
    assert_true(told.good);
    assert_int_equal(token_state(tenant.source), TOKEN_VALID);
    assert_int_equal(token_expires_at_ms(tenant.source), INT64_C(1767225600000) + 3600 * 1000);
    for (int i = 0; i < 1000; i++)
        assert_string_equal(token_get(tenant.source), "aaaa");
    for (int i = 0; i < 3; i++)
        want(&tenant, &told);
    assert_int_equal(token_fetches(tenant.source), 1);
    assert_int_equal(scripted_requests(tenant.server), 1);
    tenant_stop(&tenant);
}

static void test_the_request_is_the_documented_form(void **state)
{
    struct tenant tenant;
    struct told told;
    char *seen;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    want(&tenant, &told);
    seen = scripted_request(tenant.server, 0);
    assert_ptr_equal(strstr(seen, "POST /" TENANT_ID "/oauth2/v2.0/token HTTP/1.1\r\n"), seen);
    assert_non_null(strstr(seen, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_null(strstr(seen, "Authorization:"));
    assert_string_equal(strstr(seen, "\r\n\r\n") + 4, "grant_type=client_credentials&client_id=" TENANT_CLIENT
                                                      "&scope=https%3A%2F%2Fgraph.example%2F.default"
                                                      "&client_secret=s3cr%26t%3D");
    free(seen);
    tenant_stop(&tenant);
}

static void test_all_who_want_share_one_request(void **state)
{
    struct tenant tenant;
    struct told told[20] = {0};

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    for (int i = 0; i < 20; i++)
        assert_int_equal(token_want(tenant.source, tell, &told[i]), 0);
    loop_until(&tenant.loop, &told[19].calls, 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(told[i].calls, 1);
        assert_true(told[i].good);
    }
    assert_int_equal(token_fetches(tenant.source), 1);
    tenant_stop(&tenant);
}

static void test_an_expired_token_is_not_given_out(void **state)
{
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    want(&tenant, &told);
    tenant.now_ms = 3600 * 1000 - 1;
    assert_string_equal(token_get(tenant.source), "aaaa");
    tenant.now_ms = 3600 * 1000;
    assert_null(token_get(tenant.source));
    assert_int_equal(token_state(tenant.source), TOKEN_NONE);
    want(&tenant, &told);
    assert_string_equal(token_get(tenant.source), "bbbb");
    tenant_stop(&tenant);
}

/* Turns the loop until the source has made so many requests and none is under way. */
static void settle(struct tenant *tenant, uint64_t fetches)
{
    while (token_fetches(tenant->source) < fetches || http_in_flight(tenant->client) > 0)
        uv_run(&tenant->loop, UV_RUN_NOWAIT);
}

static void test_a_token_is_renewed_before_its_end(void **state)
{
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    want(&tenant, &told);
    tenant.now_ms = (3600 - 300 - 61) * 1000; /* five minutes before, and at most one more by chance */
    assert_string_equal(token_get(tenant.source), "aaaa");
    uv_run(&tenant.loop, UV_RUN_NOWAIT);
    assert_int_equal(token_fetches(tenant.source), 1);
    tenant.now_ms = (3600 - 300) * 1000;
    assert_string_equal(token_get(tenant.source), "aaaa");
    settle(&tenant, 2);
    assert_string_equal(token_get(tenant.source), "bbbb");
    assert_int_equal(token_state(tenant.source), TOKEN_VALID);
    assert_int_equal(token_fetches(tenant.source), 2);
    tenant_stop(&tenant);
}

static void test_the_old_token_serves_during_renewal(void **state)
{
    static const struct scripted_step hang[] = {{NULL, SCRIPTED_HANG}};
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    want(&tenant, &told);
    play(&tenant, hang);
    tenant.now_ms = 3300 * 1000;
    assert_string_equal(token_get(tenant.source), "aaaa");
    while (scripted_requests(tenant.server) < 2)
        uv_run(&tenant.loop, UV_RUN_NOWAIT);
    assert_int_equal(token_state(tenant.source), TOKEN_RENEWING);
    assert_string_equal(token_get(tenant.source), "aaaa");
    want(&tenant, &told);
    assert_true(told.good);
    tenant.now_ms = 3600 * 1000;
    assert_null(token_get(tenant.source));
    assert_int_equal(token_state(tenant.source), TOKEN_FETCHING);
    tenant_stop(&tenant);
}

static void test_short_lives_and_refresh_in_set_the_time_of_renewal(void **state)
{
    static const struct scripted_step short_life[] = {{TOKEN_RESPONSE("aaaa", "600 "), SCRIPTED_KEEP}};
    static const struct scripted_step hint[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 83\r\n\r\n"
         "{\"token_type\":\"Bearer\",\"access_token\":\"aaaa\",\"expires_in\":86400,\"refresh_in\":43200}",
         SCRIPTED_KEEP}};
    static const struct {
        const struct scripted_step *step;
        int64_t early_s, due_s;
    } cases[] = {{short_life, 269, 300}, {hint, 43200 - 61, 43200}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tenant tenant;
        struct told told;

        tenant_start(&tenant);
        scripted_play(tenant.server, cases[i].step, 1);
        want(&tenant, &told);
        assert_true(told.good);
        tenant.now_ms = cases[i].early_s * 1000;
        token_get(tenant.source);
        uv_run(&tenant.loop, UV_RUN_NOWAIT);
        assert_int_equal(token_fetches(tenant.source), 1);
        tenant.now_ms = cases[i].due_s * 1000;
        token_get(tenant.source);
        settle(&tenant, 2);
        tenant_stop(&tenant);
    }
}

/* Trouble with the renewal, garbage included, takes nothing away; the next try waits its turn. */
static void test_a_failed_renewal_leaves_the_old_token(void **state)
{
    static const struct scripted_step failures[] = {
        {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", SCRIPTED_KEEP},
        {TOKEN_RESPONSE("bbbb", "3600"), SCRIPTED_KEEP},
    };
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    want(&tenant, &told);
    play(&tenant, failures);
    tenant.now_ms = 3300 * 1000;
    for (uint64_t fetches = 2; fetches <= 3; fetches++) {
        token_get(tenant.source);
        settle(&tenant, fetches);
        assert_string_equal(token_get(tenant.source), "aaaa");
        assert_int_equal(token_state(tenant.source), TOKEN_VALID);
        for (int i = 0; i < 20; i++) {
            token_get(tenant.source);
            uv_run(&tenant.loop, UV_RUN_NOWAIT);
        }
        assert_int_equal(token_fetches(tenant.source), fetches);
        tenant.now_ms += 10 * 1000;
    }
    token_get(tenant.source);
    settle(&tenant, 4);
    assert_string_equal(token_get(tenant.source), "bbbb");
    tenant_stop(&tenant);
}

static void test_those_who_wait_are_told_why_not(void **state)
{
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, refusals);
    want(&tenant, &told);
    assert_false(told.good);
    assert_int_equal(told.outcome.class, OUTCOME_CONNECTION);
    assert_int_equal(told.outcome.trouble, TROUBLE_CREDENTIAL_EXPIRED);
    assert_int_equal(token_state(tenant.source), TOKEN_FAILED);
    assert_null(token_get(tenant.source));
    play(&tenant, tokens);
    want(&tenant, &told); /* the next want tries again */
    assert_true(told.good);
    assert_int_equal(token_state(tenant.source), TOKEN_VALID);
    tenant_stop(&tenant);
}

/* The pause that one was asked to make holds for whoever comes meanwhile, until an operator wants it otherwise. */
static void test_nobody_asks_before_retry_after_is_over(void **state)
{
    static const struct scripted_step answers[][2] = {
        {{"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP},
         {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP}},
        {{"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP},
         {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP}},
        {{SCRIPTED_JSON("400 Bad Request", "Retry-After: 30\r\n", "{\"error\":\"temporarily_unavailable\"}", "35"),
          SCRIPTED_KEEP},
         {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP}},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(answers) / sizeof(answers[0]); i++) {
        struct tenant tenant;
        struct told told;
        enum outcome_class class;

        tenant_start(&tenant);
        play(&tenant, answers[i / 2]);
        want(&tenant, &told);
        class = told.outcome.class;
        assert_int_equal(told.outcome.retry_after_ms, 30000);
        tenant.now_ms += 29999;
        want(&tenant, &told);
        assert_int_equal(told.outcome.class, class);
        assert_int_equal(told.outcome.retry_after_ms, 1);
        assert_int_equal(scripted_requests(tenant.server), 1);
        if (i % 2 == 0)
            tenant.now_ms += 1;
        else
            token_end_pause(tenant.source);
        want(&tenant, &told);
        assert_true(told.good);
        tenant_stop(&tenant);
    }
}

static void test_answers_that_are_none_are_transient(void **state)
{
    static const struct scripted_step cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", SCRIPTED_KEEP},
        {"HTTP/1.1 204 No Content\r\n\r\n", SCRIPTED_KEEP},
        {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP},
        {NULL, SCRIPTED_CLOSE},
    };
    struct tenant tenant;
    struct told told;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tenant_start(&tenant);
        scripted_play(tenant.server, &cases[i], 1);
        want(&tenant, &told);
        assert_false(told.good);
        assert_int_equal(told.outcome.class, OUTCOME_TRANSIENT);
        assert_int_equal(told.outcome.trouble, cases[i].text == NULL ? TROUBLE_NETWORK : TROUBLE_REPLY);
        assert_int_not_equal(told.outcome.detail[0], '\0');
        tenant_stop(&tenant);
    }
}

static void test_a_refused_token_is_dropped(void **state)
{
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    want(&tenant, &told);
    token_drop(tenant.source, "another");
    token_drop(tenant.source, NULL);
    assert_string_equal(token_get(tenant.source), "aaaa");
    token_drop(tenant.source, "aaaa");
    assert_null(token_get(tenant.source));
    assert_int_equal(token_state(tenant.source), TOKEN_NONE);
    token_drop(tenant.source, "aaaa");
    want(&tenant, &told);
    token_drop(tenant.source, "aaaa"); /* a late 401 for the old one */
    assert_string_equal(token_get(tenant.source), "bbbb");
    tenant_stop(&tenant);
}

static void test_a_bad_secret_file_is_the_connections_trouble(void **state)
{
    static const struct {
        const char *content;
        size_t length;
        mode_t mode;
    } cases[] = {{"", 0, 0600}, {"open", 4, 0644}, {"\n\n", 2, 0600}, {"a\0b", 3, 0600}, {NULL, 0, 0}};
    struct tenant tenant;
    struct told told;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].content != NULL)
            tempdir_write("secret", cases[i].content, cases[i].length, cases[i].mode);
        else
            unlink(tenant.settings.client_secret_file);
        want(&tenant, &told);
        assert_false(told.good);
        assert_int_equal(told.outcome.class, OUTCOME_CONNECTION);
        assert_int_equal(told.outcome.trouble, TROUBLE_CREDENTIAL_FILE);
        assert_non_null(strstr(told.outcome.detail, tenant.settings.client_secret_file));
        assert_null(strstr(told.outcome.detail, "open\""));
    }
    assert_int_equal(token_fetches(tenant.source), 0);
    tempdir_write("secret", "mended", 6, 0600); /* read anew each time */
    want(&tenant, &told);
    assert_true(told.good);
    char *seen = scripted_request(tenant.server, 0);
    assert_non_null(strstr(seen, "&client_secret=mended"));
    free(seen);
    tenant_stop(&tenant);
}

static void test_a_federated_token_is_read_anew(void **state)
{
    static char empty[] = "";
    struct tenant tenant;
    struct told told;
    char *seen, *path, *secret_file;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    secret_file = tenant.settings.client_secret_file;
    path = strdup(tempdir_path("projected"));
    tenant.settings.client_secret_file = empty;
    tenant.settings.federated_token_file = path;
    for (unsigned i = 0; i < 2; i++) {
        tempdir_write("projected", i == 0 ? "jwt.one\n" : "jwt.two\n", 8, 0644);
        want(&tenant, &told);
        assert_true(told.good);
        seen = scripted_request(tenant.server, i);
        assert_non_null(strstr(seen, i == 0 ? "&client_assertion=jwt.one" : "&client_assertion=jwt.two"));
        assert_non_null(strstr(seen, "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
                                     "client-assertion-type%3Ajwt-bearer&"));
        assert_null(strstr(seen, "client_secret"));
        free(seen);
        token_drop(tenant.source, token_get(tenant.source));
    }
    tempdir_write("projected", "not a token\n", 12, 0644);
    want(&tenant, &told);
    assert_int_equal(told.outcome.trouble, TROUBLE_CREDENTIAL_FILE);
    tenant.settings.client_secret_file = secret_file;
    free(path);
    tenant_stop(&tenant);
}

/* ---- ends ---- */

/* At whatever point of the request: a slow machine may even have had its answer by the last of them. */
static void test_freeing_calls_nobody_back(void **state)
{
    struct tenant tenant;
    struct told told = {0};

    (void)state;
    for (int turns = 0; turns < 4; turns++) {
        unsigned calls_before;

        tenant_start(&tenant);
        play(&tenant, tokens);
        token_want(tenant.source, tell, &told);
        for (int i = 0; i < turns; i++)
            uv_run(&tenant.loop, UV_RUN_NOWAIT);
        calls_before = told.calls;
        tenant_stop(&tenant);
        assert_int_equal(told.calls, calls_before);
    }
}

static void free_source(void *ctx, const struct outcome *outcome)
{
    struct tenant *tenant = ctx;

    (void)outcome;
    token_source_free(tenant->source);
    tenant->source = NULL;
}

/* From within a good word, a bad one, and one that needed no request. */
static void test_a_callback_may_free_the_source(void **state)
{
    static char empty[] = "";
    struct tenant tenant;
    struct told told;

    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        char *secret_file;

        tenant_start(&tenant);
        secret_file = tenant.settings.client_secret_file;
        if (kind == 1)
            play(&tenant, refusals);
        else
            play(&tenant, tokens);
        if (kind == 2)
            tenant.settings.client_secret_file = empty;
        if (kind == 3)
            want(&tenant, &told);
        told = (struct told){0};
        token_want(tenant.source, free_source, &tenant);
        token_want(tenant.source, tell, &told);
        while (tenant.source != NULL)
            uv_run(&tenant.loop, UV_RUN_NOWAIT);
        tenant.settings.client_secret_file = secret_file;
        tenant_stop(&tenant);
        assert_int_equal(told.calls, 0);
    }
}

struct wanter {
    struct tenant *tenant;
    struct told *unwanted;
    unsigned calls;
};

static void want_again(void *ctx, const struct outcome *outcome)
{
    struct wanter *wanter = ctx;

    (void)outcome;
    token_unwant(wanter->tenant->source, wanter->unwanted);
    if (++wanter->calls < 3)
        token_want(wanter->tenant->source, want_again, wanter);
}

static void test_a_callback_may_want_and_unwant(void **state)
{
    struct tenant tenant;
    struct told unwanted = {0}, other = {0};
    struct wanter wanter = {.tenant = &tenant, .unwanted = &unwanted};

    (void)state;
    tenant_start(&tenant);
    play(&tenant, tokens);
    token_want(tenant.source, want_again, &wanter);
    token_want(tenant.source, tell, &unwanted);
    token_want(tenant.source, tell, &other);
    token_want(tenant.source, tell, &unwanted);
    loop_until(&tenant.loop, &wanter.calls, 3);
    assert_int_equal(unwanted.calls, 0);
    assert_int_equal(other.calls, 1);
    assert_int_equal(token_fetches(tenant.source), 1);
    tenant_stop(&tenant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_fetched_once_and_kept),
        cmocka_unit_test(test_the_request_is_the_documented_form),
        cmocka_unit_test(test_all_who_want_share_one_request),
        cmocka_unit_test(test_an_expired_token_is_not_given_out),
        cmocka_unit_test(test_a_token_is_renewed_before_its_end),
        cmocka_unit_test(test_the_old_token_serves_during_renewal),
        cmocka_unit_test(test_short_lives_and_refresh_in_set_the_time_of_renewal),
        cmocka_unit_test(test_a_failed_renewal_leaves_the_old_token),
        cmocka_unit_test(test_those_who_wait_are_told_why_not),
        cmocka_unit_test(test_nobody_asks_before_retry_after_is_over),
        cmocka_unit_test(test_answers_that_are_none_are_transient),
        cmocka_unit_test(test_a_refused_token_is_dropped),
        cmocka_unit_test(test_a_bad_secret_file_is_the_connections_trouble),
        cmocka_unit_test(test_a_federated_token_is_read_anew),
        cmocka_unit_test(test_freeing_calls_nobody_back),
        cmocka_unit_test(test_a_callback_may_free_the_source),
        cmocka_unit_test(test_a_callback_may_want_and_unwant),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
