/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * client - complyctl's end of the control socket: one request after the other, waiting for each answer.
 *
 * What goes wrong is said here (ctl/failure), with what to do about it: callers only pass on the exit code.
 */
#ifndef COMPLYD_CTL_CLIENT_H
#define COMPLYD_CTL_CLIENT_H

#include "ctl/command.h"
#include "model/language.h"

struct cJSON;
struct client;

/* Does not connect yet. 0, or an exit code: then *ret_client is NULL. */
int client_open(const struct invocation *invocation, struct client **ret_client);
void client_close(struct client *client); /* NULL is fine */

/* That of reasons and cures in answers: the locale's; with --json English, so that programs see the same everywhere. */
enum language client_language(const struct invocation *invocation);

/* GET of a path with its query, already percent-encoded. 0 and the parsed object (cJSON_Delete it), or an exit code. */
int client_get(struct client *client, const char *path, struct cJSON **ret_answer);

/* The same for who is ready to wait: what may pass by itself (nobody answers; complyd says "not now") sets
 * *ret_passing and is not said. */
int client_get_patient(struct client *client, const char *path, struct cJSON **ret_answer, bool *ret_passing);

/* PUT with a JSON body. */
int client_put(struct client *client, const char *path, const char *body, struct cJSON **ret_answer);

int client_delete(struct client *client, const char *path);

/* POST with a JSON body; "" = none. */
int client_post(struct client *client, const char *path, const char *body, struct cJSON **ret_answer);

/* The same of /v1/devices/{id} and what follows it. */
int client_get_device(struct client *client, const char *device_id, const char *suffix, struct cJSON **ret_answer);
int client_post_device(struct client *client, const char *device_id, const char *suffix, struct cJSON **ret_answer);

int client_status(const struct client *client); /* HTTP status of the last answer; 0 = there was none */

/* Writes an object on one line. */
void client_print(const struct cJSON *object, FILE *out);

/* Member of an object as text or number; "" or 0 or false or NULL when absent or of another type. */
const char *client_text(const struct cJSON *object, const char *name);
int64_t client_number(const struct cJSON *object, const char *name);
bool client_flag(const struct cJSON *object, const char *name);

/* Seconds of waiting between two looks: 0.1 s at first, then longer, at most 2 s. */
void client_pause(unsigned look);

#endif
