/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * token_reply - reads the token endpoint's good answer. Pure; private to src/microsoft (and its tests).
 */
#ifndef COMPLYD_MICROSOFT_TOKEN_REPLY_H
#define COMPLYD_MICROSOFT_TOKEN_REPLY_H

#include <stdint.h>

#include "base/secret.h"

enum {
    TOKEN_REPLY_TOKEN_MAX = 32 * 1024,
    TOKEN_REPLY_LIFETIME_MAX_S = 28 * 3600, /* the longest that Microsoft gives */
};

struct token_reply {
    struct secret token;
    int64_t expires_in_s; /* 1 .. TOKEN_REPLY_LIFETIME_MAX_S */
    int64_t refresh_in_s; /* 0 = not told */
};

/* All or nothing: ERR_REPLY unless type, token and lifetime are as they must be; ERR_NOMEM. The caller ends with
 * secret_deinit(). The copy of the token within the JSON tree is wiped. */
int token_reply_parse(const char *json, size_t length, struct token_reply *ret_reply, struct error *err);

#endif
