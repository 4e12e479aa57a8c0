/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "model/action.h"
#include "model/decision.h"

/*
 * Every input there can be, against a table of circumstances. The table is written to be read beside section 2 of the
 * contract, not beside the code: its rows exclude one another, so their order means nothing, and each input must fit
 * exactly one.
 */

/* What can be the case. */
enum {
    GONE = 1 << 0,    /* the row was deleted */
    MANAGED = 1 << 1, /* managed = 1 */
    NO_ID = 1 << 2,   /* azure_device_id is empty ... */
    GOOD_ID = 1 << 3, /* ... or a GUID ... */
    BAD_ID = 1 << 4,  /* ... or something else */
    KNOWN = 1 << 5,   /* Microsoft holds a device as ours: last told compliant or not compliant */
    OTHER = 1 << 6,   /* what was last told was about another id or connection */
    READABLE = 1 << 7,
    MYSTERY = 1 << 8,   /* violates a policy that nobody knows */
    EVALUATED = 1 << 9, /* evaluated_at is set */
    WINDOWS = 1 << 10,
    USER = 1 << 11,
    OLD_USER = 1 << 12, /* the user of the last report is remembered */
    MILD = 1 << 13,     /* strictest action: none, monitor, send_alert */
    HARD = 1 << 14,     /* block_email, block_appconnect, quarantine */
    FINAL = 1 << 15,    /* retire */
};

/* Ours alone and still here, with an id that can be used and columns that can be read: the device is reported or
 * waits. */
#define HERE GOOD_ID | READABLE

struct row {
    unsigned all;  /* these are the case */
    unsigned none; /* these are not */
    int foreign;   /* 1: KNOWN and OTHER both; -1: not both; 0: either */
    enum decision_kind kind;
    int told; /* enum azure_state, or KEEPS */
    enum reason reason;
    bool by_action; /* the strictest action is named */
};

enum { KEEPS = -1 };

