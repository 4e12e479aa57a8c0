/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/settings.h"
#include "ctl/client.h"
#include "ctl/failure.h"
#include "ctl/findings.h"
#include "ctl/locate.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "ctl/words.h"

enum { STATE_WIDTH = 9 };

static const struct cJSON *member(const struct cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- gathering ---- */

/* The first failure decides: what is found later mostly follows from it. Else a warning. */
static void weigh(struct findings *findings, enum check_state state, int exit_code)
{
    if (state > findings->worst)
        findings->exit_code = state == CHECK_FAILURE ? exit_code : state == CHECK_WARNING ? EX_TEMPFAIL : EX_OK;
    if (state > findings->worst)
        findings->worst = state;
}

static void add(struct findings *findings, int exit_code, enum check check, enum check_finding found, const char *cure,
                const char *detail)
{
    struct cJSON *entry = cJSON_CreateObject();

    weigh(findings, check_finding_state(found), exit_code);
    cJSON_AddStringToObject(entry, "connection", "");
    cJSON_AddStringToObject(entry, "check", check_name(check));
    cJSON_AddStringToObject(entry, "title", check_title(check, findings->language));
    cJSON_AddStringToObject(entry, "state", check_state_name(check_finding_state(found)));
    cJSON_AddStringToObject(entry, "problem", check_finding_name(found));
    cJSON_AddStringToObject(entry, "text", check_finding_text(found, findings->language));
    cJSON_AddStringToObject(entry, "cure", cure);
    cJSON_AddStringToObject(entry, "detail", detail);
    cJSON_AddItemToArray(findings->list, entry);
}

void findings_add(struct findings *findings, int exit_code, enum check check, enum check_finding found,
                  const char *detail)
{
    add(findings, exit_code, check, found, check_finding_cure(found, findings->language), detail);
}

static bool has_failed(const struct findings *findings, enum check check)
{
    const struct cJSON *entry;

    cJSON_ArrayForEach(entry, findings->list)
    {
        if (strcmp(client_text(entry, "check"), check_name(check)) == 0 &&
            check_state_parse(client_text(entry, "state")) == CHECK_FAILURE)
            return true;
    }
    return false;
}

static void take_over(struct findings *findings, const char *connection, const struct cJSON *found)
{
    const struct cJSON *one;

    cJSON_ArrayForEach(one, found)
    {
        struct cJSON *copy = cJSON_Duplicate(one, true);

        cJSON_AddStringToObject(copy, "connection", connection);
        cJSON_AddItemToArray(findings->list, copy);
        weigh(findings, check_state_parse(client_text(one, "state")), EX_UNAVAILABLE);
    }
}

/* ---- asking the daemon ---- */

/* What goes wrong here has been said by the client. */
static void examine(struct findings *findings, struct client *client, const char *connection)
{
    struct cJSON *answer = NULL;
    struct buf path;

    buf_init(&path, 0);
    buf_add_text(&path, "/v1/connections/");
    buf_add_url(&path, connection);
    buf_add_text(&path, "/doctor");
    if (client_get(client, buf_text(&path), &answer) == 0)
        take_over(findings, connection, member(answer, "findings"));
    else
        findings_add(findings, EX_UNAVAILABLE, CHECK_DAEMON, FOUND_NO_ANSWER, connection);
    cJSON_Delete(answer);
    buf_deinit(&path);
}

static void look_at_daemon(struct findings *findings, const struct cJSON *status)
{
    const struct cJSON *daemon = member(status, "daemon");
    const struct cJSON *store = member(status, "store");
    const char *version = client_text(daemon, "version");

    findings_add(findings, EX_OK, CHECK_DAEMON,
                 strcmp(version, COMPLYD_VERSION) == 0 ? FOUND_WELL : FOUND_OTHER_VERSION, version);
    findings_sandbox(findings, client_number(daemon, "pid"));
    if (!client_flag(store, "healthy") && !has_failed(findings, CHECK_STORE))
        add(findings, EX_DATAERR, CHECK_STORE, FOUND_STORE_TROUBLE, client_text(store, "cure"),
            client_text(store, "error"));
}

static int examine_all(struct findings *findings, struct client *client, const struct cJSON *status)
{
    const char *only = findings->invocation->option[OPTION_CONNECTION];
    const struct cJSON *connection;
    bool found = only == NULL;

    cJSON_ArrayForEach(connection, member(status, "connections"))
    {
        const char *name = client_text(connection, "name");

        if (only != NULL && strcmp(only, name) != 0)
            continue;
        found = true;
        examine(findings, client, name);
    }
    return found ? 0 : words_refuse_connection(findings->invocation, only, member(status, "connections"), "name");
}

static int ask_daemon(struct findings *findings)
{
    struct cJSON *status = NULL;
    struct client *client;
    int result = client_open(findings->invocation, &client);

    if (result != 0)
        return result;
    if (client_get(client, "/v1/status?devices=no", &status) != 0) {
        findings_add(findings, EX_UNAVAILABLE, CHECK_DAEMON, FOUND_NO_ANSWER, "");
    } else {
        look_at_daemon(findings, status);
        result = examine_all(findings, client, status);
    }
    cJSON_Delete(status);
    client_close(client);
    return result;
}

/* ---- showing ---- */

static enum output_style style_of(enum check_state state)
{
    static const enum output_style styles[CHECK_STATE_COUNT] = {[CHECK_OK] = OUTPUT_GOOD,
                                                                [CHECK_SKIPPED] = OUTPUT_FAINT,
                                                                [CHECK_WARNING] = OUTPUT_WARN,
                                                                [CHECK_FAILURE] = OUTPUT_BAD};
    return styles[state];
}

static void pad(FILE *out, const char *text, size_t width)
{
    for (size_t used = output_width(text); used < width; used++)
        fputc(' ', out);
}

/* Titles and a blank: those of one language are longer than the other's. */
static size_t title_width(enum language language)
{
    size_t widest = 0;

    for (int check = 0; check < CHECK_COUNT; check++) {
        size_t width = output_width(check_title((enum check)check, language));
        widest = width > widest ? width : widest;
    }
    return widest + 1;
}

static void print_line(FILE *out, size_t column, const char *text)
{
    struct buf safe;

    buf_init(&safe, 0);
    output_escape(&safe, text);
    if (text[0] != '\0')
        output_entry(out, "", column - 2, buf_text(&safe));
    buf_deinit(&safe);
}

/* What is well takes one line, with what it is about. */
static void print_finding(const struct findings *findings, const struct cJSON *finding, FILE *out)
{
    enum check_state state = check_state_parse(client_text(finding, "state"));
    const char *word = check_state_title(state, findings->language);
    const char *detail = client_text(finding, "detail"), *title = client_text(finding, "title");
    size_t width = title_width(findings->language);
    bool short_one = state == CHECK_OK && detail[0] != '\0';
    struct buf cure;

    fputs("  ", out);
    output_styled(out, word, style_of(state));
    pad(out, word, STATE_WIDTH);
    output_text(out, title);
    pad(out, title, width);
    output_text(out, short_one ? detail : client_text(finding, "text"));
    fputc('\n', out);
    if (short_one)
        return;
    print_line(out, STATE_WIDTH + width, detail);
    buf_init(&cure, 0);
    if (client_text(finding, "cure")[0] != '\0')
        buf_addf(&cure, "%s: %s", say("Cure"), client_text(finding, "cure"));
    print_line(out, STATE_WIDTH + width, buf_text(&cure));
    buf_deinit(&cure);
}

static unsigned count(const struct findings *findings, enum check_state state)
{
    const struct cJSON *finding;
    unsigned count = 0;

    cJSON_ArrayForEach(finding, findings->list) count += check_state_parse(client_text(finding, "state")) == state;
    return count;
}

/* What whoever reads it in a ticket wants to know. */
static void print_end(const struct findings *findings, FILE *out)
{
    char now[CLOCK_TEXT];

    fprintf(out, "\ncomplyctl " COMPLYD_VERSION ", %s", clock_format_s(clock_realtime_ms(clock_system()) / 1000, now));
    for (int state = CHECK_STATE_COUNT - 1; state >= 0; state--)
        fprintf(out, ", %s: %u", check_state_title((enum check_state)state, findings->language),
                count(findings, (enum check_state)state));
    fputc('\n', out);
}

static void print_text(const struct findings *findings, FILE *out)
{
    const struct cJSON *finding;
    const char *before = NULL;

    cJSON_ArrayForEach(finding, findings->list)
    {
        const char *connection = client_text(finding, "connection");

        if (before == NULL || strcmp(before, connection) != 0) {
            fputs(before != NULL ? "\n" : "", out);
            output_styled(out, connection[0] != '\0' ? connection : "complyd", OUTPUT_STRONG);
            fputc('\n', out);
        }
        before = connection;
        print_finding(findings, finding, out);
    }
    print_end(findings, out);
}

static void print_json(const struct findings *findings, FILE *out)
{
    struct cJSON *answer = cJSON_CreateObject();

    cJSON_AddStringToObject(answer, "state", check_state_name(findings->worst));
    cJSON_AddNumberToObject(answer, "exit_code", findings->exit_code);
    cJSON_AddItemReferenceToObject(answer, "findings", findings->list);
    client_print(answer, out);
    cJSON_Delete(answer);
}

/* ---- the command ---- */

/* Without a [daemon] section that can be read there is nothing else to look at: a mistake there has been told. */
static int look_further(struct findings *findings)
{
    char *store = NULL, *socket = NULL;
    struct error err = {0};
    int result = 0;

    if (locate_store(findings->invocation, &store, &err) != 0 ||
        locate_socket(findings->invocation, &socket, &err) != 0)
        result = findings->worst < CHECK_FAILURE ? failure_error(findings->invocation, &err) : 0;
    else if (findings_machine(findings, store, socket))
        result = ask_daemon(findings);
    free(store);
    free(socket);
    return result;
}

int doctor_run(const struct invocation *invocation)
{
    const char *given = invocation->option[OPTION_CONFIG];
    struct findings findings = {
        .invocation = invocation, .language = client_language(invocation), .list = cJSON_CreateArray()};
    int result;

    findings_configuration(&findings, given != NULL ? given : SETTINGS_DEFAULT_PATH);
    result = look_further(&findings);
    if (result == 0) {
        (command_has(invocation, OPTION_JSON) ? print_json : print_text)(&findings, invocation->out);
        result = findings.exit_code;
    }
    cJSON_Delete(findings.list);
    return result;
}
