/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * locate - which control socket and which store a command is about.
 *
 * --socket and --store decide; else the configuration (--config, or the default path); else, when there is no
 * configuration at the default path, the built-in defaults. Only its [daemon] section is read: an operator may not be
 * allowed to see the credential files that other sections name, and a mistake there must not take complyctl away.
 */
#ifndef COMPLYD_CTL_LOCATE_H
#define COMPLYD_CTL_LOCATE_H

#include "base/error.h"
#include "ctl/command.h"

/* *ret_path is the caller's to free. ERR_NOTFOUND, ERR_PERMISSION: the configuration file; ERR_CONFIG: its [daemon]
 * section. */
int locate_socket(const struct invocation *invocation, char **ret_path, struct error *err);
int locate_store(const struct invocation *invocation, char **ret_path, struct error *err);

#endif
