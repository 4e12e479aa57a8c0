/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>

#include "admin/api.h"
#include "admin/exposition.h"
#include "metrics.h"

struct scrape {
    struct figures_waiter waiter; /* first */
    struct api_request *request;
};

static void answer(struct api_request *request)
{
    struct buf body;

    buf_init(&body, 0);
    if (metrics_add(request->daemon, &body) != 0) {
        buf_deinit(&body);
        api_problem(request, 503, "out of memory");
        return;
    }
    request->answer_type = EXPOSITION_TYPE;
    api_answer(request, 200, &body);
}

static void ready(struct figures_waiter *waiter)
{
    struct scrape *scrape = (struct scrape *)waiter;

    answer(scrape->request);
    free(scrape);
}

void api_metrics_get(struct api_request *request)
{
    static const char *const none[] = {NULL};
    struct scrape *scrape;

    if (!api_check_parameters(request, none))
        return;
    scrape = malloc(sizeof(*scrape));
    if (scrape == NULL) {
        api_problem(request, 503, "out of memory");
        return;
    }
    *scrape = (struct scrape){.waiter.ready = ready, .request = request};
    if (figures_want(daemon_figures(request->daemon), &scrape->waiter))
        ready(&scrape->waiter);
}
