"""What tools print about their deploys, in the shapes of their documentation, read as deploys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.tool import ToolError
from tools.triage.deploys import read_deploys
from tools.triage.values import Deploy

T0 = 1772445600  # 2026-03-02T10:00:00Z
SHA = "9f3c2ab4d5e6f708192a3b4c5d6e7f8091a2b3c4"


def replica_set(image: str, at: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": "orders-6d4b", "creationTimestamp": at,
            "annotations": {"deployment.kubernetes.io/revision": "4"},
            "ownerReferences": [{"kind": "Deployment", "name": "orders", "controller": True}],
        },
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "image": image}]}, **more}},
    }  # fmt: skip


def listed(*items: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(items), "metadata": {"resourceVersion": ""}}


GITHUB = [
    {
        "url": "https://github.test/d/1", "id": 1, "sha": SHA, "ref": "main", "task": "deploy",
        "payload": {"service": "orders"}, "environment": "production", "description": "Release",
        "created_at": "2026-03-02T10:00:00Z", "statuses_url": "https://github.test/d/1/statuses",
        "transient_environment": False, "production_environment": True,
    },
    {
        "id": 2, "sha": SHA[::-1], "ref": "feature", "payload": "", "environment": "pr-7",
        "created_at": "2026-03-02T10:01:00Z", "statuses_url": "…", "transient_environment": True,
    },
]  # fmt: skip
GITLAB = [
    {
        "id": 41, "iid": 1, "ref": "main", "sha": SHA, "status": "success", "created_at": "2026-03-02T09:50:00.000Z",
        "updated_at": "2026-03-02T10:00:02.000Z", "environment": {"id": 9, "name": "production"},
        "deployable": {"id": 664, "status": "success", "finished_at": "2026-03-02T10:00:00.000Z", "name": "deploy"},
    },
    {
        "id": 42, "ref": "main", "sha": "f" * 40, "status": "failed", "created_at": "2026-03-02T10:10:00.000Z",
        "environment": {"name": "production"}, "deployable": {},
    },
]  # fmt: skip
ARGO = {
    "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "orders"},
    "status": {"history": [
        {"id": 3, "deployStartedAt": "2026-03-02T09:59:58Z", "deployedAt": "2026-03-02T10:00:00Z", "revision": SHA},
    ]},
}  # fmt: skip
FLUX = {
    "apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": "ReconciliationSucceeded",
    "metadata": {"name": "orders.177bd", "annotations": {"kustomize.toolkit.fluxcd.io/revision": f"main@sha1:{SHA}"}},
    "involvedObject": {"kind": "Kustomization", "name": "orders", "namespace": "flux-system"},
    "firstTimestamp": "2026-03-02T10:00:00Z", "lastTimestamp": "2026-03-02T10:00:00Z", "message": "Applied revision",
}  # fmt: skip


def event(reason: str, kind: str, name: str, message: str, time: str = "2026-03-02T10:00:00Z") -> dict[str, object]:
    about = {"kind": kind, "name": name, "namespace": "prod"}
    return {"apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": reason, "message": message,
            "involvedObject": about, "firstTimestamp": None, "eventTime": time}  # fmt: skip


ROLLOUT = (
    event("Pulled", "Pod", "orders-7d9f-x2v7", f'Successfully pulled image "r.test/orders:{SHA[:8]}" in 1.2s'),
    event("ScalingReplicaSet", "Deployment", "orders", "Scaled up replica set orders-7d9f to 1"),
    event("ScalingReplicaSet", "Deployment", "orders", "Scaled up replica set orders-7d9f from 1 to 3"),
    event("ScalingReplicaSet", "Deployment", "orders", "Scaled down replica set orders-5c4b to 0 from 1"),
    event("Pulled", "Pod", "stock-1a2b-zz9", 'Container image "r.test/stock:v3" already present on machine'),
)
HELM = [
    {
        "revision": 7, "updated": "2026-03-02T10:00:00.123456789Z", "status": "deployed", "chart": "orders-0.4.1",
        "app_version": "1.4.0", "description": "Upgrade complete",
    }
]  # fmt: skip
LAUNCHDARKLY = {
    "_links": {"self": {"href": "/api/v2/auditlog"}}, "totalCount": 2,
    "items": [
        {"_id": "a", "date": T0 * 1000 + 5, "kind": "flag", "name": "New checkout", "titleVerb": "turned on the flag"},
        {"_id": "b", "date": T0 * 1000, "kind": "member", "name": "ada@example.test", "titleVerb": "invited"},
    ],
}  # fmt: skip
UNLEASH = {
    "version": 1,
    "events": [
        {
            "id": 454, "type": "feature-environment-enabled", "createdBy": "ada", "createdAt": "2026-03-02T10:00:00.5Z",
            "featureName": "new-checkout", "environment": "production", "data": None,
        },
        {"id": 453, "type": "project-created", "createdAt": "2026-03-02T09:00:00Z", "data": {"name": "x"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "service", "revision", "note"),
    [
        (GITHUB, "orders", SHA, "production main Release"),
        (GITLAB, "", SHA, "production main"),
        (listed(replica_set(f"registry.test:5000/shop/orders:main-{SHA[:8]}", "2026-03-02T10:00:00Z")), "orders",
         SHA[:8], f"registry.test:5000/shop/orders:main-{SHA[:8]}"),
        (replica_set("orders:v1.4.0@sha256:" + "0" * 64, "2026-03-02T10:00:00Z"), "orders", "v1.4.0",
         "orders:v1.4.0@sha256:" + "0" * 64),
        (replica_set("orders:latest", "2026-03-02T10:00:00Z"), "orders", "", "orders:latest"),
        (replica_set("orders:latest", "2026-03-02T10:00:00Z",
                     metadata={"annotations": {"org.opencontainers.image.revision": SHA}}), "orders", SHA,
         "orders:latest"),
        (ARGO, "orders", SHA, "Argo CD"),
        (listed(ARGO, {"kind": "Service", "metadata": {"name": "x"}}), "orders", SHA, "Argo CD"),
        (listed(FLUX), "orders", SHA, "Flux"),
        (listed(*ROLLOUT), "orders", SHA[:8], f"r.test/orders:{SHA[:8]}"),
        (listed(ROLLOUT[1]), "orders", "", "replica set orders-7d9f"),
        (HELM, "", "1.4.0", "orders-0.4.1 Upgrade complete"),
        (LAUNCHDARKLY, "", "", "flag New checkout turned on the flag"),
        (UNLEASH, "", "", "flag new-checkout feature-environment-enabled production"),
        ({"time": T0, "service": "orders", "flag": "new-checkout", "value": True}, "orders", "",
         "flag new-checkout: True"),
    ],
)  # fmt: skip
def test_what_tools_print_is_read_as_it_is(document: object, service: str, revision: str, note: str) -> None:
    """However it is laid out; what is no deploy, failed, or was a preview is left out."""
    wanted = Deploy(time=T0, service=service, revision=revision, note=note)
    assert read_deploys(json.dumps(document)) == read_deploys(json.dumps(document, indent=2)) == (wanted,)


def test_several_files_are_one_history() -> None:
    """What ran before a deploy may stand in another file."""
    flag = json.dumps({"time": T0 + 60, "flag": "new-checkout"})
    first, second, third = read_deploys(
        json.dumps(ARGO), flag, json.dumps(replica_set("orders:v2", "2026-03-02T10:05:00Z"))
    )
    assert (first.revision, second.revision, third.revision) == (SHA, "", "v2")
    assert third.previous == SHA


@pytest.mark.parametrize(
    "document",
    [
        listed(None, 7, "x"),
        listed({"kind": "ReplicaSet", "metadata": None, "spec": []}),
        {"apiVersion": "v1", "kind": "Event", "metadata": {"annotations": []}},
        {"apiVersion": "x", "kind": "Application", "status": {"history": [None, {"revisions": []}]}},
        {"events": [{"type": "feature-x", "createdAt": None}]},
    ],
)
def test_damaged_documents_of_tools_hold_no_deploy(document: object) -> None:
    """They come from outside: nothing in them is taken for granted."""
    assert read_deploys(json.dumps(document)) == ()


def test_a_time_that_is_none_is_told() -> None:
    """As of a plain record."""
    with pytest.raises(ToolError, match="record 1"):
        read_deploys(json.dumps([{**HELM[0], "updated": "yesterday"}]))
