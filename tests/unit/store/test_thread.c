/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"
#include "loop.h"
#include "store/change.h"

/* The thread works on a store of its own; the fixture's connection is not opened. */
struct bench {
    struct tmpstore store;
    uv_loop_t loop;
    struct store_thread *thread;
    unsigned done;
    unsigned closed;
};

static void on_closed(void *ctx)
{
    unsigned *closed = ctx;
    (*closed)++;
}

static void start(struct bench *bench, bool read_only)
{
    struct error err = {0};

    if (store_thread_start(&bench->loop, bench->store.path, read_only, &bench->thread, &err) != 0)
        fail_msg("%s", err.message);
}

static void stop(struct bench *bench)
{
    bench->closed = 0;
    store_thread_stop(bench->thread, on_closed, &bench->closed);
    loop_until(&bench->loop, &bench->closed, 1);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    tmpstore_make(&bench->store);
    uv_loop_init(&bench->loop);
    start(bench, false);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    stop(bench);
    loop_finish(&bench->loop);
    tmpstore_remove(&bench->store);
    free(bench);
    return 0;
}

/* A job that runs one statement, then returns what it was told to. */
struct sql_job {
    struct store_job job;
    struct bench *bench;
    const char *sql;
    int code;
    uv_sem_t *started; /* posted when it runs */
    uv_sem_t *go;      /* waited for then */
    unsigned order;    /* of its done, from 1 */
};

static int run_sql(struct store_job *job, struct database *database, struct error *err)
{
    struct sql_job *sql = (struct sql_job *)job;

    if (sql->started)
        uv_sem_post(sql->started);
    if (sql->go)
        uv_sem_wait(sql->go);
    int code = sql->sql ? statement_exec(database, sql->sql, err) : 0;
    return code < 0 ? code : sql->code;
}

static void sql_done(struct store_job *job)
{
    struct sql_job *sql = (struct sql_job *)job;

    sql->order = ++sql->bench->done;
}

static void submit(struct bench *bench, struct sql_job *job, bool write, const char *sql, int code)
{
    *job = (struct sql_job){
        .job = {.write = write, .run = run_sql, .done = sql_done}, .bench = bench, .sql = sql, .code = code};
    store_thread_submit(bench->thread, &job->job);
}

static long long policies(struct bench *bench)
{
    return tmpstore_int(&bench->store, "SELECT count(*) FROM policy");
}

#define ADD(id) "INSERT INTO policy (policy_id) VALUES ('" id "')"

static void test_done_comes_on_the_loop_after_the_commit(void **state)
{
    struct bench *bench = *state;
    struct sql_job job;

    submit(bench, &job, true, ADD("a"), 0);
    assert_int_equal(bench->done, 0); /* never before return */
    loop_until(&bench->loop, &bench->done, 1);
    assert_int_equal(job.job.result, 0);
    assert_int_equal(policies(bench), 1);
}

static void test_jobs_queued_together_share_one_commit(void **state)
{
    struct bench *bench = *state;
    struct store_thread_stats stats;
    struct sql_job first;
    struct sql_job jobs[40];
    uv_sem_t started;
    uv_sem_t go;

    uv_sem_init(&started, 0);
    uv_sem_init(&go, 0);
    first = (struct sql_job){.job = {.run = run_sql, .done = sql_done}, .bench = bench, .started = &started, .go = &go};
    store_thread_submit(bench->thread, &first.job); /* keeps the worker until all are queued */
    uv_sem_wait(&started);
    for (int i = 0; i < 40; i++)
        submit(bench, &jobs[i], true, "INSERT INTO policy (policy_id) VALUES (hex(randomblob(8)))", 0);
    store_thread_stats(bench->thread, &stats);
    assert_int_equal(stats.queued, 41);
    uv_sem_post(&go);
    loop_until(&bench->loop, &bench->done, 41);
    store_thread_stats(bench->thread, &stats);
    assert_int_equal(stats.jobs, 41);
    assert_int_equal(stats.queued, 0);
    /* 32 + 8, and more only where 32 jobs take longer than a group may */
    assert_in_range(stats.commits, 2, 20);
    assert_int_equal(histogram_count(&stats.commit), stats.commits);
    assert_int_equal(stats.busy_us, 0);
    assert_int_equal(policies(bench), 40);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(jobs[i].order, i + 2); /* in order */
    uv_sem_destroy(&started);
    uv_sem_destroy(&go);
}

