/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>

#include "admin/api.h"
#include "base/clock.h"
#include "base/duration.h"
#include "daemon/daemon.h"
#include "daemon/figures.h"
#include "daemon/gate.h"

/* For service managers and monitors: is it alive (else: start it again), does it do its work (else: look after it)?
 * Anybody may ask, so nothing is told of tenants and devices. */
enum {
    STUCK_MS = 5 * 60 * 1000,    /* a store thread: the longest import is done in less */
    OVERDUE_MS = 10 * 60 * 1000, /* without a good answer while something is to be told */
};

static const char *const no_parameters[] = {NULL};

static void answer_text(struct api_request *request, int status, struct buf *body)
{
    request->answer_type = "text/plain; charset=utf-8";
    api_answer(request, status, body);
}

/* ---- alive ---- */

static void add_stuck(const struct store_thread_stats *stats, const char *thread, struct buf *out)
{
    char duration[DURATION_TEXT];
    int64_t busy_ms = (int64_t)(stats->busy_us / 1000);

    if (busy_ms > STUCK_MS)
        buf_addf(out, "store: the %s thread has been at one job for %s\n", thread, duration_format(busy_ms, duration));
}

/* That it answers at all shows that the loop turns. */
void api_probes_health(struct api_request *request)
{
    struct daemon_status status;
    struct buf body;

    if (!api_check_parameters(request, no_parameters))
        return;
    daemon_status(request->daemon, &status);
    buf_init(&body, 0);
    add_stuck(&status.store, "write", &body);
    add_stuck(&status.reader, "read", &body);
    if (body.length == 0) {
        buf_add_text(&body, "ok\n");
        answer_text(request, 200, &body);
    } else {
        answer_text(request, 503, &body);
    }
}

/* ---- ready ---- */

static bool is_meant_to_report(const struct connection_status *connection)
{
    return connection->state != CONNECTION_OFF && connection->state != CONNECTION_DISCONNECTED;
}

static const char *whole_minutes(int64_t duration_ms, char text[DURATION_TEXT])
{
    return duration_format(duration_ms / 60000 * 60000, text);
}

static void add_overdue(const struct connection_status *connection, const struct fleet_queue *queue,
                        int64_t started_at_ms, struct buf *out)
{
    int64_t now_ms = clock_realtime_ms(clock_system());
    int64_t good_ms = connection->last_success_ms > started_at_ms ? connection->last_success_ms : started_at_ms;
    char waiting[DURATION_TEXT], silent[DURATION_TEXT];

    if (queue == NULL || queue->oldest_ms < 0 || now_ms - queue->oldest_ms < OVERDUE_MS ||
        now_ms - good_ms < OVERDUE_MS)
        return;
    buf_addf(out, "connection %s: a report has waited for %s, and there was no good answer from Microsoft for %s\n",
             connection->name, whole_minutes(now_ms - queue->oldest_ms, waiting),
             whole_minutes(now_ms - good_ms, silent));
}

static void add_connection(const struct connection_status *connection, const struct fleet_queue *queue,
                           int64_t started_at_ms, struct buf *out)
{
    if (!is_meant_to_report(connection))
        return;
    if (connection->trouble != TROUBLE_NONE && !gate_heals_alone(connection->trouble))
        buf_addf(out, "connection %s: %s: %s\n", connection->name, trouble_slug(connection->trouble),
                 trouble_text(connection->trouble, LANGUAGE_EN));
    if (queue != NULL && queue->breaker_open)
        buf_addf(out, "connection %s: the circuit breaker is open and holds %lld reports\n", connection->name,
                 (long long)queue->held);
    add_overdue(connection, queue, started_at_ms, out);
}

static void add_reasons(const struct daemon *daemon, const struct figures *figures, struct buf *out)
{
    struct daemon_status status;

    daemon_status(daemon, &status);
    if (status.state == DAEMON_STOPPING)
        buf_add_text(out, "daemon: stopping\n");
    if (status.store_result != 0)
        buf_addf(out, "store: %s\n", error_code_text(status.store_result));
    for (size_t i = 0; i < status.connection_count; i++) {
        struct connection_status connection;

        connection_status(daemon_connection(daemon, i), &connection);
        add_connection(&connection, figures_queue(figures, connection.name), status.started_at_ms, out);
    }
}

struct probe {
    struct figures_waiter waiter; /* first */
    struct api_request *request;
};

static void ready(struct figures_waiter *waiter)
{
    struct probe *probe = (struct probe *)waiter;
    struct api_request *request = probe->request;
    struct buf body;

    free(probe);
    buf_init(&body, 0);
    add_reasons(request->daemon, daemon_figures(request->daemon), &body);
    if (body.length == 0) {
        buf_add_text(&body, "ready\n");
        answer_text(request, 200, &body);
    } else {
        answer_text(request, 503, &body);
    }
}

void api_probes_ready(struct api_request *request)
{
    struct probe *probe;

    if (!api_check_parameters(request, no_parameters))
        return;
    probe = malloc(sizeof(*probe));
    if (probe == NULL) {
        api_problem(request, 503, "out of memory");
        return;
    }
    *probe = (struct probe){.waiter.ready = ready, .request = request};
    if (figures_want(daemon_figures(request->daemon), &probe->waiter))
        ready(&probe->waiter);
}
