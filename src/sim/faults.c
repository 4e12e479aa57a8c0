/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/faults.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "sim/exchange.h"
#include "sim/json.h"
#include "sim/stats.h"

#define AT(place) (1U << (place))

#define AT_GRAPH                                                                                                       \
    (AT(PLACE_OTHER) | AT(PLACE_DISCOVERY) | AT(PLACE_USERS) | AT(PLACE_DEVICES) | AT(PLACE_GRAPH_BATCH) |             \
     AT(PLACE_GROUPS))
#define AT_PARTNER (AT(PLACE_PARTNER_PUT) | AT(PLACE_PARTNER_GET))
#define AT_TENANT  (AT(PLACE_TENANT_PUT) | AT(PLACE_POLICIES) | AT(PLACE_ASSIGN))
#define AT_ANY     (AT_GRAPH | AT_PARTNER | AT_TENANT | AT(PLACE_TOKEN))
#define AT_ITEM    AT(PLACE_GRAPH_BATCH_ITEM)

struct fault_info {
    enum fault_kind kind;
    const char *name;
    unsigned places; /* where it makes sense */
    bool applies;    /* default of "apply" */
    const char *help;
};

static const struct fault_info infos[] = {
    {FAULT_UNAUTHORIZED, "unauthorized", AT_ANY | AT_ITEM, false, "401 although the token is good"},
    {FAULT_THROTTLE, "throttle", AT_ANY | AT_ITEM, false,
     "429; retry_after (string or number, sent as given) or retry_after_in (seconds, sent as HTTP date)"},
    {FAULT_DEPENDENCY, "dependency", AT_GRAPH | AT_ITEM, false, "424, as old pages say of a throttled batch"},
    {FAULT_STATUS, "status", AT_ANY | AT_ITEM, false,
     "any status with an HTML body (JSON for an item): status (default 503), retry_after, code"},
    {FAULT_LYING_200, "lying_200", AT_PARTNER | AT_TENANT, false,
     "200 that refuses: error_code (\"404\" or 404), error_detail"},
    {FAULT_AADSTS, "aadsts", AT(PLACE_TOKEN), false, "a refusal of Entra: code (number), error, status, text"},
    {FAULT_EXPIRED_SECRET, "expired_secret", AT(PLACE_TOKEN), false, "401 AADSTS7000222"},
    {FAULT_RESET, "reset", AT_ANY, false, "TCP reset, nothing applied, no answer"},
    {FAULT_RESET_AFTER_APPLY, "reset_after_apply", AT_ANY, true, "applied, then TCP reset instead of the answer"},
    {FAULT_CLOSE, "close", AT_ANY, false, "the connection ends without an answer"},
    {FAULT_RESET_BODY, "reset_body", AT_ANY, true, "headers and half the body, then TCP reset"},
    {FAULT_SHORT_BODY, "short_body", AT_ANY, true, "headers and half the body, then the end"},
    {FAULT_SLOW_HEADERS, "slow_headers", AT_ANY, true, "the answer starts late: ms (default 1000)"},
    {FAULT_SLOW_BODY, "slow_body", AT_ANY, true, "the body in drips: bytes (1) every ms (50)"},
    {FAULT_TRUNCATED_JSON, "truncated_json", AT_ANY, true, "well-formed HTTP, half the JSON; bytes"},
    {FAULT_HUGE_JSON, "huge_json", AT_ANY, true, "JSON without end; with bytes: of that size"},
    {FAULT_WRONG_JSON, "wrong_json", AT_ANY, true,
     "valid JSON of another shape: kind array types null text number deep"},
    {FAULT_INVALID_UTF8, "invalid_utf8", AT_ANY, true, "JSON with bytes in a string that are no UTF-8"},
    {FAULT_EMPTY_BODY, "empty_body", AT_ANY, true, "status and headers, no body"},
    {FAULT_BODY, "body", AT_ANY, false, "this answer: status (200), body, content_type"},
    {FAULT_VERDICT_FAILED, "verdict_failed", AT(PLACE_PARTNER_PUT), true,
     "accepted, then Failed: error_code, error_detail"},
    {FAULT_VERDICT_NEVER, "verdict_never", AT(PLACE_PARTNER_PUT), true,
     "accepted, never a verdict; word = Status to show"},
    {FAULT_VERDICT_DELAY, "verdict_delay", AT(PLACE_PARTNER_PUT), true, "verdict after ms instead of the usual delay"},
    {FAULT_LOST_MESSAGE, "lost_message", AT_PARTNER, true,
     "partner_put: accepted and forgotten; partner_get: 404 for a known message"},
    {FAULT_TOKEN_FIELDS, "token_fields", AT(PLACE_TOKEN), true,
     "a token answer with other fields: expires_in (any JSON), token_type, drop (name of a field)"},
    {FAULT_BAD_TOKEN, "bad_token", AT(PLACE_TOKEN), true, "a token that every API refuses"},
    {FAULT_MISSING_ITEM, "missing_item", AT_ITEM, true, "applied, its response left out of the batch"},
    {FAULT_DUPLICATE_ITEM, "duplicate_item", AT_ITEM, true, "applied, its response twice in the batch"},
};

