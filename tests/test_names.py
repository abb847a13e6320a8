"""Tool names for backends: legal, steady, and never the same for two tools."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.translate.names import is_made_of, legal_name

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
MCP = "mcp__an_issue_tracker_with_a_rather_long_name__create_an_issue_with_labels_v"


@pytest.mark.parametrize("name", ["Bash", "mcp__github__create-issue", "0", "-", "x" * 64])
def test_a_name_backends_take_is_left_alone(name):
    assert legal_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 65, id="one too long"),
        pytest.param("x" * 300, id="hallucinated, HI-14"),
        pytest.param("files.read", id="a dot"),
        pytest.param("read file", id="a blank"),
        pytest.param("Bash\n", id="a line end, which a $ in a regular expression would let through"),
        pytest.param("чтение", id="Cyrillic"),
        pytest.param("読む", id="Japanese"),
        pytest.param("９９", id="digits of another script"),
        pytest.param("\ud800", id="half a surrogate pair"),
    ],
)
def test_any_other_name_becomes_legal(name):
    assert LEGAL.fullmatch(legal_name(name))


def test_an_alias_can_be_recognised_by_a_person():
    assert legal_name("mcp.files.read all") == "mcp_files_read_all_" + legal_name("mcp.files.read all")[-8:]


def test_an_alias_begins_with_a_letter_as_gemini_wants():
    assert legal_name("9.lives")[0].isalpha()
    assert legal_name("--.")[0].isalpha()


def test_names_that_differ_only_behind_64_characters_stay_apart():  # TO-05
    aliases = {legal_name(f"{MCP}_{number}") for number in range(1000)}
    assert len(aliases) == 1000


def test_names_that_differ_only_in_what_is_cleaned_away_stay_apart():
    assert len({legal_name(name) for name in ("a.b", "a b", "a_b", "a..b", "a.b.")}) == 5


def test_an_alias_is_the_same_today_and_tomorrow():
    """Sessions outlive processes: changing this breaks the prefix cache and the history of every running one."""
    assert legal_name("files.read") == "files_read_601e4eb6"


@pytest.mark.parametrize("limit", [1, 8, 9, 10, 32, 64, 128])
def test_the_limit_of_a_backend_is_kept(limit):
    for name in ("short", "x" * 200, "a b", ""):
        assert 1 <= len(legal_name(name, limit)) <= limit


@given(st.text(), st.integers(min_value=10, max_value=128))
def test_every_name_has_a_legal_alias_that_is_its_own_alias(name, limit):
    alias = legal_name(name, limit)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", alias)
    assert 1 <= len(alias) <= limit
    assert legal_name(alias, limit) == alias


@given(st.lists(st.text(max_size=80), unique=True, max_size=30))
def test_different_names_have_different_aliases(names):
    assert len({legal_name(name) for name in names}) == len(names)


@pytest.mark.parametrize("letters", ["any", "word", "lower"])
@pytest.mark.parametrize("limit", [64, 32, 12])
@given(name=st.text("aB9_-. é", max_size=80))
def test_a_name_is_made_of_what_a_backend_takes(letters, limit, name):
    alias = legal_name(name, limit, letters)
    assert is_made_of(alias, letters)
    assert len(alias) <= limit
    assert legal_name(alias, limit, letters) == alias
    assert legal_name(name + "x", limit, letters) != alias


def test_a_backend_without_dashes_or_capitals_gets_an_alias_of_each():
    assert legal_name("mcp__my-server__go", letters="word").startswith("mcp__my_server__go_")
    assert legal_name("9lives", letters="word").startswith("t_9lives_")
    assert legal_name("Bash", letters="lower").startswith("bash_")
    assert legal_name("Bash", letters="word") == "Bash"
