/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/pages.h"
#include "ctl/progress.h"
#include "ctl/say.h"
#include "ctl/table.h"

static const struct table_column columns[] = {{"DEVICE", TABLE_FIXED},
                                              {"CONNECTION", TABLE_CUT | TABLE_DROP(2)},
                                              {"NAME", TABLE_CUT | TABLE_DROP(3)},
                                              {"CAUSE", TABLE_FIXED},
                                              {"TOLD", TABLE_FIXED},
                                              {"MICROSOFT", TABLE_FIXED},
                                              {"SINCE", TABLE_DROP(1)}};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct comparison {
    const struct invocation *invocation;
    struct client *client;
    struct progress progress;
    int64_t begun_ms;
    bool warned;
};

static const struct cJSON *member(const struct cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- asking ---- */

static int ask(const struct comparison *comparison, const char *path, struct cJSON **ret_answer)
{
    const char *connection = comparison->invocation->option[OPTION_CONNECTION];
    struct buf body;
    int result;

    buf_init(&body, 0);
    if (connection != NULL) {
        buf_add_text(&body, "{\"connection\":");
        buf_add_json_string(&body, connection);
        buf_add_char(&body, '}');
    }
    result = client_post(comparison->client, path, buf_text(&body), ret_answer);
    buf_deinit(&body);
    return result;
}

static void add_path(const struct comparison *comparison, unsigned limit, struct buf *path)
{
    buf_addf(path, "/v1/drift?limit=%u", limit);
    pages_add_parameter(path, "connection", comparison->invocation->option[OPTION_CONNECTION]);
}

/* ---- waiting ---- */

/* The comparison of a connection that was asked for; NULL: it is not in the configuration any more. */
static const struct cJSON *find(const struct cJSON *answer, const char *connection)
{
    const struct cJSON *check;

    cJSON_ArrayForEach(check, member(answer, "checks"))
    {
        if (strcmp(client_text(check, "connection"), connection) == 0)
            return member(check, "drift");
    }
    return NULL;
}

static bool is_over(const struct cJSON *drift, int64_t check)
{
    return drift == NULL || (strcmp(client_text(drift, "state"), "idle") == 0 && !client_flag(drift, "asked") &&
                             client_number(drift, "check") >= check);
}

/* It goes on by itself, but not at once. */
static void warn(struct comparison *comparison, const char *connection, const struct cJSON *drift)
{
    if (comparison->warned || client_text(drift, "next_try")[0] == '\0')
        return;
    comparison->warned = true;
    progress_end(&comparison->progress);
    failure_warn(comparison->invocation, say("connection %s: %s (%s); going on at %s"), connection,
                 client_text(drift, "problem_text"), client_text(drift, "detail"), client_text(drift, "next_try"));
}

static bool look(struct comparison *comparison, const struct cJSON *accepted, const struct cJSON *answer)
{
    const struct cJSON *one;
    int64_t read = 0, compared = 0;
    bool over = true;

    cJSON_ArrayForEach(one, member(accepted, "accepted"))
    {
        const struct cJSON *drift = find(answer, client_text(one, "connection"));

        over = is_over(drift, client_number(one, "check")) && over;
        warn(comparison, client_text(one, "connection"), drift);
        read += client_number(drift, "read");
        compared += client_number(drift, "compared");
    }
    progress_update(&comparison->progress, compared > 0 ? compared : read, 0, compared > 0 ? "compared" : "read");
    return over;
}

static int wait(struct comparison *comparison, const struct cJSON *accepted, struct cJSON **ret_answer)
{
    const struct invocation *invocation = comparison->invocation;
    struct buf path;
    int result = 0;

    buf_init(&path, 0);
    add_path(comparison, 1, &path);
    for (unsigned looks = 0; result == 0; looks++) {
        cJSON_Delete(*ret_answer);
        *ret_answer = NULL;
        result = client_get(comparison->client, buf_text(&path), ret_answer);
        if (result != 0 || look(comparison, accepted, *ret_answer))
            break;
        if (invocation->timeout_ms >= 0 &&
            clock_monotonic_ms(clock_system()) - comparison->begun_ms >= invocation->timeout_ms) {
            progress_end(&comparison->progress);
            result = failure_say(invocation, EX_TEMPFAIL, "it is still under way (--timeout has passed)");
        } else {
            client_pause(looks);
        }
    }
    buf_deinit(&path);
    return result;
}

/* ---- showing ---- */

static const char *seen_text(const struct cJSON *entry)
{
    const struct cJSON *seen = member(entry, "microsoft");

    if (!cJSON_IsObject(seen))
        return "unknown";
    if (client_flag(seen, "managed"))
        return client_flag(seen, "compliant") ? "compliant" : "non_compliant";
    return client_flag(seen, "compliant") ? "compliant, not managed" : "not managed";
}

static int print_page(void *ctx, const struct cJSON *array)
{
    struct table *table = ctx;
    const struct cJSON *entry;

    cJSON_ArrayForEach(entry, array)
    {
        const char *const cells[COLUMNS] = {client_text(entry, "device_id"),   client_text(entry, "connection"),
                                            client_text(entry, "name"),        client_text(entry, "cause"),
                                            client_text(entry, "azure_state"), seen_text(entry),
                                            client_text(entry, "since")};

        if (table_row(table, cells) != 0)
            return EX_OSERR;
    }
    return 0;
}

struct listing {
    struct table table;
    FILE *out;
};

static int print_and_flush(void *ctx, const struct cJSON *array)
{
    struct listing *listing = ctx;
    int result = print_page(&listing->table, array);
    struct buf text;

    if (result != 0 || cJSON_GetArraySize(array) == 0)
        return result;
    buf_init(&text, 0);
    table_flush(&listing->table, &text);
    fputs(buf_text(&text), listing->out);
    buf_deinit(&text);
    return ferror(listing->out) ? EX_IOERR : 0;
}

static int list(const struct comparison *comparison)
{
    struct listing listing = {.out = comparison->invocation->out};
    struct buf path;
    int result;

    buf_init(&path, 0);
    add_path(comparison, 1000, &path);
    if (command_has(comparison->invocation, OPTION_JSON)) {
        result = pages_print_json(comparison->client, buf_text(&path), "drift", listing.out);
    } else {
        table_init(&listing.table, columns, COLUMNS, output_terminal_width(listing.out));
        listing.table.colours = output_has_colours(listing.out);
        result = pages_walk(comparison->client, buf_text(&path), "drift", print_and_flush, &listing);
        table_deinit(&listing.table);
    }
    buf_deinit(&path);
    return result;
}

static void print_count(const struct comparison *comparison, int64_t count, const char *text)
{
    struct buf line;

    if (command_has(comparison->invocation, OPTION_JSON))
        return;
    buf_init(&line, 0);
    output_count(&line, count);
    fprintf(comparison->invocation->out, "%s %s\n", buf_text(&line), say(text));
    buf_deinit(&line);
}

/* What each connection came to: *ret_differing devices. EX_UNAVAILABLE after saying which could not be read. */
static int judge(const struct comparison *comparison, const struct cJSON *accepted, const struct cJSON *answer,
                 int64_t *ret_compared, int64_t *ret_differing)
{
    const struct cJSON *one;
    int result = 0;

    *ret_compared = *ret_differing = 0;
    cJSON_ArrayForEach(one, member(accepted, "accepted"))
    {
        const char *connection = client_text(one, "connection");
        const struct cJSON *drift = find(answer, connection);

        *ret_compared += client_number(drift, "compared");
        *ret_differing += client_number(drift, "differences");
        if (client_text(drift, "problem")[0] != '\0')
            result = failure_say(comparison->invocation, EX_UNAVAILABLE, say("connection %s: %s (%s) %s"), connection,
                                 client_text(drift, "problem_text"), client_text(drift, "detail"),
                                 client_text(drift, "cure"));
    }
    return result;
}

/* ---- doing ---- */

static int compare(struct comparison *comparison, int64_t *ret_differing)
{
    struct cJSON *accepted = NULL, *answer = NULL;
    int64_t compared = 0;
    int result = ask(comparison, "/v1/drift", &accepted);

    if (result == 0) {
        progress_start(&comparison->progress, comparison->invocation->err, "drift",
                       command_has(comparison->invocation, OPTION_JSON));
        result = wait(comparison, accepted, &answer);
        progress_end(&comparison->progress);
    }
    if (result == 0)
        result = judge(comparison, accepted, answer, &compared, ret_differing);
    if (result == 0)
        result = list(comparison);
    if (result == 0) {
        print_count(comparison, compared, "devices compared.");
        print_count(comparison, *ret_differing, "differ.");
    }
    cJSON_Delete(accepted);
    cJSON_Delete(answer);
    return result;
}

static int repair(struct comparison *comparison)
{
    struct cJSON *accepted = NULL, *answer = NULL;
    const struct cJSON *one;
    int64_t repaired = 0;
    int result = ask(comparison, "/v1/drift/repair", &accepted);

    if (result == 0)
        result = wait(comparison, accepted, &answer);
    progress_end(&comparison->progress);
    cJSON_ArrayForEach(one, member(accepted, "accepted")) repaired +=
        client_number(find(answer, client_text(one, "connection")), "repaired");
    if (result == 0)
        print_count(comparison, repaired, "queued to be reported again; complyctl status shows how far that is.");
    cJSON_Delete(accepted);
    cJSON_Delete(answer);
    return result;
}

int drift_run(const struct invocation *invocation)
{
    struct comparison comparison = {.invocation = invocation, .begun_ms = clock_monotonic_ms(clock_system())};
    int64_t differing = 0;
    int result = client_open(invocation, &comparison.client);

    if (result == 0)
        result = compare(&comparison, &differing);
    if (result == 0 && differing > 0)
        result = command_has(invocation, OPTION_REPAIR) ? repair(&comparison) : EX_DATAERR;
    client_close(comparison.client);
    return result;
}