static const struct {
    const char *name;
    unsigned places;
} groups[] = {
    {"token", AT(PLACE_TOKEN)},
    {"discovery", AT(PLACE_DISCOVERY)},
    {"users", AT(PLACE_USERS)},
    {"devices", AT(PLACE_DEVICES)},
    {"graph_batch", AT(PLACE_GRAPH_BATCH)},
    {"graph_batch_item", AT_ITEM},
    {"graph", AT_GRAPH},
    {"partner_put", AT(PLACE_PARTNER_PUT)},
    {"partner_get", AT(PLACE_PARTNER_GET)},
    {"partner", AT_PARTNER},
    {"tenant_put", AT(PLACE_TENANT_PUT)},
    {"policies", AT(PLACE_POLICIES)},
    {"assign", AT(PLACE_ASSIGN)},
    {"tenant", AT_TENANT},
    {"groups", AT(PLACE_GROUPS)},
    {"imds", AT(PLACE_IDENTITY)},
    {"any", AT_ANY},
};

static const struct json_field fields[] = {
    {"at", JSON_STRING, true},
    {"fault", JSON_STRING, true},
    {"count", JSON_NUMBER, false},
    {"after", JSON_NUMBER, false},
    {"every", JSON_NUMBER, false},
    {"match", JSON_STRING, false},
    {"apply", JSON_BOOL, false},
    {"status", JSON_NUMBER, false},
    {"retry_after", JSON_STRING | JSON_NUMBER, false},
    {"retry_after_in", JSON_NUMBER, false},
    {"ms", JSON_NUMBER, false},
    {"bytes", JSON_NUMBER, false},
    {"body", JSON_STRING, false},
    {"content_type", JSON_STRING, false},
    {"code", JSON_STRING | JSON_NUMBER, false},
    {"error", JSON_STRING, false},
    {"text", JSON_STRING, false},
    {"error_code", JSON_STRING | JSON_NUMBER, false},
    {"error_detail", JSON_STRING, false},
    {"word", JSON_STRING, false},
    {"kind", JSON_STRING, false},
    {"expires_in", JSON_STRING | JSON_NUMBER | JSON_NULL | JSON_BOOL | JSON_ARRAY | JSON_OBJECT, false},
    {"token_type", JSON_STRING | JSON_NUMBER | JSON_NULL, false},
    {"drop", JSON_STRING, false},
    {NULL, 0, false},
};

struct fault {
    TAILQ_ENTRY(fault) link;
    unsigned number;
    const struct fault_info *info;
    unsigned places;
    cJSON *spec;
    const char *match; /* in spec; NULL = any */
    int64_t count;     /* -1 = for ever */
    int64_t after;
    int64_t every;
    int64_t fitted;
    int64_t played;
};

void faults_init(struct faults *faults)
{
    *faults = (struct faults){.next_number = 1};
    TAILQ_INIT(&faults->list);
}

static void free_fault(struct fault *fault)
{
    cJSON_Delete(fault->spec);
    free(fault);
}

void faults_truncate(struct faults *faults, size_t count)
{
    while (faults->count > count) {
        struct fault *fault = TAILQ_LAST(&faults->list, fault_list);
        TAILQ_REMOVE(&faults->list, fault, link);
        free_fault(fault);
        faults->count--;
    }
}

void faults_clear(struct faults *faults)
{
    faults_truncate(faults, 0);
}

void faults_deinit(struct faults *faults)
{
    faults_clear(faults);
}

static unsigned find_places(const char *name)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (strcmp(groups[i].name, name) == 0)
            return groups[i].places;
    }
    return 0;
}

static const struct fault_info *find_info(const char *name)
{
    for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
        if (strcmp(infos[i].name, name) == 0)
            return &infos[i];
    }
    return NULL;
}

static int check(const cJSON *spec, struct error *err)
{
    char reason[128];

    if (json_check(spec, fields, reason, sizeof(reason)))
        return error_set(err, ERR_INVALID, 0, "fault: %s", reason);
    unsigned places = find_places(json_string(spec, "at"));
    const struct fault_info *info = find_info(json_string(spec, "fault"));
    int64_t status = json_int(spec, "status", 503);
    if (places == 0)
        return error_set(err, ERR_INVALID, 0, "fault: no place is called '%.40s'", json_string(spec, "at"));
    if (!info)
        return error_set(err, ERR_INVALID, 0, "no fault is called '%.40s'", json_string(spec, "fault"));
    if ((info->places & places) == 0)
        return error_set(err, ERR_INVALID, 0, "fault '%s' cannot happen at '%s'", info->name, json_string(spec, "at"));
    if (status < 200 || status >= STATS_STATUSES)
        return error_set(err, ERR_INVALID, 0, "fault: status must be 200 to 599");
    if (json_int(spec, "count", 1) < -1 || json_int(spec, "after", 0) < 0 || json_int(spec, "every", 1) < 1)
        return error_set(err, ERR_INVALID, 0, "fault: count must be -1 or more, after 0 or more, every 1 or more");
    if (json_int(spec, "ms", 0) < 0 || json_int(spec, "bytes", 0) < 0)
        return error_set(err, ERR_INVALID, 0, "fault: ms and bytes must not be negative");
    return 0;
}

