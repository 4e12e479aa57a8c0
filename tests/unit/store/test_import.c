/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/import.h"

#include "fixture.h"

struct outcome {
    int code;
    struct import_progress done;
    struct import_error where;
    struct error err;
};

static struct outcome import_bytes(struct fixture *fixture, const void *data, size_t length)
{
    struct outcome outcome = {0};
    FILE *in = length > 0 ? fmemopen((void *)(uintptr_t)data, length, "r") : fopen("/dev/null", "re");

    assert_non_null(in);
    outcome.code = import_stream(fixture->database, in, NULL, NULL, NULL, &outcome.done, &outcome.where, &outcome.err);
    fclose(in);
    return outcome;
}

static struct outcome import_text(struct fixture *fixture, const char *text)
{
    return import_bytes(fixture, text, strlen(text));
}

static void expect_import(struct fixture *fixture, const char *text)
{
    struct outcome outcome = import_text(fixture, text);

    if (outcome.code != 0)
        fail_msg("%lld %s: %s", (long long)outcome.where.line, outcome.where.column, outcome.err.message);
}

/* The whole is refused for this, and nothing is left of the good first line. */
static void expect_refusal_of(struct fixture *fixture, struct outcome outcome, int64_t line, const char *column,
                              const char *reason)
{
    assert_int_equal(outcome.code, ERR_INVALID);
    assert_int_equal(outcome.where.line, line);
    assert_string_equal(outcome.where.column, column);
    if (!strstr(outcome.err.message, reason))
        fail_msg("\"%s\" is not in \"%s\"", reason, outcome.err.message);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM device"), "0");
    assert_int_equal(sqlite3_txn_state(fixture->database->handle, NULL), SQLITE_TXN_NONE);
}

static void expect_refusal(struct fixture *fixture, const char *line, const char *column, const char *reason)
{
    char text[4096];

    snprintf(text, sizeof(text), "{\"device\":{\"device_id\":\"good\",\"platform\":\"ios\"}}\n\n%s\n", line);
    expect_refusal_of(fixture, import_text(fixture, text), 3, column, reason);
}

/* Members of a device that are refused. */
static void refuse_device(struct fixture *fixture, const char *members, const char *column, const char *reason)
{
    char line[2048];

    snprintf(line, sizeof(line), "{\"device\":{\"device_id\":\"d\",%s}}", members);
    expect_refusal(fixture, line, column, reason);
}

static void refuse_csv(struct fixture *fixture, const char *text, int64_t line, const char *column, const char *reason)
{
    expect_refusal_of(fixture, import_text(fixture, text), line, column, reason);
}

static const char *row(struct fixture *fixture, const char *device_id)
{
    return tmpstore_text(&fixture->store,
                         "SELECT concat FROM (SELECT connection || '|' || platform || '|' || name || '|' || "
                         "manufacturer || '|' || model || '|' || serial_number || '|' || os_version || '|' || "
                         "user_principal_name || '|' || managed || '|' || azure_device_id || '|' || "
                         "azure_client_status || '|' || ifnull(last_check_in, 'NULL') || '|' || "
                         "ifnull(evaluated_at, 'NULL') AS concat FROM device WHERE device_id = %Q)",
                         device_id);
}

static const char *violations(struct fixture *fixture, const char *device_id)
{
    return tmpstore_text(
        &fixture->store,
        "SELECT group_concat(policy_id) FROM (SELECT policy_id FROM violation WHERE device_id = %Q ORDER BY 1)",
        device_id);
}

static const char *queued(struct fixture *fixture)
{
    return tmpstore_text(&fixture->store,
                         "SELECT group_concat(device_id) FROM (SELECT device_id FROM outbox ORDER BY 1)");
}

static void clear_queue(struct fixture *fixture)
{
    tmpstore_sql(&fixture->store, "DELETE FROM outbox");
}

static const char everything[] =
    "{\"device\":{\"device_id\":\"d\",\"connection\":\"c\",\"platform\":\"windows\",\"name\":\"N\\u00e9\","
    "\"manufacturer\":\"M\",\"model\":\"O\",\"serial_number\":\"S\",\"os_version\":\"V\","
    "\"user_principal_name\":\"U\",\"managed\":false,\"azure_device_id\":\"A\","
    "\"azure_client_status\":\"User_Canceled\",\"last_check_in\":5,\"evaluated_at\":6,"
    "\"violations\":[\"p2\",\"p1\",\"p2\"]}}";
