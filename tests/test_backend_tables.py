"""Several backends in the TOML file."""

from __future__ import annotations

import pytest

from claude_code_proxy.config import Backend, Timeouts, load
from claude_code_proxy.errors import ConfigError

KEY = {"OPENAI_API_KEY": "sk-or-v1-test"}
OLLAMA = """
[backends.ollama]
base_url = "http://localhost:11434/v1/"
key = "local"
"""
IN_FILE = "in claude-code-proxy.toml"


@pytest.fixture
def loaded(tmp_path):
    def call(toml, environ=KEY, **options):
        (tmp_path / "claude-code-proxy.toml").write_text(toml, "utf-8")
        return load(environ, cwd=tmp_path, **options)

    return call


@pytest.fixture
def problems(loaded):
    def call(toml, environ=KEY, **options):
        with pytest.raises(ConfigError) as caught:
            loaded(toml, environ, **options)
        return caught.value.problems

    return call


def test_a_table_is_a_backend(loaded):
    config = loaded("""
        [backends.full]
        base_url = "https://full.example/v1"
        key = "k"
        dialect = "vllm"
        models = ["a", " b "]
        headers = { X-Team = "t", Authorization = "Basic x" }
        timeouts = { connect = 1, first_byte = 2.5, idle = "3" }
        azure_api_version = "2024-10-21"
    """)
    assert config.backends["full"] == Backend(
        name="full",
        base_url="https://full.example/v1",
        key="k",
        dialect="vllm",
        models=("a", "b"),
        headers={"X-Team": "t", "Authorization": "Basic x"},
        timeouts=Timeouts(connect=1, first_byte=2.5, idle=3),
        azure_api_version="2024-10-21",
    )


def test_the_environment_s_backend_is_called_default_and_comes_first(loaded):
    config = loaded(OLLAMA)
    assert list(config.backends) == ["default", "ollama"]
    assert config.default_backend.key == "sk-or-v1-test"
    assert config.backends["ollama"] == Backend(name="ollama", base_url="http://localhost:11434/v1", key="local")


def test_without_a_key_of_its_own_the_tables_replace_default(loaded):
    config = loaded('big_model="a"\nmiddle_model="b"\nsmall_model="c"' + OLLAMA, {})
    assert list(config.backends) == ["ollama"]
    assert config.default_backend.name == "ollama"
    assert config.warnings == ()


def test_a_borrowed_key_makes_no_default(loaded):
    config = loaded(
        'big_model="a"\nmiddle_model="b"\nsmall_model="c"\n'
        '[backends.x]\nbase_url="https://api.openai.com/v1"\nkey_env="OPENAI_API_KEY"',
        {"OPENAI_API_KEY": "sk-proj-1"},
    )
    assert list(config.backends) == ["x"]
    assert config.backends["x"].key == "sk-proj-1"


def test_a_base_url_of_its_own_makes_default_and_asks_for_its_key(problems):
    [problem] = problems(OLLAMA, {"OPENAI_BASE_URL": "https://x.example/v1", "BIG_MODEL": "a"})
    assert problem.startswith("OPENAI_API_KEY is not set")


def test_what_belongs_to_a_replaced_default_is_warned_of(loaded):
    config = loaded(
        'big_model="a"\nmiddle_model="b"\nsmall_model="c"' + OLLAMA,
        {"AZURE_API_VERSION": "2024-10-21", "DIALECT": "x", "CUSTOM_HEADER_X_TEAM": "t"},
    )
    assert config.default_backend.headers == {}
    assert [warning.split(" is not used")[0] for warning in config.warnings] == [
        "AZURE_API_VERSION",
        "DIALECT",
        "the CUSTOM_HEADER_ for X-TEAM",
    ]


def test_custom_headers_go_to_default_only(loaded):
    config = loaded(OLLAMA, {**KEY, "CUSTOM_HEADER_X_TEAM": "t"})
    assert config.backends["default"].headers["X-TEAM"] == "t"
    assert config.backends["ollama"].headers == {}


def test_every_openrouter_backend_is_told_the_application(loaded):
    config = loaded(
        '[backends.other]\nbase_url="https://openrouter.ai/api/v1"\nkey="sk-or-2"\nheaders={x-title="mine"}',
        {**KEY, "OPENROUTER_REFERER": "https://a.example"},
    )
    assert config.backends["other"].headers == {"HTTP-Referer": "https://a.example", "x-title": "mine"}


