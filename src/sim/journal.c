/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sim/exchange.h"
#include "sim/faults.h"
#include "sim/stats.h"

struct journal_entry {
    TAILQ_ENTRY(journal_entry) link;
    uint64_t number;
    int64_t time_ms;
    enum place place;
    enum wire wire;
    int status;
    const char *token_kind;
    const char *fault; /* name; static */
    char request_id[GUID_TEXT];
    size_t bytes;
    char *method; /* points into text, as the next three do */
    char *target;
    char *client_request_id;
    char *body;
    char text[];
};

void journal_init(struct journal *journal)
{
    *journal = (struct journal){.out = -1};
    TAILQ_INIT(&journal->entries);
}

static void drop_oldest(struct journal *journal)
{
    struct journal_entry *entry = TAILQ_FIRST(&journal->entries);

    TAILQ_REMOVE(&journal->entries, entry, link);
    journal->count--;
    journal->bytes -= entry->bytes;
    free(entry);
}

void journal_clear(struct journal *journal)
{
    while (!TAILQ_EMPTY(&journal->entries))
        drop_oldest(journal);
}

void journal_deinit(struct journal *journal)
{
    journal_clear(journal);
    if (journal->out >= 0)
        close(journal->out);
    journal->out = -1;
}

static char *append(char **at, const char *text, size_t length)
{
    char *start = *at;

    memcpy(start, text, length);
    start[length] = '\0';
    *at += length + 1;
    return start;
}

static struct journal_entry *new_entry(const struct exchange *ex)
{
    const char *client_id = ex->client_request_id ? ex->client_request_id : "";
    size_t body_length = ex->place == PLACE_TOKEN ? 0 : ex->body_length;
    size_t lengths[] = {strlen(ex->method), strlen(ex->target), strlen(client_id), body_length};
    size_t bytes = sizeof(struct journal_entry) + lengths[0] + lengths[1] + lengths[2] + lengths[3] + 4;
    struct journal_entry *entry = malloc(bytes);

    if (!entry)
        return NULL;
    char *at = entry->text;
    entry->bytes = bytes;
    entry->method = append(&at, ex->method, lengths[0]);
    entry->target = append(&at, ex->target, lengths[1]);
    entry->client_request_id = append(&at, client_id, lengths[2]);
    entry->body = append(&at, ex->body, lengths[3]);
    return entry;
}

static void write_entry(const struct journal_entry *entry, bool with_body, struct buf *out)
{
    char time[CLOCK_TEXT];

    buf_addf(out, "{\"number\":%llu,\"time\":\"%s\",\"at\":\"%s\",\"method\":", (unsigned long long)entry->number,
             clock_format_ms(entry->time_ms, time), place_name(entry->place));
    buf_add_json_string(out, entry->method);
    buf_add_text(out, ",\"path\":");
    buf_add_json_string(out, entry->target);
    buf_addf(out, ",\"status\":%d,\"answered\":%s,\"token\":\"%s\",\"fault\":\"%s\",\"request_id\":\"%s\"",
             entry->status, entry->wire == WIRE_RESET || entry->wire == WIRE_CLOSE ? "false" : "true",
             entry->token_kind, entry->fault, entry->request_id);
    buf_add_text(out, ",\"client_request_id\":");
    buf_add_json_string(out, entry->client_request_id);
    if (with_body) {
        buf_add_text(out, ",\"body\":");
        buf_add_json_string(out, entry->body);
    }
    buf_add_char(out, '}');
}

static void append_to_file(struct journal *journal, const struct journal_entry *entry)
{
    struct buf line;

    buf_init(&line, 0);
    write_entry(entry, false, &line);
    buf_add_char(&line, '\n');
    /* A full disk costs log lines, never answers. */
    if (buf_error(&line) == 0 && write(journal->out, line.data, line.length) < 0)
        journal->out = (close(journal->out), -1);
    buf_deinit(&line);
}

void journal_record(struct journal *journal, const struct exchange *ex, int64_t time_ms)
{
    struct journal_entry *entry = new_entry(ex);

    if (!entry)
        return;
    entry->number = ++journal->last;
    entry->time_ms = time_ms;
    entry->place = ex->place;
    entry->wire = ex->wire;
    entry->status = ex->status;
    entry->token_kind = ex->token_kind;
    entry->fault = ex->fault ? fault_name(ex->fault) : "";
    memcpy(entry->request_id, ex->request_id, GUID_TEXT);
    TAILQ_INSERT_TAIL(&journal->entries, entry, link);
    journal->count++;
    journal->bytes += entry->bytes;
    if (journal->out >= 0)
        append_to_file(journal, entry);
    while (journal->count > JOURNAL_ENTRIES || (journal->bytes > JOURNAL_BYTES && journal->count > 1))
        drop_oldest(journal);
}

void journal_write(const struct journal *journal, uint64_t since, size_t limit, bool with_body, struct buf *out)
{
    const struct journal_entry *entry = TAILQ_FIRST(&journal->entries);
    const char *comma = "";

    buf_addf(out, "{\"last\":%llu,\"value\":[", (unsigned long long)journal->last);
    while (entry && entry->number <= since)
        entry = TAILQ_NEXT(entry, link);
    for (; entry && limit > 0; entry = TAILQ_NEXT(entry, link), limit--) {
        buf_add_text(out, comma);
        write_entry(entry, with_body, out);
        comma = ",\n";
    }
    buf_add_text(out, "]}");
}
