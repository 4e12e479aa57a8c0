/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "daemon/connection_run.h"
#include "daemon_internal.h"
#include "microsoft/compliance_policy.h"
#include "microsoft/credential.h"
#include "microsoft/endpoints.h"
#include "microsoft/group.h"
#include "microsoft/partner.h"
#include "model/phrase.h"

enum {
    CONNECT_MS = 5 * 1000,
    REQUEST_MS = 10 * 1000,
    PAGES_MAX = 10,
    SKEW_WARNING_S = 60,
    SKEW_FAILURE_S = 300, /* what Entra bears in assertions */
    TLS_WARNING_S = 7 * 24 * 3600,
    PARTNER_PLATFORMS = ((1u << PLATFORM_COUNT) - 1) & ~(1u << PLATFORM_WINDOWS),
};

struct doctor {
    struct account_count count; /* first: its job comes back as the doctor */
    struct daemon *daemon;
    struct generation *generation; /* `settings` is of it */
    const struct connection_settings *settings;
    enum language language;
    bool graph_pauses, partner_pauses; /* Microsoft has asked for it */
    struct http_client *http;
    struct token_source *graph_token, *intune_token;
    struct endpoints_discovery *discovery;
    struct endpoints endpoints;
    unsigned platforms; /* with devices; a set */
    unsigned policies;  /* platforms that have one; a set */
    unsigned pages;
    struct buf url;
    bool canceled, ending;
    doctor_done_fn *done;
    void *ctx;
    size_t finding_count;
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
};

static int64_t now_s(void)
{
    return clock_realtime_ms(clock_system()) / 1000;
}

/* ---- findings ---- */

static void add(struct doctor *doctor, enum check check, enum check_finding found, const char *detail)
{
    if (doctor->finding_count == DOCTOR_FINDINGS_MAX)
        return;
    struct doctor_finding *finding = &doctor->findings[doctor->finding_count++];
    *finding = (struct doctor_finding){.check = check,
                                       .state = check_finding_state(found),
                                       .problem = check_finding_name(found),
                                       .text = check_finding_text(found, doctor->language),
                                       .cure = check_finding_cure(found, doctor->language)};
    snprintf(finding->detail, sizeof(finding->detail), "%s", detail);
}

static void add_words(struct doctor *doctor, enum check check, enum check_state state, const char *const words[3],
                      const char *detail)
{
    if (doctor->finding_count == DOCTOR_FINDINGS_MAX)
        return;
    struct doctor_finding *finding = &doctor->findings[doctor->finding_count++];
    *finding = (struct doctor_finding){
        .check = check, .state = state, .problem = words[0], .text = words[1], .cure = words[2]};
    snprintf(finding->detail, sizeof(finding->detail), "%s", detail);
}

static void add_trouble(struct doctor *doctor, enum check check, enum check_state state, enum trouble trouble,
                        const char *detail)
{
    const char *const words[] = {trouble_slug(trouble), trouble_text(trouble, doctor->language),
                                 trouble_cure(trouble, doctor->language)};
    add_words(doctor, check, state, words, detail);
}

static void add_problem(struct doctor *doctor, enum check check, enum check_state state, enum account_problem problem,
                        const char *detail)
{
    const char *const words[] = {account_problem_name(problem), account_problem_text(problem, doctor->language),
                                 account_problem_cure(problem, doctor->language)};
    add_words(doctor, check, state, words, detail);
}

/* What passes by itself is a warning, the rest a failure. */
static void add_outcome(struct doctor *doctor, enum check check, const struct outcome *outcome)
{
    enum trouble trouble = outcome->trouble != TROUBLE_NONE      ? outcome->trouble
                           : outcome->class == OUTCOME_AUTH      ? TROUBLE_TOKEN_REFUSED
                           : outcome->class == OUTCOME_THROTTLED ? TROUBLE_THROTTLED
                                                                 : TROUBLE_REPLY;
    bool passes = trouble == TROUBLE_THROTTLED || trouble == TROUBLE_SERVICE;
    add_trouble(doctor, check, passes ? CHECK_WARNING : CHECK_FAILURE, trouble, outcome->detail);
}

