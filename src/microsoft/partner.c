/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/partner.h"

#include <string.h>

#include "base/clock.h"

#define add_literal(buf, text) buf_add((buf), (text), sizeof(text) - 1)

/* A quotation mark inside of Content, which is a string inside of the message. */
#define Q "\\\""

enum {
    POLL_FIRST_MS = 2 * 1000,
    POLL_LAST_MS = 60 * 1000,
};

void partner_url(struct buf *url, const char *device_url, const struct guid *message_id)
{
    char id[GUID_TEXT];

    buf_add_text(url, device_url);
    add_literal(url, "/DataUploadMessages(guid'");
    buf_add(url, guid_format(message_id, id), GUID_TEXT - 1);
    add_literal(url, "')?api-version=1.2");
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            return false;
    }
    return true;
}

/* Appends text as a JSON string of Content with its quotes. What needs escaping is escaped for Content first, then the
 * result, quotes and backslashes included, for the message. */
static void add_twice_escaped(struct buf *body, const char *text)
{
    struct buf inner, outer;

    if (is_plain(text)) {
        add_literal(body, Q);
        buf_add_text(body, text);
        add_literal(body, Q);
        return;
    }
    buf_init(&inner, 0);
    buf_init(&outer, 0);
    buf_add_json_string(&inner, text);
    if (buf_error(&inner) == 0)
        buf_add_json_string(&outer, inner.data);
    if (buf_error(&inner) == 0 && buf_error(&outer) == 0)
        buf_add(body, outer.data + 1, outer.length - 2); /* without the quotes of the second pass */
    else
        body->error = ERR_NOMEM;
    buf_deinit(&inner);
    buf_deinit(&outer);
}

static const char *os_name(enum platform platform)
{
    switch (platform) {
    case PLATFORM_IOS:
        return "iOS";
    case PLATFORM_ANDROID:
        return "Android";
    case PLATFORM_MACOS:
        return "macOS";
    default:
        return "Windows";
    }
}

static void add_inventory(struct buf *body, const char *tenant_id, const struct report *report, const char *updated)
{
    char checked_in[CLOCK_TEXT];
    const bool managed = report->state != AZURE_STATE_REMOVED;

    add_literal(body, "{" Q "EntityType" Q ":1," Q "TenantId" Q ":");
    add_twice_escaped(body, tenant_id);
    if (managed)
        add_literal(body, "," Q "DeviceManagementState" Q ":" Q "managed" Q "," Q "DeviceId" Q ":");
    else
        add_literal(body, "," Q "DeviceManagementState" Q ":" Q "notManaged" Q "," Q "DeviceId" Q ":");
    add_twice_escaped(body, report->azure_device_id);
    add_literal(body, "," Q "DeviceName" Q ":");
    add_twice_escaped(body, report->name);
    add_literal(body, "," Q "UserId" Q ":");
    add_twice_escaped(body, report->user_id);
    add_literal(body, "," Q "LastCheckInTime" Q ":" Q);
    /* the member must be a time; for a device that never checked in the report itself is the only one there is */
    buf_add_text(body,
                 report->last_check_in_s < 0 ? updated : clock_format_ms(report->last_check_in_s * 1000, checked_in));
    add_literal(body, Q "," Q "LastUpdateTime" Q ":" Q);
    buf_add_text(body, updated);
    add_literal(body, Q "," Q "Os" Q ":" Q);
    buf_add_text(body, os_name(report->platform));
    add_literal(body, Q "," Q "OsVersion" Q ":");
    add_twice_escaped(body, report->os_version);
    add_literal(body, "," Q "EasIds" Q ":[]," Q "State" Q ":0}");
}

static void add_compliance(struct buf *body, const char *tenant_id, const struct report *report, const char *updated)
{
    add_literal(body, ",{" Q "EntityType" Q ":4," Q "TenantId" Q ":");
    add_twice_escaped(body, tenant_id);
    add_literal(body, "," Q "DeviceId" Q ":");
    add_twice_escaped(body, report->azure_device_id);
    add_literal(body, "," Q "UserId" Q ":");
    add_twice_escaped(body, report->user_id);
    add_literal(body, "," Q "LastUpdateTime" Q ":" Q);
    buf_add_text(body, updated);
    if (report->state == AZURE_STATE_COMPLIANT)
        add_literal(body, Q "," Q "complianceStatus" Q ":" Q "compliant" Q "}");
    else
        add_literal(body, Q "," Q "complianceStatus" Q ":" Q "notCompliant" Q "}");
}

void partner_body(struct buf *body, const char *tenant_id, const struct report *const *reports, size_t count)
{
    char updated[CLOCK_TEXT];

    add_literal(body, "{\"TenantId\":");
    buf_add_json_string(body, tenant_id);
    add_literal(body, ",\"UploadTime\":\"");
    buf_add_text(body, count > 0 ? clock_format_ms(reports[0]->last_update_ms, updated) : "");
    add_literal(body, "\",\"Content\":\"[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_add_char(body, ',');
            clock_format_ms(reports[i]->last_update_ms, updated);
        }
        add_inventory(body, tenant_id, reports[i], updated);
        add_compliance(body, tenant_id, reports[i], updated);
    }
    add_literal(body, "]\"}");
}

int64_t partner_poll_delay_ms(unsigned polls, uint64_t random)
{
    int64_t delay = polls < 5 ? (int64_t)POLL_FIRST_MS << polls : POLL_LAST_MS;

    if (delay > POLL_LAST_MS)
        delay = POLL_LAST_MS;
    return delay - (int64_t)(random % (uint64_t)(delay / 4 + 1));
}
