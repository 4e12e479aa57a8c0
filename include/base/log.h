/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * log - one line a fact, to a sink that the program chooses.
 *
 * A line has a level, a tag (one a module), a message, and optional fields that say whom it is about. Messages are
 * "short fact key=%s"; a line about a survived failure says what follows. Secrets never come here.
 *
 * Thread    any; the sink is called under no lock and must be thread-safe (one write(2) a line).
 */
#ifndef COMPLYD_BASE_LOG_H
#define COMPLYD_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNAL };

/* Tags, one a module: the word to grep for. */
#define TAG_DAEMON     "daemon"
#define TAG_CONFIG     "config"
#define TAG_STORE      "store"
#define TAG_WATCHER    "watcher"
#define TAG_SENDER     "sender"
#define TAG_RESULTS    "results"
#define TAG_WEEKLY     "weekly"
#define TAG_DRIFT      "drift"
#define TAG_CONNECTION "connection"
#define TAG_BREAKER    "breaker"
#define TAG_TOKEN      "token"
#define TAG_ENDPOINTS  "endpoints"
#define TAG_USERS      "users"
#define TAG_HTTP       "http"
#define TAG_ADMIN      "admin"
#define TAG_IMPORT     "import"
#define TAG_ACTIVITY   "activity"
#define TAG_SIM        "sim"

/* Whom a line is about; NULL members are left out. Journal names: COMPLYD_DEVICE, COMPLYD_CONNECTION, ... */
struct log_fields {
    const char *device;
    const char *connection;
    const char *message_id;
    const char *request_id;
};

/* What a sink gets. `message` is one line of UTF-8 without the newline. */
struct log_record {
    enum log_level level;
    const char *tag;
    const char *message;
    const struct log_fields *fields; /* never NULL */
};

typedef void log_sink_fn(void *ctx, const struct log_record *record);

/* Built-in sinks write to standard error: text "LEVEL tag: message device=… " (with an RFC 3339 time when `with_time`)
 * or one JSON object a line. LOG_FORMAT_JOURNAL must come from the program through log_set_sink(). */
void log_init(enum log_level level, enum log_format format, bool with_time);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_sink(log_sink_fn *sink, void *ctx); /* NULL: back to the built-in one */

int log_level_parse(const char *text, enum log_level *ret_level); /* error warn notice info debug; -1 otherwise */
const char *log_level_name(enum log_level level);
int log_format_parse(const char *text, enum log_format *ret_format); /* text json journal; -1 otherwise */
const char *log_format_name(enum log_format format);

void log_write(enum log_level level, const char *tag, const struct log_fields *fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_at(level, tag, fields, ...)                                                                                \
    do {                                                                                                               \
        if ((level) <= log_get_level())                                                                                \
            log_write((level), (tag), (fields), __VA_ARGS__);                                                          \
    } while (0)

#define log_error(tag, ...)  log_at(LOG_LEVEL_ERROR, tag, NULL, __VA_ARGS__)
#define log_warn(tag, ...)   log_at(LOG_LEVEL_WARN, tag, NULL, __VA_ARGS__)
#define log_notice(tag, ...) log_at(LOG_LEVEL_NOTICE, tag, NULL, __VA_ARGS__)
#define log_info(tag, ...)   log_at(LOG_LEVEL_INFO, tag, NULL, __VA_ARGS__)
#define log_debug(tag, ...)  log_at(LOG_LEVEL_DEBUG, tag, NULL, __VA_ARGS__)

#endif
