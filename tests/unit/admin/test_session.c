/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "admin/session.h"
#include "base/error.h"

static const struct peer root = {.uid = 0, .pid = 7, .in_group = true};
static struct sessions *sessions;
static char link_text[TOKEN_TEXT], cookie[TOKEN_TEXT];
static const struct session *session;
static int64_t wait_ms;

static int setup(void **state)
{
    (void)state;
    sessions = sessions_new();
    return sessions != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    sessions_free(sessions);
    return 0;
}

static int enter(const char *text, int64_t now_ms)
{
    return sessions_enter(sessions, text, now_ms, cookie, &session, &wait_ms);
}

static void sign_in(int64_t now_ms)
{
    assert_int_equal(sessions_issue(sessions, &root, now_ms, link_text), 0);
    assert_int_equal(enter(link_text, now_ms), 0);
}

static void a_link_works_once(void **state)
{
    (void)state;
    sign_in(0);
    assert_int_equal(session->peer.uid, 0);
    assert_int_equal(strlen(session->peer.session), 8);
    assert_int_equal(enter(link_text, 0), ERR_NOTFOUND);
    assert_non_null(sessions_find(sessions, cookie, 0, true));
}

static void a_link_grows_old(void **state)
{
    (void)state;
    assert_int_equal(sessions_issue(sessions, &root, 1000, link_text), 0);
    assert_int_equal(enter(link_text, 1000 + SESSION_LINK_MS), ERR_NOTFOUND);
    assert_int_equal(enter(link_text, 1000 + SESSION_LINK_MS - 1), 0);
}

static void words_are_long_and_never_the_same(void **state)
{
    char other[TOKEN_TEXT];

    (void)state;
    sign_in(0);
    memcpy(other, cookie, sizeof(other));
    assert_int_equal(strlen(other), 43);
    assert_int_equal(strlen(session->csrf), 43);
    assert_string_not_equal(session->csrf, other);
    sign_in(0);
    assert_string_not_equal(cookie, other);
}

/* What is in memory is no key: only its hash. */
static void cookies_are_not_kept(void **state)
{
    (void)state;
    sign_in(0);
    for (size_t i = 0; i + strlen(cookie) <= sizeof(*session); i++)
        assert_memory_not_equal((const char *)session + i, cookie, strlen(cookie));
}

static void an_idle_session_ends(void **state)
{
    (void)state;
    sign_in(0);
    assert_non_null(sessions_find(sessions, cookie, SESSION_IDLE_MS - 1, true));
    assert_non_null(sessions_find(sessions, cookie, 2 * SESSION_IDLE_MS - 2, false)); /* a look is no use */
    assert_null(sessions_find(sessions, cookie, 2 * SESSION_IDLE_MS - 1, true));
}

static void a_session_in_use_ends_after_its_life(void **state)
{
    int64_t now_ms = 0;

    (void)state;
    sign_in(0);
    for (; now_ms < SESSION_LIFE_MS; now_ms += SESSION_IDLE_MS / 2)
        assert_non_null(sessions_find(sessions, cookie, now_ms, true));
    assert_null(sessions_find(sessions, cookie, SESSION_LIFE_MS, true));
    assert_null(sessions_look(sessions, session->serial, SESSION_LIFE_MS));
}

static void leaving_ends_one_session(void **state)
{
    char first[TOKEN_TEXT];
    uint64_t serial;

    (void)state;
    sign_in(0);
    memcpy(first, cookie, sizeof(first));
    serial = session->serial;
    sign_in(0);
    sessions_leave(sessions, serial);
    assert_null(sessions_find(sessions, first, 0, true));
    assert_null(sessions_look(sessions, serial, 0));
    assert_non_null(sessions_find(sessions, cookie, 0, true));
    assert_null(sessions_look(sessions, 0, 0));
}

static void too_many_sessions_push_the_idlest_out(void **state)
{
    char cookies[SESSION_MAX + 1][TOKEN_TEXT];

    (void)state;
    for (int i = 0; i <= SESSION_MAX; i++) {
        sign_in(i);
        memcpy(cookies[i], cookie, TOKEN_TEXT);
    }
    assert_null(sessions_find(sessions, cookies[0], SESSION_MAX + 1, true));
    for (int i = 1; i <= SESSION_MAX; i++)
        assert_non_null(sessions_find(sessions, cookies[i], SESSION_MAX + 1, true));
}

static void too_many_links_make_the_oldest_void(void **state)
{
    char first[TOKEN_TEXT];

    (void)state;
    assert_int_equal(sessions_issue(sessions, &root, 0, first), 0);
    for (int i = 0; i < SESSION_LINKS_MAX; i++)
        assert_int_equal(sessions_issue(sessions, &root, 0, link_text), 0);
    assert_int_equal(enter(first, 0), ERR_NOTFOUND);
    assert_int_equal(enter(link_text, 0), 0);
}

static void guessing_is_slowed_down(void **state)
{
    (void)state;
    assert_int_equal(sessions_issue(sessions, &root, 0, link_text), 0);
    for (int i = 0; i < SESSION_WRONG_MAX; i++)
        assert_int_equal(enter("wrong", 0), ERR_NOTFOUND);
    assert_int_equal(enter(link_text, 0), ERR_BUSY); /* the right one is not looked at either */
    assert_int_equal(wait_ms, SESSION_WRONG_EACH_MS);
    assert_int_equal(enter("wrong", SESSION_WRONG_EACH_MS - 1), ERR_BUSY);
    assert_int_equal(enter("wrong", SESSION_WRONG_EACH_MS), ERR_NOTFOUND);
    assert_int_equal(enter(link_text, SESSION_WRONG_EACH_MS), ERR_BUSY);
    assert_int_equal(enter(link_text, 2 * SESSION_WRONG_EACH_MS), 0);
}

static void a_fresh_link_is_looked_at_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        enter("wrong", 0);
    sign_in(0);
}

static void the_word_of_a_change_is_the_sessions_own(void **state)
{
    char csrf[TOKEN_TEXT];

    (void)state;
    sign_in(0);
    memcpy(csrf, session->csrf, sizeof(csrf));
    assert_true(session_csrf_is(session, csrf));
    assert_false(session_csrf_is(session, NULL));
    assert_false(session_csrf_is(session, ""));
    assert_false(session_csrf_is(session, cookie));
    sign_in(0);
    assert_false(session_csrf_is(session, csrf));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_link_works_once),
        TEST(a_link_grows_old),
        TEST(words_are_long_and_never_the_same),
        TEST(cookies_are_not_kept),
        TEST(an_idle_session_ends),
        TEST(a_session_in_use_ends_after_its_life),
        TEST(leaving_ends_one_session),
        TEST(too_many_sessions_push_the_idlest_out),
        TEST(too_many_links_make_the_oldest_void),
        TEST(guessing_is_slowed_down),
        TEST(a_fresh_link_is_looked_at_at_once),
        TEST(the_word_of_a_change_is_the_sessions_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
