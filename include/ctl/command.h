/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * command - what can be typed after "complyctl": one table gives parsing, help and dispatch.
 *
 * Each group of commands lives in the file of its name (store.c, device.c ...). A command returns an exit code of
 * sysexits(3); what went wrong has then been said through ctl/failure.
 */
#ifndef COMPLYD_CTL_COMMAND_H
#define COMPLYD_CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* X(NAME, word after "--", argument or "" for none, what it does) */
#define COMMAND_OPTIONS(X)                                                                                             \
    X(OPTION_CONFIG, "config", "FILE", "configuration to take paths from (/etc/complyd/complyd.conf)")                 \
    X(OPTION_SOCKET, "socket", "PATH", "control socket of the daemon, instead of the configuration's")                 \
    X(OPTION_JSON, "json", "", "for programs: JSON on standard output, errors as JSON on standard error")              \
    X(OPTION_HELP, "help", "", "this text; after a command, its own")                                                  \
    X(OPTION_VERSION, "version", "", "print the version")                                                              \
    X(OPTION_STORE, "store", "FILE", "the store, instead of the configuration's")                                      \
    X(OPTION_STATE, "state", "STATE", "only devices told to be: compliant, non_compliant, removed")                    \
    X(OPTION_STATUS, "status", "STATUS", "only devices whose report is: in_progress, success, error")                  \
    X(OPTION_CONNECTION, "connection", "NAME", "only this connection")                                                 \
    X(OPTION_SEARCH, "search", "TEXT", "only devices with TEXT in id, name, user, serial number, model or Azure id")   \
    X(OPTION_WAIT, "wait", "", "wait until Microsoft has answered, with a progress bar on a terminal")                 \
    X(OPTION_TIMEOUT, "timeout", "TIME", "give up waiting after TIME (90s, 10m ...), exit code 75")                    \
    X(OPTION_YES, "yes", "", "do it without asking")                                                                   \
    X(OPTION_THIS_SERVER_ONLY, "this-server-only", "",                                                                 \
      "only this server stops reporting; nothing changes at Microsoft")                                                \
    X(OPTION_FORCE, "force", "", "although Microsoft refuses some devices: they stay behind as they are")              \
    X(OPTION_REPAIR, "repair", "", "report the differing devices again, as if an operator asked for each")             \
    X(OPTION_DEVICE, "device", "ID", "only entries about this device")                                                 \
    X(OPTION_KIND, "kind", "KIND", "only this kind of entries: report, verdict, operator, token ...")                  \
    X(OPTION_SINCE, "since", "TIME", "only entries since TIME: 2026-02-03T04:05:06Z, or how long ago: 90s, 2h, 7d")    \
    X(OPTION_FOLLOW, "follow", "", "show the last entries and go on with new ones as they come")                       \
    X(OPTION_AT, "at", "TIME", "what Microsoft had been told at TIME: 2026-02-03T04:05:06Z, or 2h ago: 2h")            \
    X(OPTION_POLICY, "policy", "ID", "everything that violates this policy")                                           \
    X(OPTION_UNTIL, "until", "TIME", "when it ends by itself: 2026-02-03T04:05:06Z, or how long: 90m, 2h, 7d")         \
    X(OPTION_REASON, "reason", "TEXT", "why, for those who will ask")                                                  \
    X(OPTION_ANCHOR, "anchor", "ID:HASH", "an entry that the log must hold, as the journal or an auditor has it")      \
    X(OPTION_ANCHORS, "anchors", "FILE", "the same for each anchor in a text, such as the journal; - is standard input")

enum command_option {
#define X(name, word, argument, text) name,
    COMMAND_OPTIONS(X)
#undef X
        OPTION_COUNT
};

/* Options that every command takes. */
#define COMMAND_GLOBAL_OPTIONS                                                                                         \
    (1u << OPTION_CONFIG | 1u << OPTION_SOCKET | 1u << OPTION_JSON | 1u << OPTION_HELP | 1u << OPTION_VERSION)

struct invocation;

struct command {
    const char *name;      /* one or two words: "status", "device list" */
    const char *arguments; /* as shown in the usage line: "ID" */
    const char *summary;   /* one line for the list of commands */
    const char *help;      /* paragraphs; "" = the summary says it all */
    unsigned options;      /* set of enum command_option beside the global ones */
    int arguments_min, arguments_max;
    int (*run)(const struct invocation *invocation);
};

/* What was typed. Strings are borrowed from argv. */
struct invocation {
    const struct command *command;    /* NULL only with help or version asked */
    const char *option[OPTION_COUNT]; /* NULL = not given; "" for a given option without argument */
    int64_t timeout_ms;               /* --timeout; -1 = none */
    int64_t patience_ms;              /* with the daemon's answers; 0 = as much as they may need */
    int argument_count;
    char **arguments;
    FILE *out, *err;
};

extern const struct command commands[];
extern const size_t command_count;

bool command_has(const struct invocation *invocation, enum command_option option);
const char *command_option_word(enum command_option option);
const char *command_option_argument(enum command_option option);
const char *command_option_text(enum command_option option);

/* The commands, by the file that holds them. */
int status_run(const struct invocation *invocation);
int device_list_run(const struct invocation *invocation);
int device_show_run(const struct invocation *invocation);
int device_report_run(const struct invocation *invocation);
int explain_run(const struct invocation *invocation);
int resync_run(const struct invocation *invocation);
int drift_run(const struct invocation *invocation);
int plan_run(const struct invocation *invocation);
int device_retire_run(const struct invocation *invocation);
int device_revive_run(const struct invocation *invocation);
int hold_run(const struct invocation *invocation);
int unhold_run(const struct invocation *invocation);
int holds_run(const struct invocation *invocation);
int breaker_show_run(const struct invocation *invocation);
int breaker_release_run(const struct invocation *invocation);
int breaker_discard_run(const struct invocation *invocation);
int account_show_run(const struct invocation *invocation);
int account_connect_run(const struct invocation *invocation);
int account_disconnect_run(const struct invocation *invocation);
int activity_run(const struct invocation *invocation);
int activity_verify_run(const struct invocation *invocation);
int import_run(const struct invocation *invocation);
int doctor_run(const struct invocation *invocation);
int page_run(const struct invocation *invocation);
int log_level_run(const struct invocation *invocation);
int store_init_run(const struct invocation *invocation);
int store_check_run(const struct invocation *invocation);
int store_backup_run(const struct invocation *invocation);
int store_migrate_run(const struct invocation *invocation);

#endif
