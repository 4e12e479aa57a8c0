/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fuzz_control_request - any bytes as a request of the control API. First line: method, blank, target; the rest is the
 * body. The answer comes exactly once, is one of the documented statuses, and is JSON. Then the same bytes go through
 * the real socket.
 */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "admin/api.h"
#include "admin/server.h"
#include "base/log.h"
#include "fake.h"

enum { INPUT_MAX = 8192, TURNS_MAX = 100 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uv_loop_t loop;
static struct server *server;
static char directory[] = "/tmp/complyd-fuzz-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static unsigned woken;

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void on_stopped(void *ctx)
{
    (void)ctx;
}

static void stop_server(void)
{
    server_stop(server, on_stopped, NULL);
    while (fake_work())
        ;
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    log_set_level(LOG_LEVEL_ERROR);
    fake_reset();
    fake_device("D1");
    fake_device("a/b")->queued = true;
    fake.policies[fake.policy_count++] = (struct fleet_policy){.policy_id = "p", .name = "P", .enabled = true};
    fake.violations[fake.violation_count++] =
        (struct fleet_violation){.policy_id = "p", .policy_name = "", .since_s = -1};
    require(mkdtemp(directory) != NULL);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
    require(uv_loop_init(&loop) == 0);
    require(server_start(&loop, fake_daemon(), address.sun_path, &server, NULL) == 0);
    atexit(stop_server);
    return 0;
}

static void on_wake(struct api_request *request)
{
    (void)request;
    woken++;
}

static void check_answer(const struct api_request *request)
{
    static const int known[] = {200, 201, 202, 204, 400, 404, 405, 409, 415, 503};
    cJSON *answer = cJSON_Parse(buf_text(&request->answer));
    bool found = false;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        found = found || request->status == known[i];
    if (request->answer_type != NULL) /* metrics and probes are text */
        require(found && request->answer.length > 0);
    else
        require(found && (request->status == 204 ? request->answer.length == 0 : cJSON_IsObject(answer)));
    require((request->status == 405) == (request->allow[0] != '\0'));
    cJSON_Delete(answer);
}

/* `text` is written to. */
static void ask(char *text)
{
    struct api_request request = {.daemon = fake_daemon(), .method = text, .peer = {.uid = geteuid()}, .wake = on_wake};
    char *body = strchr(text, '\n');
    char *target;

    if (body != NULL)
        *body++ = '\0';
    target = strchr(text, ' ');
    if (target == NULL)
        return;
    *target++ = '\0';
    if (target_parse(target, &request.target) != 0)
        return;
    buf_init(&request.body, API_BODY_MAX);
    buf_add_text(&request.body, body != NULL ? body : "");
    woken = 0;
    request.loop = &loop;
    request.body_max = API_BODY_MAX;
    api_begin(&request);
    if (!request.answered)
        api_handle(&request);
    while (fake_work())
        ;
    require(request.answered && woken <= 1);
    check_answer(&request);
    target_deinit(&request.target);
    buf_deinit(&request.body);
    buf_deinit(&request.answer);
}

static void send_raw(const uint8_t *data, size_t size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char chunk[4096];

    require(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    (void)!send(fd, data, size, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < TURNS_MAX && recv(fd, chunk, sizeof(chunk), 0) != 0; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        fake_work();
    }
    close(fd);
    uv_run(&loop, UV_RUN_NOWAIT);
    while (fake_work())
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[INPUT_MAX + 1];

    if (size > INPUT_MAX)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    ask(text);
    send_raw(data, size);
    return 0;
}
