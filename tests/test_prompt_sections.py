"""Claude Code's prompt in sections: nothing is lost, and what may be the user's is never taken for boilerplate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import prompts

from claude_code_proxy.prompt.sections import folded, is_claude_codes, split


def kinds(text: str) -> dict[str, str]:
    """Return the kind of each section by its title."""
    return {section.title: section.kind for section in split(text)}


@given(
    st.lists(
        st.sampled_from(
            [
                *prompts.BOILERPLATE,
                *prompts.SPARE,
                prompts.ENVIRONMENT,
                prompts.GIT,
                prompts.PROJECT,
                "```\n",
                "\n",
                "x\u2028# y\r\n",
                "# \n",
            ]
        )
    ),
    st.text(),
)
def test_the_sections_of_a_prompt_are_the_prompt(parts: list[str], more: str) -> None:
    text = "".join(parts) + more
    assert "".join(section.text for section in split(text)) == text


def test_every_section_has_its_kind() -> None:
    assert kinds(prompts.long_prompt()) == {
        "": "kept",
        "System": "spare",
        "Doing tasks": "boilerplate",
        "Executing actions with care": "spare",
        "Using your tools": "boilerplate",
        "Tone and style": "boilerplate",
        "Text output (does not apply to tool calls)": "boilerplate",
        "Session-specific guidance": "spare",
        "auto memory": "boilerplate",
        "House rules of nobody knows whom": "kept",
        "Environment": "kept",
        "Context management": "kept",
        "gitStatus": "kept",
    }


@pytest.mark.parametrize("title", ["Tone and style", "Memory", "System", "Doing tasks", "Anything"])
def test_what_stands_behind_the_environment_is_the_users(title: str) -> None:
    text = prompts.STYLE + prompts.ENVIRONMENT + f"# {title}\nmine\n"
    assert split(text)[-1].kind == "kept"


EDITOR = "You are running inside a VSCode window."
STYLE = "You are an interactive CLI tool that helps users with software engineering tasks."


@pytest.mark.parametrize(
    ("title", "words"),
    [("Output Style: Explanatory", STYLE), ("IDE context", EDITOR), ("VSCode Extension Context", EDITOR)],
)
def test_editor_and_the_output_styles_it_brings_are_boilerplate_wherever_they_stand(title: str, words: str) -> None:
    section = f"# {title}\n{words}\n"
    for text in (section + prompts.ENVIRONMENT, prompts.ENVIRONMENT + section):
        assert kinds(text)[title] == "boilerplate"


@pytest.mark.parametrize("start", ["# claudeMd\n", "Contents of /home/me/CLAUDE.md (project instructions):\n"])
def test_project_instructions_are_kept_to_their_end(start: str) -> None:
    """They are Markdown of a person's: their titles may be any."""
    text = prompts.STYLE + start + "# Tone and style\nmine\n# Output style\nmine\n# Environment\nmine\n# Memory\nmine\n"
    sections = split(text)
    assert sections[0].kind == "boilerplate"
    assert {section.kind for section in sections[1:]} == {"kept"}


def test_a_comment_in_code_is_no_title() -> None:
    text = prompts.DOING + "```\n# Not a title\n```\nmore\n"
    assert kinds(text) == {"Doing tasks": "boilerplate"}


@pytest.mark.parametrize(
    "kept", [prompts.ENVIRONMENT, prompts.GIT, prompts.PROJECT, "<env>\nPlatform: linux\n</env>\n"]
)
def test_a_block_of_code_nobody_closed_swallows_nothing_of_value(kept: str) -> None:
    sections = split(prompts.DOING + "```\nexample\n" + kept)
    assert "".join(section.text for section in sections if section.kind == "kept") == kept


def test_the_environment_of_older_versions_is_kept() -> None:
    old = "Here is useful information about the environment you are running in:\n<env>\nPlatform: linux\n</env>\n"
    sections = split(prompts.STYLE + old)
    assert "".join(section.text for section in sections if section.kind == "kept") == old


def test_white_space_and_reminders_go_but_not_where_nothing_may_be_touched() -> None:
    loose = "# System\nAll text you output outside of tool use is displayed   \n\n\n\nb\n<system-reminder>\nx\n</system-reminder>\nc\n"
    (section,) = split(loose)
    assert folded(section) == "# System\nAll text you output outside of tool use is displayed\n\nb\nc\n"
    (section,) = split(loose.replace("# System", "# Unknown"))
    assert folded(section) == loose.replace("# System", "# Unknown")


@pytest.mark.parametrize(
    "text",
    [
        prompts.IDENTITY,
        prompts.OPENING,
        prompts.long_prompt(),
        "x-billing: 1\n" + prompts.IDENTITY,
        "You are a Claude agent, built on somebody's SDK.",
        "You are an interactive CLI tool that helps.",
        "\nYou are an agent working with the user toward goals.",
        "A new opening.\n" + prompts.STYLE + prompts.TASKS + prompts.SYSTEM + prompts.ENVIRONMENT,
    ],
    ids=["identity", "opening", "all", "behind a billing line", "SDK", "older", "2.1.330", "known by its titles"],
)
def test_claude_codes_own_text_is_known(text: str) -> None:
    assert is_claude_codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You are a pirate.\n# Tone and style\nArr.\n# Memory\nRum.\n",
        "# Tone and style\nBrief.\n# Doing tasks\nDo them.\n# System\nLinux.\n",
        "# Environment\nLinux\n# Memory\nnone\n",
        "Help the user with the program whose prompt begins: You are Claude Code.",
        "\n" * 20 + "You are Claude Code",
    ],
    ids=["empty", "somebody's", "titles without an environment", "two titles", "a quotation", "far below"],
)
def test_anybody_elses_text_is_not(text: str) -> None:
    assert not is_claude_codes(text)