static void test_a_failed_job_is_rolled_back_alone(void **state)
{
    struct bench *bench = *state;
    struct sql_job first;
    struct sql_job jobs[3];
    uv_sem_t started;
    uv_sem_t go;

    uv_sem_init(&started, 0);
    uv_sem_init(&go, 0);
    first = (struct sql_job){.job = {.run = run_sql, .done = sql_done}, .bench = bench, .started = &started, .go = &go};
    store_thread_submit(bench->thread, &first.job);
    uv_sem_wait(&started);
    submit(bench, &jobs[0], true, ADD("a"), 0);
    submit(bench, &jobs[1], true, ADD("b"), ERR_INVALID);
    submit(bench, &jobs[2], true, ADD("c"), 0);
    uv_sem_post(&go);
    loop_until(&bench->loop, &bench->done, 4);
    assert_int_equal(jobs[0].job.result, 0);
    assert_int_equal(jobs[1].job.result, ERR_INVALID);
    assert_int_equal(jobs[2].job.result, 0);
    assert_string_equal(tmpstore_text(&bench->store, "SELECT group_concat(policy_id) FROM policy"), "a,c");
    uv_sem_destroy(&started);
    uv_sem_destroy(&go);
}

static void test_a_read_sees_the_write_before_it(void **state)
{
    struct bench *bench = *state;
    struct sql_job jobs[3];

    submit(bench, &jobs[0], true, "CREATE TABLE fresh (x)", 0);
    submit(bench, &jobs[1], false, "SELECT * FROM fresh", 0);
    submit(bench, &jobs[2], true, "DROP TABLE fresh", 0);
    loop_until(&bench->loop, &bench->done, 3);
    assert_int_equal(jobs[1].job.result, 0);
}

static void test_another_s_lock_fails_all_that_wait(void **state)
{
    struct bench *bench = *state;
    struct store_thread_stats stats;
    struct sql_job jobs[2];

    tmpstore_sql(&bench->store, "BEGIN IMMEDIATE");
    submit(bench, &jobs[0], true, ADD("a"), 0);
    submit(bench, &jobs[1], true, ADD("b"), 0);
    loop_until(&bench->loop, &bench->done, 2);
    assert_int_equal(jobs[0].job.result, ERR_BUSY);
    assert_int_equal(jobs[1].job.result, ERR_BUSY);
    store_thread_stats(bench->thread, &stats);
    assert_int_equal(stats.last_result, ERR_BUSY);
    tmpstore_sql(&bench->store, "ROLLBACK");
    submit(bench, &jobs[0], true, ADD("a"), 0);
    loop_until(&bench->loop, &bench->done, 3);
    assert_int_equal(jobs[0].job.result, 0);
    store_thread_stats(bench->thread, &stats);
    assert_int_equal(stats.last_result, 0);
    assert_int_equal(policies(bench), 1);
}

static void test_a_full_disk_fails_the_group_and_ends(void **state)
{
    struct bench *bench = *state;
    struct sql_job job;

    submit(bench, &job, false, "PRAGMA max_page_count = 1", 0);
    loop_until(&bench->loop, &bench->done, 1);
    submit(bench, &job, true, "CREATE TABLE big AS SELECT randomblob(100000)", 0);
    loop_until(&bench->loop, &bench->done, 2);
    assert_int_equal(job.job.result, ERR_STORE_FULL);
    submit(bench, &job, false, "PRAGMA max_page_count = 1000000", 0);
    loop_until(&bench->loop, &bench->done, 3);
    submit(bench, &job, true, ADD("a"), 0);
    loop_until(&bench->loop, &bench->done, 4);
    assert_int_equal(job.job.result, 0);
}