static const char everything_row[] = "c|windows|N\xC3\xA9|M|O|S|V|U|0|A|User_Canceled|5|6";

/* -------------------------------------------------------------------------------------------------------- JSON */

static void test_device(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = import_text(fixture, everything);

    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.done.lines, 1);
    assert_int_equal(outcome.done.bytes, strlen(everything));
    assert_int_equal(outcome.done.devices, 1);
    assert_string_equal(row(fixture, "d"), everything_row);
    assert_string_equal(violations(fixture, "d"), "p1,p2");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM violation "
                                                       "WHERE abs(since - CAST(strftime('%%s') AS INTEGER)) < 600"),
                        "2");
}

static void test_defaults(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, "{\"device\":{\"platform\":\"ios\",\"device_id\":\"d\"}}");
    assert_string_equal(row(fixture, "d"), "default|ios|||||||1|||NULL|NULL");
}

static void test_keeps_what_is_left_out(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, everything);
    expect_import(fixture, "{\"device\":{\"device_id\":\"d\",\"os_version\":\"W\",\"evaluated_at\":null}}");
    assert_string_equal(row(fixture, "d"), "c|windows|N\xC3\xA9|M|O|S|W|U|0|A|User_Canceled|5|NULL");
    assert_string_equal(violations(fixture, "d"), "p1,p2");
    expect_import(fixture, "{\"device\":{\"device_id\":\"d\"}}");
    expect_import(fixture, "{\"device\":{\"device_id\":\"d\",\"violations\":[\"p3\",\"p2\"]}}");
    assert_string_equal(violations(fixture, "d"), "p2,p3");
    expect_import(fixture, "{\"device\":{\"device_id\":\"d\",\"violations\":[]}}");
    assert_string_equal(violations(fixture, "d"), "");
}

/* More sets of columns than there are statements kept. */
static void test_many_sets_of_columns(void **state)
{
    static const char *const columns[] = {"name", "manufacturer", "model", "serial_number", "os_version"};
    struct fixture *fixture = *state;
    char text[8192] = "{\"device\":{\"device_id\":\"d\",\"platform\":\"ios\"}}\n";
    size_t used = strlen(text);

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned set = 1; set < 32; set++) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "{\"device\":{\"device_id\":\"d\"");
            for (unsigned i = 0; i < 5; i++) {
                if (set & 1u << i)
                    used += (size_t)snprintf(text + used, sizeof(text) - used, ",\"%s\":\"%u\"", columns[i], set);
            }
            used += (size_t)snprintf(text + used, sizeof(text) - used, "}}\n");
        }
    }
    expect_import(fixture, text);
    assert_string_equal(row(fixture, "d"), "default|ios|31|31|31|31|31||1|||NULL|NULL");
}

static void test_policy(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, "{\"policy\":{\"policy_id\":\"p\",\"name\":\"P\",\"enabled\":0,"
                           "\"actions\":[\"retire\",\"monitor\"]}}\n{\"policy\":{\"policy_id\":\"q\"}}");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT name || enabled FROM policy WHERE policy_id = 'p'"),
                        "P0");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT name || enabled FROM policy WHERE policy_id = 'q'"),
                        "1");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT group_concat(action) FROM policy_action "
                                                       "WHERE policy_id = 'p'"),
                        "monitor,retire");
    expect_import(fixture, "{\"policy\":{\"policy_id\":\"p\",\"enabled\":true}}");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT name || enabled FROM policy WHERE policy_id = 'p'"),
                        "P1");
    expect_import(fixture, "{\"policy\":{\"policy_id\":\"p\",\"name\":\"\",\"actions\":[\"quarantine\",\"monitor\"]}}");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT name || enabled FROM policy WHERE policy_id = 'p'"),
                        "1");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT group_concat(action) FROM policy_action "
                                                       "WHERE policy_id = 'p'"),
                        "monitor,quarantine");
}

