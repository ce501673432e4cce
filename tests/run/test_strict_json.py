"""JSON with one meaning, and bounded in every way."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.errors import InputError
from headstart.run import strict_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_every_value_comes_back_equal_with_its_types_and_signs(value):
    assert repr(strict_json.decode(strict_json.encode(value), "x")) == repr(sorted_keys(value))


def sorted_keys(value):
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\0123456789.eE+-truefalsn \n', max_size=200).map(str.encode))
def test_any_bytes_are_a_value_or_one_clean_line(text):
    try:
        value = strict_json.decode(text, "file")
    except InputError as error:
        assert str(error).startswith("file: ") and str(error).isprintable()
    else:
        assert repr(strict_json.decode(strict_json.encode(value), "again")) == repr(sorted_keys(value))


def test_the_bounds_are_where_they_are_said_to_be():
    deepest = b"[" * strict_json.DEPTH + b"]" * strict_json.DEPTH
    strict_json.decode(deepest, "x")
    strict_json.decode(b'{"a":"' + b"[" * 1000 + b'\\"{"}', "x")  # brackets in a text are no depth
    with pytest.raises(InputError, match="nested deeper than 64"):
        strict_json.decode(b"[" + deepest + b"]", "x")
    strict_json.decode(b"[" + b"1," * (strict_json.TOKENS - 2) + b"1]", "x")
    with pytest.raises(InputError, match="of more than 500000 parts"):
        strict_json.decode(b"[" + b"1," * (strict_json.TOKENS + 2) + b"1]", "x")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b'{"a":1,"a":1}', "a key occurs twice"),
        (b'{"a":1,"\\u0061":1}', "a key occurs twice"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"[1e999]", "1e999 is too large"),
        (b"[-1e999]", "-1e999 is too large"),
        (b"1" * 5000, "not valid JSON"),
        (b'"\xff"', "not valid JSON"),
        (b'"no end', "a text without an end"),
        (b"", "not valid JSON"),
    ],
)
def test_what_has_two_meanings_or_none_is_refused(text, named):
    with pytest.raises(InputError, match=named):
        strict_json.decode(text, "x")


def test_text_that_would_make_a_careless_pattern_take_hours_is_refused():
    for text in (b'"' + b'\\"' * 2_000_000, b'\\"' * 2_000_000, b'"' * 2_000_001, b'"\\' * 2_000_000):
        with pytest.raises(InputError):
            strict_json.decode(text, "x")


@pytest.mark.parametrize("value", [math.nan, math.inf, (1,), {1: 2}, {"a": {None: 1}}, b"x", {1}, object(), 1j])
def test_what_would_not_come_back_equal_is_not_written(value):
    with pytest.raises(InputError, match=r"\$.*: "):
        strict_json.encode({"field": [value]})


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_people_read_is_the_same_value(value):
    assert repr(json.loads(strict_json.readable(value))) == repr(json.loads(json.dumps(value)))


def test_a_list_of_numbers_stands_on_one_line():
    text = strict_json.readable({"a": [1, 2.5, None], "b": [[1], ["two  words\n", "[x]"]], "c": []})
    assert text.splitlines()[1] == ' "a": [1, 2.5, null],'
    assert json.loads(text) == {"a": [1, 2.5, None], "b": [[1], ["two  words\n", "[x]"]], "c": []}
