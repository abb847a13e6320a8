"""The declaration of settings: names, defaults, bounds, and what is generated from them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from claude_code_proxy.config import load
from claude_code_proxy.setting_docs import docs_tables, env_example, readme_table
from claude_code_proxy.settings import (
    BY_NAME,
    SETTINGS,
    accepts,
    quoted,
    read,
    resembles,
    show,
)

ROOT = Path(__file__).parents[1]

CONTRACT = {
    "OPENAI_API_KEY": "",
    "OPENAI_BASE_URL": "https://openrouter.ai/api/v1",
    "BIG_MODEL": "openai/gpt-5.4",
    "MIDDLE_MODEL": "openai/gpt-5.4-mini",
    "SMALL_MODEL": "openai/gpt-5.4-nano",
    "ANTHROPIC_API_KEY": "",
    "AZURE_API_VERSION": "",
    "HOST": "0.0.0.0",
    "PORT": 8082,
    "WORKERS": 1,
    "LOG_LEVEL": "INFO",
    "MAX_TOKENS_LIMIT": 128000,
    "MIN_TOKENS_LIMIT": 1024,
    "REQUEST_TIMEOUT": 90.0,
    "MAX_RETRIES": 2,
    "MAX_CONCURRENT_REQUESTS": 0,
    "MAX_OPEN_REQUESTS": 10_000,
    "QUEUE_LIMIT": 100,
    "CUSTOM_HEADER_*": "",
    "PROMPT_COMPRESSION": "none",
    "PROMPT_MAX_SYSTEM_TOKENS": 4096,
    "OPENROUTER_REFERER": "http://localhost:8082",
    "OPENROUTER_TITLE": "claude-code-proxy",
    "FIRST_BYTE_TIMEOUT": 600.0,
    "CONNECT_TIMEOUT": 10.0,
    "ANSWER_DEADLINE": 1800.0,
    "DRAIN_TIMEOUT": 30.0,
    "PING_INTERVAL": 10.0,
    "COMMIT_AFTER": 10.0,
    "MODELS_REFRESH": 3600.0,
    "MODEL_WINDOW": 0,
    "CONTEXT_SCALE": "off",
    "TOOL_DESCRIPTIONS": "auto",
    "TOOL_SUBSET": "",
    "LOG_FORMAT": "text",
    "DIALECT": "",
    "SIGNATURE_KEY": "",
    "COMPACTION_REMINDER": "on",
    "TEXT_TOOL_CALLS": "auto",
    "THINK_TAGS": "auto",
    "MAX_BODY_MB": 64,
    "CONFIG_FILE": "",
    "REQUEST_LOG": "on",
    "REQUEST_LOG_MB": 20,
    "CONFIG_PROFILE": "",
    "DEFAULT_BACKEND": "",
    "RECORD_DIR": "",
    "METRICS": "on",
    "USAGE_DB": "on",
    "USAGE_DAYS": 90,
    "TRACES": "off",
    "UI": "on",
    "RECORD": "failures",
}


def test_names_and_defaults_are_the_contract():
    assert {setting.name: setting.default for setting in SETTINGS} == CONTRACT


def test_no_name_is_declared_twice():
    assert len(BY_NAME) == len(SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_explained_in_one_sentence(setting):
    assert setting.meaning.endswith(".")
    assert not re.search(r"\. [A-Z]", setting.meaning)
    assert accepts(setting)


@pytest.mark.parametrize(
    "setting", [s for s in SETTINGS if not (s.required or s.default == "")], ids=lambda setting: setting.name
)
def test_a_default_is_a_legal_value(setting):
    assert read(setting, setting.default) == setting.default
    assert read(setting, f"  {setting.default} ") == setting.default


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CUSTOM_HEADER_*", "SIGNATURE_KEY"])
def test_secrets_are_marked(name):
    assert BY_NAME[name].secret


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("PORT", "0", 0),
        ("PORT", "65535", 65535),
        ("PORT", 9000, 9000),
        ("MAX_RETRIES", "0", 0),
        ("MIN_TOKENS_LIMIT", "0", 0),
        ("MAX_TOKENS_LIMIT", "1", 1),
        ("REQUEST_TIMEOUT", "0.1", 0.1),
        ("REQUEST_TIMEOUT", "90", 90.0),
        ("REQUEST_TIMEOUT", 90, 90.0),
        ("COMMIT_AFTER", "0", 0.0),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("LOG_LEVEL", " Warning ", "WARNING"),
        ("LOG_FORMAT", "JSON", "json"),
        ("PROMPT_COMPRESSION", "Summarize", "summarize"),
        ("BIG_MODEL", "  qwen3:8b ", "qwen3:8b"),
        ("BIG_MODEL", "модель", "модель"),
        ("HOST", "localhost", "localhost"),
        ("HOST", "my-box.example.org", "my-box.example.org"),
        ("HOST", "::1", "::1"),
        ("HOST", "[::1]", "[::1]"),
        ("HOST", "fe80::1%eth0", "fe80::1%eth0"),
        ("AZURE_API_VERSION", "2024-10-21-preview", "2024-10-21-preview"),
        ("OPENROUTER_TITLE", "", ""),
        ("OPENAI_API_KEY", "any text", "any text"),
    ],
)
def test_reads(name, raw, value):
    result = read(BY_NAME[name], raw)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "80.5"),
        ("PORT", "8_000"),
        ("PORT", "٨٠"),
        ("PORT", "9" * 5000),
        ("PORT", True),
        ("PORT", [80]),
        ("PORT", None),
        ("MAX_RETRIES", "-1"),
        ("MAX_TOKENS_LIMIT", "0"),
        ("MAX_BODY_MB", "0"),
        ("REQUEST_TIMEOUT", "0"),
        ("REQUEST_TIMEOUT", "nan"),
        ("REQUEST_TIMEOUT", "inf"),
        ("REQUEST_TIMEOUT", "1e999"),
        ("REQUEST_TIMEOUT", "90s"),
        ("REQUEST_TIMEOUT", float("nan")),
        ("REQUEST_TIMEOUT", 10**400),
        ("REQUEST_TIMEOUT", False),
        ("LOG_LEVEL", "verbose"),
        ("LOG_LEVEL", 10),
        ("PROMPT_COMPRESSION", "zip"),
        ("HOST", "localhost:8082"),
        ("HOST", "127.0.0.1:8082"),
        ("HOST", "http://localhost"),
        ("HOST", "a b"),
        ("AZURE_API_VERSION", "2024/10"),
        ("AZURE_API_VERSION", "2024-10-21&x=y"),
        ("BIG_MODEL", "a\nb"),
        ("BIG_MODEL", "a\x1b[2J"),
        ("BIG_MODEL", "a\udc80"),
        ("BIG_MODEL", 5),
        ("OPENAI_API_KEY", "ключ"),
        ("OPENAI_API_KEY", "a\r\nX-Evil: 1"),
        ("OPENROUTER_TITLE", "naïve"),
    ],
)
def test_refuses(name, raw):
    with pytest.raises(ValueError, match=re.escape(accepts(BY_NAME[name]))):
        read(BY_NAME[name], raw)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("PORT", "a whole number from 0 to 65535, 0 for any free port"),
        ("REQUEST_TIMEOUT", "a number of seconds from 0.1 to 86400"),
        ("MAX_RETRIES", "a whole number from 0 to 100"),
        ("MAX_BODY_MB", "a whole number of megabytes from 1 to 4096"),
        ("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR"),
        ("SIGNATURE_KEY", "a text of visible characters"),
    ],
)
def test_says_what_it_takes(name, sentence):
    assert accepts(BY_NAME[name]) == sentence


@pytest.mark.parametrize(
    ("name", "raw", "hint"),
    [
        ("LOG_LEVEL", "WARN", "did you mean WARNING?"),
        ("PROMPT_COMPRESSION", "sumarise", "did you mean summarize?"),
        ("LOG_FORMAT", "jsn", "did you mean json?"),
    ],
)
def test_a_nearly_right_choice_is_named(name, raw, hint):
    with pytest.raises(ValueError, match=re.escape(hint)):
        read(BY_NAME[name], raw)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("OPENAI_BASEURL", "OPENAI_BASE_URL"),
        ("BIGMODEL", "BIG_MODEL"),
        ("MAX_TOKEN_LIMIT", "MAX_TOKENS_LIMIT"),
        ("OPENAI_APIKEY", "OPENAI_API_KEY"),
        ("openai_api_key", "OPENAI_API_KEY"),
        ("OPENAI-API-KEY", "OPENAI_API_KEY"),
        ("BIG_MODLE", "BIG_MODEL"),
        ("SMAL_MODEL", "SMALL_MODEL"),
        ("OPENROUTER_REFERRER", "OPENROUTER_REFERER"),
        ("REQEUST_TIMEOUT", "REQUEST_TIMEOUT"),
        ("CUSTOMHEADER_X_TEAM", "CUSTOM_HEADER_*"),
        ("CUSTOM_HEADERS_X_TEAM", "CUSTOM_HEADER_*"),
        ("LOGLEVEL", "LOG_LEVEL"),
    ],
)
def test_a_misspelling_is_recognised(typed, meant):
    assert resembles(typed) == meant


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "HOSTNAME",
        "HOSTS",
        "PORTS",
        "POST",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_MODEL",
        "OPENAI_ORGANIZATION",
        "OPENAI_API_TYPE",
        "XAI_API_KEY",
        "DATABASE_URL",
        "MODEL",
        "",
        "_",
        "Ω",
        "A" * 100_000,
    ],
    ids=lambda name: name[:20],
)
def test_other_programs_names_are_left_alone(name):
    assert resembles(name) == ""


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("PORT", 8082, "8082"),
        ("REQUEST_TIMEOUT", 90.0, "90"),
        ("REQUEST_TIMEOUT", 0.5, "0.5"),
        ("BIG_MODEL", "openai/gpt-5.4", '"openai/gpt-5.4"'),
        ("DIALECT", "", '""'),
        ("OPENAI_API_KEY", "", '""'),
        ("OPENAI_API_KEY", "local", "a hidden text"),
        ("OPENAI_BASE_URL", "sk-or-v1-0123456789", "a hidden text"),
        ("PORT", "0123456789abcdef0123456789abcdef", "a hidden text"),
        ("HOST", "Bearer abc", "a hidden text"),
        ("PORT", "a\nb\x1b", r'"a\nb\x1b"'),
        ("OPENAI_BASE_URL", "http://h/v1?key=abc&api-version=1", '"http://h/v1?key=***&api-version=1"'),
        ("OPENAI_BASE_URL", "http://u:pw@h/v1", "a hidden text"),
        ("PORT", ["x"], "['x']"),
    ],
)
def test_a_value_is_shown_without_secrets(name, value, shown):
    assert show(BY_NAME[name], value) == shown


def test_a_long_foreign_text_is_cut():
    assert quoted("a" * 10_000) == '"' + "a" * 80 + '…"'


def test_every_setting_is_in_the_example_and_in_the_tables():
    example, tables = env_example(), docs_tables()
    for setting in SETTINGS:
        assert re.search(rf"^(# )?{setting.name.replace('*', 'X_TEAM')}=", example, re.MULTILINE)
        assert f"| `{setting.name}` |" in tables


def test_env_example_is_up_to_date():
    assert (ROOT / ".env.example").read_text("utf-8") == env_example()


def test_docs_are_up_to_date():
    docs = (ROOT / "docs" / "settings.md").read_text("utf-8")
    begin, end = "setting_docs docs -->\n", "\n<!-- end of the generated part -->"
    assert docs[docs.index(begin) + len(begin) : docs.index(end)] == docs_tables()


def test_the_example_says_nothing_but_the_defaults(tmp_path):
    (tmp_path / ".env").write_text(env_example(), "utf-8")
    config = load({"OPENAI_API_KEY": "sk-or-1"}, cwd=tmp_path)
    assert set(config.sources.values()) <= {"environment", "default", "no ANTHROPIC_API_KEY"}
    assert config.warnings == ()


def test_every_line_of_the_example_is_legal_when_it_is_uncommented(tmp_path):
    lines = re.sub(r"(?m)^# ([A-Z_]+=)", r"\1", env_example()).replace("OPENAI_API_KEY=", "OPENAI_API_KEY=k")
    lines = re.sub(r"(?m)^(CONFIG_FILE|CONFIG_PROFILE|DEFAULT_BACKEND|AZURE_API_VERSION)=.*$", "", lines)
    (tmp_path / ".env").write_text(lines, "utf-8")
    config = load({}, cwd=tmp_path)
    assert config.default_backend.headers["X-TEAM"] == "a"
    assert config.port == 8082


@pytest.mark.parametrize(("argument", "text"), [("env", env_example), ("docs", docs_tables), ("readme", readme_table)])
def test_the_module_prints_what_is_generated(argument, text):
    done = subprocess.run(
        [sys.executable, "-m", "claude_code_proxy.setting_docs", argument], capture_output=True, text=True, check=True
    )
    assert done.stdout == text()


@pytest.mark.parametrize("arguments", [[], ["html"], ["env", "docs"]], ids=str)
def test_the_module_names_its_arguments(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "claude_code_proxy.setting_docs", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: python -m claude_code_proxy.setting_docs env|docs|readme\n"
