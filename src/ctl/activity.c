/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/pages.h"
#include "ctl/say.h"
#include "ctl/table.h"

#define LIST_PATH   "/v1/activity?limit=1000"
#define BEGIN_PATH  "/v1/activity?limit=10"
#define FOLLOW_PATH "/v1/activity?limit=1000&wait=30"

static const struct table_column columns[] = {
    {"ENTRY", TABLE_DROP(2)},
    {"TIME", TABLE_FIXED},
    {"KIND", TABLE_FIXED},
    {"RESULT", TABLE_FIXED},
    {"CONNECTION", TABLE_CUT | TABLE_DROP(1)},
    {"DEVICE", TABLE_CUT},
    {"WHAT", TABLE_CUT},
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), ID_TEXT = 24, TIME_TEXT = 24 };

struct list {
    FILE *out;
    struct table table;
    int64_t count;
};

/* ---- one entry ---- */

/* "2026-02-03 04:05:06Z": people count in seconds; --json has the milliseconds. */
static void short_time(const char *time, char text[TIME_TEXT])
{
    if (strlen(time) < 20) {
        snprintf(text, TIME_TEXT, "-");
        return;
    }
    snprintf(text, TIME_TEXT, "%.10s %.8sZ", time, time + 11);
}

static void add_part(struct buf *what, const char *before, const char *text)
{
    if (text[0] == '\0')
        return;
    if (what->length > 0)
        buf_add_text(what, before);
    buf_add_text(what, text);
}

/* A device's state is told with what decided it, how urgent it was, and about which id. */
static void add_told(struct buf *what, const struct cJSON *entry)
{
    const char *cause = client_text(entry, "cause");
    const char *priority = client_text(entry, "priority");

    add_part(what, "", client_text(entry, "azure_state"));
    if (what->length > 0 && cause[0] != '\0')
        buf_addf(what, say(" by %s"), cause);
    if (what->length > 0 && priority[0] != '\0')
        buf_addf(what, " (%s)", priority);
    add_part(what, say(", id "), client_text(entry, "azure_device_id"));
}

/* One line that says it all: what was told or done, why not, who asked, and what to name when calling Microsoft. */
static void describe(struct buf *what, const struct cJSON *entry)
{
    add_told(what, entry);
    add_part(what, ": ", client_text(entry, "reason"));
    add_part(what, ": ", client_text(entry, "detail"));
    add_part(what, say(", by "), client_text(entry, "operator"));
    add_part(what, say(", request "), client_text(entry, "request_id"));
}

static int add_row(struct list *list, const struct cJSON *entry)
{
    char id[ID_TEXT], time[TIME_TEXT];
    struct buf what;
    int result;

    buf_init(&what, 0);
    snprintf(id, sizeof(id), "%lld", (long long)client_number(entry, "id"));
    short_time(client_text(entry, "time"), time);
    describe(&what, entry);
    const char *cells[COLUMNS] = {
        id,
        time,
        client_text(entry, "kind"),
        client_text(entry, "result"),
        client_text(entry, "connection"),
        client_text(entry, "device_id"),
        buf_text(&what),
    };
    for (size_t i = 0; i + 1 < COLUMNS; i++)
        cells[i] = cells[i][0] != '\0' ? cells[i] : "-";
    result = buf_error(&what) == 0 && table_row(&list->table, cells) == 0 ? 0 : EX_OSERR;
    buf_deinit(&what);
    list->count++;
    return result;
}

static int flush(struct list *list)
{
    struct buf text;

    buf_init(&text, 0);
    table_flush(&list->table, &text);
    fputs(buf_text(&text), list->out);
    buf_deinit(&text);
    return fflush(list->out) != 0 || ferror(list->out) ? EX_IOERR : 0;
}

/* ---- the list ---- */

static int print_page(void *ctx, const struct cJSON *array)
{
    struct list *list = ctx;
    const struct cJSON *entry;
    int result = 0;

    cJSON_ArrayForEach(entry, array)
    {
        result = result == 0 ? add_row(list, entry) : result;
    }
    return result == 0 ? flush(list) : result;
}

static int print_list(struct client *client, const char *path, FILE *out)
{
    struct list list = {.out = out};
    struct buf footer;
    int result;

    table_init(&list.table, columns, COLUMNS, output_terminal_width(out));
    list.table.colours = output_has_colours(out);
    result = pages_walk(client, path, "activity", print_page, &list);
    table_deinit(&list.table);
    if (result != 0)
        return result;
    buf_init(&footer, 0);
    output_count(&footer, list.count);
    fprintf(out, "%s %s\n", buf_text(&footer), say(list.count == 1 ? "entry" : "entries"));
    buf_deinit(&footer);
    return 0;
}

/* ---- following ---- */

/* The newest entries come newest first, and are shown as they happened. */
static int print_backwards(struct list *list, const struct cJSON *array)
{
    int result = 0;

    for (int i = cJSON_GetArraySize(array); i-- > 0 && result == 0;)
        result = add_row(list, cJSON_GetArrayItem(array, i));
    return result == 0 ? flush(list) : result;
}

static int print_lines(FILE *out, const struct cJSON *array, bool backwards)
{
    int count = cJSON_GetArraySize(array);

    for (int i = 0; i < count; i++)
        client_print(cJSON_GetArrayItem(array, backwards ? count - 1 - i : i), out);
    return fflush(out) != 0 ? EX_IOERR : 0;
}

