/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/partner.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/discovery.h"
#include "sim/exchange.h"
#include "sim/faults.h"
#include "sim/json.h"
#include "sim/odata.h"
#include "sim/permission.h"
#include "sim/refusal.h"
#include "sim/spoil.h"
#include "sim/token.h"
#include "sim/world.h"

static const struct json_field envelope_fields[] = {
    {"TenantId", JSON_STRING, true},
    {"UploadTime", JSON_STRING, true},
    {"Content", JSON_STRING, true},
    {NULL, 0, false},
};

/* One PUT on its way through the checks. */
struct upload {
    const char *id; /* of the message, from the path */
    unsigned char digest[MESSAGE_DIGEST];
    struct beliefs beliefs;
};

/* Public samples show codes as text and as numbers; each message sticks to one of them. */
static void write_code(struct buf *out, const char *message_id, const char *code)
{
    char last = message_id[strlen(message_id) - 1];
    bool number = !strchr("02468aceACE", last) && *code != '\0' && code[strspn(code, "0123456789")] == '\0';

    buf_add_text(out, "\"ErrorCode\":");
    if (number)
        buf_add_int(out, strtoll(code, NULL, 10));
    else
        buf_add_json_string(out, code);
}

static void answer(struct exchange *ex, const char *message_id, const char *code, const char *detail)
{
    exchange_answer(ex, 200, EXCHANGE_JSON "; charset=utf-8");
    buf_addf(&ex->reply, "{\"Key\":\"%s\",\"ContextId\":\"%s\",", message_id, ex->tenant->id);
    write_code(&ex->reply, message_id, code);
    buf_add_text(&ex->reply, ",\"ErrorDetail\":");
    buf_add_json_string(&ex->reply, detail);
    buf_add_char(&ex->reply, '}');
}

/* A refusal of the kind that HTTP calls success. */
static bool refuse(struct world *world, struct exchange *ex, const struct upload *upload, const char *code,
                   const char *detail)
{
    world->stats.messages_refused++;
    answer(ex, upload->id, code, detail);
    return false;
}

static bool refuse_request(struct world *world, struct exchange *ex, const char *detail)
{
    world->stats.messages_refused++;
    refusal_partner(ex, 400, "BadRequest", detail);
    return false;
}

static bool check_envelope(struct world *world, struct exchange *ex, const cJSON *envelope)
{
    char reason[128];
    int64_t time_ms;

    if (!ex->content_type || strncasecmp(ex->content_type, EXCHANGE_JSON, strlen(EXCHANGE_JSON)) != 0) {
        world->stats.messages_refused++;
        refusal_partner(ex, 415, "UnsupportedMediaType", "The content type must be application/json.");
        return false;
    }
    if (!envelope)
        return refuse_request(world, ex, "The body is not JSON.");
    if (json_check(envelope, envelope_fields, reason, sizeof(reason)))
        return refuse_request(world, ex, reason);
    if (strcasecmp(json_string(envelope, "TenantId"), ex->tenant->id) != 0)
        return refuse_request(world, ex, "TenantId is not the token's tenant.");
    if (!entities_time(json_string(envelope, "UploadTime"), &time_ms))
        return refuse_request(world, ex, "UploadTime is not an ISO 8601 time in UTC.");
    return true;
}

/* The family of an operating system as registered ("AndroidForWork", "MacMDM", "IPhone" ...) against a message's Os. */
static bool os_agrees(const char *registered, const char *os)
{
    static const struct {
        const char *prefix;
        const char *os;
    } families[] = {{"ios", "iOS"},         {"iphone", "iOS"}, {"ipad", "iOS"},
                    {"android", "Android"}, {"mac", "macOS"},  {"windows", "Windows"}};

    for (size_t i = 0; registered && i < sizeof(families) / sizeof(families[0]); i++) {
        if (strncasecmp(registered, families[i].prefix, strlen(families[i].prefix)) == 0)
            return strcmp(families[i].os, os) == 0;
    }
    return true;
}