# -- the table `default` ----------------------------------------------------------------------------------------------

DEFAULT = """
[backends.default]
base_url = "https://api.deepseek.com"
key = "of the file"
dialect = "deepseek"
models = ["deepseek-chat"]
headers = { X-A = "file", X-B = "file" }
"""
TIERS = 'big_model="a"\nmiddle_model="b"\nsmall_model="c"\n'


def test_the_table_default_needs_no_environment(loaded):
    config = loaded(TIERS + DEFAULT, {})
    assert config.default_backend == Backend(
        name="default",
        base_url="https://api.deepseek.com",
        key="of the file",
        dialect="deepseek",
        models=("deepseek-chat",),
        headers={"X-A": "file", "X-B": "file"},
    )
    assert config.sources["OPENAI_BASE_URL"] == "[backends.default]"
    assert config.shown["OPENAI_BASE_URL"] == '"https://api.deepseek.com"'
    assert config.shown["OPENAI_API_KEY"] == "a hidden text"


def test_the_environment_wins_over_the_table_default(loaded):
    config = loaded(
        TIERS + DEFAULT,
        {
            "OPENAI_API_KEY": "of the environment",
            "OPENAI_BASE_URL": "http://localhost:1/v1",
            "DIALECT": "vllm",
            "CUSTOM_HEADER_X_B": "environment",
        },
    )
    backend = config.default_backend
    assert (backend.key, backend.base_url, backend.dialect) == ("of the environment", "http://localhost:1/v1", "vllm")
    assert backend.headers == {"X-A": "file", "X-B": "environment"}
    assert config.sources["OPENAI_BASE_URL"] == "environment"


def test_default_stays_first_wherever_it_stands(loaded):
    assert list(loaded(TIERS + OLLAMA + DEFAULT, {}).backends) == ["default", "ollama"]


def test_the_table_default_without_a_key_asks_for_it(problems):
    [problem] = problems('[backends.default]\nbase_url="http://x/v1"\n' + OLLAMA, {"BIG_MODEL": "a"})
    assert problem.startswith("OPENAI_API_KEY is not set")


# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_key_env_names_a_variable(loaded, tmp_path, where):
    environ = {**KEY, "DS_KEY": "" if where == ".env" else "of the environment"}
    (tmp_path / ".env").write_text("DS_KEY=of .env")
    config = loaded('[backends.ds]\nbase_url="http://x/v1"\nkey_env="DS_KEY"', environ)
    assert config.backends["ds"].key == f"of {'the environment' if where == 'environment' else '.env'}"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ('key_env="NOWHERE"', f'backends.x.key_env {IN_FILE} names "NOWHERE", but no such variable is set'),
        ('key_env="BLANK"', f'backends.x.key_env {IN_FILE} names "BLANK", but no such variable is set'),
        ('key_env=""', f"backends.x.key_env {IN_FILE} takes the name of a variable"),
        ("key_env=5", f"backends.x.key_env {IN_FILE} takes the name of a variable"),
        ('key_env="BAD"', "BAD: got a hidden text, takes a text of visible ASCII characters"),
        ('key="é"', f"backends.x.key {IN_FILE}: got a hidden text, takes a text of visible ASCII characters"),
        ("key=5", f"backends.x.key {IN_FILE}: got a hidden text, takes a text of visible ASCII characters"),
        ('key="a"\nkey_env="SET"', f"backends.x.key {IN_FILE} and key_env are both set; it takes one of them"),
        (
            "",
            (
                f"backends.x.key {IN_FILE} is not set: it takes the backend's key, or key_env the name of a variable "
                'that holds it; a local server takes any text: key = "local"'
            ),
        ),
        (
            'key=""',
            (
                f"backends.x.key {IN_FILE} is not set: it takes the backend's key, or key_env the name of a variable "
                'that holds it; a local server takes any text: key = "local"'
            ),
        ),
    ],
)
def test_key_problems(problems, fields, problem):
    environ = {**KEY, "BLANK": " ", "BAD": "é", "SET": "s"}
    assert problems(f'[backends.x]\nbase_url="http://x/v1"\n{fields}', environ) == [problem]


