"""The four places settings come from, their order, and what can be wrong with names and files."""

from __future__ import annotations

import pytest

from claude_code_proxy.config import load
from claude_code_proxy.errors import ConfigError

KEY = {"OPENAI_API_KEY": "sk-or-v1-test"}
HERE = "claude-code-proxy.toml"


@pytest.fixture
def place(tmp_path):
    """A folder with files, and a way to load from it."""

    class Place:
        path = tmp_path / "cwd"

        def write(self, name, content):
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

        def load(self, environ=KEY, **options):
            return load(environ, cwd=self.path, **options)

        def problems(self, environ=KEY, **options):
            with pytest.raises(ConfigError) as caught:
                self.load(environ, **options)
            return caught.value.problems

    Place.path.mkdir()
    return Place()


# -- order ------------------------------------------------------------------------------------------------------------

LAYERS = ("command line", "environment", ".env", HERE)


@pytest.mark.parametrize("strongest", range(5), ids=[*LAYERS, "default"])
def test_the_first_that_says_something_wins(place, strongest):
    said = [f"model of {layer}" for layer in LAYERS]
    overrides = {"BIG_MODEL": said[0]} if strongest <= 0 else {}
    environ = KEY | ({"BIG_MODEL": said[1]} if strongest <= 1 else {})
    if strongest <= 2:
        place.write(".env", f"BIG_MODEL={said[2]}")
    if strongest <= 3:
        place.write(HERE, f'big_model = "{said[3]}"')
    config = place.load(environ, overrides=overrides)
    assert config.big_model == [*said, "openai/gpt-5.4"][strongest]
    assert config.sources["BIG_MODEL"] == [*LAYERS, "default"][strongest]


def test_a_blank_value_leaves_the_word_to_the_next(place):
    place.write(".env", "BIG_MODEL=of the file\nCUSTOM_HEADER_A=of the file")
    config = place.load({**KEY, "BIG_MODEL": " ", "CUSTOM_HEADER_A": ""}, overrides={"BIG_MODEL": ""})
    assert config.big_model == "of the file"
    assert config.default_backend.headers["A"] == "of the file"


def test_a_problem_names_the_place(place):
    place.write(".env", "PORT=a")
    place.write(HERE, "max_retries = 1000")
    assert place.problems(overrides={"LOG_LEVEL": "x"}) == [
        'PORT from .env: got "a", takes a whole number from 0 to 65535, 0 for any free port',
        "MAX_RETRIES from claude-code-proxy.toml: got 1000, takes a whole number from 0 to 100",
        'LOG_LEVEL from command line: got "x", takes DEBUG, INFO, WARNING or ERROR',
    ]


def test_quotes_that_a_container_left_are_taken_off_with_a_warning(place):
    config = place.load({"OPENAI_API_KEY": '"sk-or-1"', "BIG_MODEL": "'a'", "SMALL_MODEL": '"', "MIDDLE_MODEL": "it's"})
    assert config.default_backend.key == "sk-or-1"
    assert (config.big_model, config.middle_model, config.small_model) == ("a", "it's", '"')
    assert config.warnings == (
        "OPENAI_API_KEY has quotes around its value in the environment; they are left out",
        "BIG_MODEL has quotes around its value in the environment; they are left out",
    )


# -- .env -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("BIG_MODEL=a", "a"),
        ("export BIG_MODEL=a", "a"),
        ('BIG_MODEL="a b"', "a b"),
        ("BIG_MODEL='a' # why", "a"),
        ("BIG_MODEL=a # why", "a"),
        ("BIG_MODEL=a#b", "a#b"),
        ("big_model=a", "a"),
        ("\ufeffBIG_MODEL=a", "a"),
        ("# first\r\n\r\nBIG_MODEL=a\r\n", "a"),
        ("BIG_MODEL=b\nBIG_MODEL=a", "a"),
        ("X=a\nBIG_MODEL=${X}b", "ab"),
        ("BIG_MODEL=${FROM_ENVIRONMENT}", "outside"),
        ("BIG_MODEL=${NOWHERE:-a}", "a"),
        ("BIG_MODEL=${NOWHERE}a", "a"),
        ("BIG_MODEL", "openai/gpt-5.4"),
        ("BIG_MODEL=", "openai/gpt-5.4"),
    ],
)
def test_dotenv_grammar(place, text, value):
    place.write(".env", text)
    assert place.load({**KEY, "FROM_ENVIRONMENT": "outside"}).big_model == value