/* ---- the end ---- */

static void on_closed(void *ctx)
{
    struct doctor *doctor = ctx;
    endpoints_cancel(doctor->discovery);
    token_source_free(doctor->graph_token);
    token_source_free(doctor->intune_token);
    buf_deinit(&doctor->url);
    generation_release(doctor->generation);
    doctor->done(doctor->ctx, doctor->canceled ? ERR_CANCELED : 0, doctor->findings, doctor->finding_count);
    free(doctor);
}

static void look_at_certificate(struct doctor *doctor, const struct http_certificate *certificate)
{
    char end[CLOCK_TEXT];
    struct buf until, detail;
    buf_init(&until, 0);
    buf_init(&detail, 0);
    phrase_add(&until, PHRASE_UNTIL, doctor->language, certificate->host, clock_format_s(certificate->expires_s, end));
    phrase_add(&detail, PHRASE_ISSUED_BY, doctor->language, buf_text(&until), certificate->issuer);
    add(doctor, CHECK_TLS, certificate->expires_s - now_s() < TLS_WARNING_S ? FOUND_TLS_EXPIRES : FOUND_WELL,
        buf_text(&detail));
    buf_deinit(&detail);
    buf_deinit(&until);
}

/* Of every host that was asked, once all have been. A server that shows one that is not valid was not believed, and
 * told as such. */
static void look_at_certificates(struct doctor *doctor)
{
    const struct http_certificate *certificate;
    for (size_t i = 0; (certificate = http_client_certificate(doctor->http, i)) != NULL; i++) {
        if (certificate->expires_s > 0)
            look_at_certificate(doctor, certificate);
    }
}

static void finish(struct doctor *doctor)
{
    if (doctor->http && !doctor->ending)
        look_at_certificates(doctor);
    doctor->ending = true;
    if (doctor->http)
        http_client_close(doctor->http, on_closed, doctor); /* a second time is fine */
    else
        on_closed(doctor);
}

/* True: what was under way is told no more. */
static bool is_over(struct doctor *doctor)
{
    bool canceled = doctor->canceled;
    if (canceled)
        finish(doctor);
    return canceled;
}

void doctor_cancel(struct doctor *doctor)
{
    doctor->canceled = true;
    if (doctor->http)
        finish(doctor);
}

/* ---- partner policies ---- */

static void tell_policies(struct doctor *doctor)
{
    char names[80] = "";
    for (int i = 0; i < PLATFORM_COUNT; i++) {
        size_t used = strlen(names);
        if ((doctor->platforms & ~doctor->policies & PARTNER_PLATFORMS & 1u << i) != 0)
            snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? ", " : "", platform_name((enum platform)i));
    }
    add(doctor, CHECK_POLICY, names[0] ? FOUND_NO_POLICY : FOUND_WELL, names);
    finish(doctor);
}

static void ask_policies(struct doctor *doctor, const char *next);

/* The list may say what creating a policy says: success in HTTP alone. */
static bool is_not_partner(const struct http_response *response)
{
    return response->result == 0 && response->status == 204;
}

static void on_policies(void *ctx, const struct http_response *response)
{
    struct doctor *doctor = ctx;
    char id[GUID_TEXT], next[COMPLIANCE_POLICY_NEXT];
    struct outcome outcome = {0};
    if (is_over(doctor))
        return;
    for (int i = 0; i < PLATFORM_COUNT; i++) {
        compliance_policy_listed(response, (enum platform)i, now_s(), id, next, &outcome);
        doctor->policies |= (unsigned)(id[0] != '\0') << i;
    }
    if (is_not_partner(response)) {
        add_trouble(doctor, CHECK_POLICY, CHECK_FAILURE, TROUBLE_NOT_PARTNER, "");
        finish(doctor);
    } else if (outcome.class != OUTCOME_ACCEPTED) {
        add_outcome(doctor, CHECK_POLICY, &outcome);
        finish(doctor);
    } else if (next[0] != '\0' && ++doctor->pages < PAGES_MAX) {
        ask_policies(doctor, next);
    } else {
        tell_policies(doctor);
    }
}

