/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/exchange.h"
#include "sim/fleet.h"
#include "sim/odata.h"
#include "sim/refusal.h"
#include "sim/world.h"

enum { PAGE = 200, TOKEN_MAX = 1024, SEAL = 8 };

/* Where a list of changes stands; what a token says. */
struct standing {
    bool more; /* within a list, not at the end of one */
    uint64_t epoch;
    uint64_t since, until;  /* changes after `since`; the next list begins at `until` */
    char after[GUID_TEXT];  /* the device told last; "" = none */
    char select[TOKEN_MAX]; /* as asked for at the start; "" = everything */
};

bool changes_serves(const struct exchange *ex)
{
    return ex->segment_count == 3 && exchange_segment_is(ex, 1, "devices") &&
           (exchange_segment_is(ex, 2, "delta") || exchange_segment_is(ex, 2, "delta()") ||
            exchange_segment_is(ex, 2, "microsoft.graph.delta") ||
            exchange_segment_is(ex, 2, "microsoft.graph.delta()"));
}

/* ---- tokens: hexadecimal of the place, sealed for its tenant ---- */

static void seal(const struct tenant *tenant, const char *text, char ret_seal[GUID_TEXT])
{
    world_derive_guid("delta", tenant->id, text, ret_seal);
    ret_seal[SEAL] = '\0';
}