static void test_deletion(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, everything);
    struct outcome outcome = import_text(fixture, "{\"delete_device\":\"d\"}\n{\"delete_device\":\"unknown\"}\n");
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.done.deletions, 2);
    assert_string_equal(row(fixture, "d"), "");
    assert_string_equal(violations(fixture, "d"), "");
    assert_string_equal(queued(fixture), "d");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT device_id FROM tombstone"), "d");
}

/* Each part of a file that is imported again, alone: nothing changed, nothing to report. */
static void test_again_queues_nothing(void **state)
{
    static const char policy[] = "{\"policy\":{\"policy_id\":\"p1\",\"enabled\":1,\"actions\":[\"quarantine\"]}}\n";
    struct fixture *fixture = *state;

    expect_import(fixture, policy);
    expect_import(fixture, everything);
    assert_string_equal(queued(fixture), "d");
    clear_queue(fixture);
    expect_import(fixture, everything);
    expect_import(fixture, policy);
    expect_import(fixture, "{\"device\":{\"device_id\":\"d\",\"last_check_in\":99,\"evaluated_at\":98}}");
    expect_import(fixture, "device_id,violations\nd,p1;p2\n");
    assert_string_equal(queued(fixture), "");

    expect_import(fixture, "{\"device\":{\"device_id\":\"d\",\"violations\":[\"p1\"]}}");
    assert_string_equal(queued(fixture), "d");
    clear_queue(fixture);
    expect_import(fixture, "{\"policy\":{\"policy_id\":\"p1\",\"actions\":[\"quarantine\",\"retire\"]}}");
    assert_string_equal(queued(fixture), "d");
}

static void test_a_new_device_is_queued_once(void **state)
{
    struct fixture *fixture = *state;
    int64_t changes;

    changes = sqlite3_total_changes64(fixture->database->handle);
    expect_import(fixture, everything);
    /* device, 2 violations, outbox: and no second look at the row of the outbox. */
    assert_int_equal(sqlite3_total_changes64(fixture->database->handle) - changes, 4);
}

/* Written in another order than read: what happens to one device stays in its order, whatever stands between. */
static void test_order(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, "{\"device\":{\"device_id\":\"z\",\"platform\":\"ios\",\"name\":\"1\"}}\n"
                           "{\"delete_device\":\"z\"}\n"
                           "{\"device\":{\"device_id\":\"a device with a long id, 2\",\"platform\":\"ios\"}}\n"
                           "{\"device\":{\"device_id\":\"a device with a long id, 1\",\"platform\":\"ios\"}}\n"
                           "{\"device\":{\"device_id\":\"a device with a long id, 2\",\"name\":\"2\"}}\n"
                           "{\"device\":{\"device_id\":\"z\",\"platform\":\"macos\"}}\n"
                           "{\"policy\":{\"policy_id\":\"p\",\"name\":\"1\"}}\n"
                           "{\"device\":{\"device_id\":\"z\",\"name\":\"3\"}}\n"
                           "{\"policy\":{\"policy_id\":\"p\",\"name\":\"2\"}}\n");
    assert_string_equal(row(fixture, "z"), "default|macos|3||||||1|||NULL|NULL");
    assert_string_equal(row(fixture, "a device with a long id, 2"), "default|ios|2||||||1|||NULL|NULL");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT name FROM policy WHERE policy_id = 'p'"), "2");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM device"), "3");
}