/* Nothing was begun: memory, or a URL that is none. */
static void not_begun(struct doctor *doctor, enum check check, int result, const struct error *err)
{
    struct outcome outcome = {.trouble = TROUBLE_NETWORK};
    snprintf(outcome.detail, sizeof(outcome.detail), "%s",
             err && err->code != 0 ? error_text(err) : error_code_text(result));
    add_outcome(doctor, check, &outcome);
    finish(doctor);
}

static void get(struct doctor *doctor, enum check check, struct token_source *source, http_done_fn *answered)
{
    const struct http_request request = {
        .method = HTTP_GET, .url = buf_text(&doctor->url), .bearer = token_get(source), .total_ms = REQUEST_MS};
    struct error err = {0};
    int result = buf_error(&doctor->url);
    if (result == 0)
        result = http_send(doctor->http, &request, answered, doctor, NULL, NULL, &err);
    if (result < 0)
        not_begun(doctor, check, result, &err);
}

static void ask_policies(struct doctor *doctor, const char *next)
{
    buf_clear(&doctor->url);
    if (next)
        buf_add_text(&doctor->url, next);
    else
        compliance_policy_url(&doctor->url, doctor->endpoints.tenant_url);
    get(doctor, CHECK_POLICY, doctor->intune_token, on_policies);
}

/* ---- the service that takes reports ---- */

static void on_message(void *ctx, const struct http_response *response)
{
    struct doctor *doctor = ctx;
    struct outcome outcome;
    if (is_over(doctor))
        return;
    if (partner_get_verdict(response, now_s(), &outcome) != PARTNER_UNKNOWN) {
        add(doctor, CHECK_PARTNER, FOUND_WELL, doctor->endpoints.device_url);
        ask_policies(doctor, NULL);
        return;
    }
    add_outcome(doctor, CHECK_PARTNER, &outcome);
    add(doctor, CHECK_POLICY, FOUND_NOT_ASKED, "");
    finish(doctor);
}

/* For the verdict of a message that never was: "not known" is a good answer. */
static void ask_message(struct doctor *doctor)
{
    struct guid id;
    guid_random(&id);
    buf_clear(&doctor->url);
    partner_url(&doctor->url, doctor->endpoints.device_url, &id);
    get(doctor, CHECK_PARTNER, doctor->intune_token, on_message);
}

/* ---- consent ---- */

static void on_intune_token(void *ctx, const struct outcome *outcome)
{
    struct doctor *doctor = ctx;
    if (is_over(doctor))
        return;
    if (outcome) {
        add_outcome(doctor, CHECK_CONSENT, outcome);
        add(doctor, CHECK_PARTNER, FOUND_NOT_ASKED, "");
        finish(doctor);
        return;
    }
    add(doctor, CHECK_CONSENT, FOUND_WELL, doctor->settings->intune_scope);
    if (doctor->endpoints.tenant_url[0] == '\0') {
        add(doctor, CHECK_PARTNER, FOUND_NOT_ASKED, "");
        finish(doctor);
    } else if (doctor->partner_pauses) {
        add(doctor, CHECK_PARTNER, FOUND_POLITE, "");
        finish(doctor);
    } else {
        ask_message(doctor);
    }
}

static void ask_consent(struct doctor *doctor)
{
    if ((doctor->platforms & PARTNER_PLATFORMS) == 0 && (doctor->platforms & 1u << PLATFORM_WINDOWS) != 0) {
        add(doctor, CHECK_CONSENT, FOUND_ONLY_WINDOWS, "");
        finish(doctor);
        return;
    }
    int result = token_want(doctor->intune_token, on_intune_token, doctor);
    if (result < 0)
        not_begun(doctor, CHECK_CONSENT, result, NULL);
}

