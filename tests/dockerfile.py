"""Runs a Dockerfile's steps without an engine: in an empty folder, an empty environment and an empty virtual environment.

What it can't show: the base image itself (this machine's Python takes its place) and, where the user that the image
names can't reach this machine's Python, that user.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def instructions(text: str) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions and what follows each."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())]


def pairs(rest: str) -> dict[str, str]:
    """Return the names and values of an ENV or ARG instruction; an ARG without a default has none."""
    return {name: value for name, _, value in (word.partition("=") for word in shlex.split(rest))}


class Container:
    """A folder that stands for the image's file system, and the environment its commands see."""

    def __init__(self, context: Path, folder: Path) -> None:
        self.context, self.root = context, folder / "root"
        self.workdir = self.root
        self.bin = folder / "venv" / "bin"
        self.env: dict[str, str] = {}
        self.arguments: dict[str, str] = {}
        self.command: list[str] = []
        self.healthcheck: list[str] = []
        self.user: int | None = None
        subprocess.run([_python(), "-m", "venv", str(folder / "venv")], check=True)

    def build(self, text: str) -> None:
        """Carry out every instruction, in order."""
        for name, rest in instructions(text):
            getattr(self, f"_{name.lower()}")(rest)

    @contextlib.contextmanager
    def run(self, **env: str) -> Iterator[subprocess.Popen[str]]:
        """Run the image's command, with more environment, as its user where that is possible."""
        process = subprocess.Popen(
            self._resolved(self.command),
            cwd=self.workdir,
            env={**self._environment(), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self._identity(),
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=20)

    def healthy(self, **env: str) -> bool:
        """Whether the image's own health check says so."""
        command = self._resolved(self.healthcheck)
        done = subprocess.run(command, env={**self._environment(), **env}, stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0

    def files(self) -> set[str]:
        """Return the path of every file in the image's working folder."""
        return {str(path.relative_to(self.workdir)) for path in self.workdir.rglob("*") if path.is_file()}

    def _from(self, rest: str) -> None:
        assert re.fullmatch(r"python:3\.(1[1-9])-slim", rest), rest

    def _env(self, rest: str) -> None:
        self.env |= {
            name: str(self._inside(value)) if value.startswith("/") else value for name, value in pairs(rest).items()
        }

    def _arg(self, rest: str) -> None:
        self.arguments |= pairs(rest)

    def _workdir(self, rest: str) -> None:
        self.workdir = self._inside(rest)
        self.workdir.mkdir(parents=True)

    def _copy(self, rest: str) -> None:
        source, target = rest.split()
        hidden = shutil.ignore_patterns("__pycache__")
        if (self.context / source).is_dir():
            shutil.copytree(self.context / source, self.workdir / target, ignore=hidden)
        else:
            shutil.copy(self.context / source, self.workdir / target)

    def _run(self, rest: str) -> None:
        subprocess.run(["/bin/sh", "-c", rest], cwd=self.workdir, env=self._environment() | self.arguments, check=True)

    def _user(self, rest: str) -> None:
        self.user = int(rest.partition(":")[0])

    def _expose(self, rest: str) -> None:
        assert rest.isdecimal()

    def _healthcheck(self, rest: str) -> None:
        self.healthcheck = json.loads(rest.split("CMD ", 1)[1])

    def _cmd(self, rest: str) -> None:
        self.command = json.loads(rest)

    def _inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _resolved(self, command: list[str]) -> list[str]:
        return [str(self.bin / command[0]), *command[1:]]

    def _environment(self) -> dict[str, str]:
        # How pip reaches its registry is the machine's affair, in an image as here.
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        return {**pip, "PATH": f"{self.bin}:{SYSTEM_PATH}", **self.env}

    def _identity(self) -> dict[str, object]:
        if self.user is None or os.geteuid() != 0:
            return {}
        identity: dict[str, object] = {"user": self.user, "group": self.user, "extra_groups": []}
        try:
            subprocess.run([self.bin / "python", "-c", ""], check=True, **identity)  # type: ignore[call-overload]
        except (OSError, subprocess.CalledProcessError):
            return {}
        return identity


def _python() -> str:
    """Return a Python for the image: the system's, which every user reaches, else the one that runs the tests."""
    probe = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
    with contextlib.suppress(OSError):
        if subprocess.run(["/usr/bin/python3", "-c", probe], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return "/usr/bin/python3"
    return sys.executable
