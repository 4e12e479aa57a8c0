# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Holds requests and answers against Microsoft's own description of Graph, with the jsonschema package.

The description (two cuts of it, OpenAPI 3.0) is not part of this project: it is looked for in $COMPLYD_GRAPH_OPENAPI, else in
../shared/graph-openapi beside the checkout.
"""
import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema

FOLDER = Path(os.environ.get("COMPLYD_GRAPH_OPENAPI",
                             Path(__file__).resolve().parents[3] / "shared" / "graph-openapi"))
CUTS = ("graph-openapi-2022.json", "graph-csdl-2026.json")


def _type(validator, types, instance, schema):
    """OpenAPI 3.0 has `nullable` where JSON Schema has the type null."""
    if instance is None and schema.get("nullable"):
        return
    yield from jsonschema.Draft4Validator.VALIDATORS["type"](validator, types, instance, schema)


def _unless_null(keyword):
    def check(validator, value, instance, schema):
        if instance is not None or not schema.get("nullable"):
            yield from jsonschema.Draft4Validator.VALIDATORS[keyword](validator, value, instance, schema)
    return check


Validator = jsonschema.validators.extend(
    jsonschema.Draft4Validator, {"type": _type, "enum": _unless_null("enum"), "anyOf": _unless_null("anyOf")})
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time")
def _is_date_time(value):
    return not isinstance(value, str) or bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)", value))


@FORMATS.checks("int32")
def _is_int32(value):
    return not isinstance(value, int) or -2**31 <= value < 2**31


class Misfit(AssertionError):
    """Something that Microsoft's description does not allow."""


class Description:
    """One cut of the description."""

    def __init__(self, name):
        self.name = name
        self.document = json.loads((FOLDER / name).read_text())
        self.resolver = jsonschema.RefResolver("", self.document)
        self.paths = [(self._pattern(path), path) for path in self.document["paths"]]

    @staticmethod
    def _pattern(path):
        """A template as a regular expression; {…} stands for what has no slash."""
        parts = re.split(r"\{[^}]*\}", path)
        return re.compile("[^/]+".join(map(re.escape, parts)), re.IGNORECASE)

    def _resolve(self, node):
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    def check(self, value, schema, what):
        problems = list(Validator(schema, resolver=self.resolver, format_checker=FORMATS).iter_errors(value))
        if problems:
            raise Misfit(f"{self.name}: {what}: {problems[0].message[:500]} at /{'/'.join(map(str, problems[0].absolute_path))}")

    def operation(self, method, target):
        """What the description says of a request; a key in parentheses, users('{id}'), is the same as one after a slash."""
        path = unquote(urlsplit(target).path)
        path = re.sub(r"^/v1\.0(?=/)", "", path)
        path = re.sub(r"^(/[A-Za-z]+)\('((?:[^']|'')*)'\)", lambda m: f"{m[1]}/{m[2]}".replace("''", "'"), path)
        for pattern, template in self.paths:
            if pattern.fullmatch(path) and method.lower() in self.document["paths"][template]:
                return self.document["paths"][template][method.lower()]
        raise Misfit(f"{self.name}: no operation for {method} {path}")

    def check_changes(self, page):
        """A page of /devices/delta. The cuts lack the function: its entries are devices, whole or in part, or removed ones."""
        links = set(page) & {"@odata.nextLink", "@odata.deltaLink"}
        if len(links) != 1 or set(page) - links != {"@odata.context", "value"}:
            raise Misfit(f"members of a page of changes: {sorted(page)}")
        for entry in page["value"]:
            removed = entry.get("@removed")
            if removed is not None and (set(entry) != {"id", "@removed"} or removed["reason"] not in ("changed", "deleted")):
                raise Misfit(f"a removed device: {entry}")
            device = {name: value for name, value in entry.items() if name != "@removed"}
            self.check(device, {"$ref": "#/components/schemas/microsoft.graph.device"}, "an entry of /devices/delta")

    def check_request(self, method, target, body=None):
        """A request as sent: operation, query options, body."""
        url = urlsplit(target)
        if url.path.endswith("/devices/delta"):
            if not re.fullmatch(r"(\$select=[A-Za-z,]+|\$(skip|delta)token=[^&]+)", url.query):
                raise Misfit(f"{method} {target}: a link is sent as it came, and nothing but $select begins")
            target = "/devices" + ("?" + url.query if "$select" in url.query else "")
        operation = self.operation(method, target)
        allowed = {}
        for parameter in operation.get("parameters", []):
            parameter = self._resolve(parameter)
            if parameter["in"] == "query":
                allowed[parameter["name"]] = self._resolve(parameter["schema"])
        for name, value in parse_qsl(urlsplit(target).query, keep_blank_values=True):
            if name not in allowed:
                raise Misfit(f"{self.name}: {method} {target}: no query option {name}")
            self.check(_query_value(value, allowed[name]["type"]), allowed[name], f"{method} {target} {name}")
        if "requestBody" in operation:
            self.check(body, operation["requestBody"]["content"]["application/json"]["schema"], f"body of {method} {target}")
        elif body is not None:
            raise Misfit(f"{self.name}: {method} {target}: no body expected")

    def check_answer(self, method, target, status, body):
        """An answer of that status; `body` is None when there is none."""
        responses = self.operation(method, target)["responses"]
        response = responses.get(str(status)) or (status >= 400 and (responses.get("4XX") or responses.get("default")))
        if not response:
            raise Misfit(f"{self.name}: {method} {target}: no answer {status}")
        content = self._resolve(response).get("content")
        if content is None:
            if body is not None:
                raise Misfit(f"{self.name}: {method} {target}: {status} has no body")
            return
        if status >= 400:
            body = _without_inner_error(body)
        self.check(body, content["application/json"]["schema"], f"answer {status} of {method} {target}")


def _query_value(text, kind):
    """The text of a query option as the type that its schema has."""
    if kind == "array":
        return text.split(",")
    return int(text) if kind == "integer" and text.isdecimal() else text


def _without_inner_error(body):
    """On the wire the member is `innerError` and holds text; the older cut knows only `innererror`, which holds objects. The
    difference is Microsoft's own, so this one member is looked at here."""
    error = dict(body["error"])
    inner = error.pop("innerError")
    if not all(isinstance(inner[name], str) for name in ("date", "request-id", "client-request-id")):
        raise Misfit(f"innerError: {inner}")
    return {**body, "error": error}


def descriptions():
    """The cuts that are there."""
    return [Description(name) for name in CUTS if (FOLDER / name).exists()]