/* ---- the group ---- */

static void on_group(void *ctx, const struct http_response *response)
{
    struct doctor *doctor = ctx;
    const char *wanted = doctor->settings->assignment_group;
    struct outcome outcome;
    char id[GUID_TEXT];
    unsigned count = 0;
    if (is_over(doctor))
        return;
    group_outcome(response, wanted, now_s(), id, &count, &outcome);
    if (outcome.class != OUTCOME_ACCEPTED)
        add_outcome(doctor, CHECK_GROUP, &outcome);
    else if (count == 0)
        add_problem(doctor, CHECK_GROUP, CHECK_FAILURE, PROBLEM_GROUP_UNKNOWN, wanted);
    else if (count > 1)
        add_problem(doctor, CHECK_GROUP, CHECK_FAILURE, PROBLEM_GROUP_AMBIGUOUS, outcome.detail);
    else
        add(doctor, CHECK_GROUP, FOUND_WELL, wanted);
    ask_consent(doctor);
}

static void ask_group(struct doctor *doctor)
{
    if (doctor->settings->assignment_group[0] == '\0') {
        add_problem(doctor, CHECK_GROUP, CHECK_WARNING, PROBLEM_GROUP_NOT_SET, "");
        ask_consent(doctor);
        return;
    }
    buf_clear(&doctor->url);
    group_url(&doctor->url, doctor->settings->graph_url, doctor->settings->assignment_group);
    get(doctor, CHECK_GROUP, doctor->graph_token, on_group);
}

/* ---- Graph ---- */

static void on_endpoints(void *ctx, const struct outcome *outcome, const struct endpoints *endpoints)
{
    struct doctor *doctor = ctx;
    doctor->discovery = NULL;
    if (is_over(doctor))
        return;
    if (!outcome)
        doctor->endpoints = *endpoints;
    if (outcome && outcome->trouble != TROUBLE_ENDPOINTS) {
        add_outcome(doctor, CHECK_GRAPH, outcome);
        add(doctor, CHECK_GROUP, FOUND_NOT_ASKED, "");
        ask_consent(doctor);
        return;
    }
    add(doctor, CHECK_GRAPH, FOUND_WELL, doctor->settings->graph_url);
    if (outcome && (doctor->platforms & PARTNER_PLATFORMS) != 0)
        add_outcome(doctor, CHECK_PARTNER, outcome);
    ask_group(doctor);
}

static void ask_graph(struct doctor *doctor)
{
    if (doctor->graph_pauses) {
        add(doctor, CHECK_GRAPH, FOUND_POLITE, "");
        ask_consent(doctor);
        return;
    }
    int result = endpoints_discover(doctor->http, doctor->settings->graph_url, doctor->graph_token, clock_system(),
                                    on_endpoints, doctor, &doctor->discovery);
    if (result < 0)
        not_begun(doctor, CHECK_GRAPH, result, NULL);
}

/* ---- signing in ---- */

static void look_at_clock(struct doctor *doctor)
{
    int64_t skew_s = token_clock_skew_s(doctor->graph_token);
    char off[DURATION_TEXT];
    enum check_state state = llabs(skew_s) > SKEW_FAILURE_S ? CHECK_FAILURE : CHECK_WARNING;
    struct buf detail;
    buf_init(&detail, 0);
    phrase_add(&detail, skew_s > 0 ? PHRASE_CLOCK_AHEAD : PHRASE_CLOCK_BEHIND, doctor->language,
               duration_format(llabs(skew_s) * 1000, off), "");
    if (llabs(skew_s) > SKEW_WARNING_S)
        add_trouble(doctor, CHECK_CLOCK, state, TROUBLE_CLOCK, buf_text(&detail));
    else
        add(doctor, CHECK_CLOCK, FOUND_WELL, "");
    buf_deinit(&detail);
}