def test_a_key_in_dotenv_is_enough(place):
    place.write(".env", "OPENAI_API_KEY=sk-or-1\nCUSTOM_HEADER_X_TEAM=a")
    config = place.load({})
    assert config.default_backend.key == "sk-or-1"
    assert config.default_backend.headers["X-TEAM"] == "a"
    assert config.sources["OPENAI_API_KEY"] == ".env"


def test_a_line_that_can_not_be_read_is_named_but_not_shown(place):
    place.write(".env", "# settings\nBIG_MODEL=a\nsk or topsecret\nPORT=1\n= 3")
    assert place.problems() == [
        ".env, line 3: can't be read as NAME=value",
        ".env, line 5: can't be read as NAME=value",
    ]


def test_dotenv_that_is_no_text(place):
    place.write(".env", b"BIG_MODEL=\xff\xfe")
    assert place.problems() == [".env can't be read: it is not UTF-8 text"]


def test_a_folder_called_dotenv_is_no_file(place):
    (place.path / ".env").mkdir()
    assert place.load().big_model == "openai/gpt-5.4"


def test_what_the_system_refuses_is_said_in_its_words(place, monkeypatch):
    place.write(".env", "BIG_MODEL=a")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    assert place.problems() == [".env can't be read: Permission denied"]


# -- the TOML file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ('big_model = "a"', "big_model", "a"),
        ('BIG_MODEL = "a"', "big_model", "a"),
        ("port = 9000", "port", 9000),
        ('port = "9000"', "port", 9000),
        ("ping_interval = 2", "ping_interval", 2),
        ("ping_interval = 2.5", "ping_interval", 2.5),
        ('log_level = "debug"', "log_level", "DEBUG"),
        ('\ufeffbig_model = "a"', "big_model", "a"),
    ],
)
def test_toml_values(place, text, field, value):
    place.write(HERE, text)
    assert getattr(place.load(), field) == value


def test_toml_headers(place):
    place.write(HERE, 'custom_header_x_team = "a"')
    assert place.load().default_backend.headers["X-TEAM"] == "a"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("port = true", "PORT from claude-code-proxy.toml: got True, takes a whole number"),
        ("port = [1]", "PORT from claude-code-proxy.toml: got [1], takes a whole number"),
        ("big_model = 5", "BIG_MODEL from claude-code-proxy.toml: got 5, takes a model name"),
        ("big_model = {a = 1}", "BIG_MODEL from claude-code-proxy.toml: got {'a': 1}, takes a model name"),
        ("port = 2020-01-01", "PORT from claude-code-proxy.toml: got 2020-01-01, takes a whole number"),
        ("custom_header_a = 5", "CUSTOM_HEADER_A from claude-code-proxy.toml: takes a text"),
        ("bigmodel = 'a'", '"bigmodel" in claude-code-proxy.toml is not a setting; did you mean BIG_MODEL?'),
        ("prot = 1", '"prot" in claude-code-proxy.toml is not a setting; did you mean PORT?'),
        ("[tiers]", '"tiers" in claude-code-proxy.toml is not a setting'),
        ('"a\\nb" = 1', r'"a\nb" in claude-code-proxy.toml is not a setting'),
        ("config_file = 'x'", "CONFIG_FILE in claude-code-proxy.toml can't name another file"),
        ("backends = 'x'", "backends in claude-code-proxy.toml takes tables, such as [backends.ollama]"),
    ],
)
def test_toml_problems(place, text, problem):
    place.write(HERE, text)
    [found] = place.problems()
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("port = 1\nbig_model = topsecret", "line 2"),
        ("port = 1\nport = 2", "line 2"),
        ("[backends", "line 1"),
        ("\n\nx", "line 3"),
    ],
)
def test_toml_that_can_not_be_read_names_file_and_line(place, text, where):
    place.write(HERE, text)
    [problem] = place.problems()
    assert problem.startswith("claude-code-proxy.toml: ")
    assert where in problem or "end of document" in problem
    assert "topsecret" not in problem
    assert str(place.path) not in problem


