/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/spoil.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sim/faults.h"
#include "sim/json.h"
#include "sim/messages.h"
#include "sim/refusal.h"

static const char *text_of(const cJSON *spec, const char *name, const char *absent)
{
    const char *text = json_string(spec, name);

    return text ? text : absent;
}

/* A value as text, whether it was written as a JSON string or number. */
static void value_text(const cJSON *spec, const char *name, const char *absent, char *text, size_t size)
{
    double number;

    if (json_number(spec, name, &number))
        snprintf(text, size, "%.15g", number);
    else
        snprintf(text, size, "%s", text_of(spec, name, absent));
}

static void set_retry_after(struct exchange *ex, const cJSON *spec)
{
    char text[256];
    int64_t in_s = json_int(spec, "retry_after_in", -1);
    time_t when = time(NULL) + (time_t)in_s;
    struct tm tm;

    value_text(spec, "retry_after", "", text, sizeof(text));
    if (in_s >= 0 && gmtime_r(&when, &tm))
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (text[0])
        exchange_header(ex, "Retry-After", "%s", text);
}

static void throttle(struct exchange *ex, const cJSON *spec)
{
    refusal_any(ex, 429, "TooManyRequests", "Too many requests.");
    set_retry_after(ex, spec);
}

static void answer_status(struct exchange *ex, const cJSON *spec)
{
    int status = (int)json_int(spec, "status", 503);
    const char *code = json_string(spec, "code");

    if (code || ex->place == PLACE_GRAPH_BATCH_ITEM) {
        refusal_any(ex, status, code ? code : "UnknownError", text_of(spec, "text", "A fault was asked for."));
    } else {
        exchange_answer(ex, status, "text/html");
        buf_addf(&ex->reply,
                 "<!DOCTYPE html>\n<html><head><title>%d</title></head><body><h1>%d</h1><p>%s</p></body></html>\n",
                 status, status, "The service is having a bad day.");
    }
    set_retry_after(ex, spec);
}

static void add_error_code(struct exchange *ex, const cJSON *spec, const char *absent)
{
    char text[64];

    value_text(spec, "error_code", absent, text, sizeof(text));
    buf_add_text(&ex->reply, "\"ErrorCode\":");
    if (cJSON_IsNumber(json_member(spec, "error_code")))
        buf_add_text(&ex->reply, text);
    else
        buf_add_json_string(&ex->reply, text);
}

static void lie(struct exchange *ex, const cJSON *spec)
{
    exchange_answer(ex, 200, EXCHANGE_JSON "; charset=utf-8");
    buf_add_char(&ex->reply, '{');
    add_error_code(ex, spec, "404");
    buf_add_text(&ex->reply, ",\"ErrorDetail\":");
    buf_add_json_string(&ex->reply, text_of(spec, "error_detail", "The device was not found."));
    buf_add_char(&ex->reply, '}');
}

static void refuse_login(struct exchange *ex, const cJSON *spec)
{
    refusal_login(ex, (int)json_int(spec, "status", 401), text_of(spec, "error", "invalid_client"),
                  (int)json_int(spec, "code", 7000215), text_of(spec, "text", "A refusal was asked for."));
}

static void drip(struct exchange *ex, const cJSON *spec)
{
    ex->wire = WIRE_DRIP;
    ex->drip_ms = json_int(spec, "ms", 50);
    ex->drip_bytes = (size_t)json_int(spec, "bytes", 1);
    if (ex->drip_bytes == 0)
        ex->drip_bytes = 1;
}

static void truncate_reply(struct exchange *ex, const cJSON *spec)
{
    size_t length = (size_t)json_int(spec, "bytes", (int64_t)(ex->reply.length / 2));

    if (length < ex->reply.length) {
        ex->reply.length = length;
        ex->reply.data[length] = '\0';
    }
}

