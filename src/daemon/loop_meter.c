/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/loop_meter.h"

/* Right before the loop waits: since the last time it has waited for a part, and worked for the rest. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop_meter *meter = (struct loop_meter *)((char *)prepare - offsetof(struct loop_meter, prepare));
    uint64_t now_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(prepare->loop);
    uint64_t passed_ns = now_ns - meter->turned_ns, waited_ns = idle_ns - meter->idle_ns;

    histogram_observe(&meter->turns, passed_ns > waited_ns ? (double)(passed_ns - waited_ns) / 1e9 : 0);
    meter->turned_ns = now_ns;
    meter->idle_ns = idle_ns;
}

void loop_meter_start(struct loop_meter *meter, uv_loop_t *loop)
{
    histogram_init(&meter->turns, &histogram_moments);
    uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
    meter->turned_ns = uv_hrtime();
    meter->idle_ns = uv_metrics_idle_time(loop);
    uv_prepare_init(loop, &meter->prepare);
    uv_prepare_start(&meter->prepare, on_prepare);
    uv_unref((uv_handle_t *)&meter->prepare);
}

void loop_meter_close(struct loop_meter *meter, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&meter->prepare, closed);
}
