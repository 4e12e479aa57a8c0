/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "sim/json.h"

static const struct json_field fields[] = {
    {"name", JSON_STRING, true},
    {"size", JSON_NUMBER | JSON_NULL, false},
    {"on", JSON_BOOL, false},
    {"list", JSON_ARRAY | JSON_OBJECT, false},
    {NULL, 0, false},
};

static bool parses(const char *text, size_t length)
{
    cJSON *value = json_parse(text, length);
    bool parsed = value != NULL;

    cJSON_Delete(value);
    return parsed;
}

static void test_parse(void **state)
{
    static const char *const good[] = {"{}", " [1, 2.5e3, null] ", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", "0"};
    static const char *const bad[] = {"",
                                      "{} {}",
                                      "{",
                                      "nul",
                                      "'x'",
                                      "[1,]",
                                      "\"\xFF\"",
                                      "\"\xC0\xAF\"",
                                      "\"\xED\xA0\x80\"",
                                      "\"\xF4\x90\x80\x80\"",
                                      "\"\xE2\x82\"",
                                      "{}x"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!parses(good[i], strlen(good[i])))
            fail_msg("%s was refused", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parses(bad[i], strlen(bad[i])))
            fail_msg("%s was read", bad[i]);
    }
    assert_false(parses("{}\0{}", 5));
}

static void test_check(void **state)
{
    static const struct {
        const char *text;
        const char *wrong; /* part of the reason; NULL = fits */
    } cases[] = {
        {"{\"name\":\"x\"}", NULL},
        {"{\"size\":null,\"name\":\"\",\"on\":false,\"list\":{}}", NULL},
        {"{\"name\":\"x\",\"size\":1,\"list\":[]}", NULL},
        {"{}", "missing member 'name'"},
        {"[]", "not a JSON object"},
        {"null", "not a JSON object"},
        {"{\"name\":1}", "wrong JSON type of 'name'"},
        {"{\"name\":\"x\",\"size\":\"1\"}", "wrong JSON type of 'size'"},
        {"{\"name\":\"x\",\"on\":null}", "wrong JSON type of 'on'"},
        {"{\"name\":\"x\",\"Name\":\"y\"}", "unknown member 'Name'"},
        {"{\"name\":\"x\",\"name\":\"y\"}", "member given twice 'name'"},
    };
    char reason[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *value = json_parse(cases[i].text, strlen(cases[i].text));
        const char *wrong = json_check(value, fields, reason, sizeof(reason));
        cJSON_Delete(value);
        if ((wrong == NULL) != (cases[i].wrong == NULL) || (wrong && !strstr(wrong, cases[i].wrong)))
            fail_msg("%s: %s", cases[i].text, wrong ? wrong : "fits");
    }
}

static void test_getters(void **state)
{
    static const char text[] = "{\"s\":\"x\",\"n\":2.5,\"i\":-7,\"big\":1e300,\"t\":true,\"f\":false,\"z\":null}";
    cJSON *value = json_parse(text, strlen(text));
    double number = 0;

    (void)state;
    assert_string_equal(json_string(value, "s"), "x");
    assert_null(json_string(value, "n"));
    assert_null(json_string(value, "S"));
    assert_true(json_number(value, "n", &number) && number == 2.5);
    assert_false(json_number(value, "s", &number));
    assert_int_equal(json_int(value, "i", 1), -7);
    assert_int_equal(json_int(value, "n", 1), 1);
    assert_int_equal(json_int(value, "big", 1), 1);
    assert_int_equal(json_int(value, "none", 1), 1);
    assert_true(json_bool(value, "t", false));
    assert_false(json_bool(value, "f", true));
    assert_true(json_bool(value, "z", true));
    assert_null(json_member(NULL, "s"));
    cJSON_Delete(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_getters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
