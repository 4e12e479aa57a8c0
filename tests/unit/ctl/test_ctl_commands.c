/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * Commands that talk to the daemon, against the real control API in a child process; only daemon and store are played
 * (fake.h).
 */
#include "unit.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>

#include "admin/server.h"
#include "base/log.h"
#include "capture.h"
#include "ctl/arguments.h"
#include "ctl/output.h"
#include "fake.h"
#include "model/action.h"

enum { WORDS_MAX = 24 };

static char directory[64], path[96];
static struct capture out, err;
static pid_t child;

static void on_prepare(uv_prepare_t *prepare)
{
    (void)prepare;
    while (fake_work())
        ;
}

/* Serves until it is killed. Says on `ready` that the socket is there. */
static void serve(int ready)
{
    struct server *server;
    struct error error;
    uv_prepare_t prepare;
    uv_loop_t loop;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_set_level(LOG_LEVEL_ERROR);
    uv_loop_init(&loop);
    if (server_start(&loop, fake_daemon(), path, &server, &error) != 0)
        _exit(1);
    uv_prepare_init(&loop, &prepare);
    uv_prepare_start(&prepare, on_prepare);
    if (write(ready, "", 1) != 1)
        _exit(1);
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(1);
}

/* With the fake as the test has set it up. */
static void start_server(void)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve(ready[1]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    setenv("LC_ALL", "C.UTF-8", 1);
    strcpy(directory, "/tmp/complyd-ctl-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/s", directory);
    capture_start(&out);
    capture_start(&err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    child = 0;
    unlink(path);
    rmdir(directory);
    capture_end(&out);
    capture_end(&err);
    return 0;
}

/* Runs a command line whose words are parted by single blanks; its exit code. */
static int run(const char *line)
{
    struct invocation invocation;
    char text[256], *words[WORDS_MAX], *rest = text;
    int count = 0, result;

    snprintf(text, sizeof(text), "complyctl --socket %s %s", path, line);
    while (rest != NULL)
        words[count++] = strsep(&rest, " ");
    words[count] = NULL;
    result = arguments_parse(count, words, out.file, err.file, &invocation);
    return result != 0 ? result : invocation.command->run(&invocation);
}

static void assert_run(const char *line, int exit_code, const char *output)
{
    int result = run(line);

    if (result != exit_code)
        fail_msg("%s: exit code %d: %s", line, result, capture_text(&err));
    assert_string_equal(capture_text(&out), output);
}

static void assert_has(struct capture *capture, const char *text)
{
    if (strstr(capture_text(capture), text) == NULL)
        fail_msg("'%s' is not in:\n%s", text, capture_text(capture));
}

static void shows_a_device(void **state)
{
    (void)state;
    fake_device("D/1")->client_status = CLIENT_WORKPLACE_JOIN_REQUIRED;
    start_server();
    assert_run(
        "device show D/1", 0,
        "Device                               D/1\n"
        "Name                                 Ada's iPhone\n"
        "Platform                             ios\n"
        "Connection                           default\n"
        "Azure Device Identifier              aaaaaaaa-0000-4000-8000-000000000001\n"
        "Azure Device Compliance Status       Success\n"
        "Azure Client Status Code             Workplace_Join_Required (the device's user can mend this)\n"
        "Azure Device Compliance Report Time  -\n"
        "State last told to Microsoft         compliant\n"
        "Waits in the queue                   no\n"
        "Cure                                 The user opens Microsoft Authenticator and registers the device.\n");
}

static void shows_a_device_to_programs(void **state)
{
    (void)state;
    fake_device("D1");
    start_server();
    assert_run("--json device show D1", 0,
               "{\"device_id\":\"D1\",\"connection\":\"default\",\"platform\":\"ios\",\"name\":\"Ada's iPhone\","
               "\"azure_device_id\":\"aaaaaaaa-0000-4000-8000-000000000001\",\"azure_compliance_status\":\"success\","
               "\"azure_client_status\":\"Success\",\"azure_report_time\":\"2026-02-02T02:40:01.234Z\","
               "\"azure_state\":\"compliant\",\"queued\":false,\"reason\":\"\",\"cure\":\"\",\"last_error\":\"\","
               "\"removed_until\":\"\"}\n");
}

static void speaks_the_locales_language_to_people_alone(void **state)
{
    (void)state;
    setenv("LC_ALL", "es_ES.UTF-8", 1);
    fake_device("D1")->client_status = CLIENT_WORKPLACE_JOIN_REQUIRED;
    start_server();
    assert_int_equal(run("device show D1"), 0);
    assert_has(&out, "El usuario abre Microsoft Authenticator");
    assert_has(&out, "Correcto");
    assert_int_equal(run("--json device show D1"), 0);
    assert_has(&out, "The user opens Microsoft Authenticator");
}

static void an_unknown_device_is_66(void **state)
{
    (void)state;
    start_server();
    assert_run("device show D9", EX_NOINPUT, "");
    assert_string_equal(capture_text(&err), "complyctl: there is no device 'D9'\n");
    assert_run("device explain D9", EX_NOINPUT, "");
    assert_run("device show D9 --json", EX_NOINPUT, "");
    assert_has(&err, "\"status\":404");
    assert_has(&err, "\"exit_code\":66");
}

static void lists_devices(void **state)
{
    static char name[] = "Jörg's \x1b[31m電話";
    struct fleet_device *device;

    (void)state;
    fake_device("D1");
    device = fake_device("D200");
    device->name = name;
    device->status = STATUS_NONE;
    device->reported_state = AZURE_STATE_NONE;
    device->accepted_at_ms = -1;
    device->queued = true;
    start_server();
    assert_run(
        "device list", 0,
        "DEVICE  NAME                 PLATFORM  STATE      STATUS   CLIENT CODE  REPORTED                  REASON\n"
        "D1      Ada's iPhone         ios       compliant  success  Success      2026-02-02T02:40:01.234Z\n"
        "D200    Jörg's \\x1b[31m電話  ios       -          -        Success      -                         "
        "The report is queued and goes out in its turn.\n"
        "2 devices\n");
}

static void lists_devices_to_programs(void **state)
{
    (void)state;
    start_server();
    assert_run("--json device list", 0, "[]\n");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    fake_device("D1");
    fake_device("D2");
    start_server();
    assert_int_equal(run("--json device list --state compliant --status success --connection default --search D"), 0);
    assert_has(&out, "[\n{\"device_id\":\"D1\"");
    assert_has(&out, "},\n{\"device_id\":\"D2\"");
    assert_has(&out, "}\n]\n");
}

static void a_wrong_filter_is_64(void **state)
{
    (void)state;
    start_server();
    assert_run("device list --state good", EX_USAGE, "");
    assert_has(&err, "--state 'good'");
}

static void explains(void **state)
{
    struct fleet_device *device = fake_device("D1");

    (void)state;
    device->decision = (struct decision){DECISION_REPORT, AZURE_STATE_NON_COMPLIANT, REASON_NONE, ACTION_QUARANTINE};
    device->reported_state = AZURE_STATE_NON_COMPLIANT;
    fake.violations[0] =
        (struct fleet_violation){"jail", "Jailbreak", true, true, 1u << ACTION_QUARANTINE, 1770000000, true};
    fake.violations[1] = (struct fleet_violation){"old", "", false, false, 0, -1, false};
    fake.violation_count = 2;
    start_server();
    assert_int_equal(run("device explain D1"), 0);
    assert_has(&out, "Violations (* decides)\n  * jail \"Jailbreak\": quarantine, since 2026-02-02T02:40:00Z\n"
                     "    old: no action (the store has no such policy: the device waits)\n");
    assert_has(&out,
               "Decision\n    The strictest action among its violations is quarantine, so it is non_compliant.\n");
    assert_has(&out, "    State                            non_compliant\n");
    assert_has(&out, "    Accepted                         2026-02-02T02:40:01.234Z (");
    assert_has(&out, "    Status                           Success\n");
    assert_has(
        &out,
        "    Then                             Nothing until it changes; the weekly report tells it again: 2026-02-09");
}

static void shows_the_plan(void **state)
{
    static const struct decision report = {.kind = DECISION_REPORT, .state = AZURE_STATE_NON_COMPLIANT};

    (void)state;
    fake.plan[0] =
        (struct fleet_plan_entry){"a", "default", "x", PRIORITY_WORSENING, report, AZURE_STATE_COMPLIANT, false, false};
    fake.plan[1] =
        (struct fleet_plan_entry){"d", "other", "x", PRIORITY_WEEKLY, report, AZURE_STATE_NONE, false, false};
    fake.plan_count = 2;
    start_server();
    assert_run("plan", 0,
               "DEVICE  CONNECTION  FROM       TO             PRIORITY   HELD\n"
               "a       default     compliant  non_compliant  worsening\n"
               "d       other       -          non_compliant  weekly     unknown_connection\n"
               "2 reports would be sent, of which 1 only after what holds them is mended.\n");
}

static void an_empty_plan_says_so(void **state)
{
    (void)state;
    start_server();
    assert_run("plan", 0, "0 reports would be sent.\n");
    assert_run("plan --json", 0, "0 reports would be sent.\n[]\n");
}

static void tells_the_status(void **state)
{
    struct connection_status *connection = &fake.connections[0];

    (void)state;
    fake.counts = (struct fleet_counts){.devices = 1234,
                                        .by_state = {4, 1200, 20, 10},
                                        .by_status = {4, 3, 1220, 7},
                                        .queued = {1, 2, 0, 0},
                                        .queue_oldest_ms = 1770000000000,
                                        .awaiting_verdict = 3,
                                        .parked = 7};
    connection->state = CONNECTION_BROKEN;
    connection->trouble = TROUBLE_CREDENTIAL_EXPIRED;
    connection->detail = "AADSTS7000222";
    connection->channel[CHANNEL_GRAPH].quota_share = 0.5;
    connection->weekly.started_at_ms = 1770000000000;
    connection->weekly.total = 1000;
    connection->weekly.fed = 600;
    connection->weekly.waiting = 100;
    fake.status.store_result = ERR_STORE_FULL;
    fake.status.store_error = "disk is full";
    start_server();
    assert_int_equal(run("status"), 0);
    assert_has(&out, "Store                                /var/lib/complyd/complyd.db, IN TROUBLE\n"
                     "  Error                              disk is full\n");
    assert_has(&out,
               "Devices                              1,234 known, 7 parked\n"
               "State last told to Microsoft         1,200 compliant, 20 non_compliant, 10 removed, 4 never told\n"
               "Azure Device Compliance Status       1,220 success, 3 in progress, 7 error, 4 blank\n"
               "Queue                                3 waiting: 1 worsening, 2 other changes, 0 asked for, 0 weekly; "
               "the oldest since 2026-02-02T02:40:00.000Z (");
    assert_has(&out, "\nConnection                           default\n  State                              broken "
                     "since 2026-02-02T02:40:00.000Z (");
    assert_has(&out, "  Said                               AADSTS7000222\n");
    assert_has(&out, "  Throttled                          graph channel at 50 % of its quota\n");
    assert_has(&out, "  Requests                           0 in flight, 3 waiting for Microsoft's verdict\n");
    assert_has(&out, "  Weekly report                      500 of 1,000 devices, begun 2026");
}

static void asks_for_a_report(void **state)
{
    (void)state;
    fake_device("D1");
    start_server();
    assert_run("device report D1", 0, "D1: queued for reporting.\n");
}

/* What happens to the device while complyctl looks at it. */
static void settle_on_third_look(void)
{
    struct fleet_device *device = &fake.devices[0];

    device->queued = fake.looks < 2;
    device->status = fake.looks < 3 ? STATUS_IN_PROGRESS : device->in_flight ? STATUS_ERROR : STATUS_SUCCESS;
    device->reason = fake.looks >= 3 && device->in_flight ? REASON_DEVICE_REFUSED : REASON_NONE;
}

static void waits_for_success(void **state)
{
    (void)state;
    fake_device("D1");
    fake.on_look = settle_on_third_look;
    start_server();
    assert_run("device report D1 --wait", 0, "D1: Microsoft has taken the report: compliant.\n");
}

static void waits_for_a_refusal(void **state)
{
    (void)state;
    fake_device("D1")->in_flight = true; /* the sign for settle_on_third_look() to end badly */
    fake.on_look = settle_on_third_look;
    start_server();
    assert_run("device report D1 --wait", EX_DATAERR, "");
    assert_has(&err, reason_text(REASON_DEVICE_REFUSED, LANGUAGE_EN));
}

static void does_not_wait_for_what_cannot_come(void **state)
{
    (void)state;
    fake_device("D1")->queued = true;
    fake.settings.enabled = false;
    start_server();
    assert_run("device report D1 --wait", EX_TEMPFAIL, "");
    assert_has(&err, reason_text(REASON_REPORTING_OFF, LANGUAGE_EN));
    assert_run("resync --wait", EX_TEMPFAIL, "");
    assert_has(&err, "reporting is switched off");
}

static void gives_up_in_time(void **state)
{
    (void)state;
    fake_device("D1")->queued = true;
    fake.connections[0].resync.started_at_ms = 1;
    start_server();
    assert_run("device report D1 --wait --timeout 0s", EX_TEMPFAIL, "");
    assert_has(&err, "no verdict yet");
    assert_run("resync --wait --timeout 0s", EX_TEMPFAIL, "");
    assert_has(&err, "still running");
}

/* Looked at before it was asked for, before it has begun, while it runs, and after its end without and with
 * verdicts. */
static void finish_resync(void)
{
    fake.connections[0].resync.started_at_ms = fake.looks == 3 ? 1770000001000 : -1;
    fake.connections[0].resync.finished_at_ms = fake.looks < 4 ? 1770000000000 : 1770000002000;
    fake.counts.awaiting_verdict = fake.looks < 5;
    fake.counts.by_status[STATUS_IN_PROGRESS] = fake.looks < 5;
    fake.counts.by_status[STATUS_SUCCESS] = 5;
}

static void resyncs(void **state)
{
    (void)state;
    fake.on_look = finish_resync;
    start_server();
    assert_run("resync --wait", 0, "Resync finished. Of all devices 5 are at success, 0 in progress, 0 at error.\n");
}

static void resyncs_one_connection(void **state)
{
    (void)state;
    start_server();
    assert_int_equal(run("resync --connection default"), 0);
    assert_has(&out, "queued to be reported again");
    assert_int_equal(run("resync --connection other"), EX_NOINPUT);
    assert_has(&err, "no connection 'other'");
}

static void says_that_the_daemon_is_down(void **state)
{
    (void)state;
    assert_run("status", EX_UNAVAILABLE, "");
    assert_has(&err, "complyd is not running (no socket at ");
    assert_has(&err, "systemctl start complyd");
    start_server();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    child = 0;
    assert_run("status", EX_UNAVAILABLE, "");
    assert_has(&err, "nobody listens at ");
}

static void says_that_the_socket_is_not_ours(void **state)
{
    int code = 0;
    pid_t stranger;

    (void)state;
    start_server();
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(directory, 0711), 0);
    stranger = fork();
    if (stranger == 0) {
        if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
            _exit(1);
        code = run("status");
        _exit(strstr(capture_text(&err), "group complyd") != NULL ? code : 1);
    }
    assert_int_equal(waitpid(stranger, &code, 0), stranger);
    assert_int_equal(WEXITSTATUS(code), EX_NOPERM);
}

