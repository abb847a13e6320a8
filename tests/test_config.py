"""Loading the configuration: what each setting becomes, and what every mistake says."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import msgspec
import pytest

from claude_code_proxy.config import Backend, Config, Timeouts, load
from claude_code_proxy.errors import ConfigError
from claude_code_proxy.local_servers import LocalServer

KEY = {"OPENAI_API_KEY": "sk-or-v1-test"}


@pytest.fixture
def loaded(tmp_path):
    """Load with a key, the given variables, and nothing on disk."""

    def call(environ=None, **options):
        return load({**KEY, **(environ or {})}, cwd=tmp_path, **options)

    return call


@pytest.fixture
def problems(tmp_path):
    def call(environ, **options):
        with pytest.raises(ConfigError) as caught:
            load(environ, cwd=tmp_path, **options)
        return caught.value.problems

    return call


def test_a_key_alone_is_enough(loaded):
    config = loaded()
    assert config.default_backend == Backend(
        name="default",
        base_url="https://openrouter.ai/api/v1",
        key="sk-or-v1-test",
        headers={"HTTP-Referer": "http://localhost:8082", "X-Title": "claude-code-proxy"},
        timeouts=Timeouts(connect=10, first_byte=600, idle=90),
    )
    assert list(config.backends) == ["default"]
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("big_model", "openai/gpt-5.4"),
        ("middle_model", "openai/gpt-5.4-mini"),
        ("small_model", "openai/gpt-5.4-nano"),
        ("client_key", ""),
        ("host", "127.0.0.1"),
        ("port", 8082),
        ("log_level", "INFO"),
        ("log_format", "text"),
        ("max_tokens_limit", 128000),
        ("min_tokens_limit", 1024),
        ("min_tokens_explicit", False),
        ("model_window", 0),
        ("max_retries", 2),
        ("ping_interval", 10),
        ("commit_after", 10),
        ("models_refresh", 3600),
        ("max_body", 64 * 1024 * 1024),
        ("prompt_compression", "none"),
        ("compaction_reminder", True),
        ("prompt_max_system_tokens", 4096),
    ],
)
def test_a_default_is_the_contract_s(loaded, field, value):
    assert getattr(loaded(), field) == value
    if field != "host":
        assert getattr(Config(backends={}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("BIG_MODEL", "a", "big_model", "a"),
        ("MIDDLE_MODEL", "b", "middle_model", "b"),
        ("SMALL_MODEL", "c", "small_model", "c"),
        ("ANTHROPIC_API_KEY", "secret", "client_key", "secret"),
        ("HOST", "192.168.1.2", "host", "192.168.1.2"),
        ("HOST", "[::]", "host", "::"),
        ("PORT", "0", "port", 0),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("LOG_FORMAT", "JSON", "log_format", "json"),
        ("MAX_TOKENS_LIMIT", "64000", "max_tokens_limit", 64000),
        ("MIN_TOKENS_LIMIT", "2048", "min_tokens_limit", 2048),
        ("MIN_TOKENS_LIMIT", "1024", "min_tokens_explicit", True),
        ("MODEL_WINDOW", "32768", "model_window", 32768),
        ("MAX_RETRIES", "0", "max_retries", 0),
        ("PING_INTERVAL", "2.5", "ping_interval", 2.5),
        ("COMMIT_AFTER", "0", "commit_after", 0),
        ("MODELS_REFRESH", "60", "models_refresh", 60),
        ("MAX_BODY_MB", "1", "max_body", 1024 * 1024),
        ("PROMPT_COMPRESSION", "compact", "prompt_compression", "compact"),
        ("COMPACTION_REMINDER", "OFF", "compaction_reminder", False),
        ("COMPACTION_REMINDER", "on", "compaction_reminder", True),
        ("PROMPT_MAX_SYSTEM_TOKENS", "100", "prompt_max_system_tokens", 100),
    ],
)
def test_a_variable_sets_its_field(loaded, name, text, field, value):
    config = loaded({name: text})
    assert getattr(config, field) == value
    assert config.sources[name] == "environment"


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("OPENAI_API_KEY", "any text", "key", "any text"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1/", "base_url", "https://api.openai.com/v1"),
        ("DIALECT", "ollama", "dialect", "ollama"),
    ],
)
def test_a_variable_sets_the_default_backend(loaded, name, text, field, value):
    assert getattr(loaded({name: text}).default_backend, field) == value


def test_the_value_is_frozen(loaded):
    with pytest.raises(AttributeError):
        loaded().port = 1


def test_it_can_be_encoded_and_read_back(loaded):
    config = loaded({"CUSTOM_HEADER_A": "b"})
    assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config


@pytest.mark.parametrize("blank", ["", " ", "\t", '""', "''"], ids=repr)
@pytest.mark.parametrize("name", ["BIG_MODEL", "PORT", "HOST", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "CONFIG_FILE"])
def test_a_blank_value_is_no_value(loaded, name, blank):
    config = loaded({name: blank})
    plain = loaded()
    assert msgspec.structs.replace(config, warnings=()) == plain


# -- time-outs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "timeouts", "source"),
    [
        ({}, Timeouts(connect=10, first_byte=600, idle=90), "default"),
        ({"REQUEST_TIMEOUT": "30"}, Timeouts(connect=10, first_byte=30, idle=30), "REQUEST_TIMEOUT"),
        ({"REQUEST_TIMEOUT": "90"}, Timeouts(connect=10, first_byte=90, idle=90), "REQUEST_TIMEOUT"),
        ({"REQUEST_TIMEOUT": "1200"}, Timeouts(connect=10, first_byte=1200, idle=1200), "REQUEST_TIMEOUT"),
        ({"FIRST_BYTE_TIMEOUT": "60"}, Timeouts(connect=10, first_byte=60, idle=90), "environment"),
        (
            {"REQUEST_TIMEOUT": "30", "FIRST_BYTE_TIMEOUT": "300"},
            Timeouts(connect=10, first_byte=300, idle=30),
            "environment",
        ),
        ({"CONNECT_TIMEOUT": "3"}, Timeouts(connect=3, first_byte=600, idle=90), "default"),
    ],
    ids=["none", "request", "request as default", "longer request", "first byte", "both", "connect"],
)
def test_timeouts(loaded, environ, timeouts, source):
    config = loaded(environ)
    assert config.default_backend.timeouts == timeouts
    assert config.sources["FIRST_BYTE_TIMEOUT"] == source
    assert config.shown["FIRST_BYTE_TIMEOUT"] == f"{timeouts.first_byte:g}"


# -- binding ----------------------------------------------------------------------------------------------------------


def test_without_a_client_key_it_listens_here_only_and_says_so(loaded):
    config = loaded()
    assert config.host == "127.0.0.1"
    assert config.notices == ("listening on 127.0.0.1 only: set ANTHROPIC_API_KEY, or HOST, to serve other machines",)
    assert config.sources["HOST"] == "no ANTHROPIC_API_KEY"
    assert config.shown["HOST"] == '"127.0.0.1"'


def test_with_a_client_key_it_listens_everywhere(loaded):
    config = loaded({"ANTHROPIC_API_KEY": "secret"})
    assert (config.host, config.notices, config.warnings) == ("0.0.0.0", (), ())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "box.local"])
def test_an_open_host_without_a_client_key_is_obeyed_and_warned_of(loaded, host):
    config = loaded({"HOST": host})
    assert config.host == host
    assert config.warnings == (
        f"HOST is {host} and ANTHROPIC_API_KEY is not set: whoever reaches the port can spend the backend's key",
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_an_explicit_host_of_this_machine_is_nothing_to_talk_about(loaded, host):
    config = loaded({"HOST": host})
    assert (config.host, config.notices, config.warnings) == (host, (), ())


# -- token limits -----------------------------------------------------------------------------------------------------


def test_the_default_floor_gives_way_to_a_lower_ceiling(loaded):
    config = loaded({"MAX_TOKENS_LIMIT": "500"})
    assert (config.min_tokens_limit, config.max_tokens_limit, config.min_tokens_explicit) == (500, 500, False)


def test_an_explicit_floor_above_the_ceiling_is_a_mistake(problems):
    assert problems({**KEY, "MIN_TOKENS_LIMIT": "900", "MAX_TOKENS_LIMIT": "500"}) == [
        "MIN_TOKENS_LIMIT: got 900, takes at most MAX_TOKENS_LIMIT, which is 500"
    ]


# -- headers ----------------------------------------------------------------------------------------------------------


def test_custom_headers(loaded):
    config = loaded(
        {"CUSTOM_HEADER_X_TEAM": " a ", "CUSTOM_HEADER_Authorization": "Basic b", "CUSTOM_HEADER_EMPTY": ""}
    )
    headers = config.default_backend.headers
    assert headers["X-TEAM"] == "a"
    assert headers["Authorization"] == "Basic b"
    assert "EMPTY" not in headers
    assert config.sources["CUSTOM_HEADER_X_TEAM"] == "environment"
    assert config.shown["CUSTOM_HEADER_X_TEAM"] == "a hidden text"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("CUSTOM_HEADER_X_A", "a\nX-Evil: 1", "has control characters in its value"),
        ("CUSTOM_HEADER_X_A", "модель", "has characters outside Latin-1 in its value, which no header can carry"),
        ("CUSTOM_HEADER_HOST", "x", "belongs to the connection and can't be set"),
        ("CUSTOM_HEADER_TRANSFER_ENCODING", "x", "belongs to the connection and can't be set"),
        ("CUSTOM_HEADER_CONTENT_LENGTH", "0", "belongs to the connection and can't be set"),
        ("CUSTOM_HEADER_", "x", "is not a legal header name"),
        ("CUSTOM_HEADER_A:B", "x", "is not a legal header name"),
    ],
)
def test_a_header_that_can_not_be_sent_is_a_problem(problems, name, value, problem):
    assert problems({**KEY, name: value}) == [f"{name} from environment: {problem}"]


def test_openrouter_is_told_the_application(loaded):
    config = loaded({"OPENROUTER_REFERER": "https://a.example", "OPENROUTER_TITLE": "ours"})
    assert config.default_backend.headers == {"HTTP-Referer": "https://a.example", "X-Title": "ours"}


def test_the_attribution_may_be_emptied(loaded):
    config = loaded({"OPENROUTER_REFERER": "", "OPENROUTER_TITLE": " "})
    assert config.default_backend.headers == {}
    assert config.sources["OPENROUTER_TITLE"] == "environment"


def test_other_backends_are_not_told(loaded):
    config = loaded({"OPENAI_BASE_URL": "https://api.openai.com/v1", "BIG_MODEL": "a", "OPENROUTER_TITLE": "ours"})
    assert config.default_backend.headers == {}


def test_a_custom_header_wins_over_the_attribution(loaded):
    config = loaded({"CUSTOM_HEADER_X_TITLE": "mine"})
    assert config.default_backend.headers == {"HTTP-Referer": "http://localhost:8082", "X-TITLE": "mine"}


# -- the backend's URL ------------------------------------------------------------------------------------------------


def test_a_pasted_endpoint_is_cut_with_a_warning(loaded):
    config = loaded({"OPENAI_BASE_URL": "https://openrouter.ai/api/v1/chat/completions"})
    assert config.default_backend.base_url == "https://openrouter.ai/api/v1"
    assert config.warnings == (
        "OPENAI_BASE_URL from environment: /chat/completions is left out; a base URL ends before it",
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "localhost:11434/v1",
            'got "localhost:11434/v1", takes an http or https URL (did you mean http://localhost:11434/v1?)',
        ),
        ("ftp://x", 'got "ftp://x", takes an http or https URL'),
        ("https://x.example/v1?a=b", 'got "https://x.example/v1?a=b", takes a URL without ? and #'),
        ("sk-or-v1-0123456789abcdef", "got a hidden text, takes an http or https URL"),
    ],
)
def test_what_is_no_url_is_a_problem(problems, url, problem):
    assert problems({**KEY, "OPENAI_BASE_URL": url}) == [f"OPENAI_BASE_URL from environment: {problem}"]


def test_credentials_in_the_url_are_refused_and_not_shown(problems):
    [problem] = problems({**KEY, "OPENAI_BASE_URL": "https://me:hunter2@x.example/v1"})
    assert "takes a URL without user name and password" in problem
    assert "hunter2" not in problem


def test_a_url_that_leads_back_to_the_proxy_is_a_problem(problems):
    environ = {**KEY, "OPENAI_BASE_URL": "http://localhost:9000/v1", "PORT": "9000"}
    assert problems(environ) == [
        (
            'OPENAI_BASE_URL: "http://localhost:9000/v1" (backend default) is this proxy itself; '
            "it takes the URL of the backend"
        )
    ]


def test_azure_mode(loaded):
    config = loaded(
        {"AZURE_API_VERSION": "2024-10-21", "OPENAI_BASE_URL": "https://x.openai.azure.com/", "BIG_MODEL": "d"}
    )
    backend = config.default_backend
    assert (backend.azure_api_version, backend.base_url) == ("2024-10-21", "https://x.openai.azure.com")


def test_azure_mode_needs_azure_s_url(problems):
    assert problems({**KEY, "AZURE_API_VERSION": "2024-10-21"}) == [
        (
            'AZURE_API_VERSION is set, but "https://openrouter.ai/api/v1" (backend default) is not Azure; '
            "OPENAI_BASE_URL takes https://NAME.openai.azure.com"
        )
    ]


@pytest.mark.parametrize("key", ["sk-proj-abc", "sk-ant-abc", "xai-abc", "gsk_abc", "AIzaabc"])
def test_another_provider_s_key_on_its_way_to_openrouter_is_warned_of(loaded, key):
    [warning] = loaded({"OPENAI_API_KEY": key}).warnings
    assert warning.startswith('the key for "https://openrouter.ai/api/v1" (backend default) looks like another')
    assert key not in warning


def test_default_models_elsewhere_than_openrouter_are_warned_of(loaded):
    config = loaded({"OPENAI_BASE_URL": "http://localhost:11434/v1", "BIG_MODEL": "qwen3:8b"})
    assert config.warnings == (
        (
            '"http://localhost:11434/v1" may not have the default models MIDDLE_MODEL=openai/gpt-5.4-mini, '
            "SMALL_MODEL=openai/gpt-5.4-nano: set them to models it has"
        ),
    )


# -- a subset of tools ------------------------------------------------------------------------------------------------


def test_a_subset_is_names_between_commas_or_a_list(loaded, tmp_path):
    assert loaded({**KEY, "TOOL_SUBSET": ""}).tools == frozenset()
    assert loaded({**KEY, "TOOL_SUBSET": " Bash, Read ,,mcp__files__find"}).tools == {
        "Bash",
        "Read",
        "mcp__files__find",
    }
    (tmp_path / "claude-code-proxy.toml").write_text('TOOL_SUBSET = ["Bash", "Edit"]')
    assert load(KEY, cwd=tmp_path).tools == {"Bash", "Edit"}


@pytest.mark.parametrize(
    ("given", "hint"), [("Baash", " (did you mean Bash?)"), ("edit", " (did you mean Edit?)"), ("Xyzzy12", "")]
)
def test_a_tool_claude_code_is_not_known_to_have_is_warned_of(loaded, given, hint):
    [warning] = loaded({**KEY, "TOOL_SUBSET": f"Bash,{given}"}).warnings
    assert warning == f'TOOL_SUBSET: Claude Code is not known to have a tool "{given}"{hint}'


@pytest.mark.parametrize("given", [",", " , ,", "Bash;Read", "Bash Read"])
def test_a_subset_that_names_nothing_is_refused(problems, given):
    [problem] = problems({**KEY, "TOOL_SUBSET": given})
    assert "takes names separated by commas, such as Bash,Read" in problem


def test_an_empty_list_of_tools_is_refused(tmp_path):
    (tmp_path / "claude-code-proxy.toml").write_text("TOOL_SUBSET = []")
    with pytest.raises(ConfigError, match="takes names separated by commas"):
        load(KEY, cwd=tmp_path)


# -- dialects ---------------------------------------------------------------------------------------------------------


def test_a_dialect_must_exist(problems):
    assert problems({**KEY, "DIALECT": "olama"}, dialects=("openai", "ollama")) == [
        'DIALECT: got "olama", takes openai, ollama (did you mean ollama?)'
    ]


def test_without_a_list_every_dialect_is_taken(loaded):
    assert loaded({"DIALECT": "mine"}).default_backend.dialect == "mine"


# -- the key ----------------------------------------------------------------------------------------------------------


def test_without_a_key_it_says_what_to_do(problems):
    assert problems({}) == [
        (
            "OPENAI_API_KEY is not set: it takes the backend's key\n"
            "  for OpenRouter, the default backend, make a key at https://openrouter.ai/keys\n"
            "  for a local server (Ollama, LM Studio, llama.cpp, vLLM) it is any text, and OPENAI_BASE_URL its URL"
        )
    ]


def test_without_a_key_for_another_backend_that_is_named(problems):
    [problem] = problems({"OPENAI_BASE_URL": "http://192.168.1.2:8000/v1", "BIG_MODEL": "a"})
    assert '\n  for "http://192.168.1.2:8000/v1" it is that backend\'s key\n' in problem
    assert "openrouter.ai" not in problem


def test_without_a_key_local_servers_are_named_with_the_lines_to_set(problems):
    servers = [
        LocalServer("Ollama", "http://127.0.0.1:11434/v1", ("qwen3:8b", "llama3.3")),
        LocalServer("vLLM", "http://127.0.0.1:8000/v1"),
    ]
    [problem] = problems({}, find_servers=lambda: servers)
    assert problem.endswith(
        "\n  Ollama runs here with qwen3:8b, llama3.3; to use it, set"
        "\n    OPENAI_BASE_URL=http://127.0.0.1:11434/v1"
        "\n    OPENAI_API_KEY=local"
        "\n  vLLM runs here; to use it, set"
        "\n    OPENAI_BASE_URL=http://127.0.0.1:8000/v1"
        "\n    OPENAI_API_KEY=local"
    )


def test_with_a_key_nobody_looks_for_servers(loaded):
    def find():
        raise AssertionError("looked")

    assert loaded(find_servers=find).default_backend.key


@pytest.mark.parametrize("key", ["ключ", "a\nb", "a\x00", "naïve"], ids=ascii)
def test_a_key_no_header_can_carry_is_one_problem_and_not_shown(problems, key):
    assert problems({"OPENAI_API_KEY": key}) == [
        "OPENAI_API_KEY from environment: got a hidden text, takes a text of visible ASCII characters"
    ]


# -- the seal ---------------------------------------------------------------------------------------------------------


def test_the_seal_is_the_same_on_every_machine(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert load({**KEY, "PORT": "1"}, cwd=one).signature_key == load(KEY, cwd=two).signature_key


def test_the_seal_depends_on_the_backend_s_key_unless_it_is_given(loaded):
    assert loaded({"OPENAI_API_KEY": "a"}).signature_key != loaded({"OPENAI_API_KEY": "b"}).signature_key
    given = [loaded({"OPENAI_API_KEY": key, "SIGNATURE_KEY": "s"}).signature_key for key in "ab"]
    assert given[0] == given[1]
    assert len(given[0]) == 32


def test_a_given_seal_is_no_backend_s_key(loaded):
    assert loaded({"OPENAI_API_KEY": "same"}).signature_key != loaded({"SIGNATURE_KEY": "same"}).signature_key


# -- problems and secrets ---------------------------------------------------------------------------------------------


def test_all_problems_are_reported_at_once(problems):
    found = problems(
        {
            "OPENAI_BASE_URL": "nonsense",
            "PORT": "http",
            "LOG_LEVEL": "WARN",
            "MAX_RETRIES": "-1",
            "REQUEST_TIMEOUT": "soon",
            "CUSTOM_HEADER_TE": "x",
        }
    )
    assert sorted(re.match(r"[A-Z_]+", problem)[0] for problem in found) == [
        "CUSTOM_HEADER_TE",
        "LOG_LEVEL",
        "MAX_RETRIES",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "PORT",
        "REQUEST_TIMEOUT",
    ]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "PORT",
            "http",
            'PORT from environment: got "http", takes a whole number from 0 to 65535, 0 for any free port',
        ),
        (
            "LOG_LEVEL",
            "WARN",
            'LOG_LEVEL from environment: got "WARN", takes DEBUG, INFO, WARNING or ERROR (did you mean WARNING?)',
        ),
        (
            "REQUEST_TIMEOUT",
            "0",
            'REQUEST_TIMEOUT from environment: got "0", takes a number of seconds from 0.1 to 86400',
        ),
        (
            "BIG_MODEL",
            "a\x1b[2J",
            r'BIG_MODEL from environment: got "a\x1b[2J", takes a model name, or several separated by commas',
        ),
    ],
)
def test_a_problem_names_the_variable_what_it_got_and_what_it_takes(problems, name, text, problem):
    assert problems({**KEY, name: text}) == [problem]


def test_an_error_is_one_text_for_a_terminal(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load({"PORT": "x"}, cwd=tmp_path)
    assert str(caught.value).count("\n") >= 2


SECRETS = {
    "OPENAI_API_KEY": "sk-or-topsecret",
    "ANTHROPIC_API_KEY": "client-topsecret",
    "SIGNATURE_KEY": "seal-topsecret",
    "CUSTOM_HEADER_X_AUTH": "header-topsecret",
}


def test_secrets_are_in_no_listing(loaded):
    config = loaded(SECRETS)
    assert "topsecret" not in repr(config)
    assert "topsecret" not in str(config.shown)
    assert "topsecret" not in str((config.warnings, config.notices, config.sources))


def test_secrets_are_in_no_problem(problems):
    found = problems({name: f"{value}\n" + "é" for name, value in SECRETS.items()})
    assert len(found) == 4
    assert "topsecret" not in str(found)


def test_every_setting_has_a_source_and_is_shown(loaded):
    config = loaded({"PORT": "1", "CUSTOM_HEADER_A": "b"})
    assert config.sources.keys() == config.shown.keys()
    assert {"OPENAI_API_KEY", "PORT", "CUSTOM_HEADER_A", "CONFIG_FILE"} <= config.sources.keys()
    assert {source for name, source in config.sources.items() if name not in ("HOST", "OPENAI_API_KEY")} == {
        "environment",
        "default",
    }


# -- tiers ------------------------------------------------------------------------------------------------------------


def test_a_tier_that_names_only_a_backend_is_a_problem(problems):
    assert problems({**KEY, "SMALL_MODEL": "default/"}) == [
        'SMALL_MODEL: got "default/", takes a model\'s name after default/'
    ]


def test_a_tier_with_an_unknown_prefix_is_a_model_s_name(loaded):
    assert loaded({"SMALL_MODEL": "meta-llama/x"}).small_model == "meta-llama/x"


# -- no side effects --------------------------------------------------------------------------------------------------


def test_the_process_s_own_environment_is_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.setenv("BIG_MODEL", "from the process")
    monkeypatch.setenv("FROM_PROCESS", "from the process")
    (tmp_path / ".env").write_text("MIDDLE_MODEL=a${FROM_PROCESS}b")
    config = load(KEY, cwd=tmp_path)
    assert (config.big_model, config.middle_model) == ("openai/gpt-5.4", "ab")


def test_loading_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("BIG_MODEL=a")
    environ, before = dict(KEY), dict(os.environ)

    def no_socket(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_socket)
    load(environ, cwd=tmp_path)
    assert (environ, dict(os.environ)) == (KEY, before)
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_loading_imports_nothing_heavy():
    program = (
        "import sys, pathlib\n"
        "from claude_code_proxy.config import load\n"
        "load({'OPENAI_API_KEY': 'k'}, cwd=pathlib.Path('.'))\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/")
    heavy = {
        "pydantic",
        "aiohttp",
        "asyncio",
        "ssl",
        "http.client",
        "starlette",
        "uvicorn",
        "rich",
        "typer",
        "structlog",
    }
    assert heavy.isdisjoint(done.stdout.split())