static int print_news(const struct invocation *invocation, struct list *list, const struct cJSON *answer,
                      bool backwards)
{
    const struct cJSON *array = cJSON_GetObjectItemCaseSensitive(answer, "activity");

    if (command_has(invocation, OPTION_JSON))
        return print_lines(list->out, array, backwards);
    if (cJSON_GetArraySize(array) == 0)
        return 0;
    return backwards ? print_backwards(list, array) : print_page(list, array);
}

static void add_subject(const struct invocation *invocation, struct buf *path)
{
    pages_add_parameter(path, "device", invocation->option[OPTION_DEVICE]);
    pages_add_parameter(path, "connection", invocation->option[OPTION_CONNECTION]);
    pages_add_parameter(path, "kind", invocation->option[OPTION_KIND]);
}

static void add_filters(const struct invocation *invocation, struct buf *path)
{
    add_subject(invocation, path);
    pages_add_parameter(path, "since", invocation->option[OPTION_SINCE]);
}

/* What came last, or since a time: *ret_place is the entry to go on behind. */
static int begin_following(const struct invocation *invocation, struct client *client, struct list *list,
                           struct buf *place)
{
    struct cJSON *answer;
    struct buf path;
    int result;

    buf_addf(place, "%s", "0");
    if (command_has(invocation, OPTION_SINCE))
        return 0; /* following from the log's beginning passes over what is older */
    buf_init(&path, 0);
    buf_add_text(&path, BEGIN_PATH);
    add_filters(invocation, &path);
    result = client_get(client, buf_text(&path), &answer);
    buf_deinit(&path);
    if (result != 0)
        return result;
    buf_clear(place);
    buf_add_int(place, client_number(answer, "newest"));
    result = print_news(invocation, list, answer, true);
    cJSON_Delete(answer);
    return result;
}

/* What came behind `place`, as soon as there is something. A time like "1h ago" is said once alone: the place says it
 * from then on, and a reader that was held up misses nothing. */
static void add_follow_path(const struct invocation *invocation, const struct buf *place, struct buf *path)
{
    buf_clear(path);
    buf_add_text(path, FOLLOW_PATH);
    if (strcmp(buf_text(place), "0") == 0)
        add_filters(invocation, path);
    else
        add_subject(invocation, path);
    pages_add_parameter(path, "follow", buf_text(place));
}

/* Asks until complyd answers; says once that it does not, and once that it does again. */
static int ask_news(const struct invocation *invocation, struct client *client, const char *path,
                    struct cJSON **ret_answer)
{
    unsigned look;
    bool passing;
    int result;

    for (look = 0;; look++) {
        result = client_get_patient(client, path, ret_answer, &passing);
        if (!passing)
            break;
        if (look == 0)
            failure_warn(invocation, "%s", say("complyd does not answer: waiting for it"));
        client_pause(look);
    }
    if (look > 0 && result == 0)
        failure_warn(invocation, "%s", say("complyd answers again: going on where it was"));
    return result;
}

/* The next place to go on behind. A store that was put back from a backup has a shorter log: it goes on at its end,
 * and says so. */
static void move_place(const struct invocation *invocation, const struct cJSON *answer, struct buf *place)
{
    long long newest = (long long)client_number(answer, "newest");

    buf_clear(place);
    buf_add_text(place, client_text(answer, "next"));
    if (strtoll(buf_text(place), NULL, 10) <= newest)
        return;
    failure_warn(invocation,
                 say("the activity log ends with entry %lld, before what was shown: another store was put in place"),
                 newest);
    buf_clear(place);
    buf_add_int(place, newest);
}

static int follow(const struct invocation *invocation, struct client *client, struct list *list, struct buf *place)
{
    struct buf path;
    int result = begin_following(invocation, client, list, place);

    buf_init(&path, 0);
    while (result == 0) {
        struct cJSON *answer;

        add_follow_path(invocation, place, &path);
        result = ask_news(invocation, client, buf_text(&path), &answer);
        if (result != 0)
            break;
        result = print_news(invocation, list, answer, false);
        move_place(invocation, answer, place);
        cJSON_Delete(answer);
    }
    buf_deinit(&path);
    return result;
}

static int follow_all(const struct invocation *invocation, struct client *client)
{
    struct list list = {.out = invocation->out};
    struct buf place;
    int result;

    /* Nothing is cut: the widths come from the first rows, and nobody knows what is still to come. */
    table_init(&list.table, columns, COLUMNS, 0);
    list.table.colours = output_has_colours(invocation->out);
    buf_init(&place, 0);
    result = follow(invocation, client, &list, &place);
    buf_deinit(&place);
    table_deinit(&list.table);
    return result;
}

static int list_all(const struct invocation *invocation, struct client *client)
{
    struct buf path;
    int result;

    buf_init(&path, 0);
    buf_add_text(&path, LIST_PATH);
    add_filters(invocation, &path);
    if (command_has(invocation, OPTION_JSON))
        result = pages_print_json(client, buf_text(&path), "activity", invocation->out);
    else
        result = print_list(client, buf_text(&path), invocation->out);
    buf_deinit(&path);
    return result;
}

int activity_run(const struct invocation *invocation)
{
    struct client *client;
    int result = client_open(invocation, &client);

    if (result != 0)
        return result;
    result = command_has(invocation, OPTION_FOLLOW) ? follow_all(invocation, client) : list_all(invocation, client);
    client_close(client);
    return result;
}
