/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/command.h"

static const struct {
    const char *word;
    const char *argument;
    const char *text;
} option_table[OPTION_COUNT] = {
#define X(name, word, argument, text) [name] = {word, argument, text},
    COMMAND_OPTIONS(X)
#undef X
};

enum {
    FILTER_OPTIONS = 1u << OPTION_STATE | 1u << OPTION_STATUS | 1u << OPTION_CONNECTION | 1u << OPTION_SEARCH,
    WAIT_OPTIONS = 1u << OPTION_WAIT | 1u << OPTION_TIMEOUT,
    STORE_OPTIONS = 1u << OPTION_STORE,
};

const struct command commands[] = {
    {"status", "", "Show the daemon, its connections and what waits to be sent", "", 0, 0, 0, status_run},
    {"device list", "", "List devices with what Microsoft was told of them",
     "All filters given must match. With --json the answer is one array, written as it arrives; when it cannot be\n"
     "completed the exit code is not 0 and the array stays open.\n",
     FILTER_OPTIONS, 0, 0, device_list_run},
    {"device show", "ID", "Show one device with the four fields that Microsoft's side knows",
     "ID is the MDM's own id of the device. With --at, what Microsoft had been told of it at that time, by the "
     "activity log.\n",
     1u << OPTION_AT, 1, 1, device_show_run},
    {"device explain", "ID", "Say why a device is in its state, what was sent, and what happens next", "", 0, 1, 1,
     explain_run},
    {"device report", "ID", "Report one device to Microsoft again, changed or not",
     "With --wait, until Microsoft's verdict: exit code 0 success, 65 refused, 75 the device waits for something.\n",
     WAIT_OPTIONS, 1, 1, device_report_run},
    {"device retire", "[ID]", "Retire a device: tell Microsoft that it is not managed any more",
     "Whatever the MDM says of it, until it registers anew (another Azure id), is taken out of management and in "
     "again,\n"
     "or is revived. Microsoft forgets it after 90 days. Without ID: all that match the filters, after a question;\n"
     "many at once may open the circuit breaker, one alone is never held.\n",
     FILTER_OPTIONS | 1u << OPTION_YES, 0, 1, device_retire_run},
    {"device revive", "ID", "Take back a retirement: the device is reported as the MDM says", "", 0, 1, 1,
     device_revive_run},
    {"resync", "", "Report every device again, changed or not",
     "Quotas are kept and changes overtake it, so this can take hours for a large fleet. It survives restarts.\n"
     "With --wait, until all reports are sent and their verdicts are in.\n",
     WAIT_OPTIONS | 1u << OPTION_CONNECTION, 0, 0, resync_run},
    {"drift", "", "Compare what Microsoft believes with what it was told, and list the differences",
     "Reads the devices back from Microsoft Graph and waits for the end. Nothing is sent again unless --repair is "
     "given; "
     "then\n"
     "the differing devices are queued as by device report, and the circuit breaker applies. Exit codes: 65 something\n"
     "differs, 69 devices cannot be read, 75 still under way.\n",
     1u << OPTION_REPAIR | 1u << OPTION_CONNECTION | 1u << OPTION_TIMEOUT, 0, 0, drift_run},
    {"plan", "", "List what would be sent now, most urgent first; nothing is sent by this", "", 0, 0, 0, plan_run},
    {"hold", "[DEVICE]", "Keep a device, or all that violate a policy, as Microsoft was told of them, until a time",
     "Break-glass: whatever the MDM says meanwhile, Microsoft goes on believing what it was told last. Ends by "
     "itself.\n"
     "  complyctl hold D-1001 --until 4h --reason \"CEO travels\"\n"
     "  complyctl hold --policy passcode --until 2026-02-03T08:00:00Z --reason \"rollout went wrong\"\n",
     1u << OPTION_POLICY | 1u << OPTION_UNTIL | 1u << OPTION_REASON, 0, 1, hold_run},
    {"holds", "", "List what is held, until when, by whom and why", "", 0, 0, 0, holds_run},
    {"unhold", "[DEVICE]", "End a hold before its time", "", 1u << OPTION_POLICY, 0, 1, unhold_run},
    {"breaker show", "[NAME]", "Show the circuit breaker of each connection, what it holds and why",
     "It opens when too many devices would turn non_compliant or removed within a while; [breaker] of the\n"
     "configuration says how many that is. Improvements, and what an operator asks of one device, are never held.\n"
     "With --json each connection is one object on a line of its own.\n",
     0, 0, 1, breaker_show_run},
    {"breaker release", "[NAME]", "Send the reports that the breaker holds, and close it",
     "NAME is a [connection] of the configuration; it may be left out when there is only one.\n", 0, 0, 1,
     breaker_release_run},
    {"breaker discard", "[NAME]", "Drop the reports that the breaker holds, and close it",
     "Microsoft goes on believing what it was told before, until the device changes again or the weekly report comes.\n"
     "NAME may be left out when there is only one connection.\n",
     0, 0, 1, breaker_discard_run},
    {"account show", "[NAME]", "Show the account of a connection: its steps, devices, and what to mend",
     "NAME is a [connection] of the configuration; it may be left out when there is only one.\n", 0, 0, 1,
     account_show_run},
    {"account connect", "[NAME]", "Connect the account: provision the tenant, ensure policies and their assignment",
     "Shows each step and waits for the end. A step that fails is told with its cure; the next connect goes on there.\n"
     "While an account is being disconnected, this turns it back. Exit codes: 69 a step failed, 75 still under way.\n",
     1u << OPTION_TIMEOUT, 0, 1, account_connect_run},
    {"account disconnect", "[NAME]", "Disconnect the account: report every device as removed, deprovision the tenant",
     "Lists what stands in the way and wants the connection's name typed. Every device is reported as not managed and "
     "not\n"
     "compliant, the verdicts are awaited, the tenant is deprovisioned; from then on nothing is sent until it is "
     "connected\n"
     "again. Can be stopped and repeated at any time. With --this-server-only for servers that share a tenant.\n",
     1u << OPTION_YES | 1u << OPTION_THIS_SERVER_ONLY | 1u << OPTION_FORCE | 1u << OPTION_TIMEOUT, 0, 1,
     account_disconnect_run},
    {"activity verify", "", "Check that nobody changed, removed, reordered or cut off entries of the activity log",
     "Works on the store itself or a copy of it, daemon running or not. Exit code 65 when something is found. Anchors "
     "are\n"
     "entries known from elsewhere: complyd writes one to its log at start, at stop and every 15 minutes, so that\n"
     "  journalctl -u complyd | complyctl activity verify --anchors -\n"
     "also finds an end that was cut off and a log that was written anew.\n",
     STORE_OPTIONS | 1u << OPTION_ANCHOR | 1u << OPTION_ANCHORS, 0, 0, activity_verify_run},
    {"activity", "", "List what happened: reports, verdicts, tokens, operators' acts; newest first",
     "Kinds: report, retire, verdict, parked, token, connection, connect, disconnect, hold, breaker, full_report, "
     "drift, operator,\n"
     "configuration, store, daemon, retention. All filters given must match. With --json all fields of each entry, in "
     "one\n"
     "array that is written as it arrives; with --follow too, one object a line. --follow outlives the daemon: it "
     "waits for\n"
     "its return and goes on behind the last entry, without gaps or repeats, until it is interrupted.\n",
     1u << OPTION_DEVICE | 1u << OPTION_CONNECTION | 1u << OPTION_KIND | 1u << OPTION_SINCE | 1u << OPTION_FOLLOW, 0, 0,
     activity_run},
    {"import", "FILE", "Put devices, policies and violations from a file into the store, all or nothing",
     "FILE is JSON Lines or CSV, told apart by its first character; - is standard input. A bad line is named with its\n"
     "number and column, and nothing is applied. Works on the store itself, daemon running or not.\n",
     STORE_OPTIONS, 1, 1, import_run},
    {"doctor", "", "Check configuration, store, daemon and the way to Microsoft, and say what to mend",
     "Asks Microsoft anew and changes nothing. With the daemon down it checks what can be checked without it. Exit "
     "codes:\n"
     "0 all is well, 75 warnings alone, else of the first failure: 78 configuration, 65 or 66 store, 74 disk, 77 "
     "socket,\n"
     "69 the daemon, or what lies between it and Microsoft.\n",
     1u << OPTION_CONNECTION, 0, 0, doctor_run},
    {"page", "", "Print a link that signs you in to the web page",
     "The link works once, for five minutes, in a browser on this machine or at the other end of an SSH tunnel\n"
     "(ssh -L 8080:127.0.0.1:8080 HOST). The page is off unless [web] listen is set.\n",
     0, 0, 0, page_run},
    {"log-level", "[LEVEL]", "Show or set what complyd logs: error, warn, notice, info or debug",
     "A level that is set holds until complyd reads its configuration again (systemctl reload complyd).\n", 0, 0, 1,
     log_level_run},
    {"store init", "", "Create an empty store", "", STORE_OPTIONS, 0, 0, store_init_run},
    {"store check", "", "Check the store for damage", "Exit code 65 when something is found.\n", STORE_OPTIONS, 0, 0,
     store_check_run},
    {"store backup", "DEST", "Copy the store to DEST while everything runs", "", STORE_OPTIONS, 1, 1, store_backup_run},
    {"store migrate", "", "Bring a store of an older version up to date; the daemon must not be running", "",
     STORE_OPTIONS, 0, 0, store_migrate_run},
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

bool command_has(const struct invocation *invocation, enum command_option option)
{
    return invocation->option[option] != NULL;
}

const char *command_option_word(enum command_option option)
{
    return option_table[option].word;
}

const char *command_option_argument(enum command_option option)
{
    return option_table[option].argument;
}

const char *command_option_text(enum command_option option)
{
    return option_table[option].text;
}