/* An array that never ends; or of about `bytes` bytes and closed, so that only its size is wrong. */
static void grow_reply(struct exchange *ex, const cJSON *spec)
{
    int64_t bytes = json_int(spec, "bytes", -1);

    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_add_text(&ex->reply, "{\"value\":[\"\"");
    if (bytes < 0) {
        ex->wire = WIRE_ENDLESS;
        return;
    }
    while ((int64_t)ex->reply.length < bytes && buf_error(&ex->reply) == 0)
        buf_add_text(&ex->reply, ",\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"");
    buf_add_text(&ex->reply, "]}");
}

/* The answer's own members with types nobody expects. */
static void swap_types(struct exchange *ex)
{
    cJSON *object = json_parse(buf_text(&ex->reply), ex->reply.length);
    cJSON *wrong = cJSON_CreateObject();
    char *text;

    for (const cJSON *item = cJSON_IsObject(object) ? object->child : NULL; item; item = item->next) {
        if (cJSON_IsNumber(item) || cJSON_IsBool(item))
            cJSON_AddItemToObject(wrong, item->string, cJSON_CreateArray());
        else if (cJSON_IsString(item))
            cJSON_AddItemToObject(wrong, item->string, cJSON_CreateObject());
        else
            cJSON_AddItemToObject(wrong, item->string, cJSON_CreateNumber(-1.5e300));
    }
    text = cJSON_PrintUnformatted(wrong);
    buf_clear(&ex->reply);
    buf_add_text(&ex->reply, text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(wrong);
    cJSON_Delete(object);
}

static void change_shape(struct exchange *ex, const cJSON *spec)
{
    const char *kind = text_of(spec, "kind", "array");

    if (!ex->reply_type)
        exchange_answer(ex, 200, EXCHANGE_JSON);
    if (strcmp(kind, "types") == 0) {
        swap_types(ex);
        return;
    }
    buf_clear(&ex->reply);
    if (strcmp(kind, "null") == 0)
        buf_add_text(&ex->reply, "null");
    else if (strcmp(kind, "text") == 0)
        buf_add_text(&ex->reply, "\"a string\"");
    else if (strcmp(kind, "number") == 0)
        buf_add_text(&ex->reply, "-1e999");
    else if (strcmp(kind, "deep") == 0)
        for (int i = 0; i < 100000; i++)
            buf_add_char(&ex->reply, '[');
    else
        buf_add_text(&ex->reply, "[[],[{}]]");
}

static void break_utf8(struct exchange *ex)
{
    exchange_answer(ex, ex->status == 204 ? 200 : ex->status, EXCHANGE_JSON);
    buf_add_text(&ex->reply,
                 "{\"value\":[],\"ErrorCode\":\"\xC3(\xFF\xFE\xED\xA0\x80\",\"Status\":\"\xF8\",\"id\":\"\x80\"}");
}

static void answer_body(struct exchange *ex, const cJSON *spec)
{
    exchange_answer(ex, (int)json_int(spec, "status", 200), text_of(spec, "content_type", EXCHANGE_JSON));
    buf_add_text(&ex->reply, text_of(spec, "body", "{}"));
    set_retry_after(ex, spec);
}

/* A token answer whose fields are not the usual ones. */
static void change_token_fields(struct exchange *ex, const cJSON *spec)
{
    cJSON *object = json_parse(buf_text(&ex->reply), ex->reply.length);
    const cJSON *expires_in = json_member(spec, "expires_in");
    const cJSON *token_type = json_member(spec, "token_type");
    char *text;

    if (cJSON_IsObject(object) && expires_in)
        cJSON_ReplaceItemInObjectCaseSensitive(object, "expires_in", cJSON_Duplicate(expires_in, true));
    if (cJSON_IsObject(object) && token_type)
        cJSON_ReplaceItemInObjectCaseSensitive(object, "token_type", cJSON_Duplicate(token_type, true));
    if (cJSON_IsObject(object))
        cJSON_DeleteItemFromObjectCaseSensitive(object, text_of(spec, "drop", ""));
    text = cJSON_PrintUnformatted(object);
    if (text) {
        buf_clear(&ex->reply);
        buf_add_text(&ex->reply, text);
    }
    cJSON_free(text);
    cJSON_Delete(object);
}

/* Changes one character of the signature. */
static void forge_token(struct exchange *ex)
{
    char *dot = ex->reply.data ? strrchr(ex->reply.data, '.') : NULL;

    if (dot && dot[1] && dot[2])
        dot[2] = dot[2] == 'A' ? 'B' : 'A';
}

static void answer_instead(struct exchange *ex, const cJSON *spec, enum fault_kind kind)
{
    switch (kind) {
    case FAULT_UNAUTHORIZED:
        refusal_any(ex, 401, "Authentication_MissingOrMalformed", "Access token missing or malformed.");
        break;
    case FAULT_THROTTLE:
        throttle(ex, spec);
        break;
    case FAULT_DEPENDENCY:
        refusal_any(ex, 424, "FailedDependency", "A request in the batch was throttled.");
        set_retry_after(ex, spec);
        break;
    case FAULT_STATUS:
        answer_status(ex, spec);
        break;
    case FAULT_LYING_200:
        lie(ex, spec);
        break;
    case FAULT_AADSTS:
        refuse_login(ex, spec);
        break;
    case FAULT_EXPIRED_SECRET:
        refusal_login(ex, 401, "invalid_client", 7000222, "The provided client secret keys for app are expired.");
        break;
    case FAULT_BODY:
        answer_body(ex, spec);
        break;
    default:
        break;
    }
}

static void bend_body(struct exchange *ex, const cJSON *spec, enum fault_kind kind)
{
    switch (kind) {
    case FAULT_TRUNCATED_JSON:
        truncate_reply(ex, spec);
        break;
    case FAULT_HUGE_JSON:
        grow_reply(ex, spec);
        break;
    case FAULT_WRONG_JSON:
        change_shape(ex, spec);
        break;
    case FAULT_INVALID_UTF8:
        break_utf8(ex);
        break;
    case FAULT_EMPTY_BODY:
        buf_clear(&ex->reply);
        break;
    case FAULT_TOKEN_FIELDS:
        change_token_fields(ex, spec);
        break;
    case FAULT_BAD_TOKEN:
        forge_token(ex);
        break;
    default:
        break;
    }
}

static void set_wire(struct exchange *ex, const cJSON *spec, enum fault_kind kind)
{
    switch (kind) {
    case FAULT_RESET:
    case FAULT_RESET_AFTER_APPLY:
        ex->wire = WIRE_RESET;
        break;
    case FAULT_CLOSE:
        ex->wire = WIRE_CLOSE;
        break;
    case FAULT_RESET_BODY:
        ex->wire = WIRE_RESET_BODY;
        break;
    case FAULT_SHORT_BODY:
        ex->wire = WIRE_SHORT_BODY;
        break;
    case FAULT_SLOW_HEADERS:
        ex->delay_ms = json_int(spec, "ms", 1000);
        break;
    case FAULT_SLOW_BODY:
        drip(ex, spec);
        break;
    default:
        break;
    }
}

void spoil_answer(struct exchange *ex)
{
    if (!ex->fault)
        return;
    const cJSON *spec = fault_spec(ex->fault);
    enum fault_kind kind = fault_kind(ex->fault);
    answer_instead(ex, spec, kind);
    bend_body(ex, spec, kind);
    set_wire(ex, spec, kind);
}

void spoil_verdict(const struct exchange *ex, struct verdict *verdict)
{
    if (!ex->fault)
        return;
    const cJSON *spec = fault_spec(ex->fault);
    enum fault_kind kind = fault_kind(ex->fault);
    if (kind == FAULT_VERDICT_FAILED) {
        verdict->failed = true;
        value_text(spec, "error_code", "500", verdict->code, sizeof(verdict->code));
        snprintf(verdict->detail, sizeof(verdict->detail), "%s",
                 text_of(spec, "error_detail", "The device is not known."));
    } else if (kind == FAULT_VERDICT_NEVER) {
        verdict->delay_ms = -1;
        snprintf(verdict->word, sizeof(verdict->word), "%s", text_of(spec, "word", ""));
    } else if (kind == FAULT_VERDICT_DELAY) {
        verdict->delay_ms = json_int(spec, "ms", 1000);
        snprintf(verdict->word, sizeof(verdict->word), "%s", text_of(spec, "word", ""));
    }
}
