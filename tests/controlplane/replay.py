"""Writes that were recorded in a simulation (tests/simulation/write_recorder.h), sent again to a real API server."""

import copy
import re

from api import Api, ApiError

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NO_VERSION = "1"  # older than anything: what it stood for in the sandbox was never seen here
_CREATABLE = ("nodes", "leases", "events")


def replaced(value, words: dict):
    """`value` with every string that holds keys of `words` changed."""
    if isinstance(value, dict):
        return {key: replaced(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, words) for each in value]
    if isinstance(value, str):
        return _UID.sub(lambda found: words.get(found[0], found[0]), value)
    return value


def without_nulls(value):
    """As the API server serialises it: what is null is not there."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


class Difference(Exception):
    """The real API server does not do as the sandbox did."""


class Replayer:
    """Sends records in their order. Before each it makes the object as it was in the sandbox, for others have written too:
    controllers and kube-scheduler, none of whom runs here."""

    def __init__(self, cluster, admin: Api, user_of):
        """`user_of` gives the Api of a recorded user."""
        self._admin = admin
        self._cluster = cluster
        self._user_of = user_of
        self._uids: dict[str, str] = {}      # the sandbox's -> the real one's
        self._versions: dict[str, str] = {}
        self._real: dict[str, dict] = {}     # by path, as last seen
        self._namespaces = {"default", "kube-node-lease", "kube-system", "kube-public"}

    def send(self, record: dict):
        """Raises Difference, or ApiError when the sandbox holds something that the real server refuses to."""
        path = record["path"].split("?")[0]
        target, kind = self._target(record, path)
        self._need_namespace(path)
        if kind in ("pods", *_CREATABLE) and record["method"] != "POST":
            self._bring(target, kind, record["before"])
        elif record["code"] == 201 and kind in _CREATABLE:
            self._remove(target)
        code, answer, _ = self._user_of(record["user"]).exchange(
            record["method"], record["path"], self._mapped(record["body"], target), record["contentType"] or "application/json")
        if code != record["code"]:
            raise Difference(f"{record['code']} in the sandbox, {code} here: {_text(record['answer'])} <> {_text(answer)}")
        if code >= 300:
            if record["answer"].get("reason") != answer.get("reason"):
                raise Difference(f"refused for another reason: {_text(record['answer'])} <> {_text(answer)}")
            return
        self._compare(target, kind, record, answer)

    @staticmethod
    def _target(record: dict, path: str) -> tuple[str, str]:
        """The path of the object, and the plural of its kind."""
        path = path.removesuffix("/status")
        parts = path.split("/")
        if record["method"] == "POST":
            if parts[-1] in _CREATABLE:
                return f"{path}/{record['body']['metadata']['name']}", parts[-1]
            return path, parts[-1]
        return path, parts[-2]

    def _need_namespace(self, path: str):
        found = re.search(r"/namespaces/([^/]+)/", path)
        if found and found[1] not in self._namespaces:
            self._namespaces.add(found[1])
            self._cluster.create_namespace(found[1])

    def _mapped(self, body, target: str):
        """The body, with this server's UIDs and versions."""
        if body is None:
            return None
        body = replaced(body, self._uids)
        for part in (body.get("metadata", {}), body.get("preconditions", {})):
            if part.get("resourceVersion"):
                part["resourceVersion"] = self._versions.get(part["resourceVersion"], _NO_VERSION)
        return body

    def _learn(self, target: str, sandbox: dict, real: dict):
        self._uids[sandbox["metadata"]["uid"]] = real["metadata"]["uid"]
        self._versions[sandbox["metadata"]["resourceVersion"]] = real["metadata"]["resourceVersion"]
        self._real[target] = real

    # ------------------------------------------------------------------------------------------ what others have done

    def _bring(self, target: str, kind: str, before: dict | None):
        """Makes the object here what it was in the sandbox."""
        if before is None:
            self._remove(target)
            return
        real = self._real.get(target)
        if real is not None and self._uids.get(before["metadata"]["uid"]) != real["metadata"]["uid"]:
            self._remove(target)
            real = None
        if kind == "events":
            return
        if real is None:
            real = self._create(target, kind, before)
        self._learn(target, before, real)
        for change in (self._mark, self._set_metadata, self._set_status):
            change(target, kind, replaced(before, self._uids))
        self._learn(target, before, self._real[target])

    def _remove(self, target: str):
        self._real.pop(target, None)
        try:
            left = self._admin.delete(target, gracePeriodSeconds=0)
            if left.get("metadata", {}).get("finalizers"):
                self._admin.merge_patch(target, {"metadata": {"finalizers": None}})
        except ApiError as error:
            if error.status != 404:
                raise

    def _create(self, target: str, kind: str, before: dict) -> dict:
        self._remove(target)  # what another history has left
        kept = ("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences")
        metadata = {key: value for key, value in before["metadata"].items() if key in kept}
        made = {"apiVersion": before["apiVersion"], "kind": before["kind"], "metadata": metadata, "spec": before["spec"]}
        return self._admin.create(target.rsplit("/", 1)[0], made)

    def _mark(self, target: str, kind: str, before: dict):
        """Deleted, and not yet gone."""
        grace, real = before["metadata"].get("deletionGracePeriodSeconds"), self._real[target]["metadata"]
        if grace is None or real.get("deletionGracePeriodSeconds") == grace:
            return
        self._real[target] = self._admin.delete(target, gracePeriodSeconds=grace)

    def _set_metadata(self, target: str, kind: str, before: dict):
        real = self._real[target]
        changed = copy.deepcopy(real)
        for key in ("labels", "annotations", "finalizers", "ownerReferences"):
            changed["metadata"].pop(key, None)
            if before["metadata"].get(key):
                changed["metadata"][key] = before["metadata"][key]
        if kind in ("nodes", "leases"):
            changed["spec"] = before["spec"]
        if changed != real:
            self._real[target] = self._admin.request("PUT", target, changed)

    def _set_status(self, target: str, kind: str, before: dict):
        real = self._real[target]
        if "status" not in before or without_nulls(before["status"]) == without_nulls(real.get("status", {})):
            return
        self._real[target] = self._admin.request("PUT", f"{target}/status", real | {"status": before["status"]})
        self._same("what others wrote", before["status"], self._real[target].get("status"))

    # --------------------------------------------------------------------------------------------------- what came of it

    def _compare(self, target: str, kind: str, record: dict, answer: dict):
        if record["method"] == "DELETE":
            self._compare_deleted(target, record)
            return
        if kind not in ("pods", *_CREATABLE):
            return
        self._learn(target, record["answer"], answer)
        sandbox = replaced(record["answer"], self._uids)
        for part in ("labels", "annotations", "finalizers", "ownerReferences"):
            self._same(f"metadata.{part}", sandbox["metadata"].get(part) or None, answer["metadata"].get(part) or None)
        ignored = {"metadata"} | ({"spec"} if kind == "pods" else set())  # the agent writes no Pod's spec
        for part in sorted((set(sandbox) | set(answer)) - ignored):
            self._same(part, sandbox.get(part), answer.get(part))

    def _compare_deleted(self, target: str, record: dict):
        is_held = bool(record["answer"].get("metadata", {}).get("finalizers"))
        try:
            self._real[target] = self._admin.get(target)
            is_there = True
        except ApiError as error:
            if error.status != 404:
                raise
            is_there = False
            self._real.pop(target, None)
        if is_there != is_held:
            raise Difference(f"deleted: {'still' if is_there else 'not'} there, in the sandbox {is_held}")

    @staticmethod
    def _same(what: str, sandbox, real):
        sandbox, real = without_nulls(sandbox), without_nulls(real)
        if sandbox != real:
            raise Difference(f"{what}: " + "; ".join(differences(sandbox, real)))


def differences(sandbox, real, path="") -> list[str]:
    """Where two values differ, one line each."""
    if isinstance(sandbox, dict) and isinstance(real, dict):
        lines = []
        for key in sorted(set(sandbox) | set(real)):
            lines += differences(sandbox.get(key, "(absent)"), real.get(key, "(absent)"), f"{path}.{key}")
        return lines
    if isinstance(sandbox, list) and isinstance(real, list) and len(sandbox) == len(real):
        return [line for i, pair in enumerate(zip(sandbox, real)) for line in differences(*pair, f"{path}[{i}]")]
    return [] if sandbox == real else [f"{path}: {sandbox!r} in the sandbox, {real!r} here"]


def _text(answer) -> str:
    return answer.get("message", "") if isinstance(answer, dict) else str(answer)
