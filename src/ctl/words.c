/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/words.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/suggest.h"
#include "ctl/failure.h"
#include "model/device.h"
#include "model/report.h"
#include "store/activity.h"

static size_t state_words(const char *words[WORDS_MAX])
{
    size_t count = 0;

    for (int state = AZURE_STATE_NONE + 1; state <= AZURE_STATE_REMOVED; state++)
        words[count++] = azure_state_name((enum azure_state)state);
    return count;
}

static size_t status_words(const char *words[WORDS_MAX])
{
    size_t count = 0;

    for (int status = STATUS_NONE + 1; status <= STATUS_ERROR; status++)
        words[count++] = compliance_status_name((enum compliance_status)status);
    return count;
}

static size_t kind_words(const char *words[WORDS_MAX])
{
    for (int kind = 0; kind < ACTIVITY_KIND_COUNT; kind++)
        words[kind] = activity_kind_name((enum activity_kind)kind);
    return ACTIVITY_KIND_COUNT;
}

static size_t level_words(const char *words[WORDS_MAX])
{
    for (int level = 0; level <= LOG_LEVEL_DEBUG; level++)
        words[level] = log_level_name((enum log_level)level);
    return LOG_LEVEL_DEBUG + 1;
}

size_t words_of_option(enum command_option option, const char *words[WORDS_MAX])
{
    switch (option) {
    case OPTION_STATE:
        return state_words(words);
    case OPTION_STATUS:
        return status_words(words);
    case OPTION_KIND:
        return kind_words(words);
    default:
        return 0;
    }
}

size_t words_of_argument(const char *argument, const char *words[WORDS_MAX])
{
    return strcmp(argument, "LEVEL") == 0 || strcmp(argument, "[LEVEL]") == 0 ? level_words(words) : 0;
}

static int check(const struct invocation *invocation, const char *where, const char *typed, const char *const *words,
                 size_t count)
{
    struct buf list;
    const char *near;
    int result;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(typed, words[i]) == 0)
            return 0;
    }
    near = suggest_word(typed, words, count);
    if (near != NULL)
        return failure_say(invocation, EX_USAGE, "%s '%s': did you mean '%s'?", where, typed, near);
    buf_init(&list, 0);
    for (size_t i = 0; i < count; i++)
        buf_addf(&list, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
    result = failure_say(invocation, EX_USAGE, "%s '%s': %s is wanted", where, typed, buf_text(&list));
    buf_deinit(&list);
    return result;
}

int words_check(const struct invocation *invocation)
{
    const char *words[WORDS_MAX];
    char where[32];
    size_t count;
    int result = 0;

    for (int i = 0; i < OPTION_COUNT && result == 0; i++) {
        count = invocation->option[i] != NULL ? words_of_option((enum command_option)i, words) : 0;
        snprintf(where, sizeof(where), "--%s", command_option_word((enum command_option)i));
        if (count > 0)
            result = check(invocation, where, invocation->option[i], words, count);
    }
    count = invocation->argument_count > 0 ? words_of_argument(invocation->command->arguments, words) : 0;
    if (result == 0 && count > 0)
        result = check(invocation, invocation->command->name, invocation->arguments[0], words, count);
    return result;
}

int words_refuse_connection(const struct invocation *invocation, const char *typed, const struct cJSON *connections,
                            const char *key)
{
    const char *words[WORDS_MAX], *near;
    const struct cJSON *connection;
    struct buf list;
    size_t count = 0;
    int result;

    buf_init(&list, 0);
    cJSON_ArrayForEach(connection, connections)
    {
        buf_addf(&list, "%s%s", list.length > 0 ? ", " : "", client_text(connection, key));
        if (count < WORDS_MAX)
            words[count++] = client_text(connection, key);
    }
    near = suggest_word(typed, words, count);
    result = near != NULL
                 ? failure_say(invocation, EX_NOINPUT,
                               "there is no connection '%s' in the configuration: did you mean '%s'?", typed, near)
                 : failure_say(invocation, EX_NOINPUT, "there is no connection '%s' in the configuration (it has: %s)",
                               typed, list.length > 0 ? buf_text(&list) : "none");
    buf_deinit(&list);
    return result;
}
