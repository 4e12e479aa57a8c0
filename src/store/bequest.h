/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * bequest - an Azure id passes to the device that goes by it now, and with it what Microsoft was told of that id.
 *
 * Promise   an id that Microsoft lets in is in the report row of some device, which retires it one day: also when its
 *           new device is never told, because it waits, changes its id or is deleted first.
 */
#ifndef COMPLYD_STORE_BEQUEST_H
#define COMPLYD_STORE_BEQUEST_H

#include "settle.h"

enum bequest_fate {
    BEQUEST_NOT_NOW, /* a report about the holder is in flight: nothing was changed */
    BEQUEST_DONE,    /* this device has nothing to retire any more */
    BEQUEST_TAKEN    /* ... but the id that the holder went by before: to be decided anew */
};

/* The Azure id that `subject` is to be removed by belongs to `holder` now. What was told of it becomes the holder's;
 * what was told of an id that the holder has given up comes here in exchange. The holder is queued: it may have been
 * parked as a twin. Negative: ERR_*. */
int bequest_pass(struct database *database, const struct settle_row *row, const struct subject *subject,
                 const char *holder, struct error *err);

#endif
