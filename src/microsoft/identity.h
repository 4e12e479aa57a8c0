/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * identity - the services on an Azure machine that hand out its managed identity's tokens: IMDS, and the agent of Azure
 * Arc. Private to src/microsoft (and its tests).
 *
 * Source: microsoft.md section 4.4. Where the service is, is said by the environment variables that Microsoft defines:
 * IDENTITY_ENDPOINT together with IMDS_ENDPOINT (Azure Arc's agent sets both); AZURE_POD_IDENTITY_AUTHORITY_HOST stands
 * in for http://169.254.169.254. Only loopback and that address are spoken to, never by a proxy.
 *
 * Azure Arc proves by a file that the caller may read root's files: its first answer, 401, names the file. An answer
 * that names another file than one of the agent's own must not make us read and send that.
 */
#ifndef COMPLYD_MICROSOFT_IDENTITY_H
#define COMPLYD_MICROSOFT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define IDENTITY_ARC_FOLDER "/var/opt/azcmagent/tokens"

enum { IDENTITY_KEY_MAX = 4096 };

bool identity_is_arc(void);

/* Appends the URL that asks for a token for `scope`; `client_id` "" = the machine's own identity. ERR_CREDENTIAL when
 * the environment names no place that may be asked, or the service has no identity but the machine's own. */
int identity_url(const char *scope, const char *client_id, struct buf *url, struct error *err);

/* Azure Arc's challenge, `Basic realm=FILE`: copies FILE; ERR_REPLY when it is no such challenge or does not fit. */
int identity_challenge(const char *www_authenticate, char *ret_path, size_t size, struct error *err);

/* Appends the content of `path`, which must be FOLDER/NAME.key: a regular file, no link, of at most IDENTITY_KEY_MAX
 * visible bytes. ERR_REPLY when the path is another, else ERR_* that names the file. */
int identity_key(const char *folder, const char *path, struct buf *key, struct error *err);

#endif
