/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "reply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INNER_DEPTH = 8 }; /* Graph nests inner errors two or three deep */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool reply_is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_space(text[i]))
            return false;
    }
    return true;
}

int reply_parse(const char *text, size_t length, cJSON **ret_object, struct error *err)
{
    const char *end = NULL;
    cJSON *root;

    *ret_object = NULL;
    if (length > 0 && memchr(text, '\0', length) != NULL)
        return error_set(err, ERR_REPLY, 0, "not JSON: NUL byte");
    root = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (root == NULL)
        return error_set(err, ERR_REPLY, 0, "not JSON");
    if (!cJSON_IsObject(root) || !reply_is_blank(end, length - (size_t)(end - text))) {
        cJSON_Delete(root);
        return error_set(err, ERR_REPLY, 0, "not one JSON object");
    }
    *ret_object = root;
    return 0;
}

const cJSON *reply_object(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItem(object, name);

    return cJSON_IsObject(member) ? member : NULL;
}

const cJSON *reply_array(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItem(object, name);

    return cJSON_IsArray(member) ? member : NULL;
}

const char *reply_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));

    return text != NULL ? text : "";
}

bool reply_read_number(const char *text, double *ret_value)
{
    char *end;
    double value;

    while (is_space(*text))
        text++;
    if (strspn(text, "+-.0123456789") == 0)
        return false; /* strtod would also take "inf", "nan" and "0x1" */
    value = strtod(text, &end);
    if (end == text || memchr(text, 'x', (size_t)(end - text)) != NULL)
        return false;
    while (is_space(*end))
        end++;
    if (*end != '\0' || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

bool reply_number(const cJSON *object, const char *name, double *ret_value)
{
    const cJSON *member = cJSON_GetObjectItem(object, name);

    if (cJSON_IsString(member))
        return reply_read_number(member->valuestring, ret_value);
    if (!cJSON_IsNumber(member) || !isfinite(member->valuedouble))
        return false;
    *ret_value = member->valuedouble;
    return true;
}

/* {"code", "message", "innerError": {"code", "request-id", "innerError": ...}} */
static void read_error_object(const cJSON *error, struct reply_error *ret)
{
    ret->message = reply_text(error, "message");
    if (ret->message[0] == '\0') /* OData: {"lang": ..., "value": ...} */
        ret->message = reply_text(reply_object(error, "message"), "value");
    for (int depth = 0; error != NULL && depth < INNER_DEPTH; depth++) {
        const char *code = reply_text(error, "code");
        const char *request_id = reply_text(error, "request-id");

        if (ret->code[0] == '\0')
            ret->code = code;
        if (code[0] != '\0')
            ret->inner_code = code;
        if (request_id[0] != '\0')
            ret->request_id = request_id;
        error = reply_object(error, "innerError");
    }
}

void reply_read_error(const cJSON *object, struct reply_error *ret_error)
{
    *ret_error = (struct reply_error){.code = "", .inner_code = "", .message = "", .request_id = ""};
    if (reply_object(object, "error") != NULL) {
        read_error_object(reply_object(object, "error"), ret_error);
    } else if (reply_object(object, "odata.error") != NULL) {
        read_error_object(reply_object(object, "odata.error"), ret_error);
    } else {
        ret_error->code = reply_text(object, "error");
        ret_error->inner_code = ret_error->code;
        ret_error->message = reply_text(object, "message");
    }
}
