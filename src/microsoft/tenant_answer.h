/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * tenant_answer - what all answers of the partner service about a tenant have in common. Private to src/microsoft.
 */
#ifndef COMPLYD_MICROSOFT_TENANT_ANSWER_H
#define COMPLYD_MICROSOFT_TENANT_ANSWER_H

#include <cjson/cJSON.h>

#include "microsoft/outcome.h"

#define TENANT_API_VERSION "?api-version=1.6"

/* By status, then by HttpStatusCode or ErrorCode in the body of a 2xx. Returns the body's object, NULL when it is blank
 * or none; the caller frees it with cJSON_Delete(). */
cJSON *tenant_answer_read(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome);

/* An answer that says too little to go on. */
void tenant_answer_odd(struct outcome *outcome, int status, const char *what);

#endif
