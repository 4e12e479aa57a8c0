# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Holds requests to the control API and its answers against docs/openapi.yaml, with the jsonschema package.

Stricter than a client should be: an answer with a member that the document does not name is a misfit too.
"""
import copy
import json
import re
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema
import yaml

from control_client import Control
from harness import ROOT

PATH = ROOT / "docs" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


class Misfit(AssertionError):
    """Something that the document does not allow."""


def _close(node):
    """Every object with named properties has these alone, unless it says otherwise."""
    if isinstance(node, dict):
        for value in node.values():
            _close(value)
        if "properties" in node and isinstance(node["properties"], dict) and "allOf" not in node:
            node.setdefault("unevaluatedProperties", False)
    elif isinstance(node, list):
        for value in node:
            _close(value)


class _Loader(yaml.SafeLoader):  # pylint: disable=too-many-ancestors
    """Refuses a key that is there twice, of which YAML's own would silently take the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Document:
    def __init__(self, path=PATH):
        self.document = yaml.load(path.read_text(), _Loader)
        closed = copy.deepcopy(self.document)
        for name, schema in closed["components"]["schemas"].items():
            if not name.endswith("Members"):
                _close(schema)
        _close(closed["paths"])
        _close(closed["components"]["responses"])
        self.closed = closed
        self.seen = set()

    @property
    def operations(self):
        """(METHOD, path) of everything described."""
        return {(method.upper(), path) for path, item in self.document["paths"].items() for method in item if method in METHODS}

    @property
    def statuses(self):
        """(METHOD, path, status) of every answer described by its number."""
        return {(method, path, status) for method, path in self.operations
                for status in self.document["paths"][path][method.lower()]["responses"] if status != "default"}

    def _resolve(self, node):
        if "$ref" not in node:
            return node
        found = self.closed
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return found

    def _check(self, value, schema, what):
        # References lead to the root of what is checked against: that works in every version of jsonschema.
        validator = jsonschema.Draft202012Validator({**schema, "components": self.closed["components"]})
        problem = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if problem:
            raise Misfit(f"{what}: {problem.message[:500]} at /{'/'.join(map(str, problem.absolute_path))}")

    def find(self, target):
        """The path as the document has it, or None."""
        segments = urlsplit(target).path.split("/")
        for path in self.closed["paths"]:
            pattern = path.split("/")
            if len(pattern) == len(segments) and all(p == unquote(s) or (p.startswith("{") and s) for p, s in zip(pattern, segments)):
                return path
        return None

    def parameters(self, path, operation):
        item = self.closed["paths"][path]
        return [self._resolve(p) for p in item.get("parameters", []) + operation.get("parameters", [])]

    def check_request(self, method, target, body, content_type):
        """Raises Misfit unless the document allows the request."""
        path = self.find(target)
        operation = self.closed["paths"][path][method.lower()]
        parameters = self.parameters(path, operation)
        query = {p["name"]: p["schema"] for p in parameters if p["in"] == "query"}
        for name, value in parse_qsl(urlsplit(target).query, keep_blank_values=True):
            if name not in query:
                raise Misfit(f"{method} {target}: no parameter {name}")
            self._check(int(value) if value.isdecimal() else value, query[name], f"{method} {target}: {name}")
        if body is None:
            if operation.get("requestBody", {}).get("required"):
                raise Misfit(f"{method} {target}: a body is wanted")
            return
        content = operation.get("requestBody", {}).get("content", {})
        if content_type not in content:
            raise Misfit(f"{method} {target}: no body of type {content_type}")
        if "json" in content_type and "ndjson" not in content_type and "jsonl" not in content_type:
            value = json.loads(body) if isinstance(body, str) else body
            self._check(value, content[content_type]["schema"], f"body of {method} {target}")

    def check_answer(self, method, target, answer):
        """Raises Misfit unless the document describes the answer; a path that is not in it has no answer but problems."""
        path = self.find(target)
        operation = self.closed["paths"].get(path, {}).get(method.lower())
        if operation is None:
            response = self.closed["components"]["responses"]["Problem"]
        else:
            status = str(answer.status)
            self.seen.add((method, path, status))
            response = operation["responses"].get(status) or (answer.status >= 400 and operation["responses"].get("default"))
            if not response:
                raise Misfit(f"{method} {target}: answer {status} is not described")
        content = self._resolve(response).get("content")
        if content is None:
            if answer.body or answer.type:
                raise Misfit(f"{method} {target}: {answer.status} has no body")
            return
        kind = re.split(r"[ ;]", answer.type)[0]
        if kind not in content:
            raise Misfit(f"{method} {target}: {answer.status} is of type {kind}, described are {list(content)}")
        value = answer.json() if "json" in kind else answer.body.decode()
        self._check(value, content[kind]["schema"], f"{answer.status} of {method} {target}")


class CheckedControl(Control):
    """Every answer is held against the document; a request that the document refuses must be refused."""

    def __init__(self, path, document):
        super().__init__(path)
        self.document = document

    def request(self, method, target, body=None, content_type=None, headers=None):
        answer = super().request(method, target, body, content_type, headers)
        self.document.check_answer(method, target, answer)
        if answer.status < 400:
            kind = content_type or ("application/merge-patch+json" if method == "PATCH" else "application/json")
            self.document.check_request(method, target, body, kind)
        return answer