# -- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ('base_url="ftp://x"', f'backends.x.base_url {IN_FILE}: got "ftp://x", takes an http or https URL'),
        ("base_url=5", f"backends.x.base_url {IN_FILE}: got 5, takes an http or https URL"),
        ("", f"backends.x.base_url {IN_FILE} is not set: it takes an http or https URL"),
        ('base_url="http://x"\nmodels="a"', f"backends.x.models {IN_FILE} takes a list of model names"),
        ('base_url="http://x"\nmodels=[1]', f"backends.x.models {IN_FILE} takes a list of model names"),
        ('base_url="http://x"\nmodels=["\\n"]', f"backends.x.models {IN_FILE} takes a list of model names"),
        ('base_url="http://x"\nheaders=1', f"backends.x.headers {IN_FILE} takes a table, [backends.x.headers]"),
        ('base_url="http://x"\nheaders={A=1}', f"backends.x.headers.A {IN_FILE}: takes a text"),
        (
            'base_url="http://x"\nheaders={Host="a"}',
            f"backends.x.headers.Host {IN_FILE}: belongs to the connection and can't be set",
        ),
        (
            'base_url="http://x"\nheaders={A="я"}',
            f"backends.x.headers.A {IN_FILE}: has characters outside Latin-1 in its value, which no header can carry",
        ),
        (
            'base_url="http://x"\nheaders={"a\\nb"="c"}',
            rf'backends.x."headers.a\nb" {IN_FILE}: is not a legal header name',
        ),
        (
            'base_url="http://x"\ntimeouts={idle=0}',
            f"backends.x.timeouts.idle {IN_FILE}: got 0, takes a number of seconds from 0.1 to 86400",
        ),
        (
            'base_url="http://x"\ntimeouts={read=1}',
            f"backends.x.timeouts {IN_FILE} takes a table with connect, first_byte, idle, in seconds",
        ),
        (
            'base_url="http://x"\ntimeouts=5',
            f"backends.x.timeouts {IN_FILE} takes a table with connect, first_byte, idle, in seconds",
        ),
        (
            'base_url="http://x"\nazure_api_version="a/b"',
            f'backends.x.azure_api_version {IN_FILE}: got "a/b", takes an api-version such as 2024-10-21',
        ),
        (
            'base_url="http://x"\nmodles=[]',
            f"backends.x.modles {IN_FILE} is not a field of a backend; did you mean models?",
        ),
        (
            'base_url="http://x"\nzzz=1',
            (
                f"backends.x.zzz {IN_FILE} is not a field of a backend; it has base_url, key, azure_api_version, dialect, "
                "key_env, keys, models, headers, timeouts, proxy, ca_file, text_tool_calls, think_tags"
            ),
        ),
        (
            'base_url="http://localhost:8082"',
            'OPENAI_BASE_URL: "http://localhost:8082" (backend x) is this proxy itself',
        ),
        ('base_url="http://x"\ndialect="opnai"', 'DIALECT: got "opnai", takes openai (did you mean openai?)'),
    ],
)
def test_field_problems(problems, fields, problem):
    [found] = problems(f'[backends.x]\nkey="k"\n{fields}', dialects=("openai",))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("backends.x = 5", f"backends.x {IN_FILE} takes a table, [backends.x]"),
        ('[backends."a/b"]', 'backends: "a/b" is no name for a backend: it takes letters, digits, -'),
        ('[backends." "]', 'backends: " " is no name for a backend: it takes letters, digits, -'),
        ('[backends."a\\nb"]', r'backends: "a\nb" is no name for a backend: it takes letters, digits, -'),
    ],
)
def test_table_problems(problems, toml, problem):
    assert problems(toml) == [problem]


def test_problems_of_all_tables_come_together(problems):
    found = problems('[backends.a]\nbase_url="x"\nkey="k"\n[backends.b]\nbase_url="http://b"')
    assert [text.split(" ")[0] for text in found] == ["backends.a.base_url", "backends.b.key"]


def test_a_pasted_endpoint_in_a_table_is_cut_with_a_warning(loaded):
    config = loaded('[backends.x]\nbase_url="http://x/v1/chat/completions"\nkey="k"')
    assert config.backends["x"].base_url == "http://x/v1"
    assert config.warnings == (
        f"backends.x.base_url {IN_FILE}: /chat/completions is left out; a base URL ends before it",
    )


def test_timeouts_of_a_table_win_over_the_settings(loaded):
    config = loaded(
        '[backends.x]\nbase_url="http://x/v1"\nkey="k"\ntimeouts={first_byte=1800}', {**KEY, "REQUEST_TIMEOUT": "30"}
    )
    assert config.backends["x"].timeouts == Timeouts(connect=10, first_byte=1800, idle=30)
    assert config.backends["default"].timeouts == Timeouts(connect=10, first_byte=30, idle=30)


