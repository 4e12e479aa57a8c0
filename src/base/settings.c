/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "settings_check.h"
#include "settings_problem.h"
#include "settings_table.h"
#include "settings_value.h"

enum {
    FILE_MAX = 1024 * 1024,
    CONNECTION_MAX = 1000,
    NAME_MAX_LENGTH = 64,
#ifdef COMPLYD_HAVE_INI_MAX_LINE
    LINE_LENGTH = 8192,
#else
    LINE_LENGTH = INI_MAX_LINE,
#endif
    LINE_TEXT = LINE_LENGTH - 3, /* inih's own need of a line: CR, LF, NUL */
};

struct parser {
    struct settings *settings;
    struct settings_problems problems;
    struct settings_lines lines;             /* of the fixed sections */
    struct settings_lines *connection_lines; /* beside settings->connections */
    int section_lines[SECTION_COUNT];        /* where each fixed section began */
    int section;                             /* enum setting_section, or one of the two below */
    int line;
    int failure; /* ERR_NOMEM: not the administrator's mistake */
};

enum { SECTION_NONE = -1 /* before the first heading */, SECTION_SKIPPED = -2 /* its heading was refused */ };

static struct connection_settings *last_connection(struct parser *parser)
{
    return &parser->settings->connections[parser->settings->connection_count - 1];
}

static bool is_name(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    return length > 0 && length <= NAME_MAX_LENGTH && text[length] == '\0';
}

/* Room for one more connection and the lines of its keys; both arrays grow together. */
static int grow(struct parser *parser)
{
    struct settings *settings = parser->settings;
    size_t count = settings->connection_count + 1;
    struct connection_settings *connections;
    struct settings_lines *lines;

    connections = realloc(settings->connections, count * sizeof(*connections));
    if (connections == NULL)
        return ERR_NOMEM;
    settings->connections = connections;
    lines = realloc(parser->connection_lines, count * sizeof(*lines));
    if (lines == NULL)
        return ERR_NOMEM;
    parser->connection_lines = lines;
    return 0;
}

static int add_connection(struct parser *parser, const char *name)
{
    struct settings *settings = parser->settings;
    struct connection_settings fresh = {.line = parser->line};
    int r;

    r = grow(parser);
    if (r < 0)
        return r;
    fresh.name = strdup(name);
    settings->connections[settings->connection_count] = fresh;
    parser->connection_lines[settings->connection_count] = (struct settings_lines){0};
    settings->connection_count++; /* from here on settings_free() sees it */
    if (fresh.name == NULL)
        return ERR_NOMEM;
    return settings_table_preset(SECTION_CONNECTION, last_connection(parser));
}

static void begin_connection(struct parser *parser, const char *name)
{
    const struct connection_settings *twin = settings_connection(parser->settings, name);

    parser->section = SECTION_SKIPPED;
    if (!is_name(name)) {
        settings_problem_line(&parser->problems, parser->line,
                              "[connection %s]: a connection's name is 1 to %d letters, digits, \"-\", \"_\" or \".\"",
                              name, NAME_MAX_LENGTH);
    } else if (twin != NULL) {
        settings_problem_line(&parser->problems, parser->line, "[connection %s]: already on line %d", name, twin->line);
    } else if (parser->settings->connection_count >= CONNECTION_MAX) {
        settings_problem_line(&parser->problems, parser->line, "[connection %s]: more than %d connections", name,
                              CONNECTION_MAX);
    } else {
        parser->failure = add_connection(parser, name);
        parser->section = SECTION_CONNECTION;
    }
}

static void begin_section(struct parser *parser, const char *name)
{
    static const char connection[] = "connection";
    size_t prefix = sizeof(connection) - 1;

    if (strncmp(name, connection, prefix) == 0 && (name[prefix] == '\0' || strchr(" \t", name[prefix]) != NULL)) {
        begin_connection(parser, name + prefix + strspn(name + prefix, " \t"));
        return;
    }
    for (int i = 0; i < SECTION_CONNECTION; i++) {
        if (strcmp(name, settings_table_section_name((enum setting_section)i)) != 0)
            continue;
        if (parser->section_lines[i] > 0)
            settings_problem_line(&parser->problems, parser->line, "[%s]: already on line %d", name,
                                  parser->section_lines[i]);
        else
            parser->section_lines[i] = parser->line;
        parser->section = i;
        return;
    }
    settings_problem_line(&parser->problems, parser->line, "[%s]: unknown section", name);
    parser->section = SECTION_SKIPPED;
}

