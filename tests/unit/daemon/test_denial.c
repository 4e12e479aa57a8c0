/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/denial.h"

#include <stdlib.h>

#include "unit.h"

enum { MOST = 4 };

/* A batch of devices, and what each was answered: D denied, A accepted, U unknown, T try later, C denied and held to
 * be the app's. */
struct batch {
    const char *devices[MOST];
    const char *answers;
    bool apps;          /* expected */
    const char *parked; /* expected, when it is the app */
};

static void answer(char letter, struct outcome *outcome)
{
    *outcome = (struct outcome){.class = OUTCOME_DEVICE, .reason = REASON_DEVICE_REFUSED};
    outcome->denied = letter == 'D' || letter == 'C';
    if (letter == 'A')
        outcome->class = OUTCOME_ACCEPTED;
    else if (letter == 'T')
        outcome->class = OUTCOME_TRANSIENT;
    else if (letter == 'C')
        outcome->class = OUTCOME_CONNECTION;
}

static void judge(struct denial *denial, const struct batch *batch)
{
    struct flight *flight = calloc(1, sizeof(*flight) + MOST * sizeof(struct outbox_item *));
    struct outbox_item items[MOST] = {0};
    struct outcome outcomes[MOST], whole = {.class = OUTCOME_ACCEPTED};
    char parked[256] = "";

    assert_non_null(flight);
    for (; batch->answers[flight->count]; flight->count++) {
        items[flight->count].report.device_id = batch->devices[flight->count];
        flight->items[flight->count] = &items[flight->count];
        answer(batch->answers[flight->count], &outcomes[flight->count]);
    }
    assert_int_equal(denial_judge(denial, flight, outcomes, &whole, parked), batch->apps);
    assert_int_equal(whole.class == OUTCOME_CONNECTION, batch->apps);
    for (unsigned i = 0; i < flight->count && batch->apps; i++) {
        assert_int_equal(outcomes[i].class == OUTCOME_CONNECTION, batch->answers[i] == 'D' || batch->answers[i] == 'C');
        assert_true(batch->answers[i] == 'T' || outcomes[i].trouble == TROUBLE_PERMISSION || batch->answers[i] == 'C');
    }
    assert_string_equal(parked, batch->apps ? batch->parked : "");
    free(flight);
}

#define CASE(name, ...)                                                                                                \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        const struct batch batches[] = {__VA_ARGS__};                                                                  \
        struct denial denial = {""};                                                                                   \
        (void)state;                                                                                                   \
        for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)                                              \
            judge(&denial, &batches[i]);                                                                               \
    }

CASE(test_one_device_denied_again_and_again_is_its_own_fault, {{"a"}, "D", false, ""}, {{"a"}, "D", false, ""},
     {{"a"}, "D", false, ""})
CASE(test_a_second_device_makes_it_the_apps, {{"a"}, "D", false, ""}, {{"b"}, "D", true, "a"}, {{"c"}, "D", false, ""})
CASE(test_a_judged_device_in_between_clears_the_app, {{"a"}, "D", false, ""}, {{"x"}, "A", false, ""},
     {{"b"}, "D", false, ""}, {{"x"}, "U", false, ""}, {{"c"}, "D", false, ""})
CASE(test_a_judged_device_in_the_same_batch_clears_the_app, {{"a"}, "D", false, ""}, {{"b", "x"}, "DA", false, ""},
     {{"c"}, "D", false, ""})
CASE(test_what_is_to_be_tried_later_proves_nothing, {{"a", "x"}, "DT", false, ""}, {{"x"}, "T", false, ""},
     {{"x", "b"}, "TD", true, "a"})
CASE(test_a_batch_held_to_be_the_apps_frees_who_was_parked, {{"a"}, "D", false, ""}, {{"b", "c"}, "CC", true, "a"},
     {{"b", "c"}, "CC", true, ""})

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_device_denied_again_and_again_is_its_own_fault),
        cmocka_unit_test(test_a_second_device_makes_it_the_apps),
        cmocka_unit_test(test_a_judged_device_in_between_clears_the_app),
        cmocka_unit_test(test_a_judged_device_in_the_same_batch_clears_the_app),
        cmocka_unit_test(test_what_is_to_be_tried_later_proves_nothing),
        cmocka_unit_test(test_a_batch_held_to_be_the_apps_frees_who_was_parked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