static void test_refuses_lines(void **state)
{
    struct fixture *fixture = *state;

    expect_refusal(fixture, "{\"device\":{\"device_id\":\"d\"}", "", "not one JSON object: see byte 28");
    expect_refusal(fixture, "{} x", "", "not one JSON object: see byte 4");
    expect_refusal(fixture, "{\"delete_device\":\"d\"} {\"delete_device\":\"d\"}", "", "not one JSON object");
    expect_refusal(fixture, "{}", "", "one of device, policy and delete_device");
    expect_refusal(fixture, "[]", "", "is a JSON array");
    expect_refusal(fixture, "7", "", "one of device, policy and delete_device");
    expect_refusal(fixture, "{\"devices\":[]}", "devices", "one of device, policy and delete_device");
    expect_refusal(fixture, "{\"Device\":{}}", "Device", "one of device, policy and delete_device");
    expect_refusal(fixture, "{\"delete_device\":\"d\",\"delete_device\":\"e\"}", "delete_device", "one of");
    expect_refusal(fixture, "{\"delete_device\":7}", "delete_device", "must be a string");
    expect_refusal(fixture, "{\"delete_device\":\"\"}", "delete_device", "must not be empty");
    expect_refusal(fixture, "{\"device\":[]}", "device", "must be an object");
    expect_refusal(fixture, "{\"device\":{\"platform\":\"ios\"}}", "device_id", "is missing");
    expect_refusal(fixture, "{\"device\":{\"device_id\":\"\",\"platform\":\"ios\"}}", "device_id", "must not be empty");
    expect_refusal(fixture, "{\"device\":{\"device_id\":\"d\"}}", "platform", "the device is new");
    expect_refusal_of(fixture, import_text(fixture, "\n [{\"delete_device\":\"a\"},\n"), 2, "", "is a JSON array");
    expect_refusal(fixture, "{\"delete_device\":\"a\\u0000b\"}", "", "NUL");
    expect_refusal(fixture, "{\"delete_device\":\"a\xC3(\"}", "", "byte 20 is no UTF-8");
    expect_refusal(fixture, "{\"delete_device\":\"\xED\xA0\x80\"}", "", "no UTF-8");
}

static void test_accepts_an_escaped_backslash_before_u0000(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, "{\"device\":{\"device_id\":\"\\\\u0000\",\"platform\":\"ios\"}}");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT device_id FROM device"), "\\u0000");
}

static void test_refuses_values(void **state)
{
    struct fixture *fixture = *state;

    refuse_device(fixture, "\"colour\":\"red\"", "colour", "is no field of a device");
    refuse_device(fixture, "\"device_id\":\"e\"", "device_id", "is there twice");
    refuse_device(fixture, "\"name\":\"a\",\"name\":\"a\"", "name", "is there twice");
    refuse_device(fixture, "\"violations\":[],\"violations\":[]", "violations", "is there twice");
    refuse_device(fixture, "\"name\":null", "name", "must be a string");
    refuse_device(fixture, "\"name\":5", "name", "must be a string");
    refuse_device(fixture, "\"name\":\"a\\u0007\"", "name", "control character");
    refuse_device(fixture, "\"connection\":\"\"", "connection", "must not be empty");
    refuse_device(fixture, "\"platform\":\"beos\"", "platform", "must be ios, android, macos or windows, not \"beos\"");
    refuse_device(fixture, "\"platform\":\"iOS\"", "platform", "must be ios");
    refuse_device(fixture, "\"azure_client_status\":\"success\"", "azure_client_status", "no Azure client status code");
    refuse_device(fixture, "\"managed\":2", "managed", "must be 0, 1, true or false");
    refuse_device(fixture, "\"managed\":0.5", "managed", "must be 0, 1, true or false");
    refuse_device(fixture, "\"managed\":\"1\"", "managed", "must be 0, 1, true or false");
    refuse_device(fixture, "\"managed\":null", "managed", "must be 0, 1, true or false");
    refuse_device(fixture, "\"last_check_in\":\"5\"", "last_check_in", "must be a whole number or null");
    refuse_device(fixture, "\"last_check_in\":-1", "last_check_in", "whole seconds since 1970");
    refuse_device(fixture, "\"evaluated_at\":1.5", "evaluated_at", "whole seconds since 1970");
    refuse_device(fixture, "\"evaluated_at\":1700000000000", "evaluated_at", "whole seconds since 1970");
    refuse_device(fixture, "\"evaluated_at\":1e999", "evaluated_at", "whole seconds since 1970");
    refuse_device(fixture, "\"violations\":\"p\"", "violations", "must be an array of policy ids");
    refuse_device(fixture, "\"violations\":[1]", "violations", "must be an array of policy ids");
    refuse_device(fixture, "\"violations\":[\"\"]", "violations", "must not be empty");
    expect_refusal(fixture, "{\"policy\":[]}", "policy", "must be an object");
    expect_refusal(fixture, "{\"policy\":{}}", "policy_id", "is missing");
    expect_refusal(fixture, "{\"policy\":{\"policy_id\":\"\"}}", "policy_id", "must not be empty");
    expect_refusal(fixture, "{\"policy\":{\"policy_id\":\"p\",\"x\\u001b\":1}}", "x?", "is no field of a policy");
    expect_refusal(fixture, "{\"policy\":{\"policy_id\":\"p\",\"policy_id\":\"p\"}}", "policy_id", "is there twice");
    expect_refusal(fixture, "{\"policy\":{\"policy_id\":\"p\",\"enabled\":\"yes\"}}", "enabled", "must be 0, 1");
    expect_refusal(fixture, "{\"policy\":{\"policy_id\":\"p\",\"actions\":{}}}", "actions", "array of actions");
    expect_refusal(fixture, "{\"policy\":{\"policy_id\":\"p\",\"actions\":[1]}}", "actions", "array of actions");
    expect_refusal(fixture, "{\"policy\":{\"policy_id\":\"p\",\"actions\":[\"wipe\"]}}", "actions",
                   "\"wipe\" is none of");
}

