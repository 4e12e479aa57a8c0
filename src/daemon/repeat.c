/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/repeat.h"

bool repeat_pass(struct repeat *repeat, int64_t monotonic_ms, uint64_t *ret_suppressed)
{
    *ret_suppressed = 0;
    if (repeat->passed == 0 || monotonic_ms - repeat->began_ms >= repeat->window_ms) {
        repeat->began_ms = monotonic_ms;
        repeat->passed = 0;
    }
    if (repeat->passed >= repeat->burst) {
        repeat->suppressed++;
        return false;
    }
    repeat->passed++;
    *ret_suppressed = repeat->suppressed;
    repeat->suppressed = 0;
    return true;
}

uint64_t repeat_flush(struct repeat *repeat, int64_t monotonic_ms)
{
    uint64_t suppressed = repeat->suppressed;
    if (monotonic_ms - repeat->began_ms < repeat->window_ms)
        return 0;
    repeat->suppressed = 0;
    return suppressed;
}