int faults_add(struct faults *faults, const struct cJSON *spec, struct error *err)
{
    struct fault *fault;
    int rc = check(spec, err);

    if (rc != 0)
        return rc;
    if (faults->count >= FAULTS_MAX)
        return error_set(err, ERR_TOOBIG, 0, "more than %d faults", FAULTS_MAX);
    fault = calloc(1, sizeof(*fault));
    if (!fault || !(fault->spec = cJSON_Duplicate(spec, true))) {
        free(fault);
        return error_set(err, ERR_NOMEM, 0, "fault");
    }
    fault->info = find_info(json_string(fault->spec, "fault"));
    fault->places = find_places(json_string(fault->spec, "at")) & fault->info->places;
    fault->match = json_string(fault->spec, "match");
    fault->count = json_int(fault->spec, "count", 1);
    fault->after = json_int(fault->spec, "after", 0);
    fault->every = json_int(fault->spec, "every", 1);
    fault->number = faults->next_number++;
    TAILQ_INSERT_TAIL(&faults->list, fault, link);
    faults->count++;
    return (int)fault->number;
}

static bool is_blank(const char *line)
{
    line += strspn(line, " \t\r\n");
    return *line == '\0' || *line == '#';
}

static int load_line(struct faults *faults, const char *path, unsigned number, const char *line, struct error *err)
{
    cJSON *spec;
    int rc;

    if (is_blank(line))
        return 0;
    spec = json_parse(line, strlen(line));
    rc = spec ? faults_add(faults, spec, err) : error_set(err, ERR_INVALID, 0, "not a JSON object");
    cJSON_Delete(spec);
    if (rc < 0)
        error_prefix(err, "%s:%u", path, number);
    return rc < 0 ? rc : 0;
}

int faults_load(struct faults *faults, const char *path, struct error *err)
{
    struct faults loaded;
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    int rc = 0;

    if (!file)
        return error_set(err, ERR_IO, 0, "cannot open %s", path);
    faults_init(&loaded);
    loaded.next_number = faults->next_number;
    while (rc == 0 && getline(&line, &size, file) >= 0)
        rc = load_line(&loaded, path, ++number, line, err);
    free(line);
    fclose(file);
    if (rc == 0) {
        TAILQ_CONCAT(&faults->list, &loaded.list, link);
        faults->count += loaded.count;
        faults->next_number = loaded.next_number;
        loaded.count = 0;
    }
    faults_deinit(&loaded);
    return rc;
}

static bool fits(const struct fault *fault, const struct exchange *ex)
{
    if (!(fault->places & AT(ex->place)) || (fault->count >= 0 && fault->played >= fault->count))
        return false;
    return !fault->match || strstr(ex->target, fault->match) || strstr(ex->body, fault->match);
}

const struct fault *faults_pick(struct faults *faults, const struct exchange *ex)
{
    for (struct fault *fault = TAILQ_FIRST(&faults->list); fault; fault = TAILQ_NEXT(fault, link)) {
        if (!fits(fault, ex))
            continue;
        fault->fitted++;
        if (fault->fitted <= fault->after || (fault->fitted - fault->after - 1) % fault->every != 0)
            continue;
        fault->played++;
        return fault;
    }
    return NULL;
}

void faults_write(const struct faults *faults, struct buf *out)
{
    const char *comma = "";

    buf_add_text(out, "{\"value\":[");
    for (const struct fault *fault = TAILQ_FIRST(&faults->list); fault; fault = TAILQ_NEXT(fault, link)) {
        char *spec = cJSON_PrintUnformatted(fault->spec);
        buf_addf(out, "%s{\"number\":%u,\"fitted\":%lld,\"played\":%lld,\"rule\":%s}", comma, fault->number,
                 (long long)fault->fitted, (long long)fault->played, spec ? spec : "null");
        cJSON_free(spec);
        comma = ",\n";
    }
    buf_add_text(out, "]}");
}

void faults_describe(FILE *out)
{
    fprintf(out, "  Places (\"at\"):\n   ");
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        fprintf(out, " %s", groups[i].name);
    fprintf(out, "\n\n  Faults (\"fault\"):\n");
    for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++)
        fprintf(out, "    %-18s %s\n", infos[i].name, infos[i].help);
}

enum fault_kind fault_kind(const struct fault *fault)
{
    return fault->info->kind;
}

const char *fault_name(const struct fault *fault)
{
    return fault->info->name;
}

const struct cJSON *fault_spec(const struct fault *fault)
{
    return fault->spec;
}

bool fault_applies(const struct fault *fault)
{
    return json_bool(fault->spec, "apply", fault->info->applies);
}
