"""Pieces of work side by side: everything that is found comes out, and a broken one breaks the whole."""

import threading
import time

import pytest

from headstart.run.fan_out import fan_out


def count(name, n):
    return lambda: ((name, i) for i in range(n))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_everything_is_found_once_and_in_each_job_s_own_order(workers):
    found = list(fan_out([count("a", 3), count("b", 200), count("c", 0)], workers))
    assert sorted(found) == [("a", i) for i in range(3)] + [("b", i) for i in range(200)]
    assert [i for name, i in found if name == "b"] == list(range(200))


def test_no_more_run_at_a_time_than_may():
    running, most, lock = [0], [0], threading.Lock()

    def job():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        yield 1
        with lock:
            running[0] -= 1

    assert list(fan_out([job] * 6, 2)) == [1] * 6
    assert most[0] == 2


def test_the_first_is_alone_until_it_has_found_something():
    events = []

    def first():
        time.sleep(0.05)  # compiles
        events.append("found")
        yield 0
        time.sleep(0.05)
        yield 1

    def other():
        events.append("begun")
        yield 2

    assert sorted(fan_out([first, other, other], 3, first_alone=True)) == [0, 1, 2, 2]
    assert events == ["found", "begun", "begun"]


@pytest.mark.parametrize("n", [0, 1])
def test_a_first_one_that_finds_nothing_does_not_hold_the_others_up(n):
    assert list(fan_out([count("a", 0), *[count("b", 1)] * n], 2, first_alone=True)) == [("b", 0)] * n


def test_what_breaks_one_is_raised_and_the_others_end():
    ended = threading.Event()

    def endless():
        try:
            while True:
                time.sleep(0.001)
                yield 0
        finally:
            ended.set()

    def broken():
        yield 1
        raise ZeroDivisionError("of all things")

    with pytest.raises(ZeroDivisionError, match="of all things"):
        list(fan_out([endless, broken], 2))
    assert ended.wait(5.0)


def test_who_stops_listening_ends_the_work():
    ended = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            ended.set()

    findings = fan_out([endless], 1)
    next(findings)
    findings.close()
    assert ended.wait(5.0)
