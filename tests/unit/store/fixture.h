/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fixture - a store with complyd's and the MDM's connection, and jobs run by hand as the store thread runs them.
 */
#ifndef COMPLYD_TESTS_FIXTURE_H
#define COMPLYD_TESTS_FIXTURE_H

#include "database_internal.h"
#include "statement.h"
#include "store/connection.h"
#include "store/message.h"
#include "store/outbox.h"
#include "tmpstore.h"

#define AZURE_1 "11111111-1111-4111-8111-111111111111"
#define AZURE_2 "22222222-2222-4222-8222-222222222222"
#define USER_1  "99999999-9999-4999-8999-999999999991"

struct fixture {
    struct tmpstore store;
    struct database *database;
    int64_t now_ms;
};

static inline void fixture_open(struct fixture *fixture)
{
    struct error err = {0};

    if (database_open(fixture->store.path, DATABASE_WRITE, &fixture->database, &err) != 0)
        fail_msg("%s", err.message);
}

static inline int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    tmpstore_make(&fixture->store);
    fixture_open(fixture);
    fixture->now_ms = INT64_C(1800000000000);
    tmpstore_sql(
        &fixture->store,
        "INSERT INTO policy VALUES ('block', 'Block', 1), ('alert', 'Alert', 1), ('retire', 'Retire', 1);"
        "INSERT INTO policy_action VALUES ('block', 'quarantine'), ('block', 'monitor'), ('alert', 'send_alert'), "
        "('retire', 'retire');"
        "INSERT INTO user VALUES ('default', 'u@example.com', '" USER_1 "', 1800000000000)");
    *state = fixture;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;

    database_close(fixture->database);
    tmpstore_remove(&fixture->store);
    free(fixture);
    return 0;
}

/* complyd is killed and started again: what was not committed is gone, the claims are another session's. */
static inline void fixture_restart(struct fixture *fixture)
{
    database_close(fixture->database);
    fixture_open(fixture);
}

static inline int fixture_try(struct fixture *fixture, struct store_job *job)
{
    struct error err = {0};

    assert_int_equal(statement_exec(fixture->database, "BEGIN IMMEDIATE", &err), 0);
    job->result = job->run(job, fixture->database, &job->error);
    assert_int_equal(statement_exec(fixture->database, job->result < 0 ? "ROLLBACK" : "COMMIT", &err), 0);
    return job->result;
}

static inline void fixture_run(struct fixture *fixture, struct store_job *job)
{
    if (fixture_try(fixture, job) != 0)
        fail_msg("%s", job->error.message);
}

static inline void fixture_stage_on(struct fixture *fixture, struct outbox_stage *stage, const char *connection,
                                    enum channel channel, unsigned limit)
{
    outbox_stage_init(stage, connection, channel, NULL);
    stage->limit = limit;
    stage->now_ms = fixture->now_ms;
    fixture_run(fixture, &stage->job);
}

/* Stages on the default connection's partner channel. */
static inline void fixture_stage(struct fixture *fixture, struct outbox_stage *stage)
{
    fixture_stage_on(fixture, stage, "default", CHANNEL_PARTNER, 100);
}

/* Stages exactly one item, which the caller frees. */
static inline struct outbox_item *fixture_stage_one(struct fixture *fixture)
{
    struct outbox_stage stage;

    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 1);
    struct outbox_item *item = stage.items;
    stage.items = NULL;
    outbox_stage_deinit(&stage);
    return item;
}

/* Stages nothing. */
static inline void fixture_stage_none(struct fixture *fixture)
{
    struct outbox_stage stage;

    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 0);
    outbox_stage_deinit(&stage);
}

/* Whether the row is left where another connection or channel finds it. */
static inline bool fixture_record_on(struct fixture *fixture, const char *connection, struct outbox_item *item,
                                     enum outbox_outcome outcome, enum reason reason)
{
    struct outbox_record record;

    assert_int_equal(outbox_record_init(&record, connection, 1, NULL), 0);
    record.count = 1;
    record.results[0] = (struct outbox_result){
        .item = item,
        .outcome = outcome,
        .at_ms = fixture->now_ms + 50,
        .due_ms = fixture->now_ms + 5000,
        .poll_ms = fixture->now_ms + 1000,
        .deadline_ms = fixture->now_ms + 900000,
        .sent_as = item->report.message_id,
        .reason = reason,
    };
    fixture_run(fixture, &record.job);
    outbox_record_deinit(&record);
    return record.elsewhere;
}

/* Records on the default connection and frees the item. */
static inline void fixture_record(struct fixture *fixture, struct outbox_item *item, enum outbox_outcome outcome,
                                  enum reason reason)
{
    fixture_record_on(fixture, "default", item, outcome, reason);
    outbox_item_free(item);
}

/* A registered, evaluated, compliant iOS device of user u@example.com. */
static inline void fixture_add_device(struct fixture *fixture, const char *id, const char *azure_id)
{
    tmpstore_sql(&fixture->store,
                 "INSERT INTO device (device_id, platform, name, os_version, user_principal_name, azure_device_id, "
                 "evaluated_at, last_check_in) VALUES (%Q, 'ios', 'Phone', '17.1', 'u@example.com', %Q, 1799999000, "
                 "1799999000)",
                 id, azure_id);
}

/* Brings a device to where Microsoft has accepted its state. */
static inline void fixture_settle(struct fixture *fixture)
{
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_SUCCESS, REASON_NONE);
    fixture->now_ms += 1000;
}

static inline long long fixture_queued(struct fixture *fixture)
{
    return tmpstore_int(&fixture->store, "SELECT count(*) FROM outbox");
}

#endif
