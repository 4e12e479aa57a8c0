/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * session - who is signed in to the web page: one-time links, sessions, and what proves that a change was meant.
 *
 *     complyctl page ──► link (5 min, once) ──GET /signin──► session (cookie) ──idle 60 min, 12 h, sign-out──► gone
 *
 * Links and cookies are words of 256 random bits of which only the hash is kept; their number is bounded, the oldest
 * makes room. Wrong links are counted: after a few of them, links are not looked at for a while, whoever brings them.
 *
 * Thread    loop only. Times are monotonic milliseconds, given by the caller.
 */
#ifndef COMPLYD_ADMIN_SESSION_H
#define COMPLYD_ADMIN_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "admin/peer.h"
#include "base/token.h"

enum {
    SESSION_LINK_MS = 5 * 60 * 1000,
    SESSION_IDLE_MS = 60 * 60 * 1000,
    SESSION_LIFE_MS = 12 * 60 * 60 * 1000,
    SESSION_LINKS_MAX = 16,
    SESSION_MAX = 32,
    SESSION_WRONG_MAX = 8,        /* wrong links at once ... */
    SESSION_WRONG_EACH_MS = 5000, /* ... and one more in this time */
};

struct session {
    uint64_t serial; /* 0 = free; never given twice */
    struct token_hash cookie;
    char csrf[TOKEN_TEXT]; /* what the page must say with every change */
    struct peer peer;      /* who fetched the link, with the session's name for the log */
    int64_t created_ms, seen_ms;
};

struct sessions;

struct sessions *sessions_new(void); /* NULL: no memory */
void sessions_free(struct sessions *sessions);

/* A link for who asked; it also lets the next link be looked at, however many wrong ones came. 0 or ERR_*. */
int sessions_issue(struct sessions *sessions, const struct peer *peer, int64_t now_ms, char ret_link[TOKEN_TEXT]);

/* Uses a link up. 0 with a new session and its cookie; ERR_NOTFOUND: wrong, used or too old; ERR_BUSY: too many wrong
 * ones, not looked at: *ret_wait_ms; or another ERR_*. */
int sessions_enter(struct sessions *sessions, const char *link, int64_t now_ms, char ret_cookie[TOKEN_TEXT],
                   const struct session **ret_session, int64_t *ret_wait_ms);

/* The session of a cookie; NULL when there is none (any more). `touch`: somebody is there, its idle time begins
 * anew. */
const struct session *sessions_find(struct sessions *sessions, const char *cookie, int64_t now_ms, bool touch);

/* The same by its serial, without touching its idle time. */
const struct session *sessions_look(struct sessions *sessions, uint64_t serial, int64_t now_ms);

bool session_csrf_is(const struct session *session, const char *word);

void sessions_leave(struct sessions *sessions, uint64_t serial);

#endif
