/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "daemon/stats.h"

static struct outbox_item item = {.priority = PRIORITY_WORSENING, .queued_at_ms = 1000};

static void count(struct stats *stats, enum channel channel, enum outbox_outcome outcome)
{
    const struct outbox_result result = {.item = &item, .outcome = outcome, .at_ms = 1400};
    stats_count_report(stats, channel, &result);
}

static void test_a_connection_finds_its_own_again(void **state)
{
    struct stats *list = NULL;
    struct stats *one = stats_of(&list, "one"), *other = stats_of(&list, "other");
    (void)state;
    assert_ptr_not_equal(one, other);
    count(one, CHANNEL_GRAPH, OUTBOX_SUCCESS);
    assert_ptr_equal(stats_of(&list, "one"), one);
    assert_int_equal(one->channel[CHANNEL_GRAPH].reports[PRIORITY_WORSENING][STATS_ACCEPTED], 1);
    assert_int_equal(other->channel[CHANNEL_GRAPH].reports[PRIORITY_WORSENING][STATS_ACCEPTED], 0);
    stats_free(list);
}

/* On the Graph channel acceptance is the verdict, on the partner's it is not. */
static void test_reports_by_what_came_of_them(void **state)
{
    struct stats *list = NULL, *stats = stats_of(&list, "one");
    struct stats_channel *graph = &stats->channel[CHANNEL_GRAPH], *partner = &stats->channel[CHANNEL_PARTNER];
    (void)state;
    count(stats, CHANNEL_GRAPH, OUTBOX_SUCCESS);
    count(stats, CHANNEL_PARTNER, OUTBOX_ACCEPTED);
    count(stats, CHANNEL_PARTNER, OUTBOX_REFUSED);
    count(stats, CHANNEL_PARTNER, OUTBOX_TRANSIENT);
    count(stats, CHANNEL_PARTNER, OUTBOX_RELEASED);
    for (int outcome = 0; outcome < STATS_OUTCOME_COUNT; outcome++)
        assert_int_equal(partner->reports[PRIORITY_WORSENING][outcome], 1);
    assert_int_equal(histogram_count(&graph->accepted[PRIORITY_WORSENING]), 1);
    assert_int_equal(histogram_count(&graph->verdict[PRIORITY_WORSENING]), 1);
    assert_int_equal(histogram_count(&partner->accepted[PRIORITY_WORSENING]), 1);
    assert_int_equal(histogram_count(&partner->verdict[PRIORITY_WORSENING]), 0);
    assert_true(graph->accepted[PRIORITY_WORSENING].sum > 0.399 && graph->accepted[PRIORITY_WORSENING].sum < 0.401);
    stats_free(list);
}

/* Times to a verdict are those of verdicts: one that never came has none. */
static void test_verdicts(void **state)
{
    struct stats *list = NULL, *stats = stats_of(&list, "one");
    struct message message = {.priority = PRIORITY_CHANGE, .queued_at_ms = 1000};
    struct message_result result = {.message = &message, .at_ms = 3000};
    (void)state;
    for (int verdict = 0; verdict < STATS_VERDICT_COUNT; verdict++) {
        result.verdict = (enum message_verdict)verdict;
        stats_count_verdict(stats, &result);
        assert_int_equal(stats->verdicts[verdict], 1);
    }
    assert_int_equal(histogram_count(&stats->channel[CHANNEL_PARTNER].verdict[PRIORITY_CHANGE]), 2);
    assert_true(stats->channel[CHANNEL_PARTNER].verdict[PRIORITY_CHANGE].sum > 3.99);
    stats_free(list);
}

static void test_every_word_is_one_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < STATS_CLASS_COUNT; i++) {
        for (int k = 0; k < i; k++)
            assert_string_not_equal(stats_class_name((enum outcome_class)i), stats_class_name((enum outcome_class)k));
    }
    for (int i = 0; i < STATS_VERDICT_COUNT; i++)
        assert_non_null(stats_verdict_name((enum message_verdict)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection_finds_its_own_again),
        cmocka_unit_test(test_reports_by_what_came_of_them),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_every_word_is_one_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
