/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * spoil - what a fault does to an answer: replaces it, bends its body, or sets how its bytes leave.
 */
#ifndef COMPLYD_SIM_SPOIL_H
#define COMPLYD_SIM_SPOIL_H

#include <stdbool.h>

#include "sim/exchange.h"

struct verdict;

/* Plays ex->fault on the answer; nothing when there is none or when it is one that handlers play themselves. */
void spoil_answer(struct exchange *ex);

/* What ex->fault says of a message's verdict; leaves *verdict alone when it says nothing. */
void spoil_verdict(const struct exchange *ex, struct verdict *verdict);

#endif
