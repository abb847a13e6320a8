"""A real headless Chromium, driven by its own protocol (Chrome DevTools Protocol) over a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

SECONDS = 30
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program() -> str:
    """Return the browser's path, "" where there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), "")


class Page:
    """One tab. errors: what the console, exceptions and the content security policy complained of; hosts: asked."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        self.asked: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.ensure_future(self._read())

    async def go(self, url: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> None:
        """Open a page, seen through a window of this size."""
        await self.resize(width, height)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call("Page.navigate", url="about:blank")  # a mere change of the fragment would load nothing
        await self.until("location.href === 'about:blank' && document.readyState === 'complete'")
        await self.call("Page.navigate", url=url)

    async def leave(self) -> None:
        """Close the page, and forget the browser's own words on connections that were refused or lost."""
        await self.call("Page.navigate", url="about:blank")
        await self.until("location.href === 'about:blank'")
        self.errors.clear()

    async def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)

    async def js(self, code: str) -> Any:
        """Return what an expression is in the page."""
        found = await self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, code: str) -> Any:
        """Return what an expression is, as soon as it is something."""
        value = None
        try:
            async with asyncio.timeout(SECONDS):
                while not (value := await self._attempt(code)):  # noqa: ASYNC110 - a page tells nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"never true: {code}\n{(await self.js('document.body.innerText'))[:1000]}") from None
        return value

    async def _attempt(self, code: str) -> Any:
        """What an expression is; nothing while the page is not there yet."""
        try:
            return await self.js(code)
        except (AssertionError, KeyError):
            return None

    async def key(self, *names: str) -> None:
        """Press keys."""
        for name in names:
            text = {"text": name} if len(name) == 1 else {"text": "\r"} if name == "Enter" else {}
            codes = {"Enter": 13, "Escape": 27, "Tab": 9}
            await self.call(
                "Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=codes.get(name, 0), **text
            )
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=name)

    async def picture(self, path: Path) -> None:
        """Write what is to be seen as a PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))  # noqa: ASYNC240

    async def call(self, method: str, **parameters: Any) -> Any:
        """Give a command and return its result."""
        number = next(self._numbers)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(SECONDS):
            return await answer

    async def close(self) -> None:
        self._reader.cancel()
        await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if not answer.done():
                    answer.set_result(told.get("result", told.get("error")))
            else:
                self._notice(told["method"], told["params"])

    def _notice(self, method: str, told: Any) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """Run a browser with one empty page."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as home:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        quiet = ["--disable-background-networking", "--disable-component-update", "--no-proxy-server"]
        process = subprocess.Popen(  # noqa: ASYNC220
            [program(), *flags, *quiet, "--remote-debugging-port=0", f"--user-data-dir={home}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": home, "PATH": "/usr/bin:/bin"},
        )
        try:
            async with aiohttp.ClientSession() as session:
                port = await _port(Path(home) / "DevToolsActivePort")
                async with session.get(f"http://127.0.0.1:{port}/json") as listed:
                    tab = next(tab for tab in await listed.json() if tab["type"] == "page")
                page = Page(await session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0))
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.call(f"{domain}.enable")
                yield page
                await page.close()
        finally:
            process.kill()
            process.wait(SECONDS)


async def _port(path: Path) -> int:
    async with asyncio.timeout(SECONDS):
        while not (lines := _lines(path)):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.05)
    return int(lines[0])


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
