/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/notify.h"

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#define SD_JOURNAL_SUPPRESS_LOCATION /* a line here says nothing of the place in the code that logged */
#include <systemd/sd-journal.h>
#include <time.h>

static char last_status[256];

void notify_ready(void)
{
    sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + (long long)now.tv_nsec / 1000);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void notify_status(const char *status)
{
    if (strcmp(status, last_status) == 0)
        return;
    snprintf(last_status, sizeof(last_status), "%s", status);
    sd_notifyf(0, "STATUS=%s", last_status);
}

void notify_watchdog(void)
{
    sd_notify(0, "WATCHDOG=1");
}

int64_t notify_watchdog_ms(void)
{
    uint64_t limit_us;
    return sd_watchdog_enabled(0, &limit_us) > 0 ? (int64_t)(limit_us / 1000) : 0;
}

static int syslog_priority(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return LOG_ERR;
    case LOG_LEVEL_WARN:
        return LOG_WARNING;
    case LOG_LEVEL_NOTICE:
        return LOG_NOTICE;
    case LOG_LEVEL_INFO:
        return LOG_INFO;
    case LOG_LEVEL_DEBUG:
        break;
    }
    return LOG_DEBUG;
}

enum { FIELD_MAX = 1400, FIELDS = 7 };

struct field_text {
    char text[FIELD_MAX];
};

static void add_field(struct iovec *fields, int *count, struct field_text *text, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    int length = snprintf(text[*count].text, FIELD_MAX, "%s=%s", name, value);
    fields[*count].iov_base = text[*count].text;
    fields[*count].iov_len = length < FIELD_MAX ? (size_t)length : FIELD_MAX - 1;
    (*count)++;
}

void notify_journal(void *ctx, const struct log_record *record)
{
    struct field_text text[FIELDS];
    struct iovec fields[FIELDS];
    char priority[2] = {(char)('0' + syslog_priority(record->level)), '\0'};
    int count = 0;
    (void)ctx;
    add_field(fields, &count, text, "MESSAGE", record->message);
    add_field(fields, &count, text, "PRIORITY", priority);
    add_field(fields, &count, text, "COMPLYD_TAG", record->tag);
    add_field(fields, &count, text, "COMPLYD_DEVICE", record->fields->device);
    add_field(fields, &count, text, "COMPLYD_CONNECTION", record->fields->connection);
    add_field(fields, &count, text, "COMPLYD_MESSAGE_ID", record->fields->message_id);
    add_field(fields, &count, text, "COMPLYD_REQUEST_ID", record->fields->request_id);
    sd_journal_sendv(fields, count);
}
