/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/http.h"

#define IMDS_HOST "http://169.254.169.254"

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? value : "";
}

bool identity_is_arc(void)
{
    return environment("IDENTITY_ENDPOINT")[0] != '\0' && environment("IMDS_ENDPOINT")[0] != '\0';
}

static int check_place(const char *variable, const char *url, struct error *err)
{
    if (strncasecmp(url, "http://", strlen("http://")) == 0 && strpbrk(url, "?#") == NULL && http_is_local_url(url))
        return 0;
    return error_set(err, ERR_CREDENTIAL, 0,
                     "%s in the environment must be an http URL of loopback or 169.254.169.254, without a query",
                     variable);
}

static int add_place(const char *client_id, struct buf *url, struct error *err)
{
    const char *arc = environment("IDENTITY_ENDPOINT"), *host = environment("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    size_t length = strlen(host);
    int result = 0;

    if (identity_is_arc()) {
        if (client_id[0] != '\0')
            return error_set(err, ERR_CREDENTIAL, 0,
                             "an Azure Arc machine has only an identity of its own: leave client_id out");
        result = check_place("IDENTITY_ENDPOINT", arc, err);
        buf_addf(url, "%s?api-version=2020-06-01", arc);
        return result;
    }
    if (length > 0)
        result = check_place("AZURE_POD_IDENTITY_AUTHORITY_HOST", host, err);
    if (length > 0 && host[length - 1] == '/')
        length--;
    buf_addf(url, "%.*s/metadata/identity/oauth2/token?api-version=2018-02-01",
             length > 0 ? (int)length : (int)strlen(IMDS_HOST), length > 0 ? host : IMDS_HOST);
    return result;
}

/* The resource instead of the scope: without "/.default". */
static void add_resource(const char *scope, struct buf *url)
{
    static const char suffix[] = "/.default";
    size_t length = strlen(scope), cut = sizeof(suffix) - 1;
    struct buf resource;

    if (length >= cut && strcmp(scope + length - cut, suffix) == 0)
        length -= cut;
    buf_init(&resource, 0);
    buf_add(&resource, scope, length);
    buf_add_text(url, "&resource=");
    buf_add_url(url, buf_text(&resource));
    if (buf_error(&resource) != 0)
        url->error = buf_error(&resource);
    buf_deinit(&resource);
}

int identity_url(const char *scope, const char *client_id, struct buf *url, struct error *err)
{
    int result = add_place(client_id, url, err);

    add_resource(scope, url);
    if (client_id[0] != '\0') {
        buf_add_text(url, "&client_id=");
        buf_add_url(url, client_id);
    }
    return result;
}

int identity_challenge(const char *www_authenticate, char *ret_path, size_t size, struct error *err)
{
    static const char form[] = "Basic realm=";
    const char *path = www_authenticate + sizeof(form) - 1;
    size_t length;

    ret_path[0] = '\0';
    if (strncasecmp(www_authenticate, form, sizeof(form) - 1) != 0)
        return error_set(err, ERR_REPLY, 0, "Azure Arc's agent did not name the file of its challenge");
    path += *path == '"';
    length = strcspn(path, "\"");
    if (length == 0 || length >= size)
        return error_set(err, ERR_REPLY, 0, "Azure Arc's agent did not name the file of its challenge");
    memcpy(ret_path, path, length);
    ret_path[length] = '\0';
    return 0;
}

/* The name below the folder; NULL when the path is not one of the agent's. */
static const char *name_within(const char *folder, const char *path)
{
    const size_t prefix = strlen(folder);
    const char *name = path + prefix + 1;
    size_t length;

    if (strncmp(path, folder, prefix) != 0 || path[prefix] != '/')
        return NULL;
    length = strlen(name);
    if (name[0] == '.' || strchr(name, '/') != NULL || length <= strlen(".key") ||
        strcmp(name + length - strlen(".key"), ".key") != 0)
        return NULL;
    return name;
}

/* No link is followed: what is read lies in the agent's folder. */
static int open_key(const char *folder, const char *name, struct error *err)
{
    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = directory < 0 ? -1 : openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int code = errno;

    if (directory >= 0)
        close(directory);
    if (fd >= 0)
        return fd;
    return error_set(err, code == EACCES ? ERR_PERMISSION : ERR_CREDENTIAL, code, "%s/%s: cannot be opened: %s%s",
                     folder, name, strerror(code), code == EACCES ? "; add complyd's user to the group himds" : "");
}

static bool is_visible(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return length > 0;
}

static int read_key(int fd, const char *path, struct buf *key, struct error *err)
{
    char content[IDENTITY_KEY_MAX + 1];
    struct stat st;
    ssize_t length = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, content, sizeof(content)) : -1;
    int result = 0;

    while (length > 0 && length <= IDENTITY_KEY_MAX && strchr("\r\n", content[length - 1]) != NULL)
        length--;
    if (length < 0)
        result = error_set(err, ERR_CREDENTIAL, 0, "%s: is not a file that can be read", path);
    else if (length > IDENTITY_KEY_MAX)
        result = error_set(err, ERR_CREDENTIAL, 0, "%s: is larger than %d bytes", path, IDENTITY_KEY_MAX);
    else if (!is_visible(content, (size_t)length))
        result = error_set(err, ERR_CREDENTIAL, 0, "%s: holds no key of Azure Arc's agent", path);
    else
        buf_add(key, content, (size_t)length);
    explicit_bzero(content, sizeof(content));
    return result;
}

int identity_key(const char *folder, const char *path, struct buf *key, struct error *err)
{
    const char *name = name_within(folder, path);
    int fd, result;

    if (name == NULL)
        return error_set(err, ERR_REPLY, 0,
                         "the challenge names a file that is not one of Azure Arc's agent: not read");
    fd = open_key(folder, name, err);
    if (fd < 0)
        return fd;
    result = read_key(fd, path, key, err);
    close(fd);
    return result;
}