/* Headings are read here because inih cuts their names at 49 bytes and does not tell of a section without keys. */
static void read_heading(struct parser *parser, char *line)
{
    char *end = strchr(line, ']');
    const char *rest = end != NULL ? end + 1 + strspn(end + 1, " \t") : "";

    if (end == NULL || strchr(";#", *rest) == NULL) {
        settings_problem_line(&parser->problems, parser->line, "a section's heading must read [name]");
        parser->section = SECTION_SKIPPED;
        return;
    }
    while (end > line + 1 && strchr(" \t", end[-1]) != NULL)
        end--;
    *end = '\0';
    begin_section(parser, line + 1 + strspn(line + 1, " \t"));
}

static void read_key(struct parser *parser, const char *key, const char *value)
{
    bool in_connection = parser->section == SECTION_CONNECTION;
    enum setting_section section = (enum setting_section)parser->section;
    size_t last = parser->settings->connection_count - 1;
    void *base = in_connection ? (void *)last_connection(parser) : (void *)parser->settings;
    const char *name = in_connection ? last_connection(parser)->name : NULL;
    int *line = in_connection ? parser->connection_lines[last].at : parser->lines.at;
    int index = settings_table_find(section, key);
    struct error err = {0};
    int r;

    if (index < 0) {
        settings_problem_key(&parser->problems, parser->line, section, name, key, "unknown key");
        return;
    }
    if (line[index] != 0) {
        settings_problem_key(&parser->problems, parser->line, section, name, key, "already on line %d",
                             abs(line[index]));
        return;
    }
    line[index] = parser->line;
    r = settings_value_assign(settings_table_at((size_t)index), base, value, &err);
    if (r == ERR_NOMEM) {
        parser->failure = r;
    } else if (r < 0) {
        line[index] = -parser->line;
        settings_problem_key(&parser->problems, parser->line, section, name, key, "%s%s", error_text(&err),
                             strstr(value, " #") != NULL ? " (a comment after a value begins with \";\")" : "");
    }
}

/* Called by inih for one line of ours; 1 tells it to go on. */
static int on_pair(void *user, const char *section, const char *key, const char *value)
{
    struct parser *parser = user;

    (void)section;
    if (parser->section == SECTION_NONE)
        settings_problem_line(&parser->problems, parser->line, "%s: stands before the first [section]", key);
    else if (parser->section != SECTION_SKIPPED)
        read_key(parser, key, value);
    return 1;
}

static bool is_clean(const char *line)
{
    while (*line != '\0') {
        size_t length = utf8_sequence(line);

        if (length == 0 || (utf8_is_control(line) && *line != '\t'))
            return false;
        line += length;
    }
    return true;
}

/* One line without its end. inih gets lines one by one, so that each mistake has its line's number whatever inih was
 * built with, and without leading blanks, which inih would take for the continuation of the value above. */
static void read_line(struct parser *parser, const char *start, size_t length)
{
    char line[LINE_LENGTH];
    int r;

    while (length > 0 && strchr(" \t\r", start[length - 1]) != NULL && start[length - 1] != '\0')
        length--;
    while (length > 0 && (*start == ' ' || *start == '\t')) {
        start++;
        length--;
    }
    if (length == 0 || *start == ';' || *start == '#')
        return;
    if (length > LINE_TEXT) {
        settings_problem_line(&parser->problems, parser->line, "the line is longer than %d bytes", (int)LINE_TEXT);
        return;
    }
    memcpy(line, start, length);
    line[length] = '\0';
    if (strlen(line) != length || !is_clean(line)) {
        settings_problem_line(&parser->problems, parser->line, "the line holds a control character or is not UTF-8");
        return;
    }
    if (*line == '[') {
        read_heading(parser, line);
        return;
    }
    r = ini_parse_string(line, on_pair, parser);
    if (r == -2)
        parser->failure = ERR_NOMEM;
    else if (r != 0)
        settings_problem_line(&parser->problems, parser->line, "not a \"key = value\" line");
}

static void read_lines(struct parser *parser, const char *text, size_t length)
{
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* some editors' byte order mark */
        text += 3;
        length -= 3;
    }
#ifdef COMPLYD_HAVE_INI_MAX_LINE
    ini_max_line = LINE_LENGTH;
#endif
    while (length > 0 && parser->failure == 0) {
        const char *end = memchr(text, '\n', length);
        size_t line_length = end != NULL ? (size_t)(end - text) : length;
        size_t taken = line_length + (end != NULL);

        parser->line++;
        read_line(parser, text, line_length);
        text += taken;
        length -= taken;
    }
}

