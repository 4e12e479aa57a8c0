/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "settings_value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/guid.h"

static const struct {
    const char *name;
    bool value;
} bools[] = {{"yes", true}, {"no", false}, {"true", true}, {"false", false}, {"on", true}, {"off", false}};

static const char *const clouds[] = {
    [CLOUD_GLOBAL] = "global", [CLOUD_USGOV] = "usgov",   [CLOUD_USDOD] = "usdod",
    [CLOUD_CHINA] = "china",   [CLOUD_CUSTOM] = "custom",
};

static int parse_bool(const char *value, bool *ret_value, struct error *err)
{
    for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
        if (strcasecmp(value, bools[i].name) == 0) {
            *ret_value = bools[i].value;
            return 0;
        }
    }
    return error_set(err, ERR_INVALID, 0, "\"%s\" is neither yes nor no", value);
}

static int parse_cloud(const char *value, enum settings_cloud *ret_cloud, struct error *err)
{
    for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
        if (strcmp(value, clouds[i]) == 0) {
            *ret_cloud = (enum settings_cloud)i;
            return 0;
        }
    }
    return error_set(err, ERR_INVALID, 0, "\"%s\" is none of global, usgov, usdod, china, custom", value);
}

static int parse_int(const struct setting *setting, const char *value, int *ret_value, struct error *err)
{
    size_t digits = strspn(value, "0123456789");
    long long number;

    if (digits == 0 || value[digits] != '\0')
        return error_set(err, ERR_INVALID, 0, "\"%s\" is not a whole number", value);
    number = digits <= 18 ? strtoll(value, NULL, 10) : INT64_MAX;
    if (number < setting->min || number > setting->max)
        return error_set(err, ERR_INVALID, 0, "%s is not between %lld and %lld", value, (long long)setting->min,
                         (long long)setting->max);
    *ret_value = (int)number;
    return 0;
}

static int parse_duration(const struct setting *setting, const char *value, int64_t *ret_ms, struct error *err)
{
    char low[DURATION_TEXT], high[DURATION_TEXT];
    int64_t ms;

    if (duration_parse(value, &ms) < 0)
        return error_set(err, ERR_INVALID, 0, "\"%s\" is not a length of time such as 30s, 15m, 6h or 7d", value);
    if (ms < setting->min || ms > setting->max)
        return error_set(err, ERR_INVALID, 0, "%s is not between %s and %s", value, duration_format(setting->min, low),
                         duration_format(setting->max, high));
    *ret_ms = ms;
    return 0;
}

/* "2027-03-31" is the beginning of that day in UTC: better warned early. */
static int parse_date(const char *value, int64_t *ret_ms, struct error *err)
{
    char text[CLOCK_TEXT];

    *ret_ms = 0;
    if (*value == '\0')
        return 0;
    snprintf(text, sizeof(text), strlen(value) == strlen("2027-03-31") ? "%sT00:00:00Z" : "%s", value);
    if (strlen(value) >= sizeof(text) || clock_parse(text, ret_ms) < 0 || *ret_ms <= 0)
        return error_set(err, ERR_INVALID, 0, "\"%s\" is not a date such as 2027-03-31 or 2027-03-31T12:00:00Z", value);
    return 0;
}

static int parse_level(const char *value, enum log_level *ret_level, struct error *err)
{
    if (log_level_parse(value, ret_level) < 0)
        return error_set(err, ERR_INVALID, 0, "\"%s\" is none of error, warn, notice, info, debug", value);
    return 0;
}

static int parse_format(const char *value, enum log_format *ret_format, struct error *err)
{
    if (log_format_parse(value, ret_format) < 0)
        return error_set(err, ERR_INVALID, 0, "\"%s\" is none of journal, text, json", value);
    return 0;
}

/* A number of 1 to 65535 and nothing else. */
static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    long port = digits >= 1 && digits <= 5 ? strtol(text, NULL, 10) : 0;

    return text[digits] == '\0' && port >= 1 && port <= 65535;
}

/* The address in front of ":port", without its brackets; false when the form is another. */
static bool split_address(const char *value, char *address, size_t size)
{
    const char *colon = strrchr(value, ':');
    size_t length = colon != NULL ? (size_t)(colon - value) : 0;

    if (length == 0 || !is_port(colon + 1))
        return false;
    if (value[0] == '[') {
        if (value[length - 1] != ']' || length < 2)
            return false;
        value++;
        length -= 2;
    } else if (memchr(value, ':', length) != NULL) {
        return false;
    }
    if (length >= size)
        return false;
    memcpy(address, value, length);
    address[length] = '\0';
    return true;
}

