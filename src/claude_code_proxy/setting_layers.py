"""Where settings come from: command line, profile, environment, .env, TOML file. The first that says something wins.

Files are read here and nowhere else. What can't be read, and what looks like a misspelt name, is collected: in a
file it is a problem, since the file was written for this program; in the environment, which belongs to every
program, it is a warning. Both only while the setting it resembles is unset.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from .settings import BY_NAME, HEADER_PREFIX, OF_ONE_BACKEND, OTHER_NAMES, near, quoted, resembles, show

COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
DOTENV = ".env"
TOML_HERE = "claude-code-proxy.toml"
TOML_OF_USER = "claude-code-proxy/config.toml"
_QUOTES = ('"', "'")


class Layer(msgspec.Struct, frozen=True):
    """What one source says. values: by a setting's name; unknown: the names it has that are no setting's."""

    source: str
    values: Mapping[str, object]
    unknown: tuple[str, ...] = ()


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """All that was said.

    backends, profiles: the TOML file's tables; variables: the environment over .env, for `key_env`.
    """

    layers: tuple[Layer, ...]
    backends: Mapping[str, object]
    profiles: Mapping[str, object]
    variables: Mapping[str, str]
    problems: list[str]
    warnings: list[str]

    def find(self, name: str) -> tuple[object, str] | None:
        """Return what the first source says about a setting, and that source; blank texts say nothing."""
        for layer in self.layers:
            value = layer.values.get(name)
            if value is not None and (_says_something(value) or BY_NAME[name].may_be_empty):
                return value, layer.source
        return None

    def stronger(self, one: str, other: str) -> bool:
        """Tell whether the source that speaks of `one` goes before the source that speaks of `other`."""
        for layer in self.layers:
            said = [bool(layer.values.get(name)) for name in (one, other)]
            if any(said):
                return said == [True, False]
        return False

    def headers(self) -> dict[str, tuple[object, str]]:
        """Return value and source of every CUSTOM_HEADER_ name."""
        found: dict[str, tuple[object, str]] = {}
        for layer in reversed(self.layers):
            for name, value in layer.values.items():
                if name.startswith(HEADER_PREFIX) and _says_something(value):
                    found[name] = value, layer.source
        return found

    def borrowed(self) -> set[str]:
        """Return the variables that hold keys of the file's backends and profiles."""
        tables = (*self.backends.values(), *self.profiles.values())
        names = (table.get("key_env") for table in tables if isinstance(table, Mapping))
        return {name for name in names if isinstance(name, str)}

    @property
    def file(self) -> str:
        """The TOML file's name as the person knows it."""
        return self.layers[-1].source