static void test_refuses_long_values(void **state)
{
    struct fixture *fixture = *state;
    char members[1200];
    char name[1100];

    memset(name, 'n', sizeof(name));
    name[1024] = '\0';
    snprintf(members, sizeof(members), "{\"device\":{\"device_id\":\"d\",\"platform\":\"ios\",\"name\":\"%s\"}}", name);
    expect_import(fixture, members);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    name[1024] = 'n';
    name[1025] = '\0';
    snprintf(members, sizeof(members), "\"name\":\"%s\"", name);
    refuse_device(fixture, members, "name", "longer than 1024 bytes");
    name[65] = '\0';
    snprintf(members, sizeof(members), "\"connection\":\"%s\"", name);
    refuse_device(fixture, members, "connection", "longer than 64 bytes");
}

/* --------------------------------------------------------------------------------------------------------- CSV */

static void test_csv(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = import_text(
        fixture,
        "violations,device_id,connection,platform,name,manufacturer,model,serial_number,os_version,user_principal_name,"
        "managed,azure_device_id,azure_client_status,last_check_in,evaluated_at\r\n"
        "p2; p1 ;p2,d,c,windows,\"N\xC3\xA9\",M,O,S,V,U,FALSE,A,User_Canceled,5,6\r\n"
        "\r\n"
        ",e,c,ios,\"a, \"\"b\"\"\",,,,,,1,,,,");

    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.done.lines, 4);
    assert_int_equal(outcome.done.devices, 2);
    assert_string_equal(row(fixture, "d"), everything_row);
    assert_string_equal(violations(fixture, "d"), "p1,p2");
    assert_string_equal(row(fixture, "e"), "c|ios|a, \"b\"||||||1|||NULL|NULL");
    assert_string_equal(violations(fixture, "e"), "");
}

/* Rows are written in another order than they stand; the last has no line end. */
static void test_csv_rows_are_found_again(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, "device_id,platform,violations\n"
                           "c,ios,\"p;\tq\"\n"
                           "b,ios,\"\"\n"
                           "\n"
                           "a,\"ios\",p\n"
                           "aa,\"ios\",\"r\"");
    assert_string_equal(violations(fixture, "a"), "p");
    assert_string_equal(violations(fixture, "aa"), "r");
    assert_string_equal(violations(fixture, "b"), "");
    assert_string_equal(violations(fixture, "c"), "p,q");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM device"), "4");
}

static void test_csv_keeps_what_is_left_out(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, everything);
    expect_import(fixture, "device_id,evaluated_at\nd,\n");
    assert_string_equal(row(fixture, "d"), "c|windows|N\xC3\xA9|M|O|S|V|U|0|A|User_Canceled|5|NULL");
    assert_string_equal(violations(fixture, "d"), "p1,p2");
    expect_import(fixture, "device_id,violations\nd,\n");
    assert_string_equal(violations(fixture, "d"), "");
}

