"""What deploy tools and flag services print about themselves, as records of deploys.

Recognized by their shape: GitHub's and GitLab's lists of deployments, ReplicaSets, rollouts' and Flux's events as
kubectl prints them, Argo CD's applications, `helm history -o json`, LaunchDarkly's audit log, Unleash's events. Flags
are changes outside the repository: their records have no revision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Row = dict[str, Any]
_COMMIT = re.compile(r"(?:^|[-_.:@+])([0-9a-f]{7,64})$")
_NOT_ONE = ("latest", "stable", "main", "master", "dev")  # tags of images that say nothing
_STARTED = re.compile(r"Scaled up replica set (\S{1,253}) (?:to \d+$|from 0 to|to \d+ from 0)")
_IMAGE = re.compile(r"(?:Successfully pulled|Container) image \"([^\"\s]{1,500})\"")
_FLUX = re.compile(r"[\w.-]+\.toolkit\.fluxcd\.io/revision")


def recognized(read: Any) -> list[Row] | None:
    """The records in a document that a tool printed; None for one that is not known."""
    for fits, rows in _READERS:
        if fits(read):
            return [row for row in rows(read) if row.get("time")]
    return None


def flagged(row: Mapping[str, Any]) -> Row:
    """A plain record `{"time": …, "flag": "new-checkout", "value": true}` as one of a deploy without a revision."""
    said = f"flag {row['flag']}" + (f": {row['value']}" if "value" in row else "")
    return {name: value for name, value in row.items() if name not in ("flag", "value")} | {
        "note": f"{said} {row.get('note') or ''}".strip()
    }


def _github(read: Any) -> Iterator[Row]:
    """https://docs.github.com/rest/deployments/deployments; those of previews are left out."""
    for each in map(_object, read):
        if not each.get("transient_environment"):
            yield {
                "time": each.get("created_at"), "revision": each.get("sha"),
                "service": _text(_object(each.get("payload")).get("service")),
                "note": _joined(each.get("environment"), each.get("ref"), each.get("description")),
            }  # fmt: skip


def _gitlab(read: Any) -> Iterator[Row]:
    """https://docs.gitlab.com/api/deployments: those that succeeded, by when they did."""
    for each in map(_object, read):
        if each.get("status") == "success":
            finished = _object(each.get("deployable")).get("finished_at")
            yield {
                "time": finished or each.get("updated_at") or each.get("created_at"), "revision": each.get("sha"),
                "note": _joined(_object(each.get("environment")).get("name"), each.get("ref")),
            }  # fmt: skip


def _cluster(read: Any) -> Iterator[Row]:
    """One object that kubectl printed, or a list of them; kinds that say nothing of deploys are passed over."""
    items = [_object(item) for item in (read.get("items") or [] if "items" in read else [read])]
    yield from _rollouts([item for item in items if item.get("kind") == "Event"])
    for item in items:
        kind, about = item.get("kind"), _object(item.get("metadata"))
        if kind == "ReplicaSet":
            yield _replica_set(item, about)
        elif kind == "Application":
            yield from _argo(item, about)
        elif kind == "Event":
            yield from _flux(item, about)


def _replica_set(item: Row, about: Row) -> Row:
    """A Deployment's new template went live when its ReplicaSet was made."""
    owners = [_object(owner) for owner in about.get("ownerReferences") or []]
    service = next((_text(owner.get("name")) for owner in owners if owner.get("kind") == "Deployment"), "")
    template = _object(_object(item.get("spec")).get("template"))
    images = [_text(_object(c).get("image")) for c in _object(template.get("spec")).get("containers") or []]
    notes = _object(_object(template.get("metadata")).get("annotations"))
    named = _text(notes.get("org.opencontainers.image.revision"))
    return {
        "time": about.get("creationTimestamp"), "service": service or _text(about.get("name")),
        "revision": named or next(filter(None, map(_revision, images)), None), "note": _joined(*images[:3]),
    }  # fmt: skip


def _rollouts(events: Sequence[Row]) -> Iterator[Row]:
    """What a Deployment's controller tells: a new ReplicaSet is started, and its pods pull their image.

    Scaling one that runs is no deploy, and neither is a pod that only pulls its image again.
    """
    pulled: dict[str, list[str]] = {}
    for event in events:
        image = _IMAGE.match(_text(event.get("message"))) if event.get("reason") == "Pulled" else None
        if image:
            pulled.setdefault(_text(_object(event.get("involvedObject")).get("name")), []).append(image[1])
    started: set[str] = set()
    for event in sorted(events, key=_when):
        scaled = _STARTED.match(_text(event.get("message"))) if event.get("reason") == "ScalingReplicaSet" else None
        if scaled and scaled[1] not in started:
            started.add(scaled[1])
            images = [image for pod, several in pulled.items() if pod.startswith(f"{scaled[1]}-") for image in several]
            yield {
                "time": _when(event) or None, "service": _text(_object(event.get("involvedObject")).get("name")),
                "revision": next(filter(None, map(_revision, images)), None),
                "note": _joined(*dict.fromkeys(images[:3])) or f"replica set {scaled[1]}",
            }  # fmt: skip


