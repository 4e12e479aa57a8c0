/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/guid.h"

static void test_format_and_parse(void **state)
{
    struct guid guid = {
        {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}};
    struct guid back;
    char text[GUID_TEXT];

    (void)state;
    assert_string_equal(guid_format(&guid, text), "00112233-4455-6677-8899-aabbccddeeff");
    assert_int_equal(guid_parse("00112233-4455-6677-8899-AaBbCcDdEeFf", &back), 0);
    assert_memory_equal(&guid, &back, sizeof(guid));
}

static void test_refuses_other_forms(void **state)
{
    static const char *const cases[] = {
        "",
        "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeeff0",
        "{00112233-4455-6677-8899-aabbccddeeff}",
        "00112233445566778899aabbccddeeff",
        "0011223-34455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899_aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeefg",
        "00112233-4455-6677-8899-aabbccddee f",
        " 00112233-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeeff ",
        "--------------------------------------",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guid guid = {{7}};

        if (guid_parse(cases[i], &guid) != ERR_INVALID || guid.bytes[0] != 7 || guid_is_valid(cases[i]))
            fail_msg("\"%s\" was read", cases[i]);
    }
    assert_false(guid_is_valid(NULL));
    assert_true(guid_is_valid("FFFFFFFF-ffff-0000-0000-000000000000"));
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct guid));
}

enum { MANY = 20000 };

static void test_random_ones_are_version_4_and_differ(void **state)
{
    struct guid *guids = calloc(MANY, sizeof(*guids));
    unsigned ones[128] = {0};

    (void)state;
    assert_non_null(guids);
    for (size_t i = 0; i < MANY; i++) {
        guid_random(&guids[i]);
        assert_int_equal(guids[i].bytes[6] >> 4, 4);
        assert_int_equal(guids[i].bytes[8] >> 6, 2);
        for (size_t bit = 0; bit < 128; bit++)
            ones[bit] += (unsigned)guids[i].bytes[bit / 8] >> bit % 8 & 1U;
    }
    /* Every bit but the six fixed ones is a coin: 20,000 throws stay within 8 standard deviations of the half. */
    for (size_t bit = 0; bit < 128; bit++) {
        if ((bit / 8 == 6 && bit % 8 >= 4) || (bit / 8 == 8 && bit % 8 >= 6))
            continue;
        assert_in_range(ones[bit], MANY / 2 - 566, MANY / 2 + 566);
    }
    qsort(guids, MANY, sizeof(*guids), compare);
    for (size_t i = 1; i < MANY; i++)
        assert_int_not_equal(compare(&guids[i - 1], &guids[i]), 0);
    free(guids);
}

static void *draw(void *ret)
{
    for (int i = 0; i < 4; i++)
        guid_random(&((struct guid *)ret)[i]);
    return NULL;
}

static void test_threads_draw_differently(void **state)
{
    struct guid drawn[8][4];
    pthread_t threads[8];

    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, draw, drawn[i]), 0);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    qsort(drawn, 32, sizeof(drawn[0][0]), compare);
    for (size_t i = 1; i < 32; i++)
        assert_int_not_equal(compare(&drawn[0][0] + i - 1, &drawn[0][0] + i), 0);
}

static void test_u64(void **state)
{
    uint64_t all = 0, common = UINT64_MAX;

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint64_t bits = guid_random_u64();

        all |= bits;
        common &= bits;
    }
    assert_true(all == UINT64_MAX);
    assert_true(common == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_and_parse),
        cmocka_unit_test(test_refuses_other_forms),
        cmocka_unit_test(test_random_ones_are_version_4_and_differ),
        cmocka_unit_test(test_threads_draw_differently),
        cmocka_unit_test(test_u64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