static void test_csv_refuses_headers(void **state)
{
    struct fixture *fixture = *state;

    refuse_csv(fixture, "device_id,colour\nd,red\n", 1, "colour", "no column of a device");
    refuse_csv(fixture, "\n\ndevice_id,name,name\n", 3, "name", "is there twice");
    refuse_csv(fixture, "name,platform\nd,ios\n", 1, "device_id", "is missing in the header");
    refuse_csv(fixture, "violations,device_id,violations\n", 1, "violations", "is there twice");
    refuse_csv(fixture, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\n", 1, "", "16 fields are more");
    refuse_csv(fixture, "device_id,platform\n", 0, "", "no row below the header");
}

static void test_csv_refuses_rows(void **state)
{
    struct fixture *fixture = *state;

    refuse_csv(fixture, "device_id,platform\na,ios\nb\n", 3, "", "has 1 fields, the header 2");
    refuse_csv(fixture, "device_id,platform\na,ios\nb,ios,x\n", 3, "", "has 3 fields, the header 2");
    refuse_csv(fixture, "device_id,platform\na,ios\n,ios\n", 3, "device_id", "must not be empty");
    refuse_csv(fixture, "device_id,platform\na,ios\nb,\n", 3, "platform", "must be ios");
    refuse_csv(fixture, "device_id,name\na,x\n", 2, "platform", "the device is new");
    refuse_csv(fixture, "device_id,platform,managed\na,ios,1\nb,ios,\n", 3, "managed", "must be 0, 1, true or false");
    refuse_csv(fixture, "device_id,platform,managed\nb,ios,yes\n", 2, "managed", "must be 0, 1, true or false");
    refuse_csv(fixture, "device_id,platform,last_check_in\na,ios,5x\n", 2, "last_check_in", "whole seconds");
    refuse_csv(fixture, "device_id,platform,last_check_in\na,ios,-5\n", 2, "last_check_in", "whole seconds");
    refuse_csv(fixture, "device_id,platform,last_check_in\na,ios,99999999999999999999\n", 2, "last_check_in",
               "whole seconds");
    refuse_csv(fixture, "device_id,platform,violations\na,ios,p;;q\n", 2, "violations", "must not be empty");
    refuse_csv(fixture, "device_id,platform,name\na,ios,x\xFF\n", 2, "", "byte 8 is no UTF-8");
    refuse_csv(fixture, "device_id,platform,name\na,ios,\"x\ny\"\n", 2, "name", "control character");
}

/* The line is the one where the row begins, line ends within quotes counted. */
static void test_csv_counts_physical_lines(void **state)
{
    struct fixture *fixture = *state;

    refuse_csv(fixture, "device_id,\"name\",platform\na,\"x\",ios\n\nb,\"y\n\nz\",ios,surplus\n", 4, "", "4 fields");
    refuse_csv(fixture, "device_id,platform\na,ios\nb,i\"os\n", 3, "", "quote");
    refuse_csv(fixture, "device_id,platform\na,ios\nb,\"ios\nc,ios\n", 3, "", "quote is not closed");
    refuse_csv(fixture, "device_id,platform\na,ios\nb,\"ios\"x\nc,ios\n", 3, "", "quote");
    refuse_csv(fixture, "device_id,platform\ra,ios\rb,ios\r", 1, "", "carriage return");
}

/* ------------------------------------------------------------------------------------------------------- input */

static void test_empty(void **state)
{
    struct fixture *fixture = *state;

    expect_refusal_of(fixture, import_text(fixture, ""), 0, "", "nothing to import");
    expect_refusal_of(fixture, import_text(fixture, "\xEF\xBB\xBF"), 0, "", "nothing to import");
    expect_refusal_of(fixture, import_text(fixture, " \r\n\t\n"), 0, "", "nothing to import");
}

static void test_byte_order_mark(void **state)
{
    struct fixture *fixture = *state;

    expect_import(fixture, "\xEF\xBB\xBF{\"device\":{\"device_id\":\"a\",\"platform\":\"ios\"}}\r\n\r\n");
    expect_import(fixture, "\xEF\xBB\xBF\ndevice_id,platform\nb,ios");
    assert_string_equal(queued(fixture), "a,b");
}

static void test_nul(void **state)
{
    static const char json[] = "{\"delete_device\":\"d\"}\n{\"delete_device\":\"\0\"}";
    static const char csv[] = "device_id,platform\na,i\0os\n";
    struct fixture *fixture = *state;

    expect_refusal_of(fixture, import_bytes(fixture, json, sizeof(json) - 1), 2, "", "byte 19 is NUL");
    expect_refusal_of(fixture, import_bytes(fixture, csv, sizeof(csv) - 1), 2, "", "byte 4 is NUL");
}

/* A device whose line has `length` bytes without its end. */
static char *long_line(size_t length)
{
    static const char start[] = "{\"device\":{\"device_id\":\"d\",\"platform\":\"ios\"}}";
    char *line = malloc(length + 2);

    assert_non_null(line);
    memset(line, ' ', length);
    memcpy(line, start, sizeof(start) - 1);
    line[length] = '\n';
    line[length + 1] = '\0';
    return line;
}

static void test_longest_line(void **state)
{
    struct fixture *fixture = *state;
    char *line = long_line(IMPORT_LINE_MAX);

    expect_import(fixture, line);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    free(line);
    line = long_line(IMPORT_LINE_MAX + 1);
    struct outcome outcome = import_text(fixture, line);
    assert_int_equal(outcome.code, ERR_TOOBIG);
    assert_int_equal(outcome.where.line, 1);
    free(line);
}

/* A quote that is never closed must not take in the whole file. */
static void test_longest_row(void **state)
{
    struct fixture *fixture = *state;
    size_t length = 2 * (size_t)IMPORT_LINE_MAX;
    char *text = malloc(length + 1);

    assert_non_null(text);
    memset(text, '\n', length);
    memcpy(text, "device_id,platform\na,\"ios", 25);
    text[length] = '\0';
    expect_refusal_of(fixture, import_text(fixture, text), 2, "", "longer than");
    free(text);
}

/* A stream that is longer than the buffer, through a pipe. */
static void test_pipe(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};
    FILE *in = popen("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); "
                     "echo '{\"device\":{\"device_id\":\"'$i'\",\"platform\":\"ios\"}}'; done",
                     "re");

    assert_non_null(in);
    outcome.code = import_stream(fixture->database, in, NULL, NULL, NULL, &outcome.done, &outcome.where, &outcome.err);
    assert_int_equal(pclose(in), 0);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.done.lines, 30000);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM device"), "30000");
}