def _when(event: Row) -> str:
    """When an event was first seen; "" where it does not say so."""
    about = _object(event.get("metadata"))
    return _text(
        event.get("firstTimestamp") or event.get("eventTime") or event.get("lastTimestamp")
        or about.get("creationTimestamp")
    )  # fmt: skip


def _argo(item: Row, about: Row) -> Iterator[Row]:
    for each in map(_object, _object(item.get("status")).get("history") or []):
        revisions = each.get("revisions") or []
        yield {
            "time": each.get("deployedAt"), "service": _text(about.get("name")),
            "revision": each.get("revision") or next(iter(revisions), None), "note": "Argo CD",
        }  # fmt: skip


def _flux(item: Row, about: Row) -> Iterator[Row]:
    """https://fluxcd.io/flux/monitoring/events: what a controller applied, at which revision."""
    notes = _object(about.get("annotations"))
    applied = next((_text(value) for name, value in notes.items() if _FLUX.fullmatch(str(name))), "")
    if applied and item.get("reason") in ("ReconciliationSucceeded", "UpgradeSucceeded", "InstallSucceeded"):
        about_object = _object(item.get("involvedObject"))
        yield {
            "time": _when(item) or None,
            "service": _text(about_object.get("name")), "revision": _revision(applied) or applied, "note": "Flux",
        }  # fmt: skip


def _helm(read: Any) -> Iterator[Row]:
    """`revision` counts releases there: what ran is the version of the app."""
    for each in map(_object, read):
        version = _text(each.get("app_version"))
        yield {
            "time": each.get("updated"), "revision": version or None,
            "note": _joined(each.get("chart"), each.get("description")),
        }  # fmt: skip


def _launchdarkly(read: Any) -> Iterator[Row]:
    """https://launchdarkly.com/docs/api/audit-log: changes of flags and segments, the newest first."""
    for each in map(_object, read["items"]):
        if each.get("kind") in ("flag", "segment"):
            said = each.get("shortDescription") or each.get("titleVerb") or each.get("description")
            date = each.get("date")
            yield {
                "time": str(date // 1000) if isinstance(date, int) else date,
                "note": _joined(each.get("kind"), each.get("name"), said, each.get("comment")),
            }  # fmt: skip


def _unleash(read: Any) -> Iterator[Row]:
    """https://docs.getunleash.io: `GET /api/admin/events`."""
    for each in map(_object, read["events"]):
        if _text(each.get("type")).startswith(("feature-", "segment-")):
            name = each.get("featureName") or _object(each.get("data")).get("name")
            yield {
                "time": each.get("createdAt"),
                "note": _joined("flag", name, each.get("type"), each.get("environment")),
            }  # fmt: skip


def _revision(image: str) -> str | None:
    """The commit or the version in an image's tag or in a revision of Flux; None for one that says neither."""
    tag = image.rpartition("/")[2].partition("@sha256:")[0]
    tag = tag.partition(":")[2] if ":" in tag and not tag.startswith("sha1:") else tag if "@" in tag else ""
    found = _COMMIT.search(tag)
    if found:
        return found[1]
    return tag if tag and tag not in _NOT_ONE else None


def _first(read: Any) -> Row:
    return _object(read[0]) if isinstance(read, list) and read else {}


def _object(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else ""


def _joined(*parts: Any) -> str:
    return " ".join(filter(None, map(_text, parts)))


_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Iterator[Row]]], ...] = (
    (lambda read: {"sha", "created_at", "environment", "statuses_url"} <= _first(read).keys(), _github),
    (lambda read: {"sha", "status", "environment", "deployable"} <= _first(read).keys(), _gitlab),
    (lambda read: {"revision", "chart", "app_version"} <= _first(read).keys(), _helm),
    (lambda read: {"kind", "apiVersion"} <= _object(read).keys(), _cluster),
    (lambda read: {"date", "kind", "name"} <= _first(_object(read).get("items")).keys(), _launchdarkly),
    (lambda read: {"type", "createdAt"} <= _first(_object(read).get("events")).keys(), _unleash),
)
