/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "admin/server.h"
#include "base/buf.h"
#include "base/log.h"
#include "fake.h"

enum { TURNS_MAX = 100000 };

static uv_loop_t loop;
static struct server *server;
static char directory[64], path[96];
static bool stopped;
static int descriptors; /* open before the test */

static void on_stopped(void *ctx)
{
    (void)ctx;
    stopped = true;
}

static void start(void)
{
    struct error err = {0};

    if (server_start(&loop, fake_daemon(), path, &server, &err) != 0)
        fail_msg("%s", err.message);
    stopped = false;
}

static void stop(void)
{
    server_stop(server, on_stopped, NULL);
    for (int i = 0; i < TURNS_MAX && !stopped; i++) {
        fake_work();
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_true(stopped);
}

static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int setup(void **state)
{
    (void)state;
    descriptors = count_descriptors();
    fake_reset();
    log_set_level(LOG_LEVEL_ERROR);
    strcpy(directory, "/tmp/complyd-server-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/s", directory);
    assert_int_equal(uv_loop_init(&loop), 0);
    start();
    return 0;
}

/* Nothing may be left: no handle on the loop, no file, no descriptor; AddressSanitizer sees the memory. */
static int teardown(void **state)
{
    (void)state;
    stop();
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static int open_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(address.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say_bytes(int fd, const char *bytes, size_t length)
{
    for (int i = 0; i < TURNS_MAX && length > 0; i++) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno != EAGAIN) {
            return; /* the server has closed: what the test is about */
        }
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

static void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

/* All of one answer with a Content-Length, or without a body, has come. */
static bool is_complete(const char *answer)
{
    const char *body = strstr(answer, "\r\n\r\n");
    const char *length = strstr(answer, "Content-Length: ");

    if (body != NULL && strncmp(answer, "HTTP/1.1 204", 12) == 0)
        return true;
    return body != NULL && length != NULL && strlen(body + 4) >= strtoul(length + strlen("Content-Length: "), NULL, 10);
}

/* One answer, or what came until the server closed. The caller frees with buf_deinit(). */
static bool hear(int fd, struct buf *answer)
{
    char chunk[4096];

    buf_init(answer, 0);
    buf_add_text(answer, "");
    for (int i = 0; i < TURNS_MAX && !is_complete(answer->data); i++) {
        ssize_t got = recv(fd, chunk, sizeof(chunk), 0);

        if (got > 0)
            buf_add(answer, chunk, (size_t)got);
        else if (got == 0 || errno != EAGAIN)
            return false;
        fake_work();
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    return is_complete(answer->data);
}

static void assert_hears(int fd, const char *status, const char *text)
{
    struct buf answer;

    if (!hear(fd, &answer))
        fail_msg("no whole answer: '%s'", answer.data);
    if (strncmp(answer.data, status, strlen(status)) != 0 || strstr(answer.data, text) == NULL)
        fail_msg("'%s' is not in: %s", text, answer.data);
    buf_deinit(&answer);
}

static void assert_closed(int fd)
{
    struct buf answer;

    assert_false(hear(fd, &answer));
    buf_deinit(&answer);
}

/* The server still does its work. */
static void assert_serves(void)
{
    int fd = open_client();

    say(fd, "GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_hears(fd, "HTTP/1.1 200", "\"version\"");
    close(fd);
}

static void turn(int times)
{
    for (int i = 0; i < times; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void answers_and_keeps_the_connection(void **state)
{
    int fd = open_client();

    (void)state;
    fake_device("D1");
    say(fd, "GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_hears(fd, "HTTP/1.1 200", "application/json");
    say(fd, "GET /v1/devices/D1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_hears(fd, "HTTP/1.1 200", "\"device_id\":\"D1\"");
    say(fd, "POST /v1/devices/D1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_hears(fd, "HTTP/1.1 405", "Allow: GET, PUT, PATCH, DELETE");
    say(fd, "DELETE /v1/devices/D1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_hears(fd, "HTTP/1.1 204", "no-store");
    assert_int_equal(fake.edit.act, EDIT_DELETE_DEVICE);
    assert_int_equal(fake.changes, 1);
    say(fd, "GET /v1/devices/D%00 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_hears(fd, "HTTP/1.1 400", "application/problem+json");
    say(fd, "POST /v1/resync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 24\r\n\r\n{\"connection\":\"default\"}");
    assert_hears(fd, "HTTP/1.1 202", "queued");
    assert_string_equal(fake.resynced, "default");
    close(fd);
}

static void takes_a_request_byte_by_byte(void **state)
{
    const char *request = "POST /v1/resync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
    int fd = open_client();

    (void)state;
    for (const char *p = request; *p != '\0'; p++)
        say_bytes(fd, p, 1);
    assert_hears(fd, "HTTP/1.1 202", "queued");
    close(fd);
}

static void waits_for_the_store_without_blocking_others(void **state)
{
    int fd = open_client();

    (void)state;
    fake_device("D1");
    say(fd, "GET /v1/devices/D1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < TURNS_MAX && fake.waiting == 0; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(fake.waiting, 1);
    {
        int other = open_client();

        say(other, "GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n");
        turn(50);
        assert_int_equal(fake.waiting, 1);
        assert_hears(other, "HTTP/1.1 200", "version");
        close(other);
    }
    assert_hears(fd, "HTTP/1.1 200", "D1");
    close(fd);
}

static void a_client_may_leave_at_any_byte(void **state)
{
    const char *request = "POST /v1/devices/D1/report HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

    (void)state;
    for (size_t length = 0; length <= strlen(request); length++) {
        int fd = open_client();

        say_bytes(fd, request, length);
        turn(3);
        close(fd);
        turn(3);
        while (fake_work())
            ;
        turn(3);
    }
    assert_int_equal(fake.acts, 1);
    assert_serves();
}

static void survives_garbage(void **state)
{
    static const char *const garbage[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /v1/version HTTP/1.1\r\n\r\n",
        "GET http://localhost/v1/version HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/resync HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/resync HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /v1/resync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "\xff\xfe\xfd /%%% HTTP/1.1\r\nHost\x01: \x7f\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        struct buf answer;
        int fd = open_client();

        say(fd, garbage[i]);
        shutdown(fd, SHUT_WR);
        hear(fd, &answer);
        assert_null(strstr(answer.data, "HTTP/1.1 2"));
        buf_deinit(&answer);
        close(fd);
    }
    assert_int_equal(fake.acts, 0);
    assert_serves();
}

static void refuses_a_body_that_is_too_big(void **state)
{
    char *chunk = malloc(65536);
    int fd = open_client();

    (void)state;
    assert_non_null(chunk);
    say(fd, "POST /v1/resync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n");
    assert_hears(fd, "HTTP/1.1 413", "problem+json");
    close(fd);

    memset(chunk, ' ', 65536);
    fd = open_client();
    say(fd, "POST /v1/resync HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        say(fd, "10000\r\n");
        say_bytes(fd, chunk, 65536);
        say(fd, "\r\n");
    }
    assert_closed(fd);
    close(fd);
    free(chunk);
    assert_int_equal(fake.acts, 0);
    assert_serves();
}

static void refuses_headers_without_end(void **state)
{
    int fd = open_client();
    struct buf answer;

    (void)state;
    say(fd, "GET /v1/version HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 2000; i++)
        say(fd, "X-More: 0123456789012345678901234567890123456789\r\n");
    hear(fd, &answer);
    assert_null(strstr(answer.data, "HTTP/1.1 2"));
    buf_deinit(&answer);
    close(fd);
    assert_serves();
}

static void idle_crowds_keep_nobody_out(void **state)
{
    enum { CROWD = 400 };
    int *fds = calloc(CROWD, sizeof(*fds));

    (void)state;
    assert_non_null(fds);
    for (int i = 0; i < CROWD; i++) {
        fds[i] = open_client();
        if (i % 2 == 0)
            say(fds[i], "GET /v1/devices?sea");
        turn(1);
    }
    assert_serves();
    assert_closed(fds[0]); /* the one that had idled longest */
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    assert_serves();
    free(fds);
}

static void a_busy_client_is_not_closed_for_a_crowd(void **state)
{
    enum { CROWD = 100 };
    int fds[CROWD];
    int busy = open_client();

    (void)state;
    fake_device("D1");
    say(busy, "GET /v1/devices/D1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    turn(20);
    assert_int_equal(fake.waiting, 1);
    for (int i = 0; i < CROWD; i++) {
        fds[i] = open_client();
        turn(2);
    }
    assert_hears(busy, "HTTP/1.1 200", "D1");
    close(busy);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
}

static void is_quiet_when_nobody_is_there(void **state)
{
    (void)state;
    assert_serves();
    turn(20);
    assert_int_equal(uv_backend_timeout(&loop), -1); /* no timer, nothing pending: the loop would sleep for ever */
}

static void stops_after_the_answers_that_are_due(void **state)
{
    int fd = open_client();

    (void)state;
    fake_device("D1");
    say(fd, "GET /v1/devices/D1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    turn(20);
    assert_int_equal(fake.waiting, 1);
    server_stop(server, on_stopped, NULL);
    turn(20);
    assert_false(stopped);
    assert_int_equal(access(path, F_OK), -1);
    assert_hears(fd, "HTTP/1.1 200", "D1");
    turn(20);
    assert_true(stopped);
    close(fd);
    start();
}

static void only_owner_and_group_may_open_the_socket(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0660);
}

static void takes_over_from_the_dead_but_not_from_the_living(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct server *second = NULL;
    struct error err = {0};
    int fd;

    (void)state;
    assert_int_equal(server_start(&loop, fake_daemon(), path, &second, &err), ERR_EXISTS);
    assert_null(second);
    assert_non_null(strstr(err.message, "another process"));
    stop();
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* the file stays, as after a kill */
    start();
    assert_serves();
}

static void refuses_impossible_paths(void **state)
{
    char long_path[200];
    struct server *second;
    struct error err = {0};
    int fd;

    (void)state;
    memset(long_path, 'x', sizeof(long_path));
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(server_start(&loop, fake_daemon(), long_path, &second, &err), ERR_INVALID);
    assert_int_equal(server_start(&loop, fake_daemon(), "/nonexistent/x", &second, &err), ERR_IO);

    stop();
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(server_start(&loop, fake_daemon(), path, &second, &err), ERR_EXISTS);
    assert_non_null(strstr(err.message, "no socket"));
    assert_int_equal(unlink(path), 0);
    start();
}

static void leaves_the_socket_of_a_successor_alone(void **state)
{
    struct stat status;
    int fd;

    (void)state;
    assert_int_equal(unlink(path), 0);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    stop();
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(unlink(path), 0);
    start();
}

/* What libuv opens once in a process must not count as left over. */
static int warm_up(void **state)
{
    (void)state;
    return uv_loop_init(&loop) == 0 && uv_loop_close(&loop) == 0 ? 0 : -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_and_keeps_the_connection),
        TEST(takes_a_request_byte_by_byte),
        TEST(waits_for_the_store_without_blocking_others),
        TEST(a_client_may_leave_at_any_byte),
        TEST(survives_garbage),
        TEST(refuses_a_body_that_is_too_big),
        TEST(refuses_headers_without_end),
        TEST(idle_crowds_keep_nobody_out),
        TEST(a_busy_client_is_not_closed_for_a_crowd),
        TEST(is_quiet_when_nobody_is_there),
        TEST(stops_after_the_answers_that_are_due),
        TEST(only_owner_and_group_may_open_the_socket),
        TEST(takes_over_from_the_dead_but_not_from_the_living),
        TEST(refuses_impossible_paths),
        TEST(leaves_the_socket_of_a_successor_alone),
    };

    return cmocka_run_group_tests(tests, warm_up, NULL);
}