/* The device that a belief is about, registered now when that is allowed; NULL = unknown. */
static struct device *find_device(struct world *world, struct tenant *tenant, const struct belief *belief)
{
    struct device *device = devices_find(&tenant->devices, belief->device_id);
    const struct device_facts facts = {.os = belief->os, .check_in_ms = -1};

    if (device || !world->settings.auto_register)
        return device;
    device = devices_add(&tenant->devices, belief->device_id, world_now_ms(world));
    if (device)
        device_tell(device, &facts);
    return device;
}

static bool check_belief(struct world *world, struct exchange *ex, const struct upload *upload,
                         const struct belief *belief)
{
    struct device *device;

    if (!users_knows_id(&ex->tenant->users, belief->user_id, world->settings.auto_users))
        return refuse(world, ex, upload, "404", "The user was not found.");
    device = find_device(world, ex->tenant, belief);
    if (!device)
        return refuse(world, ex, upload, "404", "The device was not found.");
    if (!os_agrees(device->os, belief->os))
        return refuse(world, ex, upload, "400", "Os is not the operating system that the device registered with.");
    if (belief->stamp_ms > device->accepted_ms)
        return true;
    if (belief->stamp_ms == device->accepted_ms)
        world->stats.equal_stamps++;
    else
        world->stats.older_stamps++;
    return refuse(world, ex, upload, "409", "LastUpdateTime is not newer than that of an earlier message.");
}

static bool check_beliefs(struct world *world, struct exchange *ex, const struct upload *upload)
{
    for (size_t i = 0; i < upload->beliefs.count; i++) {
        if (!check_belief(world, ex, upload, &upload->beliefs.list[i]))
            return false;
    }
    return true;
}

static bool read_content(struct world *world, struct exchange *ex, const cJSON *envelope, struct upload *upload)
{
    char reason[ENTITIES_REASON] = "";
    int rc = entities_parse(json_string(envelope, "Content"), ex->tenant->id,
                            (size_t)world->settings.devices_per_message, &upload->beliefs, reason);

    if (rc == 0)
        return true;
    if (rc == ERR_NOMEM) {
        refusal_partner(ex, 503, "ServiceUnavailable", "Out of memory.");
        return false;
    }
    return refuse(world, ex, upload, "400", reason);
}

/* An id that was seen before: the same message gets the same answer, another one is refused. True = the id is new. */
static bool is_new(struct world *world, struct exchange *ex, const struct upload *upload)
{
    const struct message *message = messages_find(&ex->tenant->messages, upload->id);

    if (!message)
        return true;
    if (memcmp(message->digest, upload->digest, MESSAGE_DIGEST) != 0) {
        world->stats.reused_ids++;
        return refuse(world, ex, upload, "409", "The message id was used for another message.");
    }
    world->stats.messages_resent++;
    answer(ex, upload->id, "202", "");
    return false;
}

static void accept(struct world *world, struct exchange *ex, struct upload *upload)
{
    struct verdict verdict = {.delay_ms = world->settings.verdict_delay_ms};

    if (ex->fault && fault_kind(ex->fault) == FAULT_LOST_MESSAGE) {
        answer(ex, upload->id, "202", "");
        return;
    }
    spoil_verdict(ex, &verdict);
    for (size_t i = 0; i < upload->beliefs.count; i++) {
        const struct belief *belief = &upload->beliefs.list[i];
        devices_find(&ex->tenant->devices, belief->device_id)->accepted_ms = belief->stamp_ms;
    }
    if (messages_accept(world, ex->tenant, upload->id, upload->digest, &verdict, &upload->beliefs)) {
        world->stats.messages_accepted++;
        answer(ex, upload->id, "202", "");
    } else {
        refusal_partner(ex, 503, "ServiceUnavailable", "Out of memory.");
    }
}

static void put(struct world *world, struct exchange *ex, const char *id)
{
    struct upload upload = {.id = id};
    cJSON *envelope = json_parse(ex->body, ex->body_length);

    EVP_Digest(ex->body, ex->body_length, upload.digest, NULL, EVP_sha256(), NULL);
    if (is_new(world, ex, &upload) && check_envelope(world, ex, envelope) &&
        read_content(world, ex, envelope, &upload) && check_beliefs(world, ex, &upload))
        accept(world, ex, &upload);
    beliefs_free(&upload.beliefs);
    cJSON_Delete(envelope);
}

