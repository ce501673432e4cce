"""One finished example run for all tests that only read it."""

import pytest

from headstart.report.folder import read_run
from headstart.report.page import write_report
from tests.report.example_run import make_run

FILM = b"\x00\x00\x00\x20ftypisom" + bytes(2_000)  # the reader looks at the size only


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    path = make_run(tmp_path_factory.mktemp("runs") / "example", film=FILM)
    write_report(path)
    return path


@pytest.fixture(scope="session")
def run(example):
    return read_run(example)
