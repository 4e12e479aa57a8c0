# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The simulator's own tests: one process a module, reset before each test. A module that imports `sim` from here shares it."""
import pytest

from sim_client import SimProcess


@pytest.fixture(scope="module")
def shared_sim(tmp_path_factory):
    with SimProcess.start(directory=tmp_path_factory.mktemp("sim")) as sim:
        yield sim


@pytest.fixture
def sim(shared_sim):
    shared_sim.reset()
    return shared_sim