static void get(struct exchange *ex, const char *id)
{
    const struct message *message = messages_find(&ex->tenant->messages, id);

    if (!message || (ex->fault && fault_kind(ex->fault) == FAULT_LOST_MESSAGE)) {
        refusal_partner(ex, 404, "NotFound", "No message has this id.");
        return;
    }
    bool failed = message->state == MESSAGE_FAILED;
    exchange_answer(ex, 200, EXCHANGE_JSON "; charset=utf-8");
    buf_addf(&ex->reply, "{\"Key\":\"%s\",\"ContextId\":\"%s\",\"Status\":", message->id, ex->tenant->id);
    buf_add_json_string(&ex->reply, message_status(message));
    buf_add_char(&ex->reply, ',');
    write_code(&ex->reply, message->id, failed ? message->verdict.code : "0");
    buf_add_text(&ex->reply, ",\"ErrorDetail\":");
    buf_add_json_string(&ex->reply, failed ? message->verdict.detail : "");
    buf_add_char(&ex->reply, '}');
}

static bool take_quota(struct world *world, struct exchange *ex)
{
    int64_t wait_ms;

    if (quota_take(&ex->tenant->quota, &world->settings.quota, QUOTA_PARTNER_REQUESTS, world_monotonic_ms(world),
                   &wait_ms))
        return true;
    refusal_partner(ex, 429, "TooManyRequests", "Too many requests.");
    exchange_header(ex, "Retry-After", "%lld", (long long)((wait_ms + 999) / 1000));
    return false;
}

/* Path, version and the form of the message id. The caller frees the id; NULL = ex is answered. */
static char *check_path(struct exchange *ex)
{
    char *version = exchange_query(ex, "api-version");
    char *id = ex->segment_count == 3 ? odata_key(ex->segments[2], "DataUploadMessages", "guid") : NULL;
    bool version_good = version && strcmp(version, "1.2") == 0;
    bool served = ex->segment_count == 3 && exchange_segment_is(ex, 1, DISCOVERY_DEVICE_SERVICE);

    free(version);
    if (!served || !id)
        refusal_partner(ex, 404, "NotFound", "No such resource.");
    else if (!version_good)
        refusal_partner(ex, 400, "BadRequest", "api-version is missing or not 1.2.");
    else if (!guid_is_valid(id))
        refusal_partner(ex, 400, "BadRequest", "The message id is not a GUID.");
    else
        return id;
    free(id);
    return NULL;
}

static void serve(struct world *world, struct exchange *ex)
{
    char *id = check_path(ex);

    if (!id)
        return;
    if (exchange_method_is(ex, "PUT") && ex->tenant->enrolment.provisioned == ENROLMENT_DEPROVISIONED) {
        world->stats.messages_refused++;
        refusal_partner(ex, 403, "Forbidden", "The tenant was deprovisioned.");
    } else if (exchange_method_is(ex, "PUT")) {
        put(world, ex, id);
    } else if (exchange_method_is(ex, "GET")) {
        get(ex, id);
    } else {
        refusal_partner(ex, 405, "MethodNotAllowed", "PUT and GET are served.");
        exchange_header(ex, "Allow", "PUT, GET");
    }
    free(id);
}

void partner_handle(struct world *world, struct exchange *ex)
{
    enum token_verdict verdict = token_check(world, ex, TOKEN_INTUNE);

    exchange_header(ex, "request-id", "%s", ex->request_id);
    if (ex->client_request_id)
        exchange_header(ex, "client-request-id", "%s", ex->client_request_id);
    if (verdict != TOKEN_GOOD)
        refusal_token(ex, verdict);
    else if (!permission_allows(ex->permissions, PERMISSION_SEND_MESSAGES))
        refusal_partner(ex, 403, "Forbidden", "The token's roles do not allow this.");
    else if (ex->client_request_id && !guid_is_valid(ex->client_request_id))
        refusal_partner(ex, 400, "BadRequest", "client-request-id is not a GUID.");
    else if (take_quota(world, ex))
        serve(world, ex);
}