static int check_listen(const char *value, struct error *err)
{
    char address[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    bool form = split_address(value, address, sizeof(address));

    if (form && value[0] == '[' && inet_pton(AF_INET6, address, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) ? 0 : error_set(err, ERR_INVALID, 0, "%s is not a loopback address", address);
    if (form && value[0] != '[' && inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET
                   ? 0
                   : error_set(err, ERR_INVALID, 0, "%s is not a loopback address", address);
    return error_set(err, ERR_INVALID, 0, "\"%s\" is not a loopback address and port such as 127.0.0.1:8080", value);
}

/* What stands after `scheme` up to the path: host and port. Checks that both are there and that nobody is named. */
static int check_authority(const char *authority, struct error *err)
{
    size_t length = strcspn(authority, "/?#");
    const char *end = authority + length;
    const char *colon = memrchr(authority, ':', length);
    const char *bracket = memrchr(authority, ']', length);
    size_t host = length;
    char port[8] = "1";

    if (memchr(authority, '@', length) != NULL)
        return error_set(err, ERR_INVALID, 0, "a URL here must not carry a user name or password");
    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        size_t digits = (size_t)(end - colon) - 1;

        host = (size_t)(colon - authority);
        if (digits >= sizeof(port))
            return error_set(err, ERR_INVALID, 0, "the URL's port is not between 1 and 65535");
        memcpy(port, colon + 1, digits);
        port[digits] = '\0';
    }
    if (host == 0)
        return error_set(err, ERR_INVALID, 0, "the URL names no host");
    if (!is_port(port))
        return error_set(err, ERR_INVALID, 0, "the URL's port is not between 1 and 65535");
    return 0;
}

static int check_url(const char *value, const char *const *schemes, size_t count, struct error *err)
{
    if (strpbrk(value, " \t\"<>\\^`{|}") != NULL)
        return error_set(err, ERR_INVALID, 0, "the URL holds a character that no URL may hold");
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(schemes[i]);

        if (strncasecmp(value, schemes[i], length) == 0)
            return check_authority(value + length, err);
    }
    /* Not quoted: what somebody put here by mistake may be a secret. */
    return error_set(err, ERR_INVALID, 0,
                     count == 1 ? "must begin with %s" : "must begin with %s or another proxy's scheme", schemes[0]);
}

static int check_https(const char *value, struct error *err)
{
    static const char *const https[] = {"https://"};

    return check_url(value, https, 1, err);
}

static int check_proxy(const char *value, struct error *err)
{
    static const char *const schemes[] = {"http://", "https://", "socks5h://", "socks5://"};

    if (strchr(value, '@') != NULL)
        return error_set(err, ERR_INVALID, 0,
                         "must not carry a user name or password; they stand in "
                         "proxy_credentials_file");
    return check_url(value, schemes, sizeof(schemes) / sizeof(schemes[0]), err);
}

static int check_base_url(const char *value, struct error *err)
{
    size_t length = strlen(value);
    int r = check_https(value, err);

    if (r < 0)
        return r;
    if (strpbrk(value, "?#") != NULL)
        return error_set(err, ERR_INVALID, 0, "a base URL must not carry a query or fragment");
    if (length >= 2 && value[length - 1] == '/' && value[length - 2] == '/')
        return error_set(err, ERR_INVALID, 0, "ends in more than one slash");
    return 0;
}

static int check_scope(const char *value, struct error *err)
{
    static const char ending[] = "/.default";
    size_t length = strlen(value);

    if (strpbrk(value, " \t") != NULL)
        return error_set(err, ERR_INVALID, 0, "must be one scope");
    if (length < sizeof(ending) || strcmp(value + length - (sizeof(ending) - 1), ending) != 0)
        return error_set(err, ERR_INVALID, 0, "must end in /.default");
    return 0;
}

static int check_text(const struct setting *setting, const char *value, struct error *err)
{
    switch (setting->type) {
    case SETTING_PATH:
        return value[0] == '/' ? 0 : error_set(err, ERR_INVALID, 0, "must be an absolute path, beginning with /");
    case SETTING_GUID:
        return guid_is_valid(value) ? 0 : error_set(err, ERR_INVALID, 0, "must be a GUID of 36 characters");
    case SETTING_BASE_URL:
        return check_base_url(value, err);
    case SETTING_PAGE_URL:
        return check_https(value, err);
    case SETTING_PROXY:
        return check_proxy(value, err);
    case SETTING_SCOPE:
        return check_scope(value, err);
    case SETTING_LISTEN:
        return check_listen(value, err);
    default:
        return 0;
    }
}

/* One spelling for what compares equal: GUIDs in lower case, bases without the slash. */
static void normalise(const struct setting *setting, char *text)
{
    struct guid guid;
    size_t length = strlen(text);

    if (setting->type == SETTING_GUID && guid_parse(text, &guid) == 0)
        guid_format(&guid, text);
    if (setting->type == SETTING_BASE_URL && length > 0 && text[length - 1] == '/')
        text[length - 1] = '\0';
}

static int assign_text(const struct setting *setting, char **member, const char *value, struct error *err)
{
    /* A key with an empty value is unset, which only those can be that have no default. */
    int r = *value == '\0' ? 0 : check_text(setting, value, err);
    char *text;

    if (*value == '\0' && *setting->preset != '\0')
        return error_set(err, ERR_INVALID, 0, "has no value");
    if (r < 0)
        return r;
    text = strdup(value);
    if (text == NULL)
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    normalise(setting, text);
    free(*member);
    *member = text;
    return 0;
}

int settings_value_assign(const struct setting *setting, void *base, const char *value, struct error *err)
{
    void *member = (char *)base + setting->offset;

    switch (setting->type) {
    case SETTING_BOOL:
        return parse_bool(value, member, err);
    case SETTING_INT:
        return parse_int(setting, value, member, err);
    case SETTING_DURATION:
        return parse_duration(setting, value, member, err);
    case SETTING_LEVEL:
        return parse_level(value, member, err);
    case SETTING_FORMAT:
        return parse_format(value, member, err);
    case SETTING_CLOUD:
        return parse_cloud(value, member, err);
    case SETTING_DATE:
        return parse_date(value, member, err);
    default:
        return assign_text(setting, member, value, err);
    }
}

void settings_value_free(const struct setting *setting, void *base)
{
    char **member = (char **)(void *)((char *)base + setting->offset);

    if (setting->type < SETTING_TEXT)
        return;
    free(*member);
    *member = NULL;
}