static void test_a_store_that_goes_and_comes_back(void **state)
{
    struct bench *bench = *state;
    struct sql_job jobs[2];
    char away[300];

    snprintf(away, sizeof(away), "%s.away", bench->store.path);
    assert_int_equal(rename(bench->store.path, away), 0);
    submit(bench, &jobs[0], true, ADD("lost"), 0);
    submit(bench, &jobs[1], false, "SELECT 1", 0);
    loop_until(&bench->loop, &bench->done, 2);
    assert_int_equal(jobs[0].job.result, ERR_NOTFOUND);
    assert_int_equal(jobs[1].job.result, ERR_NOTFOUND);
    assert_non_null(strstr(jobs[0].job.error.message, "does not exist"));
    assert_int_equal(rename(away, bench->store.path), 0);
    submit(bench, &jobs[0], true, ADD("found"), 0);
    loop_until(&bench->loop, &bench->done, 3);
    assert_int_equal(jobs[0].job.result, 0);
    assert_string_equal(tmpstore_text(&bench->store, "SELECT group_concat(policy_id) FROM policy"), "found");
}

static void test_a_corrupt_store_and_its_repair(void **state)
{
    struct bench *bench = *state;
    struct sql_job job;
    char copy[300];
    char noise[8192];

    snprintf(copy, sizeof(copy), "%s.copy", bench->store.path);
    memset(noise, 'x', sizeof(noise));
    tmpstore_sql(&bench->store, "VACUUM INTO %Q", copy);
    const char *bad = tempdir_write("bad.db", noise, sizeof(noise), 0600);
    assert_int_equal(rename(bad, bench->store.path), 0);
    for (int i = 0; i < 3; i++) {
        submit(bench, &job, true, ADD("a"), 0);
        loop_until(&bench->loop, &bench->done, bench->done + 1);
        assert_int_equal(job.job.result, ERR_STORE_CORRUPT);
    }
    assert_int_equal(rename(copy, bench->store.path), 0);
    submit(bench, &job, true, ADD("a"), 0);
    loop_until(&bench->loop, &bench->done, bench->done + 1);
    assert_int_equal(job.job.result, 0);
}

static void test_a_reader_cannot_write(void **state)
{
    struct bench *bench = *state;
    struct sql_job job;

    stop(bench);
    start(bench, true);
    submit(bench, &job, false, ADD("a"), 0);
    loop_until(&bench->loop, &bench->done, 1);
    assert_int_equal(job.job.result, ERR_PERMISSION);
}

static void test_start_fails_with_its_reason(void **state)
{
    struct bench *bench = *state;
    struct store_thread *thread;
    struct error err = {0};

    assert_int_equal(store_thread_start(&bench->loop, tempdir_path("none.db"), false, &thread, &err), ERR_NOTFOUND);
    assert_non_null(strstr(err.message, "none.db"));
}

/* Stop finishes what is queued; what comes later is told so. */
static void test_stop(void **state)
{
    struct bench *bench = *state;
    struct sql_job jobs[3];

    submit(bench, &jobs[0], true, ADD("a"), 0);
    submit(bench, &jobs[1], true, ADD("b"), 0);
    bench->closed = 0;
    store_thread_stop(bench->thread, on_closed, &bench->closed);
    submit(bench, &jobs[2], true, ADD("c"), 0);
    loop_until(&bench->loop, &bench->closed, 1);
    assert_int_equal(bench->done, 3);
    assert_int_equal(jobs[0].job.result, 0);
    assert_int_equal(jobs[1].job.result, 0);
    assert_int_equal(jobs[2].job.result, ERR_CANCELED);
    assert_int_equal(policies(bench), 2);
    start(bench, false);
}

/* A job whose done submits the next one, as everybody's does. */
struct chain {
    struct sql_job sql;
    unsigned left;
};