@pytest.mark.parametrize("name", ["ollama", "default"])
def test_a_tier_that_names_only_a_backend_is_a_problem(problems, name):
    assert problems(f'small_model="{name}/"' + OLLAMA) == [
        f'SMALL_MODEL: got "{name}/", takes a model\'s name after {name}/'
    ]


def test_default_tiers_that_a_backend_claims_by_its_name_are_no_matter(loaded):
    config = loaded('[backends.openai]\nbase_url="https://api.openai.com/v1"\nkey="k"', {})
    assert config.warnings == ()


def test_default_tiers_on_a_backend_of_one_s_own_are_warned_of(loaded):
    [warning] = loaded(OLLAMA, {}).warnings
    assert warning.startswith('"http://localhost:11434/v1" may not have the default models BIG_MODEL=openai/gpt-5.4,')


def test_secrets_of_tables_are_not_shown(loaded):
    config = loaded('[backends.x]\nbase_url="http://x/v1"\nkey="topsecret"\nheaders={A="topsecret"}')
    assert "topsecret" not in repr(config)


# -- DEFAULT_BACKEND ---------------------------------------------------------------------------------------------------


TWO = OLLAMA + '\n[backends.groq]\nbase_url = "https://api.groq.com/openai/v1"\nkey = "gsk"\n'


def test_the_default_backend_is_the_first_and_a_mere_key_makes_no_other(loaded):
    config = loaded('default_backend = "groq"\n' + TWO)
    assert list(config.backends) == ["groq", "ollama"]


def test_a_base_url_in_the_environment_goes_before_the_files_default_backend(loaded):
    config = loaded('default_backend = "groq"\n' + TWO, {**KEY, "OPENAI_BASE_URL": "https://api.openai.com/v1"})
    assert list(config.backends) == ["default", "ollama", "groq"]


def test_a_default_backend_that_is_not_there_is_named_with_the_known_ones(problems):
    assert problems('default_backend = "grok"\n' + TWO) == [
        'DEFAULT_BACKEND: got "grok", takes the name of a backend: ollama, groq (did you mean groq?)'
    ]


# -- profiles ----------------------------------------------------------------------------------------------------------

PROFILES = (
    TWO
    + """
[profiles.local]
default_backend = "ollama"
big_model = "qwen3"
[profiles.cloud]
openai_base_url = "https://cloud.example/v1"
key_env = "CLOUD_KEY"
[profiles.calm]
ping_interval = 5
"""
)


def test_a_profile_names_one_of_the_files_backends(loaded):
    env = {**KEY, "BIG_MODEL": "gpt-9", "MIDDLE_MODEL": "gpt-8"}
    config = loaded(PROFILES, env, overrides={"CONFIG_PROFILE": "local"})
    assert config.default_backend.name == "ollama"
    assert config.big_model == "qwen3"
    assert config.middle_model != "gpt-8"
    assert config.sources["BIG_MODEL"] == "[profiles.local]"


def test_a_profile_with_a_url_gets_its_own_key_and_no_header_of_another_backend(loaded):
    env = {**KEY, "CLOUD_KEY": "sk-cloud", "CUSTOM_HEADER_A": "b", "CONFIG_PROFILE": "cloud"}
    backend = loaded(PROFILES, env).default_backend
    assert (backend.base_url, backend.key, dict(backend.headers)) == ("https://cloud.example/v1", "sk-cloud", {})


def test_a_profile_that_names_no_backend_leaves_the_rest_as_it_is(loaded):
    config = loaded(PROFILES, {**KEY, "BIG_MODEL": "a/b"}, overrides={"CONFIG_PROFILE": "calm"})
    assert (config.ping_interval, config.big_model) == (5, "a/b")


def test_what_is_wrong_in_a_profile_is_named(problems):
    text = '[profiles.a]\nbig_modell = "x"\nkey_env = "NOBODY"\n'
    assert problems(text, overrides={"CONFIG_PROFILE": "a"}) == [
        'key_env in [profiles.a] names "NOBODY", but no such variable is set',
        '"big_modell" in [profiles.a] is not a setting; did you mean BIG_MODEL?',
    ]


def test_an_unknown_profile_is_named_with_the_known_ones(problems):
    assert problems(PROFILES, overrides={"CONFIG_PROFILE": "lokal"})[0] == (
        'CONFIG_PROFILE: got "lokal", takes one of local, cloud, calm (did you mean local?)'
    )
