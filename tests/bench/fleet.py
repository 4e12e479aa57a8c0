# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Fleets of any size for the benchmark: the same devices at every run, spread over ids as real ones are."""

import json
import random
import sqlite3

WATCHED = 500  # devices that the latency measurements change; their Azure ids begin with bbbbbbbb-

MODELS = {
    "ios": [("Apple", "iPhone 15 Pro", "18.3.1"), ("Apple", "iPhone 14", "17.7.2"), ("Apple", "iPad Air", "18.2")],
    "windows": [("Dell Inc.", "Latitude 5440", "10.0.22631.4751"), ("LENOVO", "ThinkPad T14 Gen 4", "10.0.26100.2894"),
                ("HP", "EliteBook 840 G10", "10.0.19045.5371")],
}


def user_principal_name(number):
    return f"user{number:07d}@contoso.example"


def user_id(number):
    return f"99999999-8888-4777-a666-{number:012x}"


def write(path, platform, count):
    """JSON Lines for `complyctl import`; 3 devices in 100 are blocked, 5 are merely watched over, the rest is clean."""
    rng = random.Random(20260101)
    with open(path, "w", encoding="utf-8") as file:
        for policy, name, action in (("block", "Passcode", "quarantine"), ("note", "Battery", "monitor")):
            line = {"policy": {"policy_id": policy, "name": name, "enabled": 1, "actions": [action]}}
            file.write(json.dumps(line) + "\n")
        for number in range(count):
            watched = number < WATCHED
            device_id = f"watched-{number:06d}" if watched else f"device-{number:07d}"
            azure_id = f"bbbbbbbb-0000-4000-8000-{number:012x}" if watched else \
                f"{rng.getrandbits(32) & 0x7fffffff:08x}-{number & 0xffff:04x}-4{rng.getrandbits(12):03x}-9abc-"\
                f"{number:012x}"
            maker, model, version = MODELS[platform][number % 3]
            violations = "" if watched or number % 100 >= 8 else '"block"' if number % 100 < 3 else '"note"'
            file.write(
                f'{{"device":{{"device_id":"{device_id}","platform":"{platform}","name":"{model} of user {number:07d}",'
                f'"manufacturer":"{maker}","model":"{model}","serial_number":"SN{number:010d}",'
                f'"os_version":"{version}",'
                f'"user_principal_name":"{user_principal_name(number)}","managed":1,"azure_device_id":"{azure_id}",'
                f'"azure_client_status":"Success","last_check_in":1767225600,"evaluated_at":1767225600,'
                f'"violations":[{violations}]}}}}\n')


def preload_users(store, count):
    """What the daemon would have asked of Graph, 20 users a request: left out of what is measured."""
    with sqlite3.connect(store) as db:
        db.executemany("INSERT INTO user (connection, user_principal_name, user_id, resolved_at_ms) "
                       "VALUES ('default', ?, ?, CAST(strftime('%s', 'now') AS INTEGER) * 1000)",
                       ((user_principal_name(number), user_id(number)) for number in range(count)))
    db.close()