static void chain_done(struct store_job *job)
{
    struct chain *chain = (struct chain *)job;

    chain->sql.bench->done++;
    if (--chain->left > 0)
        store_thread_submit(chain->sql.bench->thread, job);
}

static void test_a_done_may_submit(void **state)
{
    struct bench *bench = *state;
    struct chain chain = {.left = 20};

    chain.sql = (struct sql_job){.job = {.write = true, .run = run_sql, .done = chain_done},
                                 .bench = bench,
                                 .sql = "INSERT INTO policy (policy_id) VALUES (hex(randomblob(8)))"};
    store_thread_submit(bench->thread, &chain.sql.job);
    loop_until(&bench->loop, &bench->done, 20);
    assert_int_equal(policies(bench), 20);
}

static void count_done(struct store_job *job)
{
    unsigned *done = job->ctx;
    (*done)++;
}

/* A session's first claim frees what an earlier one had in flight, even if the first try was rolled back. */
static void test_an_earlier_session_is_over_even_after_a_rollback(void **state)
{
    struct bench *bench = *state;
    struct outbox_stage stage;

    tmpstore_sql(&bench->store,
                 "INSERT INTO device (device_id, platform, azure_device_id, evaluated_at) "
                 "VALUES ('d', 'windows', 'aaaaaaaa-0000-4000-8000-000000000001', 1); UPDATE outbox SET claim = 99; "
                 "CREATE TRIGGER no BEFORE UPDATE OF claim ON outbox "
                 "WHEN NEW.claim IS NOT NULL BEGIN SELECT RAISE(ABORT, 'no'); END");
    outbox_stage_init(&stage, "default", CHANNEL_GRAPH, count_done);
    stage.job.ctx = &bench->done;
    stage.now_ms = 10;
    stage.limit = 10;
    store_thread_submit(bench->thread, &stage.job);
    loop_until(&bench->loop, &bench->done, 1);
    assert_int_equal(stage.job.result, ERR_STORE);
    assert_int_equal(tmpstore_int(&bench->store, "SELECT claim FROM outbox"), 99);
    tmpstore_sql(&bench->store, "DROP TRIGGER no");
    store_thread_submit(bench->thread, &stage.job);
    loop_until(&bench->loop, &bench->done, 2);
    assert_int_equal(stage.count, 1);
    outbox_stage_deinit(&stage);
    /* once is enough: what this session claims stays claimed */
    store_thread_submit(bench->thread, &stage.job);
    loop_until(&bench->loop, &bench->done, 3);
    assert_int_equal(stage.count, 0);
}

static void test_a_look_waits_for_the_commit(void **state)
{
    struct bench *bench = *state;
    struct change_look look;
    struct sql_job job;

    change_look_init(&look, 0, count_done);
    look.job.ctx = &bench->done;
    store_thread_submit(bench->thread, &look.job); /* the first look at a store says it is new */
    loop_until(&bench->loop, &bench->done, 1);
    assert_true(look.changed);

    /* patient, but not in anybody's way */
    change_look_init(&look, INT64_C(3600) * 1000000, count_done);
    look.job.ctx = &bench->done;
    store_thread_submit(bench->thread, &look.job);
    submit(bench, &job, true, ADD("own"), 0);
    loop_until(&bench->loop, &bench->done, 3);
    assert_false(look.changed);

    look.job.ctx = &bench->done;
    store_thread_submit(bench->thread, &look.job);
    tmpstore_sql(&bench->store, ADD("theirs")); /* while it looks, or before */
    loop_until(&bench->loop, &bench->done, 4);
    assert_true(look.changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_done_comes_on_the_loop_after_the_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jobs_queued_together_share_one_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_job_is_rolled_back_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_read_sees_the_write_before_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_s_lock_fails_all_that_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_fails_the_group_and_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_store_that_goes_and_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_corrupt_store_and_its_repair, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_cannot_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_start_fails_with_its_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_done_may_submit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_earlier_session_is_over_even_after_a_rollback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_look_waits_for_the_commit, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