static void check_all(struct parser *parser, bool with_files)
{
    struct settings *settings = parser->settings;

    settings_check_global(settings, &parser->lines, &parser->problems);
    for (size_t i = 0; i < settings->connection_count && parser->failure == 0; i++) {
        parser->failure =
            settings_check_connection(&settings->connections[i], &parser->connection_lines[i], &parser->problems);
        if (with_files && settings->connections[i].enabled && parser->failure == 0)
            settings_check_files(&settings->connections[i], &parser->connection_lines[i], &parser->problems);
    }
}

static int preset(struct settings *settings, const char *name)
{
    int r = 0;

    settings->path = strdup(name);
    if (settings->path == NULL)
        return ERR_NOMEM;
    for (int i = 0; i < SECTION_CONNECTION && r == 0; i++)
        r = settings_table_preset((enum setting_section)i, settings);
    return r;
}

static int parse(const char *text, size_t length, const char *name, bool with_files, struct settings **ret_settings,
                 struct buf *problems)
{
    struct parser parser = {.problems = {.file = name, .out = problems}, .section = SECTION_NONE};

    *ret_settings = NULL;
    parser.settings = calloc(1, sizeof(*parser.settings));
    if (parser.settings == NULL)
        return ERR_NOMEM;
    parser.failure = preset(parser.settings, name);
    if (parser.failure == 0)
        read_lines(&parser, text, length);
    if (parser.failure == 0)
        check_all(&parser, with_files);
    free(parser.connection_lines);
    if (parser.failure == 0 && parser.problems.count > 0)
        parser.failure = ERR_CONFIG;
    if (parser.failure != 0) {
        settings_free(parser.settings);
        return parser.failure;
    }
    *ret_settings = parser.settings;
    return 0;
}

int settings_parse(const char *text, size_t length, const char *name, struct settings **ret_settings,
                   struct buf *problems)
{
    return parse(text, length, name, false, ret_settings, problems);
}

/* Reads to the end rather than to a size: the file may be a pipe. 0, ERR_NOMEM, ERR_TOOBIG or ERR_IO with errno set. */
static int read_file(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char block[4096];
    ssize_t got;
    int saved_errno;

    if (fd < 0)
        return ERR_IO;
    do {
        got = read(fd, block, sizeof(block));
        if (got > 0)
            buf_add(text, block, (size_t)got);
    } while ((got > 0 && buf_error(text) == 0) || (got < 0 && errno == EINTR));
    saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return got < 0 ? ERR_IO : buf_error(text);
}

int settings_load(const char *path, struct settings **ret_settings, struct buf *problems)
{
    struct settings_problems list = {.file = path, .out = problems};
    struct buf text;
    int r;

    *ret_settings = NULL;
    buf_init(&text, FILE_MAX);
    r = read_file(path, &text);
    if (r == 0) {
        r = parse(buf_text(&text), text.length, path, true, ret_settings, problems);
    } else if (r == ERR_IO) {
        settings_problem_line(&list, 0, "cannot be read: %m");
        r = ERR_CONFIG;
    } else if (r == ERR_TOOBIG) {
        settings_problem_line(&list, 0, "is larger than %d bytes", (int)FILE_MAX);
        r = ERR_CONFIG;
    }
    buf_deinit(&text);
    return r;
}

void settings_free(struct settings *settings)
{
    if (settings == NULL)
        return;
    for (size_t i = 0; i < settings->connection_count; i++) {
        settings_table_free(SECTION_CONNECTION, &settings->connections[i]);
        free(settings->connections[i].name);
    }
    for (int i = 0; i < SECTION_CONNECTION; i++)
        settings_table_free((enum setting_section)i, settings);
    free(settings->connections);
    free(settings->path);
    free(settings);
}

const struct connection_settings *settings_connection(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->connection_count; i++) {
        if (strcmp(settings->connections[i].name, name) == 0)
            return &settings->connections[i];
    }
    return NULL;
}

/* "did you mean", or all that there are. */
static int refuse_name(const struct settings *settings, const char *name, struct error *err)
{
    const char *names[CONNECTION_MAX], *near;
    char list[256] = "";

    for (size_t i = 0; i < settings->connection_count; i++) {
        size_t used = strlen(list);
        names[i] = settings->connections[i].name;
        snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    near = suggest_word(name, names, settings->connection_count);
    if (near != NULL)
        return error_set(err, ERR_NOTFOUND, 0,
                         "there is no connection '%.64s' in the configuration: did you mean '%s'?", name, near);
    return error_set(err, ERR_NOTFOUND, 0, "there is no connection '%.64s' in the configuration (it has: %s)", name,
                     list[0] != '\0' ? list : "none");
}

int settings_find_connection(const struct settings *settings, const char *name,
                             const struct connection_settings **ret_connection, struct error *err)
{
    *ret_connection = settings_connection(settings, name);
    return *ret_connection != NULL ? 0 : refuse_name(settings, name, err);
}