struct watch {
    unsigned calls;
    unsigned cancel_at;
    struct import_progress last;
};

static int watch_progress(void *ctx, const struct import_progress *progress)
{
    struct watch *watch = ctx;

    assert_true(progress->lines >= watch->last.lines);
    assert_true(progress->bytes > watch->last.bytes);
    assert_true(progress->devices >= watch->last.devices);
    watch->last = *progress;
    return ++watch->calls == watch->cancel_at;
}

static void run_watched(struct fixture *fixture, struct watch *watch, struct outcome *outcome)
{
    enum { LINES = 10000 };
    char *text = malloc((size_t)LINES * 64);
    size_t used = 0;

    assert_non_null(text);
    for (int i = 0; i < LINES; i++)
        used += (size_t)snprintf(text + used, 64, "{\"device\":{\"device_id\":\"%d\",\"platform\":\"ios\"}}\n", i);
    FILE *in = fmemopen(text, used, "r");
    assert_non_null(in);
    outcome->code = import_stream(fixture->database, in, NULL, watch_progress, watch, &outcome->done, &outcome->where,
                                  &outcome->err);
    fclose(in);
    free(text);
}

static void test_progress(void **state)
{
    struct fixture *fixture = *state;
    struct watch watch = {0};
    struct outcome outcome;

    run_watched(fixture, &watch, &outcome);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(watch.calls, 5); /* every 4,096 lines read or written, and at the end */
    assert_int_equal(watch.last.lines, 10000);
    assert_int_equal(watch.last.devices, 10000);
    assert_int_equal(watch.last.bytes, outcome.done.bytes);
}

