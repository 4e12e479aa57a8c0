/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct link {
    bool used; /* or never issued */
    struct token_hash hash;
    struct peer peer;
    int64_t until_ms;
};

struct sessions {
    uint64_t last_serial;
    int64_t wrong_until_ms; /* wrong links so far, as the time by which they are forgiven */
    struct link links[SESSION_LINKS_MAX];
    size_t next_link;
    struct session sessions[SESSION_MAX];
};

struct sessions *sessions_new(void)
{
    struct sessions *sessions = calloc(1, sizeof(*sessions));

    for (size_t i = 0; sessions != NULL && i < SESSION_LINKS_MAX; i++)
        sessions->links[i].used = true;
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    explicit_bzero(sessions, sizeof(*sessions));
    free(sessions);
}

int sessions_issue(struct sessions *sessions, const struct peer *peer, int64_t now_ms, char ret_link[TOKEN_TEXT])
{
    struct link *link = &sessions->links[sessions->next_link];
    int result = token_random(ret_link);

    if (result == 0)
        result = token_hash(ret_link, &link->hash);
    if (result != 0)
        return result;
    link->used = false;
    link->peer = *peer;
    link->until_ms = now_ms + SESSION_LINK_MS;
    sessions->next_link = (sessions->next_link + 1) % SESSION_LINKS_MAX;
    sessions->wrong_until_ms = now_ms;
    return 0;
}

static bool is_over(const struct session *session, int64_t now_ms)
{
    return session->serial == 0 || now_ms - session->seen_ms >= SESSION_IDLE_MS ||
           now_ms - session->created_ms >= SESSION_LIFE_MS;
}

/* A free place, else that of the one that has idled longest. */
static struct session *find_place(struct sessions *sessions, int64_t now_ms)
{
    struct session *oldest = &sessions->sessions[0];

    for (size_t i = 0; i < SESSION_MAX; i++) {
        struct session *session = &sessions->sessions[i];

        if (is_over(session, now_ms))
            return session;
        if (session->seen_ms < oldest->seen_ms)
            oldest = session;
    }
    return oldest;
}

/* The words are made first: a session that cannot have them pushes nobody out. */
static int begin(struct sessions *sessions, const struct peer *peer, int64_t now_ms, char ret_cookie[TOKEN_TEXT],
                 const struct session **ret_session)
{
    struct session fresh = {.peer = *peer, .created_ms = now_ms, .seen_ms = now_ms};
    struct session *place;
    int result = token_random(ret_cookie);

    if (result == 0)
        result = token_random(fresh.csrf);
    if (result == 0)
        result = token_hash(ret_cookie, &fresh.cookie);
    if (result != 0)
        return result;
    fresh.serial = ++sessions->last_serial;
    /* The first bits of a hash say nothing about the word: fit to be read in a log. */
    snprintf(fresh.peer.session, sizeof(fresh.peer.session), "%02x%02x%02x%02x", fresh.cookie.bytes[0],
             fresh.cookie.bytes[1], fresh.cookie.bytes[2], fresh.cookie.bytes[3]);
    place = find_place(sessions, now_ms);
    *place = fresh;
    *ret_session = place;
    return 0;
}

static struct link *find_link(struct sessions *sessions, const struct token_hash *hash, int64_t now_ms)
{
    for (size_t i = 0; i < SESSION_LINKS_MAX; i++) {
        struct link *link = &sessions->links[i];

        if (!link->used && now_ms < link->until_ms && token_equal(&link->hash, hash))
            return link;
    }
    return NULL;
}

int sessions_enter(struct sessions *sessions, const char *link, int64_t now_ms, char ret_cookie[TOKEN_TEXT],
                   const struct session **ret_session, int64_t *ret_wait_ms)
{
    int64_t ahead_ms = sessions->wrong_until_ms - now_ms;
    struct token_hash hash;
    struct link *found;
    int result;

    *ret_wait_ms = ahead_ms - (int64_t)(SESSION_WRONG_MAX - 1) * SESSION_WRONG_EACH_MS;
    if (*ret_wait_ms > 0)
        return ERR_BUSY;
    result = token_hash(link, &hash);
    if (result != 0)
        return result;
    found = find_link(sessions, &hash, now_ms);
    if (found == NULL) {
        sessions->wrong_until_ms = (ahead_ms > 0 ? sessions->wrong_until_ms : now_ms) + SESSION_WRONG_EACH_MS;
        return ERR_NOTFOUND;
    }
    found->used = true;
    return begin(sessions, &found->peer, now_ms, ret_cookie, ret_session);
}

const struct session *sessions_find(struct sessions *sessions, const char *cookie, int64_t now_ms, bool touch)
{
    struct token_hash hash;

    if (token_hash(cookie, &hash) != 0)
        return NULL;
    for (size_t i = 0; i < SESSION_MAX; i++) {
        struct session *session = &sessions->sessions[i];

        if (!is_over(session, now_ms) && token_equal(&session->cookie, &hash)) {
            session->seen_ms = touch ? now_ms : session->seen_ms;
            return session;
        }
    }
    return NULL;
}

const struct session *sessions_look(struct sessions *sessions, uint64_t serial, int64_t now_ms)
{
    for (size_t i = 0; i < SESSION_MAX; i++) {
        if (sessions->sessions[i].serial == serial && !is_over(&sessions->sessions[i], now_ms))
            return &sessions->sessions[i];
    }
    return NULL;
}

bool session_csrf_is(const struct session *session, const char *word)
{
    struct token_hash given, ours;

    return word != NULL && token_hash(word, &given) == 0 && token_hash(session->csrf, &ours) == 0 &&
           token_equal(&given, &ours);
}

void sessions_leave(struct sessions *sessions, uint64_t serial)
{
    for (size_t i = 0; i < SESSION_MAX; i++) {
        if (sessions->sessions[i].serial == serial)
            explicit_bzero(&sessions->sessions[i], sizeof(sessions->sessions[i]));
    }
}
