/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

static void test_grows_and_stays_a_string(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 0);
    assert_string_equal(buf_text(&buf), "");
    for (int i = 0; i < 10000; i++) {
        buf_add_char(&buf, 'a');
        assert_int_equal(strlen(buf_text(&buf)), i + 1);
    }
    assert_int_equal(buf.length, 10000);
    assert_true(buf.capacity < 40000);
    buf_clear(&buf);
    assert_string_equal(buf_text(&buf), "");
    assert_true(buf.capacity >= 10000);
    buf_add_text(&buf, "");
    buf_add(&buf, NULL, 0);
    assert_string_equal(buf_text(&buf), "");
    buf_deinit(&buf);
    buf_deinit(&buf);
}

static void test_numbers_and_formats(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 0);
    buf_add_int(&buf, 0);
    buf_add_char(&buf, ' ');
    buf_add_int(&buf, LLONG_MAX);
    buf_add_char(&buf, ' ');
    buf_add_int(&buf, LLONG_MIN);
    buf_addf(&buf, " %s-%05d%c", "x", 42, '!');
    assert_string_equal(buf_text(&buf), "0 9223372036854775807 -9223372036854775808 x-00042!");
    buf_clear(&buf);
    buf_addf(&buf, "%5000d", 1);
    assert_int_equal(buf.length, 5000);
    assert_int_equal(buf.data[4999], '1');
    buf_deinit(&buf);
}

static void test_cap_is_exact_and_sticky(void **state)
{
    struct buf buf;

    (void)state;
    for (size_t limit = 1; limit < 700; limit += 37) {
        buf_init(&buf, limit);
        for (size_t i = 0; i < limit; i++)
            buf_add_char(&buf, 'x');
        assert_int_equal(buf_error(&buf), 0);
        assert_int_equal(buf.length, limit);
        buf_add_char(&buf, 'y');
        assert_int_equal(buf_error(&buf), ERR_TOOBIG);
        buf_add(&buf, "", 0);
        assert_int_equal(buf_error(&buf), ERR_TOOBIG);
        assert_int_equal(buf.length, limit);
        assert_null(strchr(buf_text(&buf), 'y'));
        buf_clear(&buf);
        assert_int_equal(buf_error(&buf), 0);
        buf_add_text(&buf, "z");
        assert_string_equal(buf_text(&buf), "z");
        buf_deinit(&buf);
    }
}

/* The error must not be overtaken by a small append that would still fit. */
static void test_nothing_is_added_after_an_error(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 10);
    buf_add_text(&buf, "12345678");
    buf_add_text(&buf, "abcdef");
    buf_add_char(&buf, '9');
    buf_addf(&buf, "%d", 9);
    buf_add_json_string(&buf, "");
    assert_string_equal(buf_text(&buf), "12345678");
    assert_int_equal(buf_error(&buf), ERR_TOOBIG);
    assert_null(buf_take(&buf));
    assert_int_equal(buf_error(&buf), 0);
    assert_int_equal(buf.length, 0);
    buf_init(&buf, 0);
    buf_add(&buf, "x", SIZE_MAX);
    assert_int_equal(buf_error(&buf), ERR_TOOBIG);
    buf_deinit(&buf);
}

static void test_take_hands_over(void **state)
{
    struct buf buf;
    char *text;

    (void)state;
    buf_init(&buf, 100);
    text = buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
    buf_add_text(&buf, "mine");
    text = buf_take(&buf);
    assert_string_equal(text, "mine");
    assert_null(buf.data);
    assert_int_equal(buf.limit, 100);
    free(text);
    buf_add_text(&buf, "secret");
    buf_wipe(&buf);
    assert_null(buf.data);
}

static void check_json(const char *text, const char *expected)
{
    struct buf buf;

    buf_init(&buf, 0);
    buf_add_json_string(&buf, text);
    assert_string_equal(buf_text(&buf), expected);
    buf_deinit(&buf);
}