def test_toml_nested_without_end_is_a_problem_and_no_crash(place):
    place.write(HERE, "a = " + "[" * 50_000)
    [problem] = place.problems()
    assert problem.startswith("claude-code-proxy.toml: ")


def test_toml_that_is_no_text(place):
    place.write(HERE, b"a = '\xff'")
    assert place.problems() == ["claude-code-proxy.toml can't be read: it is not UTF-8 text"]


# -- which TOML file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["environment", ".env", "command line"])
def test_config_file_names_it(place, how):
    place.write("conf/my.toml", "port = 9001")
    place.write(HERE, "port = 9002")
    if how == ".env":
        place.write(".env", "CONFIG_FILE=conf/my.toml")
    config = place.load(
        KEY | ({"CONFIG_FILE": "conf/my.toml"} if how == "environment" else {}),
        overrides={"CONFIG_FILE": "conf/my.toml"} if how == "command line" else {},
    )
    assert config.port == 9001
    assert config.sources["PORT"] == "conf/my.toml"


def test_config_file_may_be_absolute(place, tmp_path):
    (tmp_path / "my.toml").write_text("port = 9001")
    assert place.load({**KEY, "CONFIG_FILE": str(tmp_path / "my.toml")}).port == 9001


def test_config_file_may_be_in_the_home_folder(place, tmp_path):
    (tmp_path / "my.toml").write_text("port = 9001")
    config = place.load({**KEY, "HOME": str(tmp_path), "CONFIG_FILE": "~/my.toml"})
    assert (config.port, config.sources["PORT"]) == (9001, "~/my.toml")


def test_config_file_is_no_folder(place):
    problem = place.problems({**KEY, "CONFIG_FILE": "."})[0]
    assert problem == 'CONFIG_FILE names ".", but that is a folder: it takes a TOML file'


@pytest.mark.parametrize("name", ["nothing.toml", "~/x.toml", "a\x00b"], ids=ascii)
def test_config_file_must_exist(place, name):
    problem = place.problems({**KEY, "CONFIG_FILE": name})[0]
    assert problem.startswith('CONFIG_FILE names "')
    assert problem.endswith('", but there is no such file')


@pytest.mark.parametrize(
    ("variable", "folder", "source"),
    [
        ("XDG_CONFIG_HOME", "xdg", "$XDG_CONFIG_HOME/claude-code-proxy/config.toml"),
        ("APPDATA", "appdata", "%APPDATA%/claude-code-proxy/config.toml"),
        ("HOME", "home/.config", "~/.config/claude-code-proxy/config.toml"),
        ("USERPROFILE", "home/.config", "~/.config/claude-code-proxy/config.toml"),
    ],
)
def test_the_user_s_own_file(place, tmp_path, variable, folder, source):
    file = tmp_path / folder / "claude-code-proxy" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("port = 9003")
    environ = {**KEY, variable: str(tmp_path / folder).removesuffix("/.config")}
    config = place.load(environ)
    assert (config.port, config.sources["PORT"]) == (9003, source)
    place.write(HERE, "port = 9004")
    assert place.load(environ).port == 9004


