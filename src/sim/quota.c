/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/quota.h"

bool quota_take(struct quota *quota, const struct quota_limits *limits, enum quota_kind kind, int64_t now_ms,
                int64_t *ret_wait_ms)
{
    static const int64_t windows_ms[QUOTA_KINDS] = {10000, 150000, 20000};

    if (limits->max[kind] <= 0)
        return true;
    if (quota->used[kind] == 0 || now_ms - quota->window_start_ms[kind] >= windows_ms[kind]) {
        quota->window_start_ms[kind] = now_ms;
        quota->used[kind] = 0;
    }
    if (quota->used[kind] < limits->max[kind]) {
        quota->used[kind]++;
        return true;
    }
    *ret_wait_ms = windows_ms[kind] - (now_ms - quota->window_start_ms[kind]);
    return false;
}
