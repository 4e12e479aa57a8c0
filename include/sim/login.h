/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * login - Entra's token endpoint: the client credentials flow with a secret or a signed assertion.
 */
#ifndef COMPLYD_SIM_LOGIN_H
#define COMPLYD_SIM_LOGIN_H

struct exchange;
struct world;

/* POST /{tenant}/oauth2/v2.0/token */
void login_token(struct world *world, struct exchange *ex);

#endif