static void look_at_proxy(struct doctor *doctor, const struct outcome *outcome)
{
    const char *proxy = doctor->settings->proxy;
    if (proxy[0] == '\0')
        add(doctor, CHECK_PROXY, FOUND_NO_PROXY, "");
    else if (outcome && outcome->trouble == TROUBLE_PROXY)
        add_outcome(doctor, CHECK_PROXY, outcome);
    else if (outcome && outcome->trouble == TROUBLE_NETWORK)
        add(doctor, CHECK_PROXY, FOUND_NOT_ASKED, proxy);
    else
        add(doctor, CHECK_PROXY, FOUND_WELL, proxy);
}

static bool has_answered(const struct outcome *outcome)
{
    return !outcome || (outcome->trouble != TROUBLE_NETWORK && outcome->trouble != TROUBLE_TLS &&
                        outcome->trouble != TROUBLE_PROXY && outcome->trouble != TROUBLE_CREDENTIAL_FILE);
}

static void on_graph_token(void *ctx, const struct outcome *outcome)
{
    struct doctor *doctor = ctx;
    const struct outcome *passed_over = token_passed_over(doctor->graph_token);
    if (is_over(doctor))
        return;
    look_at_proxy(doctor, outcome);
    if (outcome)
        add_outcome(doctor, CHECK_SIGN_IN, outcome);
    else
        add(doctor, CHECK_SIGN_IN, FOUND_WELL, doctor->settings->authority_url);
    if (passed_over)
        add_trouble(doctor, CHECK_SIGN_IN, CHECK_WARNING, passed_over->trouble, passed_over->detail);
    if (has_answered(outcome))
        look_at_clock(doctor);
    if (!outcome) {
        ask_graph(doctor);
        return;
    }
    add(doctor, CHECK_GRAPH, FOUND_NOT_ASKED, "");
    finish(doctor);
}

static void look_at_credentials(struct doctor *doctor)
{
    enum credential_kind kinds[CREDENTIALS_MAX];
    size_t count = credential_list(doctor->settings, kinds);
    for (size_t i = 0; i < count; i++) {
        int64_t expires_s = credential_expires_s(doctor->settings, kinds[i], now_s());
        int nearness = credential_nearness(expires_s, now_s());
        char date[CLOCK_TEXT];
        struct error err = {0};
        struct buf detail;
        buf_init(&detail, 0);
        if (expires_s > 0)
            phrase_add(&detail, PHRASE_UNTIL, doctor->language, credential_name(kinds[i]),
                       clock_format_s(expires_s, date));
        else
            buf_add_text(&detail, credential_name(kinds[i]));
        if (nearness >= 4)
            add_trouble(doctor, CHECK_CREDENTIAL, CHECK_FAILURE, TROUBLE_CREDENTIAL_EXPIRED, buf_text(&detail));
        else if (credential_check(doctor->settings, kinds[i], now_s(), &err) < 0)
            add_trouble(doctor, CHECK_CREDENTIAL, CHECK_FAILURE, TROUBLE_CREDENTIAL_FILE, error_text(&err));
        else
            add(doctor, CHECK_CREDENTIAL, nearness > 0 ? FOUND_EXPIRES : FOUND_WELL, buf_text(&detail));
        buf_deinit(&detail);
    }
}

static void look_at_pages(struct doctor *doctor)
{
    bool set = doctor->settings->enrollment_url[0] != '\0' && doctor->settings->remediation_url[0] != '\0';
    if (set)
        add(doctor, CHECK_PAGES, FOUND_WELL, "");
    else
        add_problem(doctor, CHECK_PAGES, CHECK_WARNING, PROBLEM_PAGES_NOT_SET, "");
}

