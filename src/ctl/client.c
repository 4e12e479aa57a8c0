/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/client.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "ctl/failure.h"
#include "ctl/locate.h"
#include "ctl/say.h"
#include "net/http.h"

enum {
    BODY_MAX = 16 * 1024 * 1024, /* a page of the largest size with the longest columns */
    ANSWER_MS = 5 * 60 * 1000,   /* a look at a large store on a busy disk */
};

struct client {
    const struct invocation *invocation;
    char *socket;
    uv_loop_t loop;
    struct http_client *http;
    /* the answer of the running request */
    bool done;
    int result;
    int status;
    struct buf body;
    struct error error;
    bool patient; /* what may pass by itself is not said */
    bool passing; /* ... and it was that */
};

int client_open(const struct invocation *invocation, struct client **ret_client)
{
    struct http_options options = {.max_body = BODY_MAX, .total_ms = ANSWER_MS, .stall_ms = ANSWER_MS};
    struct client *client = calloc(1, sizeof(*client));
    struct error err = {0};

    *ret_client = NULL;
    if (client == NULL)
        return failure_say(invocation, EX_OSERR, "out of memory");
    client->invocation = invocation;
    if (invocation->patience_ms > 0)
        options.total_ms = options.stall_ms = invocation->patience_ms;
    if (locate_socket(invocation, &client->socket, &err) != 0)
        goto fail;
    if (uv_loop_init(&client->loop) != 0) {
        error_set(&err, ERR_NOMEM, 0, "no event loop");
        goto fail;
    }
    options.unix_socket = client->socket;
    if (http_client_new(&client->loop, &options, &client->http, &err) != 0)
        goto fail_loop;
    buf_init(&client->body, 0);
    *ret_client = client;
    return 0;

fail_loop:
    uv_loop_close(&client->loop);
fail:
    free(client->socket);
    free(client);
    return failure_error(invocation, &err);
}

void client_close(struct client *client)
{
    int left;

    if (client == NULL)
        return;
    http_client_close(client->http, NULL, NULL);
    uv_run(&client->loop, UV_RUN_DEFAULT);
    left = uv_loop_close(&client->loop);
    assert(left == 0);
    (void)left;
    buf_deinit(&client->body);
    free(client->socket);
    free(client);
}

static void on_answer(void *ctx, const struct http_response *response)
{
    struct client *client = ctx;

    client->done = true;
    client->result = response->result;
    client->status = response->status;
    client->error = response->error;
    buf_clear(&client->body);
    buf_add(&client->body, response->body, response->body_length);
}

/* 0, or the errno of connecting. */
static int probe(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, result;

    if (strlen(path) >= sizeof(address.sun_path))
        return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    result = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    close(fd);
    return result;
}

/* Which group may open the socket; a directory above it may be what is closed. */
static int explain_permission(const struct invocation *invocation, const char *path)
{
    struct stat status;
    const struct group *group = stat(path, &status) == 0 && status.st_gid != 0 ? getgrgid(status.st_gid) : NULL;
    const char *name = group != NULL ? group->gr_name : "complyd";

    return failure_say(
        invocation, EX_NOPERM,
        say("%s is not yours to open: use sudo, or become a member of the group %s (usermod -aG %s USER, "
            "then sign in again)"),
        path, name, name);
}

/* The request failed on its way: finds out what an operator can do about it. */
static int explain_failure(struct client *client)
{
    const struct invocation *invocation = client->invocation;
    const char *path = client->socket;
    int reason = client->result == ERR_NETWORK ? probe(path) : 0;

    if (client->patient && client->result != ERR_INVALID && client->result != ERR_TOOBIG) {
        client->passing = true;
        return EX_UNAVAILABLE;
    }
    switch (reason) {
    case 0:
        if (client->result == ERR_INVALID || client->result == ERR_TOOBIG)
            return failure_say(invocation, EX_PROTOCOL, "%s: %s", path, error_text(&client->error));
        error_prefix(&client->error, "%s", path);
        return failure_error(invocation, &client->error);
    case ENOENT:
    case ENOTDIR:
        return failure_say(invocation, EX_UNAVAILABLE,
                           say("complyd is not running (no socket at %s): start it with systemctl start complyd; if it "
                               "runs with another configuration, name that with --config"),
                           path);
    case ECONNREFUSED:
        return failure_say(invocation, EX_UNAVAILABLE,
                           say("complyd is not running (nobody listens at %s): start it with systemctl start complyd; "
                               "journalctl -u complyd says why it ended"),
                           path);
    case EACCES:
    case EPERM:
        return explain_permission(invocation, path);
    case ENAMETOOLONG:
        return failure_say(invocation, EX_USAGE, "%s: too long for the path of a socket (at most 107 bytes)", path);
    default:
        return failure_say(invocation, EX_UNAVAILABLE, "%s: %s", path, strerror(reason));
    }
}

