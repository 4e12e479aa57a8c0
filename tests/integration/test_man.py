# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The man pages say what the programs do: every command, option, fault and setting, and no other. scripts/lint man holds their form."""
import re
import subprocess

import pytest

from harness import ROOT


def source(name):
    return (ROOT / "docs" / "man" / name).read_text()


def rendered(name):
    """A page as a reader sees it, on one line."""
    done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=1000", ROOT / "docs" / "man" / name], capture_output=True, text=True, check=True)
    return plain(re.sub(".\b", "", done.stdout))


def plain(text):
    return " ".join(text.translate({0xA0: " ", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2010: "-"}).split())


def usage(build, *words):
    return subprocess.run([build / "bin" / words[0], *words[1:], "--help"], capture_output=True, text=True, check=True).stdout


def options_of(text):
    """Options that begin a line of a --help, as {"--state": "STATE"}."""
    found = {}
    for line in re.findall(r"^  (-.*)$", text, re.M):
        for option, argument in re.findall(r"(?:^|and |, |; |  |(?<=[A-Z]) )(--?[a-zA-Z][a-z-]*)(?: ([A-Z][A-Z:]*))?(?=$|[ ,])", line):
            found[option] = argument
    return found


def options_in(page):
    """The same of a page's list entries."""
    found = {}
    for line in re.findall(r"^\.It (Fl .*)$", page, re.M):
        for entry in line.split(" , "):
            option, argument = re.fullmatch(r"Fl (\S+)(?: Ar (\S+))?", entry).groups()
            found["-" + option] = argument or ""
    return found


@pytest.mark.parametrize("program,page", [("complyd", "complyd.8"), ("complyd-sim", "complyd-sim.1")])
def test_options_of_a_program(build, program, page):
    options = options_of(re.split(r"^(?:Microsoft's endpoints|Signals)", usage(build, program), flags=re.M)[0])
    assert options_in(source(page)) == options
    assert len(options) > 5


def commands_of(build):
    """{"device list": options} by the lists of complyctl."""
    listed = re.search(r"^Commands:\n(.*?)\n\n", usage(build, "complyctl"), re.S | re.M).group(1)
    for form in re.findall(r"^  (\S.*?)(?:  |$)", listed, re.M):
        words = re.sub(r" \[?[A-Z]+\]?$", "", form)
        own = re.search(r"^Options of this command:\n(.*?)\n\n", usage(build, "complyctl", *words.split()), re.S | re.M)
        yield form, options_of(own.group(1)) if own else {}


def test_commands_of_complyctl(build):
    described = {}
    commands = re.search(r"^\.Sh COMMANDS\n(.*?)^\.Sh ", source("complyctl.1"), re.S | re.M).group(1)
    for entry in re.split(r"^(?=\.It Ic )", commands, flags=re.M)[1:]:
        words, optional, argument = re.match(r'\.It Ic "?([a-z -]+?)"?(?: (Op )?Ar (\S+))?\n', entry).groups()
        form = words if not argument else f"{words} [{argument}]" if optional else f"{words} {argument}"
        assert form not in described
        described[form] = options_in(entry)
    assert described == dict(commands_of(build))


def test_common_options_and_exit_codes_of_complyctl(build):
    page, text = source("complyctl.1"), usage(build, "complyctl")
    assert options_in(page.split(".Sh COMMANDS")[0]) == options_of(text.split("Options, before")[1])
    codes = re.findall(r"^ +(\d+)  \S", text.split("Exit codes")[1], re.M)
    assert re.findall(r"^\.It (\d+)$", page.split(".Sh EXIT STATUS")[1], re.M) == codes


def test_faults_and_settings_of_the_simulator(build):
    page, text = source("complyd-sim.1"), usage(build, "complyd-sim")
    faults = re.findall(r"^    ([a-z_0-9]+) {2,}\S", text.split('Faults ("fault"):')[1], re.M)
    assert len(faults) > 20
    assert re.findall(r"^\.It Cm (\S+)", page.split("parameters that stand in their line")[1], re.M) == faults
    places = re.search(r'Places \("at"\):\n\s+(.*)', text).group(1).split()
    assert re.findall(r"^\.Cm (\S+)", page.split("Places:")[1], re.M) == places
    behind = re.search(r"^Behind the scenes.*?\n(.*?)\n\n", text, re.S | re.M).group(1)
    assert plain(behind) in rendered("complyd-sim.1")


def test_settings():
    """conf/complyd.conf is printed from the table of settings, which a unit test holds."""
    shown, described = [], []
    for section in re.split(r"^#?(?=\[)", (ROOT / "conf" / "complyd.conf").read_text(), flags=re.M)[1:]:
        name = re.match(r"\[(\w+)", section).group(1)
        shown += [(name, *key) for key in re.findall(r"^#(\w+) =[ ]?(.*)$", section, re.M)]
    for section in re.split(r"^\.Ss ", source("complyd.conf.5"), flags=re.M)[1:]:
        name = re.match(r"\[(\w+)", section).group(1)
        described += [(name, key, re.search(r"^Default:(?: none\.|\n\.Ql (.*) \.)$", text, re.M).group(1) or "")
                      for key, text in re.findall(r"^\.It Ic (\w+)\n(.*?)(?=^\.It |^\.El)", section, re.S | re.M)]
    assert len(shown) > 30
    assert described == shown


def test_what_is_said_of_settings():
    text = (ROOT / "conf" / "complyd.conf").read_text()
    page = rendered("complyd.conf.5")
    for about, low, high in re.findall(r"^# (.*?)(?: \((\S+) to (\S+)\))?\n#\w+ =", text, re.M):
        assert plain(about).rstrip(".") in page
        assert not low or f"{plain(about).rstrip('.')}. From {low} to {high}." in page
