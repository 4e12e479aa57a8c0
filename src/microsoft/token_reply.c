/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "token_reply.h"

#include <string.h>
#include <strings.h>

#include "reply.h"

/* What may stand in a header: the token68 characters of RFC 7235 and more, but no blank and no control character. */
static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return length > 0 && length <= TOKEN_REPLY_TOKEN_MAX;
}

/* OAuth lets a server leave it out; no policy of Entra's makes a token live shorter. */
enum { UNSAID_LIFETIME_S = 10 * 60 };

/* IMDS sends the seconds as a string. */
static int64_t read_seconds(const cJSON *root, const char *name)
{
    double seconds;

    if (!reply_number(root, name, &seconds) || seconds < 1)
        return 0;
    return seconds < (double)TOKEN_REPLY_LIFETIME_MAX_S ? (int64_t)seconds : TOKEN_REPLY_LIFETIME_MAX_S;
}

static int read_members(const cJSON *root, struct token_reply *reply, struct error *err)
{
    const char *token = reply_text(root, "access_token");

    if (strcasecmp(reply_text(root, "token_type"), "Bearer") != 0)
        return error_set(err, ERR_REPLY, 0, "token_type is not Bearer");
    if (!is_token(token, strlen(token)))
        return error_set(err, ERR_REPLY, 0, "access_token is missing or malformed");
    reply->expires_in_s = read_seconds(root, "expires_in");
    if (cJSON_GetObjectItem(root, "expires_in") == NULL)
        reply->expires_in_s = UNSAID_LIFETIME_S;
    if (reply->expires_in_s == 0)
        return error_set(err, ERR_REPLY, 0, "expires_in is malformed");
    reply->refresh_in_s = read_seconds(root, "refresh_in");
    if (reply->refresh_in_s >= reply->expires_in_s)
        reply->refresh_in_s = 0;
    if (secret_set(&reply->token, token, strlen(token)) != 0)
        return error_set(err, ERR_NOMEM, 0, "no memory for a token");
    return 0;
}

/* Every string of the answer: tokens may stand under several names. */
static void wipe_strings(cJSON *object)
{
    cJSON *member;

    cJSON_ArrayForEach(member, object)
    {
        if (cJSON_IsString(member))
            explicit_bzero(member->valuestring, strlen(member->valuestring));
    }
}

int token_reply_parse(const char *json, size_t length, struct token_reply *ret_reply, struct error *err)
{
    cJSON *root;
    int result;

    *ret_reply = (struct token_reply){0};
    secret_init(&ret_reply->token);
    result = reply_parse(json, length, &root, err);
    if (result != 0)
        return result;
    result = read_members(root, ret_reply, err);
    wipe_strings(root);
    cJSON_Delete(root);
    return result;
}
