# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim's tenant side: provisioning, partner policies, their assignment, groups, and what it refuses."""
import json
import uuid

import pytest

from sim_client import TENANT
from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

SERVICE = "/fef/PartnerTenantDataSyncService"
URLS = {"PartnerEnrollmentUrl": "https://mdm.example/e", "PartnerRemediationUrl": "https://mdm.example/r"}
POLICY = {"DisplayName": "P", "Description": "D", "Platform": "iOS", "PartnerManagedCompliance": True}
UNKNOWN = "99999999-0000-4000-8000-000000000009"


def ask(sim, method, path, body=None, token=None, version="1.6"):  # noqa: F811
    query = f"{'&' if '?' in path else '?'}api-version={version}" if version else ""
    return sim.request(method, f"{SERVICE}/{path}{query}", body, token=token or sim.intune_token())


def provision(sim, state=1, tenant=TENANT, **more):  # noqa: F811
    body = {k: v for k, v in {"Provisioned": state, **URLS, **more}.items() if v is not None}
    return ask(sim, "PUT", f"PartnerTenants(guid'{tenant}')", body)


def believed(sim):  # noqa: F811
    return next(tenant for tenant in sim.control("GET", "tenants")["value"] if tenant["tenantId"] == TENANT)


def groups(sim, query, **options):  # noqa: F811
    return sim.request("GET", f"/v1.0/groups{query}", token=options.pop("token", None) or sim.graph_token())


def test_provisioning_and_back(sim):  # noqa: F811
    assert believed(sim)["provisioned"] == 0
    answer = provision(sim)
    assert answer.status == 200
    assert (answer.json()["ContextId"], answer.json()["Provisioned"], answer.json()["HttpStatusCode"]) == (TENANT, 1, 200)
    assert (believed(sim)["provisioned"], believed(sim)["enrollmentUrl"]) == (1, URLS["PartnerEnrollmentUrl"])
    assert provision(sim, 2).json()["Provisioned"] == 2
    assert believed(sim)["provisioned"] == 2
    sim.reset()
    assert believed(sim)["provisioned"] == 0


@pytest.mark.parametrize("change", [{"Provisioned": 3}, {"Provisioned": "1"}, {"Provisioned": None}, {"PartnerEnrollmentUrl": None},
                                    {"PartnerRemediationUrl": "http://plain.example"}, {"Extra": 1}])
def test_provisioning_is_strict(sim, change):  # noqa: F811
    assert provision(sim, **{"state": change.pop("Provisioned", 1), **change}).status == 400
    assert believed(sim)["provisioned"] == 0


def test_who_may_provision(sim):  # noqa: F811
    path = f"PartnerTenants(guid'{TENANT}')"
    assert ask(sim, "PUT", path, {"Provisioned": 1, **URLS}, token=sim.graph_token()).status == 401
    assert ask(sim, "PUT", path, {"Provisioned": 1, **URLS}, version="1.2").status == 400
    assert ask(sim, "PUT", path, {"Provisioned": 1, **URLS}, version=None).status == 400
    assert ask(sim, "GET", path).status == 405
    assert provision(sim, tenant=UNKNOWN).status == 403
    assert provision(sim, tenant="none").status == 400
    assert ask(sim, "PUT", "PartnerTenants", {}).status == 404


def test_the_app_needs_its_permissions(sim):  # noqa: F811
    path = f"PartnerTenants(guid'{TENANT}')"
    sim.settings(permissions="update_device_attributes")
    assert ask(sim, "PUT", path, {"Provisioned": 1, **URLS}).status == 403
    sim.settings(permissions="manage_partner_compliance_policy")
    assert ask(sim, "PUT", path, {"Provisioned": 1, **URLS}).status == 200
    messages = f"/fef/PartnerDeviceDataSyncService/DataUploadMessages(guid'{UNKNOWN}')?api-version=1.2"
    assert sim.request("GET", messages, token=sim.intune_token()).status == 403
    sim.settings(permissions="update_device_attributes")
    assert sim.request("GET", messages, token=sim.intune_token()).status == 404


def test_a_policy_and_its_assignment(sim):  # noqa: F811
    provision(sim)
    answer = ask(sim, "POST", "PartnerCompliancePolicies", POLICY)
    assert answer.status == 201 and answer.json()["Platform"] == "iOS"
    policy_id = answer.json()["Id"]
    assert uuid.UUID(policy_id) != uuid.UUID(answer.json()["PartnerPolicyId"])
    group = believed(sim)["groups"][0]["id"]
    assigned = ask(sim, "POST", f"PartnerCompliancePolicies(guid'{policy_id}')/Assign", {"assignments": [group]})
    assert assigned.status == 200 and json.loads(assigned.json()["value"]) == {"assignments": [group]}
    assert believed(sim)["policies"] == [{"id": policy_id, "displayName": "P", "platform": "iOS", "assignments": [group]}]