/* Something else listens there, and says this. */
static void answer_with(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    child = fork();
    assert_true(child >= 0);
    while (child == 0) {
        int guest = accept(fd, NULL, NULL);
        char chunk[4096];

        if (recv(guest, chunk, sizeof(chunk), 0) > 0)
            (void)!send(guest, text, strlen(text), MSG_NOSIGNAL);
        close(guest);
    }
    close(fd);
}

static void does_not_trust_what_it_reads(void **state)
{
    static const struct {
        const char *answer;
        int exit_code;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", EX_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe{}", EX_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", EX_UNAVAILABLE},
        {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", EX_SOFTWARE},
        {"SSH-2.0-OpenSSH_9.2\r\n", EX_UNAVAILABLE},
        {"", EX_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int result;

        answer_with(cases[i].answer);
        result = run("status");
        if (result != cases[i].exit_code)
            fail_msg("case %zu: exit code %d: %s", i, result, capture_text(&err));
        assert_true(run("device list") == cases[i].exit_code);
        assert_true(run("device explain x") == cases[i].exit_code);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        child = 0;
        unlink(path);
    }
}

static int prepare(void **state)
{
    (void)state;
    output_init();
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_a_device),
        TEST(shows_a_device_to_programs),
        TEST(speaks_the_locales_language_to_people_alone),
        TEST(an_unknown_device_is_66),
        TEST(lists_devices),
        TEST(lists_devices_to_programs),
        TEST(a_wrong_filter_is_64),
        TEST(explains),
        TEST(shows_the_plan),
        TEST(an_empty_plan_says_so),
        TEST(tells_the_status),
        TEST(asks_for_a_report),
        TEST(waits_for_success),
        TEST(waits_for_a_refusal),
        TEST(does_not_wait_for_what_cannot_come),
        TEST(gives_up_in_time),
        TEST(resyncs),
        TEST(resyncs_one_connection),
        TEST(says_that_the_daemon_is_down),
        TEST(says_that_the_socket_is_not_ours),
        TEST(does_not_trust_what_it_reads),
    };

    return cmocka_run_group_tests(tests, prepare, NULL);
}