static void test_cancel(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    if (getenv("COMPLYD_VALGRIND"))
        skip(); /* the same code as in test_progress, five times more of it: a minute */
    for (unsigned at = 1; at <= 5; at++) {
        run_watched(fixture, &(struct watch){.cancel_at = at}, &outcome);
        assert_int_equal(outcome.code, ERR_CANCELED);
        assert_int_equal(outcome.where.line, 0);
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM device"), "0");
        assert_string_equal(queued(fixture), "");
    }
}

static const char *setting(struct fixture *fixture, const char *pragma)
{
    static char texts[2][32];
    static unsigned next;
    char *text = texts[next++ % 2];
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_prepare_v2(fixture->database->handle, pragma, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(text, sizeof(texts[0]), "%d", sqlite3_column_int(statement, 0));
    sqlite3_finalize(statement);
    return text;
}

/* What an import needs more of it gives back, whether it came to its end or not. */
static void test_settings_stay(void **state)
{
    struct fixture *fixture = *state;
    char cache[32];
    char patience[32];

    snprintf(cache, sizeof(cache), "%s", setting(fixture, "PRAGMA cache_size"));
    snprintf(patience, sizeof(patience), "%s", setting(fixture, "PRAGMA busy_timeout"));
    assert_int_equal(atoi(cache), -1024);
    expect_import(fixture, everything);
    assert_string_equal(setting(fixture, "PRAGMA cache_size"), cache);
    assert_string_equal(setting(fixture, "PRAGMA busy_timeout"), patience);
    assert_int_equal(import_text(fixture, "x").code, ERR_INVALID);
    assert_string_equal(setting(fixture, "PRAGMA cache_size"), cache);
}

/* What is wrong is found while others write: only an input that is right waits for them. */
static void test_check_does_not_wait(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store, "BEGIN IMMEDIATE");
    expect_refusal(fixture, "{}", "", "one of device, policy and delete_device");
    refuse_csv(fixture, "device_id,platform\na,beos\n", 2, "platform", "must be ios");
    tmpstore_sql(&fixture->store, "ROLLBACK");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static int import_by(struct fixture *fixture, const char *actor, const char *text)
{
    struct outcome outcome = {0};
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    assert_non_null(in);
    outcome.code = import_stream(fixture->database, in, actor, NULL, NULL, &outcome.done, &outcome.where, &outcome.err);
    fclose(in);
    return outcome.code;
}

static void test_who_did_it(void **state)
{
    static const char good[] = "{\"device\":{\"device_id\":\"a\",\"platform\":\"ios\"}}\n"
                               "{\"policy\":{\"policy_id\":\"p\"}}\n{\"delete_device\":\"b\"}\n";
    struct fixture *fixture = *state;

    assert_int_equal(import_by(fixture, NULL, good), 0);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM activity"), 0);
    assert_int_equal(import_by(fixture, "root", good), 0);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT kind || ' ' || result || ' ' || actor FROM activity"),
                        "operator done root");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT detail FROM activity"),
                        "an import of 1 devices, 1 policies and 1 deletions");
    assert_int_equal(import_by(fixture, "root", "{\"device\":{\"device_id\":\"c\"}}\n"), ERR_INVALID);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM activity"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_device),
        TEST(test_defaults),
        TEST(test_keeps_what_is_left_out),
        TEST(test_many_sets_of_columns),
        TEST(test_policy),
        TEST(test_deletion),
        TEST(test_again_queues_nothing),
        TEST(test_a_new_device_is_queued_once),
        TEST(test_order),
        TEST(test_refuses_lines),
        TEST(test_accepts_an_escaped_backslash_before_u0000),
        TEST(test_refuses_values),
        TEST(test_refuses_long_values),
        TEST(test_csv),
        TEST(test_csv_rows_are_found_again),
        TEST(test_csv_keeps_what_is_left_out),
        TEST(test_csv_refuses_headers),
        TEST(test_csv_refuses_rows),
        TEST(test_csv_counts_physical_lines),
        TEST(test_empty),
        TEST(test_byte_order_mark),
        TEST(test_nul),
        TEST(test_longest_line),
        TEST(test_longest_row),
        TEST(test_pipe),
        TEST(test_progress),
        TEST(test_cancel),
        TEST(test_settings_stay),
        TEST(test_who_did_it),
        TEST(test_check_does_not_wait),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