def test_policies_that_are_refused(sim):  # noqa: F811
    assert ask(sim, "POST", "PartnerCompliancePolicies", POLICY).status == 403, "not provisioned"
    provision(sim)
    for change in ({"Platform": "Windows"}, {"Platform": "ios"}, {"DisplayName": ""}, {"PartnerManagedCompliance": False},
                   {"PartnerManagedCompliance": "true"}, {"Extra": 1}):
        assert ask(sim, "POST", "PartnerCompliancePolicies", {**POLICY, **change}).status == 400, change
    sim.settings(partner_android=False)
    answer = ask(sim, "POST", "PartnerCompliancePolicies", {**POLICY, "Platform": "Android"})
    assert answer.status == 204 and answer.body == b""
    assert ask(sim, "POST", "PartnerCompliancePolicies", POLICY).status == 201
    assert ask(sim, "POST", "PartnerCompliancePolicies", POLICY).status == 409


def test_assignments_that_are_refused(sim):  # noqa: F811
    provision(sim)
    path = f"PartnerCompliancePolicies(guid'{ask(sim, 'POST', 'PartnerCompliancePolicies', POLICY).json()['Id']}')/Assign"
    for body in ({}, {"assignments": []}, {"assignments": "x"}, {"assignments": ["x"]}, {"assignments": [UNKNOWN]}):
        assert ask(sim, "POST", path, body).status == 400, body
    group = believed(sim)["groups"][0]["id"]
    assert ask(sim, "POST", path.replace("guid'", "guid'f", 1), {"assignments": [group]}).status == 400
    assert ask(sim, "POST", f"PartnerCompliancePolicies(guid'{UNKNOWN}')/Assign", {"assignments": [group]}).status == 404
    assert ask(sim, "GET", path).status == 405


def test_the_list_goes_on_over_pages(sim):  # noqa: F811
    provision(sim)
    for platform in ("iOS", "Android", "macOS"):
        ask(sim, "POST", "PartnerCompliancePolicies", {**POLICY, "Platform": platform})
    assert len(ask(sim, "GET", "PartnerCompliancePolicies").json()["value"]) == 3
    sim.settings(page_size=2)
    page = ask(sim, "GET", "PartnerCompliancePolicies").json()
    assert [policy["Platform"] for policy in page["value"]] == ["iOS", "Android"]
    rest = sim.request("GET", page["odata.nextLink"], token=sim.intune_token()).json()
    assert [policy["Platform"] for policy in rest["value"]] == ["macOS"] and "odata.nextLink" not in rest


def test_groups_by_name_and_id(sim):  # noqa: F811
    made = sim.control("POST", "groups", {"displayName": "Ann's phones"})["id"]
    found = groups(sim, "?$filter=displayName%20eq%20'ann''s%20phones'&$select=id,displayName")
    assert found.json()["value"] == [{"id": made, "displayName": "Ann's phones"}]
    assert groups(sim, f"/{made}").json()["displayName"] == "Ann's phones"
    assert groups(sim, "?$filter=displayName%20eq%20'nobody'").json()["value"] == []
    assert groups(sim, f"/{UNKNOWN}").status == 404
    assert groups(sim, "/nonsense").status == 400
    assert groups(sim, "?$filter=mail%20eq%20'x'").status == 400
    assert groups(sim, "?$select=secret").status == 400
    assert groups(sim, "", token=sim.intune_token()).status == 401
    sim.control("DELETE", f"groups/{made}")
    assert groups(sim, f"/{made}").status == 404


@pytest.mark.parametrize("place, act", [
    ("tenant_put", provision), ("policies", lambda sim: ask(sim, "GET", "PartnerCompliancePolicies")),
    ("assign", lambda sim: ask(sim, "POST", f"PartnerCompliancePolicies(guid'{UNKNOWN}')/Assign", {})),
    ("groups", lambda sim: groups(sim, ""))])
def test_faults_have_places(sim, place, act):  # noqa: F811
    sim.add_fault(place, "status", status=503)
    assert act(sim).status == 503
    assert sim.count(place, 503) == 1
