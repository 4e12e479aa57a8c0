/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "microsoft/graph.h"

#include "classify.h"
#include "reply.h"

/* An answer that is being split. */
struct split {
    size_t count;
    int64_t now_s;
    const char *request_id; /* of the whole */
    struct outcome *outcomes;
    char (*user_ids)[GUID_TEXT]; /* NULL: devices were sent */
    bool answered[GRAPH_BATCH_MAX];
};

static void set_unintelligible(struct outcome *outcome, const char *why)
{
    *outcome = (struct outcome){.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_REPLY};
    classify_detail(outcome, 0, "", why);
}

/* The place in the request that an item answers; -1 for an id that is not ours. */
static int place_of(const cJSON *item, size_t count)
{
    double place;

    if (!reply_number(item, "id", &place) || place < 0 || place >= (double)count || place != (double)(int)place)
        return -1;
    return (int)place;
}

static void take_user_id(struct split *split, size_t place, const cJSON *body)
{
    struct guid id;

    if (guid_parse(reply_text(body, "id"), &id) == 0)
        guid_format(&id, split->user_ids[place]);
    else
        set_unintelligible(&split->outcomes[place], "a user without an id");
}

/* Whether the app may read users does not depend on the user, so a denied look-up is the connection's; everything else
 * that makes a look-up fail for good says that there is no such user. */
static void adapt_to_user(int status, struct outcome *outcome)
{
    if (outcome->class != OUTCOME_DEVICE)
        return;
    if (status == 402 || status == 403) {
        outcome->class = OUTCOME_CONNECTION;
        outcome->trouble = TROUBLE_PERMISSION;
        outcome->reason = REASON_NONE;
    } else {
        outcome->reason = REASON_USER_UNKNOWN;
    }
}

/* Retry-After of an item is a string, by some accounts a number. */
static const char *retry_after_of(const cJSON *headers, char text[32])
{
    double seconds;

    if (reply_text(headers, "Retry-After")[0] != '\0')
        return reply_text(headers, "Retry-After");
    if (!reply_number(headers, "Retry-After", &seconds))
        return "";
    snprintf(text, 32, "%.3f", seconds);
    return text;
}

/* An item's own, else the batch's: Microsoft's support asks for one. */
static const char *request_id_of(const struct split *split, const cJSON *headers, const struct reply_error *error)
{
    const char *own = reply_text(headers, "request-id");

    return own[0] != '\0' ? own : error->request_id[0] != '\0' ? error->request_id : split->request_id;
}

static void read_item(struct split *split, size_t place, const cJSON *item)
{
    struct outcome *outcome = &split->outcomes[place];
    const cJSON *headers = reply_object(item, "headers");
    const cJSON *body = reply_object(item, "body");
    struct reply_error error = {.code = "", .message = "", .request_id = ""};
    char text[32];
    double status;

    if (!reply_number(item, "status", &status) || status < 100 || status > 999) {
        set_unintelligible(outcome, "an item without a status");
        return;
    }
    if (status >= 300)
        reply_read_error(body, &error);
    outcome_of_item((int)status, retry_after_of(headers, text), error.code, error.message,
                    request_id_of(split, headers, &error), split->now_s, outcome);
    if (split->user_ids == NULL)
        outcome->denied = status == 403 && outcome->class == OUTCOME_DEVICE;
    else if (outcome->class == OUTCOME_ACCEPTED)
        take_user_id(split, place, body);
    else
        adapt_to_user((int)status, outcome);
}

static void read_items(struct split *split, const cJSON *responses)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, responses)
    {
        int place = place_of(item, split->count);

        if (place < 0)
            continue;
        if (split->answered[place]) {
            set_unintelligible(&split->outcomes[place], "two answers for this item of the batch");
            if (split->user_ids != NULL)
                split->user_ids[place][0] = '\0';
            continue;
        }
        split->answered[place] = true;
        read_item(split, (size_t)place, item);
    }
    for (size_t i = 0; i < split->count; i++) {
        if (split->answered[i])
            continue;
        set_unintelligible(&split->outcomes[i], "no answer for this item of the batch");
        classify_request_id(&split->outcomes[i], split->request_id);
    }
}

/*
 * A device whose update is denied may be the wrong one (no Windows device, managed by Intune), or the app lacks the
 * permission. One refusal cannot tell. Stopping the connection for one bad device would lock out a company, so a denied
 * device is parked; but when each of several in one batch is denied, it is the app, and parking them one by one would
 * hide that. daemon/denial looks across batches.
 */
static void judge_denials(struct split *split)
{
    if (split->count < 2)
        return;
    for (size_t i = 0; i < split->count; i++) {
        if (!split->outcomes[i].denied)
            return;
    }
    for (size_t i = 0; i < split->count; i++) {
        split->outcomes[i].class = OUTCOME_CONNECTION;
        split->outcomes[i].trouble = TROUBLE_PERMISSION;
        split->outcomes[i].reason = REASON_NONE;
    }
}

/* When all items failed in one and the same way, that is what the whole means. */
static void judge_whole(const struct split *split, struct outcome *whole)
{
    const struct outcome *first = &split->outcomes[0];
    char request_id[sizeof(whole->request_id)];

    if (split->count == 0 || first->class == OUTCOME_ACCEPTED || first->class == OUTCOME_DEVICE)
        return;
    for (size_t i = 1; i < split->count; i++) {
        if (split->outcomes[i].class != first->class)
            return;
    }
    memcpy(request_id, whole->request_id, sizeof(request_id));
    *whole = *first;
    if (request_id[0] != '\0')
        memcpy(whole->request_id, request_id, sizeof(request_id));
    for (size_t i = 1; i < split->count; i++) {
        if (split->outcomes[i].retry_after_ms > whole->retry_after_ms)
            whole->retry_after_ms = split->outcomes[i].retry_after_ms;
    }
}

static void copy_to_items(struct split *split, const struct outcome *whole)
{
    for (size_t i = 0; i < split->count; i++)
        split->outcomes[i] = *whole;
}

void graph_batch_outcome(const struct http_response *response, size_t count, int64_t now_s, struct outcome *outcomes,
                         char (*user_ids)[GUID_TEXT], struct outcome *ret_whole)
{
    struct split split = {.count = count, .now_s = now_s, .request_id = "", .outcomes = outcomes, .user_ids = user_ids};
    cJSON *root = NULL;
    const cJSON *responses = NULL;

    assert(count <= GRAPH_BATCH_MAX);
    for (size_t i = 0; user_ids != NULL && i < count; i++)
        user_ids[i][0] = '\0';
    outcome_of_response(response, false, now_s, ret_whole);
    /* 424 for the whole: an old page says that this happens when something inside is throttled */
    if (ret_whole->class == OUTCOME_ACCEPTED || (response->result == 0 && response->status == 424)) {
        if (reply_parse(response->body, response->body_length, &root, NULL) == 0)
            responses = reply_array(root, "responses");
        if (responses != NULL)
            ret_whole->class = OUTCOME_ACCEPTED;
        else if (ret_whole->class == OUTCOME_ACCEPTED)
            set_unintelligible(ret_whole, "the body is not the answer to a batch");
    }
    if (responses != NULL) {
        ret_whole->trouble = TROUBLE_NONE;
        split.request_id = ret_whole->request_id;
        read_items(&split, responses);
        judge_denials(&split);
        judge_whole(&split, ret_whole);
    } else {
        copy_to_items(&split, ret_whole);
    }
    cJSON_Delete(root);
}
