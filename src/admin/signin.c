/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/activity_log.h"
#include "web_internal.h"

static int64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

static void go_to(struct api_request *request, const char *path)
{
    struct buf text;

    visit_of(request)->location = path;
    buf_init(&text, 0);
    buf_add_text(&text, "see other\n");
    request->answer_type = "text/plain; charset=utf-8";
    api_answer(request, 303, &text);
}

/* Who came and went, in the log and in the activity log. */
static void note(const struct api_request *request, const struct peer *peer, const char *result)
{
    char actor[PERSON_TEXT];

    peer_describe(peer, actor);
    log_notice(TAG_ADMIN, "web page: %s: %s", result, actor);
    activity_log_add(
        daemon_activity(request->daemon),
        &(struct activity_entry){
            .kind = activity_kind_name(ACTIVITY_OPERATOR), .result = result, .actor = actor, .detail = "web page"});
}

static void welcome(struct api_request *request, const struct session *session)
{
    struct visit *visit = visit_of(request);

    note(request, &session->peer, "signed_in");
    /* A link followed from another site: the browser would not show its new cookie to a redirect. */
    if (visit->fetch_site != NULL && strcmp(visit->fetch_site, "cross-site") == 0) {
        visit->refresh = "0; url=/";
        page_message(request, 200, "welcome");
    } else {
        go_to(request, "/");
    }
}

static void refuse(struct api_request *request, int result, int64_t wait_ms)
{
    switch (result) {
    case ERR_NOTFOUND:
        log_warn(TAG_ADMIN, "web page: a sign-in link was refused: wrong, used or too old");
        page_message(request, 403, "badlink");
        break;
    case ERR_BUSY:
        log_debug(TAG_ADMIN, "web page: sign-in not looked at for %" PRId64 " ms after too many wrong links", wait_ms);
        page_message(request, 429, "slowdown");
        break;
    default:
        page_message(request, 503, "trouble");
        break;
    }
}

/* Programs that only look what is behind a link (a chat's preview, a browser's prefetch) must not use it up. */
static bool is_only_looking(const struct visit *visit)
{
    return visit->head || visit->purpose != NULL;
}

void signin_get(struct api_request *request)
{
    struct visit *visit = visit_of(request);
    const char *link = target_get(&request->target, "token");
    const struct session *session;
    int64_t wait_ms;
    int result;

    if (link == NULL && visit->signed_in) {
        go_to(request, "/");
        return;
    }
    if (link == NULL || is_only_looking(visit)) {
        page_message(request, link == NULL ? 200 : 403, "signin");
        return;
    }
    result = sessions_enter(visit->web->sessions, link, now_ms(), visit->cookie, &session, &wait_ms);
    if (result == 0) {
        sessions_leave(visit->web->sessions, visit->session.serial); /* the one before, of the same browser */
        welcome(request, session);
    } else {
        explicit_bzero(visit->cookie, sizeof(visit->cookie));
        refuse(request, result, wait_ms);
    }
}

void signin_leave(struct api_request *request)
{
    struct visit *visit = visit_of(request);

    sessions_leave(visit->web->sessions, visit->session.serial);
    note(request, &visit->session.peer, "signed_out");
    visit->leaves = true;
    go_to(request, "/signin");
}
