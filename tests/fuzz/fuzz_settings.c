/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fuzz_settings - any bytes as a configuration file: either settings that keep their promises, or problems that name a
 * line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/settings.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_settings(const struct settings *settings)
{
    require(settings->store[0] == '/' && settings->control_socket[0] == '/');
    require(settings->full_report_spread_ms <= settings->full_report_interval_ms);
    require(settings->max_in_flight >= 1 && settings->breaker_max_share <= 100);
    for (size_t i = 0; i < settings->connection_count; i++) {
        const struct connection_settings *connection = &settings->connections[i];

        require(settings_connection(settings, connection->name) == connection);
        require(strlen(connection->tenant_id) == 36 && strlen(connection->client_id) == 36);
        require(strncasecmp(connection->authority_url, "https://", 8) == 0);
        require(strncasecmp(connection->graph_url, "https://", 8) == 0);
        require(connection->intune_scope[0] != '\0' && connection->proxy != NULL);
    }
}

/* "f:LINE: reason", one a line, in characters. */
static void check_problems(const char *text)
{
    require(*text != '\0');
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        require(strncmp(line, "f:", 2) == 0 && line[2] >= '1' && line[2] <= '9');
        require(strchr(line, '\n') != NULL);
    }
    for (; *text != '\0'; text += utf8_sequence(text))
        require(utf8_sequence(text) > 0 && (*text == '\n' || !utf8_is_control(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings *settings;
    struct buf problems;
    int r;

    buf_init(&problems, 0);
    r = settings_parse((const char *)data, size, "f", &settings, &problems);
    require(r == 0 || r == ERR_CONFIG);
    if (r == 0) {
        require(problems.length == 0);
        check_settings(settings);
    } else {
        require(settings == NULL);
        check_problems(buf_text(&problems));
    }
    settings_free(settings);
    buf_deinit(&problems);
    return 0;
}
