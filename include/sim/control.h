/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * control - the endpoint below /sim/ by which tests and people direct the play and look behind the scenes. No token
 * needed.
 */
#ifndef COMPLYD_SIM_CONTROL_H
#define COMPLYD_SIM_CONTROL_H

#include "base/buf.h"

struct exchange;
struct world;

void control_handle(struct world *world, struct exchange *ex);

#endif
