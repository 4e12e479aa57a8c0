/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * denial - whose fault it is when Graph denies the update of one device (403): the device's, or the app's that lacks
 * the permission.
 *
 * One refusal cannot tell: a PC that Intune manages, or that runs no Windows, is denied as every PC is when consent was
 * withdrawn. Taking it for the app would stop a company for one odd PC, so the first one denied is parked. But when
 * another one is denied too, and no device was judged otherwise in between, it is the app: the connection is in
 * trouble, and the one that was parked is queued again.
 *
 * Thread    loop.
 */
#ifndef COMPLYD_DAEMON_DENIAL_H
#define COMPLYD_DAEMON_DENIAL_H

#include <stdbool.h>

#include "daemon/sender.h"

struct denial {
    char device_id[256]; /* who was denied, with nothing to the contrary since; "" = nobody */
};

/* Looks at the outcomes of a batch, and turns denials into the connection's trouble when they are. True: so it is, and
 * ret_parked, if not "", is the device that was parked for it. */
bool denial_judge(struct denial *denial, const struct flight *flight, struct outcome *outcomes, struct outcome *whole,
                  char ret_parked[256]);

#endif
