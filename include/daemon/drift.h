/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * drift - reads back what Microsoft believes of a connection's devices and compares it with what it was told, once a
 * day and when asked.
 *
 *       ┌───────────────────── tick ◄─────────────────────┐
 *       ▼                                                 │
 *     waiting?              ──► wake ─────────────────────┤ one operation at a time: each ends in an event, each event
 *     IDLE                  ──► wake, or save: READING ───┤ in a tick (model/drift.h has the phases)
 *     READING, no page      ──► request ──────────────────┤
 *     READING, a page       ──► store a piece of it ──────┤
 *     SWEEPING ... REPAIRING──► walk a piece ─────────────┘
 *
 * As account: all from outside by an operation table. A difference is told, not mended: nothing is sent again unless an
 * operator asks for a repair, and then as reports that he asks for. What goes wrong here is no trouble of the
 * connection.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_DAEMON_DRIFT_H
#define COMPLYD_DAEMON_DRIFT_H

#include "base/clock.h"
#include "microsoft/outcome.h"
#include "store/drift.h"

struct drift;

struct drift_ops {
    void (*submit)(void *ctx, struct store_job *job); /* to the store's writer; ends in drift_job_ended() */
    int (*request)(void *ctx,
                   const char *url);     /* GET from Graph; ends in drift_answered() or drift_failed(), or ERR_* */
    int64_t (*quota_wait_ms)(void *ctx); /* reports come first; 0 = a request may be sent now */
    void (*drop_token)(void *ctx);       /* Graph's was refused */
    void (*wake)(void *ctx, int64_t delay_ms);                                            /* drift_tick() in so long */
    void (*moved)(void *ctx, const struct drift_record *record, enum drift_phase before); /* that is durable */
};

/* `graph_url` is borrowed until drift_free(). */
int drift_new(const struct drift_ops *ops, void *ctx, const struct clock *clock, const char *connection,
              const char *tenant_id, const char *graph_url, struct drift **ret_drift);
void drift_free(struct drift *drift); /* NULL is fine. No event may come any more */

void drift_stop(struct drift *drift); /* no operation is begun any more */

/* Operators' acts. A check begins at once, or when the one under way has ended: its number is told. A repair queues the
 * differences that the last check found. ERR_BUSY: not yet, ask again. */
int drift_ask(struct drift *drift, int64_t *ret_check, struct error *err);
int drift_repair(struct drift *drift, struct error *err);

struct drift_status {
    struct drift_record record; /* phase IDLE while a repair or check that was asked for has not begun */
    bool asked;                 /* one of them will begin */
    int64_t next_try_ms;        /* wall clock: reading waits until then; -1 = it does not */
};

void drift_status(const struct drift *drift, struct drift_status *ret_status);

/* ---- events ---- */
void drift_tick(struct drift *drift);
void drift_retry(struct drift *drift); /* what waits is tried now */
void drift_answered(struct drift *drift, const struct http_response *response);
void drift_failed(struct drift *drift, const struct outcome *outcome); /* the request could not be sent */
void drift_job_ended(struct drift *drift, struct store_job *job);

#endif
