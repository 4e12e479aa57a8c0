# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What complyctl says by itself: every text of the sources has its Spanish, keeps its conversions, and no other is kept; and a sheet or a
table has no English left in it."""
import re

import pytest

from harness import ROOT, eventually, guid, run_ctl

LITERAL = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
SAY = ROOT / "src/ctl/say.c"

# Where a literal is looked up: say() itself, and what calls it for labels, headings and units.
MARKS = [rf"\bsay\(\s*{LITERAL}\)", rf"\bsay\([^()]*\? {LITERAL}: {LITERAL}\)", rf"\bsay\([^()]*\([^()]*\) \? {LITERAL}: {LITERAL}\)",
         rf"\boutput_field(?:_styled)?\(\s*out,\s*{LITERAL},", rf"\b(?:show_)?field_(?:time|figures)\(\s*out,\s*{LITERAL},",
         rf"\bshow_field_time\(\s*out,\s*{LITERAL},", rf"\boutput_heading\(\s*out,\s*{LITERAL}\)",
         rf"\boutput_heading\(\s*out,[^;]*\? {LITERAL}: {LITERAL}\)", rf"\badd_figure\([^;]*?, {LITERAL}\);",
         rf"\bprint_(?:queue|walk)\([^;]*?, {LITERAL}(?:, now_ms, out)?\);", rf"\{{{LITERAL}, TABLE_", rf"\bprint_topic\(\s*out,\s*{LITERAL}\)",
         rf"\bprogress_start\([^;]*?, {LITERAL},", rf"\bprogress_update\([^;]*?, {LITERAL}\);", rf"\bprint_count\([^;]*?, {LITERAL}\);",
         rf'\bchange_one\([^;]*?, "/\w+", {LITERAL}\);']


def text_of(literal):
    """What the compiler makes of adjacent literals; escapes stay as they are written."""
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literal))


def catalogue():
    entries = re.findall(rf"\{{{LITERAL},\s*{LITERAL}\}}", SAY.read_text())
    return [(text_of(english), text_of(spanish)) for english, spanish in entries]


def said():
    texts = {}
    for source in sorted((ROOT / "src/ctl").glob("*.c")):
        if source == SAY:
            continue
        code = source.read_text()
        for mark in MARKS:
            for match in re.finditer(mark, code):
                for literal in match.groups():
                    text = text_of(literal) if "say" in mark else text_of(literal).lstrip(" ")  # a label's indentation is no text
                    if re.search("[A-Za-z]{2}", re.sub(r"%\w+|\\n", "", text)):
                        texts[text] = source.name
    return texts


def test_every_text_has_its_spanish():
    known = {english for english, _ in catalogue()}
    missing = {text: name for text, name in said().items() if text not in known}
    assert not missing
    assert len(said()) > 150, "the sources are not read as they are written"


def test_the_catalogue_has_nothing_else():
    used = "".join(text_of(literal) + "\n" for source in (ROOT / "src/ctl").glob("*.c") if source != SAY
                   for literal in re.findall(LITERAL, source.read_text()))
    entries = catalogue()
    assert len(entries) == len({english for english, _ in entries}), "twice"
    assert not [english for english, _ in entries if english not in used]


@pytest.mark.parametrize("english, spanish", catalogue())
def test_conversions_blanks_and_line_ends_are_kept(english, spanish):
    conversion = r"%(?:[-+ 0#]*\d*(?:\.\d+)?(?:hh|h|ll|l|z)?[a-zA-Z]|%)"
    assert re.findall(conversion, english) == re.findall(conversion, spanish)
    assert spanish and english[-1] in " n" or not spanish.endswith((" ", "\\n"))
    assert english.endswith("\\n") == spanish.endswith("\\n") and english.endswith(" ") == spanish.endswith(" ")
    assert re.match(" *", english)[0] == re.match(" *", spanish)[0]


def test_no_english_is_left_in_spanish(daemon, store, sim):
    """Labels at the beginning of a line and headings of columns."""
    sim.register(guid(1), "iOS")
    store.add_policy("passcode", "block_email")
    store.add_device("phone", number=1, violations=["passcode"])
    daemon.start()
    eventually(lambda: daemon.device("phone")["azure_compliance_status"] == "success")
    spanish_ones = {spanish.strip() for _, spanish in catalogue()}
    labels = {english for english, spanish in catalogue() if english != spanish and english not in spanish_ones and len(english) > 3}
    for command in (["status"], ["device", "list"], ["device", "show", "phone"], ["device", "show", "phone", "--at", "0s"], ["plan"],
                    ["device", "explain", "phone"], ["breaker", "show"], ["account", "show"], ["activity"], ["holds"], ["drift"]):
        told = run_ctl(daemon.build, "--socket", daemon.socket, *command, check=False, env={"LC_ALL": "es_ES.UTF-8"})
        assert told.out and "Sanitizer" not in told.err
        words = {re.split(r"\s{2,}|:", line.strip())[0] for line in told.out.splitlines()} | set(re.split(r"\s{2,}", told.out.splitlines()[0]))
        assert not words & labels, (command, told.out)
        as_json = run_ctl(daemon.build, "--socket", daemon.socket, "--json", *command, check=False, env={"LC_ALL": "es_ES.UTF-8"})
        assert not [word for word in ("Equipo", "Dispositivo", "conexión") if word in as_json.out]


def test_which_language(daemon):
    daemon.start()
    def heading(**env):
        base = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}
        return run_ctl(daemon.build, "--socket", daemon.socket, "device", "list", env={**base, **env}).out.split()[0]
    assert heading(LANG="es_MX.UTF-8") == heading(LC_MESSAGES="es", LANG="de_DE") == "DISPOSITIVO"
    assert heading() == heading(LANG="de_DE.UTF-8") == heading(LC_ALL="C", LANG="es_ES.UTF-8") == "DEVICE"
