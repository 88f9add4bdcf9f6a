"""What others wrote stands in a sentence without breaking or forging it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.errors import LONGEST, LONGEST_NAME, LONGEST_REASON, UserError, in_one_line, reason, shown

HOSTILE = "cat\nerror: \x1b]0;title\x07\r\u202egnp.\u2028\ud800\x85"


@pytest.mark.parametrize("name", ["0.weight", "words of a class", "ü", "a'b"])
def test_a_plain_name_is_shown_as_it_is(name):
    assert shown(name) == name


@pytest.mark.parametrize("name", ["", " a", "a\n", HOSTILE, "a" * 10**6])
def test_any_other_name_is_quoted(name):
    assert shown(name)[0] == shown(name)[-1] == "'"
    assert shown(name).isprintable()
    assert len(shown(name)) <= LONGEST_NAME


def test_a_sentence_is_one_line():
    error = UserError(f"{HOSTILE}: cannot be read", f"remove {HOSTILE}")
    assert str(error).isprintable()
    assert r"cat\nerror: \x1b]0;title\x07\r\u202egnp.\u2028\ud800\x85: cannot be read; remove cat\n" in str(error)


@given(st.text(), st.text())
def test_any_sentence_is_one_line(problem, remedy):
    error = UserError(problem, remedy)
    assert str(error).isprintable()
    assert error.problem == problem or not problem.isprintable()


@pytest.mark.parametrize("letter", ["a", "\n", "\u202e"])
def test_a_sentence_is_no_book(letter):
    assert in_one_line(letter * LONGEST * 3).isprintable()
    assert len(in_one_line(letter * LONGEST * 3)) <= LONGEST + 5


def test_what_a_library_says_is_shortened():
    assert reason(ValueError("cannot parse\n " + "9" * 10**5)) == "cannot parse " + "9" * (LONGEST_REASON - 13) + " ..."
    assert reason(ValueError("one\n two.")) == "one two"