static void test_json_escapes(void **state)
{
    (void)state;
    check_json(NULL, "\"\"");
    check_json("", "\"\"");
    check_json("plain", "\"plain\"");
    check_json("\"", "\"\\\"\"");
    check_json("\\", "\"\\\\\"");
    check_json("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
    check_json("\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"");
    check_json("\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"");
    check_json("x\ny", "\"x\\ny\"");
}

static void test_json_keeps_characters_and_replaces_bytes(void **state)
{
    (void)state;
    check_json("Zoë’s 📱", "\"Zoë’s 📱\"");
    check_json("\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
               "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"");
    check_json("\xFF", "\"\uFFFD\"");
    check_json("a\xC3", "\"a\uFFFD\"");
    check_json("a\xC3(b", "\"a\uFFFD(b\"");
    check_json("\xC0\x80", "\"\uFFFD\uFFFD\"");                       /* overlong NUL */
    check_json("\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\"");             /* surrogate */
    check_json("\xF4\x90\x80\x80z", "\"\uFFFD\uFFFD\uFFFD\uFFFDz\""); /* above U+10FFFF */
    check_json("\xE2\x82", "\"\uFFFD\uFFFD\"");                       /* cut off by the end */
}

/* Whatever bytes come in, cJSON reads back a string; and the same one when they were UTF-8. */
static void test_json_is_always_valid(void **state)
{
    uint64_t random = 88172645463325252;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        struct buf buf;
        cJSON *parsed;
        size_t length = (size_t)round % sizeof(text);

        for (size_t i = 0; i < length; i++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            text[i] = (char)(1 + (random >> 33) % 255);
        }
        text[length] = '\0';
        buf_init(&buf, 0);
        buf_add_json_string(&buf, text);
        parsed = cJSON_ParseWithOpts(buf_text(&buf), NULL, 1);
        assert_non_null(parsed);
        assert_true(cJSON_IsString(parsed));
        if (strstr(buf_text(&buf), "\uFFFD") == NULL)
            assert_string_equal(parsed->valuestring, text);
        cJSON_Delete(parsed);
        buf_deinit(&buf);
    }
}

/* Plain bytes are looked at eight at a time: each byte, at each place, beside each kind of neighbour. */
static void test_json_every_byte_at_every_place(void **state)
{
    static const char neighbours[] = {'a', ' ', '~', '!', '#', '[', ']', '\x7f'};

    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        for (size_t place = 0; place < 16; place++) {
            char text[24], expected[64], middle[8];

            memset(text, neighbours[(byte + place) % sizeof(neighbours)], 20);
            text[20] = '\0';
            text[place] = (char)byte;
            if (byte >= 0x80)
                snprintf(middle, sizeof(middle), "\uFFFD");
            else if (byte == '"' || byte == '\\')
                snprintf(middle, sizeof(middle), "\\%c", (int)byte);
            else if (byte >= 0x20)
                snprintf(middle, sizeof(middle), "%c", (int)byte);
            else if (strchr("\b\t\n\f\r", (int)byte) != NULL)
                snprintf(middle, sizeof(middle), "\\%c", "btn?fr"[byte - 8]);
            else
                snprintf(middle, sizeof(middle), "\\u%04x", byte);
            snprintf(expected, sizeof(expected), "\"%.*s%s%s\"", (int)place, text, middle, text + place + 1);
            check_json(text, expected);
        }
    }
}

static void test_url(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 0);
    buf_add_url(&buf, "AZaz09-._~");
    buf_add_char(&buf, '|');
    buf_add_url(&buf, "jo#e+x y/é%@contoso.com");
    buf_add_url(&buf, "");
    assert_string_equal(buf_text(&buf), "AZaz09-._~|jo%23e%2Bx%20y%2F%C3%A9%25%40contoso.com");
    buf_deinit(&buf);
}

static void test_base64url(void **state)
{
    /* RFC 4648 section 10, without padding, and the two letters that differ from base64. */
    static const char *const cases[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF\xFE", "-__-"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf buf;

        buf_init(&buf, 0);
        buf_add_base64url(&buf, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(buf_text(&buf), cases[i][1]);
        buf_deinit(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_stays_a_string),
        cmocka_unit_test(test_numbers_and_formats),
        cmocka_unit_test(test_cap_is_exact_and_sticky),
        cmocka_unit_test(test_nothing_is_added_after_an_error),
        cmocka_unit_test(test_take_hands_over),
        cmocka_unit_test(test_json_escapes),
        cmocka_unit_test(test_json_keeps_characters_and_replaces_bytes),
        cmocka_unit_test(test_json_is_always_valid),
        cmocka_unit_test(test_json_every_byte_at_every_place),
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_base64url),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