static const struct row rows[] = {
    /* deleted */
    {GONE | KNOWN, 0, 0, DECISION_RETIRE, AZURE_STATE_REMOVED, REASON_NONE, false},
    {GONE, KNOWN, 0, DECISION_NOTHING, KEEPS, REASON_NONE, false},

    /* an id that is none: parked, and the old one is left alone */
    {BAD_ID, GONE, 0, DECISION_PARK, KEEPS, REASON_BAD_AZURE_ID, false},

    /* the id was changed or emptied, or the connection changed */
    {0, GONE | BAD_ID, 1, DECISION_RETIRE, AZURE_STATE_REMOVED, REASON_NONE, false},

    /* not registered */
    {NO_ID, GONE | MANAGED, -1, DECISION_NOTHING, KEEPS, REASON_NONE, false},
    {NO_ID | MANAGED, GONE | READABLE, -1, DECISION_PARK, KEEPS, REASON_BAD_DATA, false},
    {NO_ID | MANAGED | READABLE, GONE, -1, DECISION_WAIT, KEEPS, REASON_NOT_REGISTERED, false},

    /* registered, but unreadable */
    {GOOD_ID, GONE | READABLE, -1, DECISION_PARK, KEEPS, REASON_BAD_DATA, false},

    /* no longer managed: a fact that needs no evaluation, and on the partner channel a user of now or then */
    {HERE | WINDOWS, GONE | MANAGED, -1, DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, false},
    {HERE | USER, GONE | MANAGED | WINDOWS, -1, DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, false},
    {HERE | OLD_USER, GONE | MANAGED | WINDOWS | USER, -1, DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, false},
    {HERE, GONE | MANAGED | WINDOWS | USER | OLD_USER, -1, DECISION_PARK, KEEPS, REASON_NO_USER, false},

    /* data is missing */
    {HERE | MANAGED | MYSTERY, GONE, -1, DECISION_WAIT, KEEPS, REASON_UNKNOWN_POLICY, false},
    {HERE | MANAGED, GONE | MYSTERY | EVALUATED, -1, DECISION_WAIT, KEEPS, REASON_NOT_EVALUATED, false},

#define JUDGED HERE | MANAGED | EVALUATED
#define NOT    GONE | MYSTERY
    /* retire */
    {JUDGED | FINAL | WINDOWS, NOT, -1, DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, true},
    {JUDGED | FINAL | USER, NOT | WINDOWS, -1, DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, true},
    {JUDGED | FINAL | OLD_USER, NOT | WINDOWS | USER, -1, DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, true},
    {JUDGED | FINAL, NOT | WINDOWS | USER | OLD_USER, -1, DECISION_PARK, KEEPS, REASON_NO_USER, true},
    /* block and quarantine */
    {JUDGED | HARD | WINDOWS, NOT, -1, DECISION_REPORT, AZURE_STATE_NON_COMPLIANT, REASON_NONE, true},
    {JUDGED | HARD | USER, NOT | WINDOWS, -1, DECISION_REPORT, AZURE_STATE_NON_COMPLIANT, REASON_NONE, true},
    {JUDGED | HARD, NOT | WINDOWS | USER, -1, DECISION_PARK, KEEPS, REASON_NO_USER, true},
    /* nothing grave */
    {JUDGED | MILD | WINDOWS, NOT, -1, DECISION_REPORT, AZURE_STATE_COMPLIANT, REASON_NONE, true},
    {JUDGED | MILD | USER, NOT | WINDOWS, -1, DECISION_REPORT, AZURE_STATE_COMPLIANT, REASON_NONE, true},
    {JUDGED | MILD, NOT | WINDOWS | USER, -1, DECISION_PARK, KEEPS, REASON_NO_USER, true},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static unsigned if_so(bool condition, unsigned fact)
{
    return condition ? fact : 0;
}

/* The actions by their bits: 1 monitor, 2 send_alert, 4 block_email, 8 block_appconnect, 16 quarantine, 32 retire. */
static unsigned facts_of(const struct decision_input *input)
{
    unsigned facts = input->actions >= 32 ? FINAL : input->actions >= 4 ? HARD : MILD;
    bool known = input->reported_state == AZURE_STATE_COMPLIANT || input->reported_state == AZURE_STATE_NON_COMPLIANT;

    facts |= input->exists ? 0 : GONE;
    facts |= input->has_azure_id ? (input->azure_id_valid ? GOOD_ID : BAD_ID) : NO_ID;
    facts |= input->reported_same_subject ? 0 : OTHER;
    facts |= if_so(input->managed, MANAGED) | if_so(known, KNOWN) | if_so(input->text_valid, READABLE);
    facts |= if_so(input->unknown_policy, MYSTERY) | if_so(input->evaluated, EVALUATED);
    facts |= if_so(input->platform == PLATFORM_WINDOWS, WINDOWS) | if_so(input->has_user, USER);
    return facts | if_so(input->reported_has_user, OLD_USER);
}

static bool fits(const struct row *row, unsigned facts)
{
    bool foreign = (facts & (KNOWN | OTHER)) == (KNOWN | OTHER);

    if (row->foreign != 0 && foreign != (row->foreign > 0))
        return false;
    return (facts & row->all) == row->all && (facts & row->none) == 0;
}

/* Input number n of all there are. */
enum { BOOLEANS = 10, INPUTS = 64 << BOOLEANS << 2 << 2 };

static struct decision_input input_at(unsigned n)
{
    return (struct decision_input){
        .exists = n & 1,
        .managed = n >> 1 & 1,
        .evaluated = n >> 2 & 1,
        .has_azure_id = n >> 3 & 1,
        .azure_id_valid = n >> 4 & 1,
        .has_user = n >> 5 & 1,
        .text_valid = n >> 6 & 1,
        .unknown_policy = n >> 7 & 1,
        .reported_same_subject = n >> 8 & 1,
        .reported_has_user = n >> 9 & 1,
        .platform = (enum platform)(n >> BOOLEANS & 3),
        .reported_state = (enum azure_state)(n >> (BOOLEANS + 2) & 3),
        .actions = n >> (BOOLEANS + 4),
    };
}

static int highest_bit(unsigned bits)
{
    int highest = -1;

    for (; bits != 0; bits >>= 1)
        highest++;
    return highest;
}

static void test_every_input(void **state)
{
    unsigned used[ROWS] = {0};

    (void)state;
    for (unsigned n = 0; n < INPUTS; n++) {
        struct decision_input input = input_at(n);
        struct decision decision = decision_make(&input);
        unsigned facts = facts_of(&input);
        const struct row *expected = NULL;
        int told;

        for (size_t i = 0; i < ROWS; i++) {
            if (!fits(&rows[i], facts))
                continue;
            if (expected != NULL)
                fail_msg("facts %#x fit two rows", facts);
            expected = &rows[i];
            used[i]++;
        }
        if (expected == NULL)
            fail_msg("facts %#x fit no row", facts);
        told = expected->told == KEEPS ? (int)input.reported_state : expected->told;
        if (decision.kind != expected->kind || (int)decision.state != told || decision.reason != expected->reason ||
            decision.strictest != (expected->by_action ? highest_bit(input.actions) : -1))
            fail_msg("input %u (facts %#x, row %zu) gave kind %d, state %d, reason %s, strictest %d", n, facts,
                     (size_t)(expected - rows), (int)decision.kind, (int)decision.state, reason_slug(decision.reason),
                     decision.strictest);
    }
    for (size_t i = 0; i < ROWS; i++)
        assert_true(used[i] > 0);
}

/* The platform of an unreadable row can be any number. */
static void test_unreadable_platform_is_not_looked_at(void **state)
{
    struct decision_input input = {
        .exists = true, .managed = true, .evaluated = true, .has_azure_id = true, .azure_id_valid = true};

    (void)state;
    input.platform = (enum platform)77;
    assert_int_equal(decision_make(&input).kind, DECISION_PARK);
    assert_int_equal(decision_make(&input).reason, REASON_BAD_DATA);
}

/* The stories that operators will tell. */
static void test_life_of_a_device(void **state)
{
    struct decision_input input = {.exists = true, .managed = true, .platform = PLATFORM_IOS, .text_valid = true};
    struct decision decision;

    (void)state;
    assert_int_equal(decision_make(&input).reason, REASON_NOT_REGISTERED);
    input.has_azure_id = input.azure_id_valid = input.has_user = input.reported_same_subject = true;
    assert_int_equal(decision_make(&input).reason, REASON_NOT_EVALUATED);
    input.evaluated = true;
    decision = decision_make(&input);
    assert_int_equal(decision.kind, DECISION_REPORT);
    assert_int_equal(decision.state, AZURE_STATE_COMPLIANT);
    input.reported_state = AZURE_STATE_COMPLIANT;
    input.reported_has_user = true;
    input.actions = 1U << ACTION_SEND_ALERT | 1U << ACTION_QUARANTINE;
    decision = decision_make(&input);
    assert_int_equal(decision.state, AZURE_STATE_NON_COMPLIANT);
    assert_int_equal(decision.strictest, ACTION_QUARANTINE);
    /* its policy vanishes: what was said stays said */
    input.reported_state = AZURE_STATE_NON_COMPLIANT;
    input.unknown_policy = true;
    decision = decision_make(&input);
    assert_int_equal(decision.kind, DECISION_WAIT);
    assert_int_equal(decision.state, AZURE_STATE_NON_COMPLIANT);
    /* registered anew: the old id goes first, even before that policy is found */
    input.reported_same_subject = false;
    assert_int_equal(decision_make(&input).kind, DECISION_RETIRE);
    /* the old id is told removed: now the new one's turn */
    input.reported_state = AZURE_STATE_REMOVED;
    input.unknown_policy = false;
    assert_int_equal(decision_make(&input).kind, DECISION_REPORT);
    /* unmanaged, its user gone too: the remembered one serves */
    input.managed = input.has_user = false;
    decision = decision_make(&input);
    assert_int_equal(decision.kind, DECISION_REPORT);
    assert_int_equal(decision.state, AZURE_STATE_REMOVED);
    input.exists = false;
    assert_int_equal(decision_make(&input).kind, DECISION_NOTHING);
}

static void test_worsening(void **state)
{
    static const bool expected[4][4] = {
        /* from \ to        none   compliant  non_compliant  removed */
        /* none          */ {false, false, true, true},
        /* compliant     */ {false, false, true, true},
        /* non_compliant */ {false, false, false, true},
        /* removed       */ {false, false, false, false},
    };

    (void)state;
    for (int from = 0; from < 4; from++) {
        for (int to = 0; to < 4; to++)
            assert_int_equal(decision_is_worsening((enum azure_state)from, (enum azure_state)to), expected[from][to]);
    }
}

/* Whatever else is the case: what is held is told as it was told, or not at all. */
static void test_a_held_device_is_told_nothing_new(void **state)
{
    (void)state;
    for (unsigned n = 0; n < INPUTS; n++) {
        struct decision_input input = input_at(n);
        struct decision without = decision_make(&input);
        bool tells = without.kind == DECISION_REPORT || without.kind == DECISION_RETIRE;

        input.held = true;
        struct decision with = decision_make(&input);
        assert_int_not_equal(with.kind, DECISION_RETIRE);
        assert_int_equal(with.kind == DECISION_REPORT || tells ? with.state : input.reported_state,
                         input.reported_state);
        if (!tells)
            assert_memory_equal(&with, &without, sizeof(with));
        if (with.kind == DECISION_REPORT)
            assert_true(tells && input.reported_same_subject && input.reported_state != AZURE_STATE_NONE);
        if (with.kind == DECISION_WAIT && tells)
            assert_int_equal(with.reason, REASON_HELD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_held_device_is_told_nothing_new),
        cmocka_unit_test(test_every_input),
        cmocka_unit_test(test_unreadable_platform_is_not_looked_at),
        cmocka_unit_test(test_life_of_a_device),
        cmocka_unit_test(test_worsening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
