"""Which keepers the settings ask for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .config import Config
from .journal.board import board_folder
from .journal.journal import Journal, Keeper
from .journal.log_file import LogFile, log_path, usage_path

if TYPE_CHECKING:
    from .recording.recorder import Recorder

_BLOCK = bytes(4096)  # what a full disk does not take


def journal_for(config: Config, state: Path | None) -> Journal:
    """Return the journal of a serving process. state: the directory for what is kept, None where there is none."""
    folder = board_folder(state) if state is not None and config.workers > 1 else None
    log = log_path(state) if state is not None and config.request_log else None
    usage = usage_path(state) if state is not None and config.usage_db else None
    recorder = _recorder(config) if config.record_dir else None
    return Journal(_keepers(config, state), recorder, folder=folder, log=log, usage=usage)


def recording_trouble(config: Config) -> str:
    """Return why nothing can be recorded where the settings say, "" when it can; makes the folder."""
    if not config.record_dir:
        return ""
    folder = recording_folder(config)
    reason = _refusal(folder)
    if not reason:
        return ""
    return f"Nothing can be recorded in {folder}: {reason}. RECORD_DIR takes a folder that can be written."


def state_trouble(config: Config, state: Path | None) -> str:
    """Return what can't be kept between runs, and why, "" when all can; makes the folder."""
    kept = [what for what, wanted in (("log of requests", config.request_log), ("usage", config.usage_db)) if wanted]
    reason = _refusal(state) if state is not None and kept else ""
    if not reason:
        return ""
    what = " and ".join(kept)
    return f"The {what} can't be kept in the state directory: {reason}. XDG_STATE_HOME takes another folder."


def _refusal(folder: Path) -> str:
    """Return why a folder takes no file, "" when it does; makes the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_BLOCK)
    except OSError as error:
        return error.strerror or "it takes no file"
    return ""


def recording_folder(config: Config) -> Path:
    """Return the folder that recordings go to."""
    return Path(config.record_dir).expanduser()


def secrets_of(config: Config) -> Iterator[str]:
    """Yield every text of the configuration that must not leave this machine."""
    yield config.client_key
    for backend in config.backends.values():
        yield from backend.secrets


def _recorder(config: Config) -> Recorder:
    """Imported only when it is used."""
    from .recording.recorder import Recorder  # noqa: PLC0415
    from .redaction import Redaction  # noqa: PLC0415

    return Recorder(
        recording_folder(config),
        Redaction(secrets_of(config)),
        everything=config.record == "all",
        key=config.signature_key,
        scale=config.context_scale,
    )


def _keepers(config: Config, state: Path | None) -> Iterator[Keeper]:
    if state is not None and config.request_log:
        yield LogFile(log_path(state), config.request_log_size)
    if state is not None and config.usage_db:
        from .journal.usage import Usage  # noqa: PLC0415 - SQLite is not loaded where it is not used

        yield Usage(usage_path(state), config.usage_days)
    if config.traces:
        yield from _traces()


def _traces() -> Iterator[Keeper]:
    try:
        from .journal.traces import Traces  # noqa: PLC0415 - an extra
    except ImportError:
        missing = "TRACES is on, but nothing is traced: pip install 'claude-code-proxy[otel]' adds what is missing"
        structlog.get_logger().error(missing)
        return
    yield Traces()