def test_a_home_folder_that_is_closed_to_us_is_no_reason_to_stop(place, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.is_file", refuse)
    assert place.load({**KEY, "HOME": "/root"}).port == 8082


# -- misspelt names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OPENAI_BASEURL", "OPENAI_BASE_URL"),
        ("BIGMODEL", "BIG_MODEL"),
        ("MAX_TOKEN_LIMIT", "MAX_TOKENS_LIMIT"),
        ("openai_base_url", "OPENAI_BASE_URL"),
        ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        ("MEDIUM_MODEL", "MIDDLE_MODEL"),
        ("CUSTOM_HEADERS_X", "CUSTOM_HEADER_*"),
        ("BIG_MODLE", "BIG_MODEL"),
        ("PORTT", "PORT"),
        ("HSOT", "HOST"),
    ],
)
def test_a_misspelt_variable_is_a_warning(place, name, meant):
    assert place.load({**KEY, name: "x"}).warnings == (
        f'"{name}" in environment is not a setting; did you mean {meant}?',
    )


@pytest.mark.parametrize("name", ["BIGMODEL", "MAX_TOKEN_LIMIT", "OPENAI_BASEURL", "CUSTOMHEADER_X"])
def test_a_misspelt_name_in_dotenv_is_a_problem(place, name):
    place.write(".env", f"{name}=x")
    [problem] = place.problems()
    assert problem.startswith(f'"{name}" in .env is not a setting; did you mean ')


@pytest.mark.parametrize("name", ["OPENAI_API_BASE", "OPENROUTER_API_KEY", "MEDIUM_MODEL"])
def test_another_program_s_name_in_dotenv_is_no_problem(place, name):
    place.write(".env", f"{name}=x")
    assert place.load() is not None


def test_a_misspelt_name_beside_the_right_one_is_a_warning(place):
    place.write(".env", "BIGMODEL=x\nMAX_TOKEN_LIMIT=5\nMAX_TOKENS_LIMIT=6000")
    config = place.load({**KEY, "BIG_MODEL": "a"})
    assert (config.big_model, config.max_tokens_limit) == ("a", 6000)
    assert config.warnings == (
        '"BIGMODEL" in .env is not a setting; BIG_MODEL in environment is what counts',
        '"MAX_TOKEN_LIMIT" in .env is not a setting; MAX_TOKENS_LIMIT in .env is what counts',
    )


def test_another_programs_name_is_no_matter_where_ours_is_set(place):
    ours = {**KEY, "OPENAI_BASE_URL": "https://openrouter.ai/api/v1"}
    config = place.load({**ours, "OPENROUTER_API_KEY": "c", "OPENAI_API_BASE": "http://x", "openai_api_key": "d"})
    assert config.warnings == ()


@pytest.mark.parametrize("value", ["", " "], ids=repr)
def test_a_misspelt_name_without_a_value_is_no_matter(place, value):
    place.write(".env", f"BIGMODEL={value}")
    assert place.load({**KEY, "SMALLMODEL": value}).warnings == ()


@pytest.mark.parametrize("name", ["OPENAI_APIKEY", "OPENROUTER_API_KEY", "openai_api_key"])
def test_without_a_key_a_lookalike_is_named(place, name):
    problems = place.problems({name: "k"})
    assert problems[0].startswith("OPENAI_API_KEY is not set")
    assert problems[1:] == [f'"{name}" in environment is not a setting; did you mean OPENAI_API_KEY?']


def test_other_programs_variables_are_nobody_s_business(place):
    place.write(".env", "DATABASE_URL=x\nDEBUG=1\nHOSTNAME=y\nOPENAI_ORGANIZATION=z\nDB_PORT=5432")
    config = place.load({**KEY, "PATH": "/bin", "ANTHROPIC_BASE_URL": "http://x", "PORTS": "1", "LANG": "C\udcff"})
    assert config.warnings == ()


def test_a_lower_case_variable_is_not_read(place):
    assert place.load({**KEY, "port": "9000", "host": "x"}).port == 8082


def test_a_profile_without_any_file_names_no_file_that_is_not_there(place):
    (problem,) = place.problems({**KEY, "CONFIG_PROFILE": "nope"})
    assert "there is no claude-code-proxy.toml here" in problem
    assert "has none" not in problem