static int send_request(struct client *client, const struct http_request *request)
{
    struct error err = {0};

    client->done = false;
    if (http_send(client->http, request, on_answer, client, NULL, NULL, &err) != 0)
        return failure_error(client->invocation, &err);
    while (!client->done)
        uv_run(&client->loop, UV_RUN_ONCE);
    if (client->result != 0)
        return explain_failure(client);
    if (buf_error(&client->body) != 0)
        return failure_say(client->invocation, EX_OSERR, "out of memory");
    return 0;
}

enum language client_language(const struct invocation *invocation)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    const char *locale = NULL;

    if (command_has(invocation, OPTION_JSON))
        return LANGUAGE_EN;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && (locale == NULL || *locale == '\0'); i++)
        locale = getenv(names[i]);
    return language_from_locale(locale);
}

static int call(struct client *client, enum http_method method, const char *path, const char *body,
                struct cJSON **ret_answer)
{
    char accept[32];
    const char *const headers[] = {accept, NULL};
    struct http_request request = {.method = method, .body = body, .body_length = strlen(body), .headers = headers};
    struct buf url;
    int result;

    *ret_answer = NULL;
    snprintf(accept, sizeof(accept), "Accept-Language: %s", language_tag(client_language(client->invocation)));
    if (body[0] != '\0')
        request.content_type = "application/json";
    buf_init(&url, 0);
    buf_addf(&url, "http://localhost%s", path);
    request.url = buf_text(&url);
    result = send_request(client, &request);
    buf_deinit(&url);
    if (result != 0)
        return result;
    client->passing = client->patient && client->status == 503;
    if (client->passing)
        return EX_TEMPFAIL;
    if (client->status < 200 || client->status > 299)
        return failure_answer(client->invocation, client->status, buf_text(&client->body));
    if (client->status == 204)
        return 0;
    *ret_answer = cJSON_Parse(buf_text(&client->body));
    if (!cJSON_IsObject(*ret_answer)) {
        cJSON_Delete(*ret_answer);
        *ret_answer = NULL;
        return failure_say(client->invocation, EX_PROTOCOL, "complyd's answer to %s is no JSON object", path);
    }
    return 0;
}

int client_get(struct client *client, const char *path, struct cJSON **ret_answer)
{
    return call(client, HTTP_GET, path, "", ret_answer);
}

int client_get_patient(struct client *client, const char *path, struct cJSON **ret_answer, bool *ret_passing)
{
    int result;

    client->patient = true;
    result = client_get(client, path, ret_answer);
    *ret_passing = client->passing;
    client->patient = client->passing = false;
    return result;
}

int client_put(struct client *client, const char *path, const char *body, struct cJSON **ret_answer)
{
    return call(client, HTTP_PUT, path, body, ret_answer);
}

int client_post(struct client *client, const char *path, const char *body, struct cJSON **ret_answer)
{
    return call(client, HTTP_POST, path, body, ret_answer);
}

int client_delete(struct client *client, const char *path)
{
    struct cJSON *answer;
    int result = call(client, HTTP_DELETE, path, "", &answer);

    cJSON_Delete(answer);
    return result;
}

static int call_device(struct client *client, enum http_method method, const char *device_id, const char *suffix,
                       struct cJSON **ret_answer)
{
    struct buf path;
    int result;

    buf_init(&path, 0);
    buf_add_text(&path, "/v1/devices/");
    buf_add_url(&path, device_id);
    buf_add_text(&path, suffix);
    result = call(client, method, buf_text(&path), "", ret_answer);
    buf_deinit(&path);
    return result;
}

int client_get_device(struct client *client, const char *device_id, const char *suffix, struct cJSON **ret_answer)
{
    return call_device(client, HTTP_GET, device_id, suffix, ret_answer);
}

int client_post_device(struct client *client, const char *device_id, const char *suffix, struct cJSON **ret_answer)
{
    return call_device(client, HTTP_POST, device_id, suffix, ret_answer);
}

int client_status(const struct client *client)
{
    return client->result == 0 ? client->status : 0;
}

void client_print(const struct cJSON *object, FILE *out)
{
    char *text = cJSON_PrintUnformatted(object);

    fprintf(out, "%s\n", text != NULL ? text : "null");
    cJSON_free(text);
}

const char *client_text(const struct cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text != NULL ? text : "";
}

int64_t client_number(const struct cJSON *object, const char *name)
{
    const struct cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!cJSON_IsNumber(item) || !(item->valuedouble > -9e15 && item->valuedouble < 9e15))
        return 0;
    return (int64_t)item->valuedouble;
}

bool client_flag(const struct cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

void client_pause(unsigned look)
{
    long ms = look < 5 ? 100L << look : 2000;
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000 * 1000};

    nanosleep(&time, NULL);
}
