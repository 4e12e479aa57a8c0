/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/settings.h"

enum { CONFIG_MAX = 4 * 1024 * 1024 };

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* When `line` starts a section, tells in *ret_daemon whether it is [daemon]; else leaves that alone. */
static void look_for_heading(const char *line, bool *ret_daemon)
{
    const char *name = "daemon";

    line = skip_blanks(line);
    if (*line != '[')
        return;
    line = skip_blanks(line + 1);
    *ret_daemon = strncmp(line, name, strlen(name)) == 0 && *skip_blanks(line + strlen(name)) == ']';
}

/* Blanks every line of an INI text that is not in [daemon], so that line numbers stay. */
static void keep_daemon_section(char *text)
{
    bool keep = false;

    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) /* some editors' byte order mark */
        memset(text, ' ', 3);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        look_for_heading(text, &keep);
        if (!keep)
            memset(text, ' ', length);
        text += length + (text[length] == '\n');
    }
}

static int read_file(const char *path, struct buf *ret_text, struct error *err)
{
    char chunk[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set(err,
                         errno == EACCES   ? ERR_PERMISSION
                         : errno == ENOENT ? ERR_NOTFOUND
                                           : ERR_IO,
                         errno, "configuration %s: %s%s", path, strerror(errno),
                         errno == EACCES ? " (use sudo, or become a member of the group that may read it: complyd)"
                                         : "");
    while ((got = read(fd, chunk, sizeof(chunk))) > 0)
        buf_add(ret_text, chunk, (size_t)got);
    if (got < 0)
        error_set(err, ERR_IO, errno, "configuration %s: %s", path, strerror(errno));
    close(fd);
    if (got == 0 && buf_error(ret_text) != 0)
        return error_set(err, buf_error(ret_text), 0, "configuration %s: %s", path,
                         error_code_text(buf_error(ret_text)));
    return got < 0 ? ERR_IO : 0;
}

/* What the first of the problems says. */
static int config_error(struct error *err, struct buf *problems)
{
    if (problems->data != NULL)
        problems->data[strcspn(problems->data, "\n")] = '\0';
    return error_set(err, ERR_CONFIG, 0, "%s", buf_text(problems));
}

static int load(const struct invocation *invocation, struct settings **ret_settings, struct error *err)
{
    const char *path =
        command_has(invocation, OPTION_CONFIG) ? invocation->option[OPTION_CONFIG] : SETTINGS_DEFAULT_PATH;
    struct buf text, problems;
    int result;

    buf_init(&text, CONFIG_MAX);
    buf_init(&problems, 0);
    result = read_file(path, &text, err);
    if (result == ERR_NOTFOUND && !command_has(invocation, OPTION_CONFIG))
        result = 0; /* not installed: the built-in defaults */
    if (result != 0)
        goto out;
    if (text.data != NULL)
        keep_daemon_section(text.data);
    result = settings_parse(buf_text(&text), strlen(buf_text(&text)), path, ret_settings, &problems);
    if (result != 0)
        result = config_error(err, &problems);
out:
    buf_deinit(&problems);
    buf_deinit(&text);
    return result;
}

static int locate(const struct invocation *invocation, enum command_option option, char **ret_path, struct error *err)
{
    const char *given = invocation->option[option];
    struct settings *settings = NULL;
    int result;

    if (given == NULL) {
        result = load(invocation, &settings, err);
        if (result != 0)
            return result;
        given = option == OPTION_SOCKET ? settings->control_socket : settings->store;
    }
    *ret_path = strdup(given);
    settings_free(settings);
    return *ret_path != NULL ? 0 : error_set(err, ERR_NOMEM, 0, "out of memory");
}

int locate_socket(const struct invocation *invocation, char **ret_path, struct error *err)
{
    return locate(invocation, OPTION_SOCKET, ret_path, err);
}

int locate_store(const struct invocation *invocation, char **ret_path, struct error *err)
{
    return locate(invocation, OPTION_STORE, ret_path, err);
}