static int make_network(struct doctor *doctor, struct error *err)
{
    const struct connection_settings *settings = doctor->settings;
    const struct http_options options = {.ca_file = settings->ca_file,
                                         .proxy = settings->proxy,
                                         .proxy_credentials_file = settings->proxy_credentials_file,
                                         .connect_ms = CONNECT_MS,
                                         .total_ms = REQUEST_MS,
                                         .note_certificates = true};
    char scope[600];
    int rc = http_client_new(daemon_loop(doctor->daemon), &options, &doctor->http, err);
    snprintf(scope, sizeof(scope), "%s/.default", settings->graph_url);
    if (rc == 0)
        rc = token_source_new(doctor->http, settings, scope, clock_system(), &doctor->graph_token, err);
    if (rc == 0)
        rc = token_source_new(doctor->http, settings, settings->intune_scope, clock_system(), &doctor->intune_token,
                              err);
    return rc;
}

/* The fleet was counted; without a store the platforms are not known, and no policy is missed. */
static void on_counted(struct store_job *job)
{
    struct doctor *doctor = job->ctx;
    struct error err = {0};
    if (job->result == 0)
        doctor->platforms = doctor->count.counts.platforms;
    if (is_over(doctor))
        return;
    look_at_pages(doctor);
    look_at_credentials(doctor);
    int result = make_network(doctor, &err);
    if (result == 0)
        result = token_want(doctor->graph_token, on_graph_token, doctor);
    if (result < 0)
        not_begun(doctor, CHECK_SIGN_IN, result, &err);
}

/* ---- the start ---- */

static void on_silent(struct store_job *job)
{
    finish(job->ctx);
}

/* How reporting stands. False: Microsoft is not to be asked. */
static bool look_at_reporting(struct doctor *doctor, const struct connection *connection)
{
    struct connection_status status;
    int64_t now_ms = clock_realtime_ms(clock_system());
    connection_status(connection, &status);
    doctor->graph_pauses = status.channel[CHANNEL_GRAPH].retry_at_ms > now_ms && status.trouble == TROUBLE_THROTTLED;
    doctor->partner_pauses =
        status.channel[CHANNEL_PARTNER].retry_at_ms > now_ms && status.trouble == TROUBLE_THROTTLED;
    if (status.state == CONNECTION_OFF || status.state == CONNECTION_DISCONNECTED) {
        add(doctor, CHECK_REPORTING, FOUND_OFF, connection_state_name(status.state));
        return false;
    }
    if (status.trouble != TROUBLE_NONE)
        add_trouble(doctor, CHECK_REPORTING, status.state == CONNECTION_BROKEN ? CHECK_FAILURE : CHECK_WARNING,
                    status.trouble, status.detail);
    else
        add(doctor, CHECK_REPORTING, FOUND_WELL, connection_state_name(status.state));
    return true;
}

int doctor_start(struct daemon *daemon, const char *connection, enum language language, doctor_done_fn *done, void *ctx,
                 struct doctor **ret_doctor, struct error *err)
{
    const struct connection *running = daemon_find_connection(daemon, connection);
    const struct connection_settings *found;
    if (settings_find_connection(daemon_settings(daemon), connection, &found, err) < 0)
        return ERR_NOTFOUND;
    if (!running)
        return error_set(err, ERR_BUSY, 0, "connection %s is just being started: ask again", connection);
    struct doctor *doctor = calloc(1, sizeof(*doctor));
    if (!doctor)
        return error_set(err, ERR_NOMEM, 0, "doctor");
    doctor->daemon = daemon;
    doctor->language = language;
    doctor->done = done;
    doctor->ctx = ctx;
    doctor->generation = generation_keep(daemon_generation(daemon));
    doctor->settings = settings_connection(doctor->generation->settings, connection);
    buf_init(&doctor->url, 4096);
    account_count_init(&doctor->count, connection, look_at_reporting(doctor, running) ? on_counted : on_silent);
    doctor->count.now_ms = clock_realtime_ms(clock_system());
    doctor->count.job.ctx = doctor;
    daemon_look(daemon, &doctor->count.job);
    *ret_doctor = doctor;
    return 0;
}
