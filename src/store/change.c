/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/change.h"

#include <time.h>

#include "database_internal.h"
#include "thread_internal.h"

enum { LOOK_EVERY_US = 100 };

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int look_once(struct database *database, bool *ret_changed, struct error *err)
{
    uint32_t version;
    int code = database_data_version(database, &version, err);
    if (code < 0)
        return code;
    *ret_changed = !database->looked || version != database->data_version;
    database->looked = true;
    database->data_version = version;
    return 0;
}

static int run(struct store_job *job, struct database *database, struct error *err)
{
    struct change_look *look = (struct change_look *)job;
    int64_t until = monotonic_us() + look->patience_us;

    for (;;) {
        int code = look_once(database, &look->changed, err);
        if (code < 0 || look->changed || monotonic_us() >= until || store_job_pause(job, LOOK_EVERY_US))
            return code;
    }
}

void change_look_init(struct change_look *look, int64_t patience_us, void (*done)(struct store_job *job))
{
    *look = (struct change_look){.job = {.run = run, .done = done}, .patience_us = patience_us};
}
