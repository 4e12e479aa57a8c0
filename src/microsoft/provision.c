/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/provision.h"

#include <stdio.h>
#include <strings.h>

#include "classify.h"
#include "reply.h"
#include "tenant_answer.h"

void provision_url(struct buf *url, const char *tenant_url, const char *tenant_id)
{
    buf_addf(url, "%s/PartnerTenants(guid'%s')" TENANT_API_VERSION, tenant_url, tenant_id);
}

void provision_body(struct buf *body, enum provision_state wanted, const char *enrollment_url,
                    const char *remediation_url)
{
    buf_addf(body, "{\"Provisioned\":%d,\"PartnerEnrollmentUrl\":", (int)wanted);
    buf_add_json_string(body, enrollment_url);
    buf_add_text(body, ",\"PartnerRemediationUrl\":");
    buf_add_json_string(body, remediation_url);
    buf_add_char(body, '}');
}

/* The service speaks of this tenant, or does not say of which. */
static bool is_about(const cJSON *root, const char *tenant_id)
{
    const char *about = reply_text(root, "ContextId");

    return about[0] == '\0' || strcasecmp(about, tenant_id) == 0;
}

static void check_state(const cJSON *root, enum provision_state wanted, int status, struct outcome *outcome)
{
    char text[96];
    double state;

    if (!reply_number(root, "Provisioned", &state) || state == (double)wanted)
        return;
    snprintf(text, sizeof(text), "Provisioned is %.0f where %d was asked for", state, (int)wanted);
    outcome->class = OUTCOME_TRANSIENT;
    outcome->trouble = TROUBLE_SERVICE;
    classify_detail(outcome, status, "", text);
}

/* What the service does not know, it does not serve. A 404 without JSON is no word of the service's. */
static bool is_gone(const cJSON *root, enum provision_state wanted, const struct outcome *outcome)
{
    return wanted == PROVISION_OFF && root != NULL && outcome->class == OUTCOME_CONNECTION &&
           outcome->trouble == TROUBLE_ENDPOINTS;
}

void provision_outcome(const struct http_response *response, enum provision_state wanted, const char *tenant_id,
                       int64_t now_s, struct outcome *ret_outcome)
{
    cJSON *root = tenant_answer_read(response, now_s, ret_outcome);

    if (is_gone(root, wanted, ret_outcome)) {
        *ret_outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
    } else if (ret_outcome->class == OUTCOME_ACCEPTED && !is_about(root, tenant_id)) {
        ret_outcome->class = OUTCOME_CONNECTION;
        ret_outcome->trouble = TROUBLE_TENANT;
        classify_detail(ret_outcome, response->status, "",
                        "Microsoft answered for another tenant than the one of tenant_id");
    } else if (ret_outcome->class == OUTCOME_ACCEPTED) {
        check_state(root, wanted, response->status, ret_outcome);
    }
    cJSON_Delete(root);
}