static void write_token(const struct tenant *tenant, const struct standing *place, struct buf *out)
{
    char text[TOKEN_MAX + 128], mark[GUID_TEXT];

    snprintf(text, sizeof(text), "%d %" PRIx64 " %" PRIx64 " %" PRIx64 " %s %s", place->more, place->epoch,
             place->since, place->until, place->after[0] ? place->after : "-", place->select[0] ? place->select : "-");
    seal(tenant, text, mark);
    buf_add_text(out, mark);
    for (const char *p = text; *p; p++)
        buf_addf(out, "%02x", (unsigned)(unsigned char)*p);
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *found = c != '\0' ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

static bool read_hex(const char *token, char *text, size_t size)
{
    size_t n = 0;

    for (; *token; token += 2) {
        int high = digit(token[0]), low = high < 0 ? -1 : digit(token[1]);
        if (low < 0 || n + 1 == size)
            return false;
        text[n++] = (char)(high * 16 + low);
    }
    text[n] = '\0';
    return true;
}

/* The next word of a token that was sealed by us, so that it is well-formed. */
static void take_word(char **text, char *word, size_t size)
{
    size_t length = strcspn(*text, " ");

    snprintf(word, size, "%.*s", (int)length, strncmp(*text, "-", length) == 0 ? "" : *text);
    *text += length + ((*text)[length] == ' ');
}

static bool read_token(const struct tenant *tenant, const char *token, bool more, struct standing *place)
{
    char text[TOKEN_MAX + 128], mark[GUID_TEXT], *rest = text;

    if (strlen(token) <= SEAL || !read_hex(token + SEAL, text, sizeof(text)))
        return false;
    seal(tenant, text, mark);
    if (strncmp(token, mark, SEAL) != 0)
        return false;
    place->more = strtoull(rest, &rest, 16) != 0;
    place->epoch = strtoull(rest, &rest, 16);
    place->since = strtoull(rest, &rest, 16);
    place->until = strtoull(rest, &rest, 16);
    rest += *rest == ' ';
    take_word(&rest, place->after, sizeof(place->after));
    take_word(&rest, place->select, sizeof(place->select));
    return place->more == more;
}

/* ---- what is told ---- */

struct page {
    const struct world *world;
    const struct standing *place;
    const struct selection *selection;
    struct buf *out;
    size_t left;
    const char *comma;
    const struct device *last;
    bool more;
};

/* Ids never change; of a device that was known before, only what changed is told. */
static bool is_told(const struct device *device, const char *name, uint64_t since)
{
    if (device->created > since)
        return true;
    if (strcmp(name, "isManaged") == 0)
        return device->managed_changed > since;
    if (strcmp(name, "isCompliant") == 0)
        return device->compliant_changed > since;
    return strcmp(name, "displayName") == 0 || strcmp(name, "operatingSystemVersion") == 0 ||
           strcmp(name, "operatingSystem") == 0 || strcmp(name, "accountEnabled") == 0;
}

static void write_property(const struct page *page, const struct device *device, const char *name)
{
    struct buf value;

    buf_init(&value, 0);
    fleet_write_property(page->world, device, name, &value);
    if (strcmp(buf_text(&value), "null") != 0)
        buf_addf(page->out, ",\"%s\":%s", name, buf_text(&value));
    buf_deinit(&value);
}

static void add_device(void *ctx, const struct device *device)
{
    struct page *page = ctx;

    if (device->changed <= page->place->since || strcmp(device->id, page->place->after) <= 0)
        return;
    if (page->left == 0) {
        page->more = true;
        return;
    }
    buf_addf(page->out, "%s{\"id\":\"%s\"", page->comma, device->object_id);
    for (size_t i = 1; fleet_properties[i]; i++) {
        if (odata_selection_wants(page->selection, fleet_properties[i]) &&
            is_told(device, fleet_properties[i], page->place->since))
            write_property(page, device, fleet_properties[i]);
    }
    buf_add_char(page->out, '}');
    page->comma = ",";
    page->last = device;
    page->left--;
}

static void add_removals(struct page *page, const struct devices *devices)
{
    for (size_t i = 0; page->place->since > 0 && i < devices->removal_count; i++) {
        const struct device_removal *removal = &devices->removals[i];
        if (removal->changed <= page->place->since || devices_find_object(devices, removal->object_id))
            continue;
        buf_addf(page->out, "%s{\"id\":\"%s\",\"@removed\":{\"reason\":\"deleted\"}}", page->comma, removal->object_id);
        page->comma = ",";
    }
}

static void write_link(const struct page *page, const struct tenant *tenant)
{
    struct standing place = *page->place;

    place.more = page->more;
    if (page->more) {
        memcpy(place.after, page->last->id, GUID_TEXT);
    } else {
        place.since = place.until;
        place.after[0] = '\0';
    }
    buf_addf(page->out, "\"@odata.%s\":\"%s/v1.0/devices/delta?%s=", page->more ? "nextLink" : "deltaLink",
             page->world->base_url, page->more ? "$skiptoken" : "$deltatoken");
    write_token(tenant, &place, page->out);
    buf_add_text(page->out, "\"}");
}

static void answer(struct world *world, struct exchange *ex, const struct standing *place,
                   const struct selection *selection)
{
    int64_t size = world->settings.page_size;
    struct page page = {.world = world,
                        .place = place,
                        .selection = selection,
                        .out = &ex->reply,
                        .left = size > 0 ? (size_t)size : PAGE,
                        .comma = ""};

    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#devices", world->base_url);
    if (selection->list)
        buf_addf(&ex->reply, "(%s)", selection->list);
    buf_add_text(&ex->reply, "\",\"value\":[");
    devices_each(&ex->tenant->devices, add_device, &page);
    if (!page.more)
        add_removals(&page, &ex->tenant->devices);
    buf_add_text(&ex->reply, "],");
    write_link(&page, ex->tenant);
}

/* ---- requests ---- */

static void refuse_lost(const struct world *world, struct exchange *ex)
{
    refusal_graph(ex, 410, "syncStateNotFound", "The sync state generation is not found; start anew without a token.");
    exchange_header(ex, "Location", "%s/v1.0/devices/delta?$deltatoken=", world->base_url);
}

static void go_on(struct world *world, struct exchange *ex, const char *token, bool more)
{
    struct selection selection = {0};
    struct standing place;

    if (!read_token(ex->tenant, token, more, &place)) {
        refusal_graph(ex, 400, "BadRequest", "Badly formed token.");
    } else if (place.epoch != ex->tenant->devices.epoch) {
        refuse_lost(world, ex);
    } else {
        if (!place.more)
            place.until = ex->tenant->devices.changes;
        selection.list = place.select[0] ? strdup(place.select) : NULL;
        answer(world, ex, &place, &selection);
        odata_selection_release(&selection);
    }
}

static void start(struct world *world, struct exchange *ex)
{
    const struct devices *devices = &ex->tenant->devices;
    struct standing place = {.epoch = devices->epoch, .until = devices->changes};
    struct selection selection;

    if (!odata_selection_read(ex, fleet_properties, "microsoft.graph.device", &selection))
        return;
    if (selection.list && strlen(selection.list) >= sizeof(place.select)) {
        refusal_graph(ex, 400, "BadRequest", "The list of properties is too long.");
    } else {
        snprintf(place.select, sizeof(place.select), "%s", selection.list ? selection.list : "");
        answer(world, ex, &place, &selection);
    }
    odata_selection_release(&selection);
}

/* What was asked for at the start is in the token; nothing may be added to it, and nothing but $select is served at
 * all. */
static bool check_options(struct exchange *ex, bool with_token)
{
    static const char *const refused[] = {"$filter", "$top", "$orderby", "$expand", "$search", "$count", "$skip", NULL};

    for (size_t i = 0; refused[i]; i++) {
        char *value = exchange_query(ex, refused[i]);
        free(value);
        if (!value)
            continue;
        refusal_graph(ex, 400, "Request_UnsupportedQuery", "This query option is not served for a list of changes.");
        return false;
    }
    char *select = exchange_query(ex, "$select");
    free(select);
    if (!select || !with_token)
        return true;
    refusal_graph(ex, 400, "Request_BadRequest", "Query options cannot be changed once there is a token.");
    return false;
}

void changes_get(struct world *world, struct exchange *ex)
{
    char *next = exchange_query(ex, "$skiptoken"), *delta = exchange_query(ex, "$deltatoken");

    if (check_options(ex, next || delta)) {
        if (next && delta)
            refusal_graph(ex, 400, "Request_BadRequest", "Two tokens at once.");
        else if (next || delta)
            go_on(world, ex, next ? next : delta, next != NULL);
        else
            start(world, ex);
    }
    free(next);
    free(delta);
}
