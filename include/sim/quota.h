/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * quota - Microsoft's throttling limits of one app in one tenant, counted in fixed windows. Off unless limits are set.
 */
#ifndef COMPLYD_SIM_QUOTA_H
#define COMPLYD_SIM_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum quota_kind { QUOTA_GRAPH_REQUESTS, QUOTA_GRAPH_WRITES, QUOTA_PARTNER_REQUESTS, QUOTA_KINDS };

/* Requests a window; 0 = no limit. Windows: 10 s, 150 s, 20 s. */
struct quota_limits {
    int64_t max[QUOTA_KINDS];
};

struct quota {
    int64_t window_start_ms[QUOTA_KINDS];
    int64_t used[QUOTA_KINDS];
};

/* Counts one request. True = allowed; else *ret_wait_ms is the time left of the window. */
bool quota_take(struct quota *quota, const struct quota_limits *limits, enum quota_kind kind, int64_t now_ms,
                int64_t *ret_wait_ms);

#endif
