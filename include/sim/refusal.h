/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * refusal - error answers in the shapes of Entra, Graph and the partner service.
 */
#ifndef COMPLYD_SIM_REFUSAL_H
#define COMPLYD_SIM_REFUSAL_H

#include "sim/exchange.h"
#include "sim/token.h"

/* Entra: {"error", "error_description": "AADSTS<number>: ...", "error_codes", ...}. */
void refusal_login(struct exchange *ex, int status, const char *error, int number, const char *text);

/* Graph: {"error": {"code", "message", "innerError"}}. */
void refusal_graph(struct exchange *ex, int status, const char *code, const char *text);

/* The partner service: {"error": {"code", "message"}}. */
void refusal_partner(struct exchange *ex, int status, const char *code, const char *text);

/* The shape that the exchange's place has; `code` is left out where a number stands for it (Entra). */
void refusal_any(struct exchange *ex, int status, const char *code, const char *text);

/* 401 for a token that token_check() refused. */
void refusal_token(struct exchange *ex, enum token_verdict verdict);

#endif