def settings_folder(environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the folder whose files count for a program started in the folder of any project.

    Once a person has a configuration of their own, a project's .env is the project's: it may hold another program's
    keys, or come from a stranger. Before that, or with CONFIG_FILE set, it is `cwd` as everywhere.
    """
    if environ.get("CONFIG_FILE", "").strip() or (cwd / TOML_HERE).is_file():
        return cwd
    return next((path.parent for _, path in _user_files(environ, cwd) if _is_file(path)), cwd)


def gather(environ: Mapping[str, str], cwd: Path, overrides: Mapping[str, str]) -> Layers:
    """Read every source."""
    problems: list[str] = []
    warnings: list[str] = []
    dotenv = _read_dotenv(cwd / DOTENV, environ, problems)
    layers = [
        Layer(COMMAND_LINE, overrides),
        _environment(environ, warnings),
        _file_layer(DOTENV, dotenv),
    ]
    table, source = _read_toml(layers, environ, cwd, problems)
    backends = table.pop("backends", {})
    if not isinstance(backends, Mapping):
        problems.append(f"backends in {source} takes tables, such as [backends.ollama]")
        backends = {}
    profiles = table.pop("profiles", {})
    if not isinstance(profiles, Mapping):
        problems.append(f"profiles in {source} takes tables, such as [profiles.local]")
        profiles = {}
    layers.append(_file_layer(source, table))
    variables = {**dotenv, **{name: value for name, value in environ.items() if value.strip()}}
    gathered = Layers(
        layers=tuple(
            _with_profile(layers, profiles, variables, problems, there=source != TOML_HERE or _is_file(cwd / source))
        ),
        backends=backends,
        profiles=profiles,
        variables=variables,
        problems=problems,
        warnings=warnings,
    )
    _check_names(gathered)
    return gathered


def _with_profile(
    layers: list[Layer],
    profiles: Mapping[str, object],
    variables: Mapping[str, str],
    problems: list[str],
    *,
    there: bool,
) -> list[Layer]:
    """The layers with the chosen profile, if any, behind the command line.

    A profile that names a backend speaks for it alone: no key or header that another source meant for another backend
    goes there, and no model's name.
    """
    chosen = next((name for layer in layers if (name := layer.values.get("CONFIG_PROFILE"))), None)
    if chosen is None:
        return layers
    table = profiles.get(str(chosen))
    if not isinstance(table, Mapping):
        close = near(str(chosen), profiles)
        none = (
            f"{layers[-1].source} has none"
            if there
            else f"there is no {TOML_HERE} here, nor a file of yours, to have one"
        )
        takes = f"one of {', '.join(profiles)}" if profiles else f"a profile, and {none}"
        hint = f" (did you mean {close}?)" if close else ""
        problems.append(f"CONFIG_PROFILE: got {quoted(str(chosen))}, takes {takes}{hint}")
        return layers
    profile = _profile(str(chosen), table, variables, problems)
    command_line, *below = layers
    if "OPENAI_BASE_URL" in profile.values or "DEFAULT_BACKEND" in profile.values:
        below = [msgspec.structs.replace(layer, values=_of_all_backends(layer.values)) for layer in below]
    return [command_line, profile, *below]


def _profile(name: str, table: Mapping[str, object], variables: Mapping[str, str], problems: list[str]) -> Layer:
    source = f"[profiles.{name}]"
    said = dict(table)
    variable = said.pop("key_env", None)
    if variable is not None:
        key = variables.get(variable, "") if isinstance(variable, str) else ""
        if not key:
            problems.append(f"key_env in {source} names {quoted(str(variable))}, but no such variable is set")
        said["OPENAI_API_KEY"] = key
    layer = _file_layer(source, said)
    problems.extend(_unknown(word, layer, _meant(word) or near(word.upper(), BY_NAME)) for word in layer.unknown)
    return layer


def _of_all_backends(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value
        for name, value in values.items()
        if name not in OF_ONE_BACKEND and not name.startswith(HEADER_PREFIX)
    }


def _says_something(value: object) -> bool:
    return not isinstance(value, str) or bool(value.strip())


def _meant(name: str) -> str:
    return OTHER_NAMES.get(name.upper()) or resembles(name)


def _environment(environ: Mapping[str, str], warnings: list[str]) -> Layer:
    """Settings in the environment; quotes that a container's env file left around a value are taken off."""
    values: dict[str, object] = {}
    for name, value in environ.items():
        if name.startswith(HEADER_PREFIX):
            values[name] = value
        elif name in BY_NAME:
            values[name] = _unquoted(value)
            if values[name] != value:
                warnings.append(f"{name} has quotes around its value in the environment; they are left out")
    unknown = tuple(name for name, value in environ.items() if name not in values and _says_something(value))
    return Layer(ENVIRONMENT, values, unknown)


def _unquoted(value: str) -> str:
    bare = value.strip()
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in _QUOTES else value


def _file_layer(source: str, said: Mapping[str, object]) -> Layer:
    values: dict[str, object] = {}
    unknown: list[str] = []
    for name, value in said.items():
        known = name.upper() in BY_NAME or name.upper().startswith(HEADER_PREFIX)
        if known:
            values[name.upper()] = value
        elif _says_something(value):
            unknown.append(name)
    return Layer(source, values, tuple(unknown))


def _read_dotenv(path: Path, environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Names and values of a .env file, `${NAME}` replaced; python-dotenv's grammar, without its look at os.environ."""
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(_read_text(path, DOTENV, problems))):
        if binding.error:
            problems.append(f"{DOTENV}, line {binding.original.line}: can't be read as NAME=value")
        elif binding.key and binding.value is not None:
            known = {**values, **environ}
            values[binding.key] = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
    return values


def _read_toml(
    layers: list[Layer], environ: Mapping[str, str], cwd: Path, problems: list[str]
) -> tuple[dict[str, object], str]:
    path, source = _toml_path(layers, environ, cwd, problems)
    if path is None:
        return {}, source
    try:
        return tomllib.loads(_read_text(path, source, problems)), source
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError names line and column
        problems.append(f"{source}: {str(error)[:200]}")
    return {}, source


def _toml_path(
    layers: list[Layer], environ: Mapping[str, str], cwd: Path, problems: list[str]
) -> tuple[Path | None, str]:
    """The TOML file to read, None for none, and its name as the person knows it."""
    given = _given_file(layers)
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    if given:
        path = cwd / (home + given[1:] if home and given.startswith("~/") else given)
        if _is_file(path):
            return path, given
        trouble = "that is a folder: it takes a TOML file" if _is_folder(path) else "there is no such file"
        problems.append(f"CONFIG_FILE names {show(BY_NAME['CONFIG_FILE'], given)}, but {trouble}")
        return None, given
    here = (TOML_HERE, cwd / TOML_HERE)
    for source, path in [here, *_user_files(environ, cwd)]:
        if _is_file(path):
            return path, source
    return None, TOML_HERE


def config_folders(environ: Mapping[str, str]) -> dict[str, str]:
    """Return where a person's configuration may be, by the name people know (XDG base directories, Windows)."""
    folders = {"$XDG_CONFIG_HOME": environ.get("XDG_CONFIG_HOME"), "%APPDATA%": environ.get("APPDATA")}
    if not any(folders.values()):
        home = environ.get("HOME") or environ.get("USERPROFILE")
        folders = {"~/.config": home and f"{home}/.config"}
    return {name: folder for name, folder in folders.items() if folder}


def config_folder(environ: Mapping[str, str]) -> Path:
    """Return where a person's configuration belongs."""
    named = next(iter(config_folders(environ).values()), None)
    return Path(named) if named else Path.home() / ".config"


def _user_files(environ: Mapping[str, str], cwd: Path) -> list[tuple[str, Path]]:
    return [(f"{name}/{TOML_OF_USER}", cwd / at / TOML_OF_USER) for name, at in config_folders(environ).items()]


def _given_file(layers: list[Layer]) -> str:
    said = [layer.values.get("CONFIG_FILE") for layer in layers]
    return next((value.strip() for value in said if isinstance(value, str) and value.strip()), "")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # as below
        return False


def _is_file(path: Path) -> bool:
    """Tell whether a file is there for us: a home folder that is not ours, as in containers, is no reason to stop."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def _read_text(path: Path, source: str, problems: list[str]) -> str:
    """The text of a file, empty when there is none; a byte order mark, as Windows editors write it, is no text."""
    try:
        return path.read_text("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        return ""
    except OSError as error:
        problems.append(f"{source} can't be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{source} can't be read: it is not UTF-8 text")
    return ""


def _check_names(layers: Layers) -> None:
    """Report names that are probably misspelt; in the TOML file, which only we read, every unknown name."""
    *_, environment, dotenv, toml = layers.layers
    borrowed = layers.borrowed()
    for layer in (environment, dotenv):
        for name in layer.unknown:
            meant = _meant(name)
            if not meant or name in borrowed:
                continue
            slip = name.upper() not in OTHER_NAMES
            right = layers.find(meant)
            if right is None:
                misspelt = layer is dotenv and slip
                (layers.problems if misspelt else layers.warnings).append(_unknown(name, layer, meant))
            elif slip and name.upper() != meant:
                layers.warnings.append(f"{_unknown(name, layer)}; {meant} in {right[1]} is what counts")
    for name in toml.unknown:
        layers.problems.append(_unknown(name, toml, _meant(name) or near(name.upper(), BY_NAME)))
    if "CONFIG_FILE" in toml.values:
        layers.problems.append(f"CONFIG_FILE in {toml.source} can't name another file")


def _unknown(name: str, layer: Layer, meant: str = "") -> str:
    hint = f"; did you mean {meant}?" if meant else ""
    return f"{quoted(name)} in {layer.source} is not a setting{hint}"
