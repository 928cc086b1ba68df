"""A headless Chromium that a test drives over its DevTools protocol: pages, real clicks and keys, what it asked for.

It must not know what a page shows. Chromium's own profile lies in a folder of the test's.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import websocket

SECONDS = 120  # a generous end: a loaded machine takes its time to start a browser


class Browser:
    """One Chromium with one page."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            raise LookupError("There is no Chromium here; make browser installs it.")
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={folder}", "--no-first-run", "--disable-background-networking", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._count = 0
        self.events: list[dict[str, Any]] = []
        try:
            self._socket = websocket.create_connection(self._page(), timeout=SECONDS, suppress_origin=True)
        except BaseException:
            self.close()
            raise
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def _page(self) -> str:
        """The address of the page's own socket: Chromium says on stderr where it listens."""
        from urllib.request import urlopen

        assert self._process.stderr is not None
        for said in self._process.stderr:
            if "DevTools listening on ws://" in said:
                host = said.split("ws://", 1)[1].split("/", 1)[0]
                with urlopen(f"http://{host}/json/list", timeout=SECONDS) as answer:
                    pages = json.load(answer)
                return str(next(each["webSocketDebuggerUrl"] for each in pages if each["type"] == "page"))
        raise RuntimeError("Chromium ended before it listened.")

    def call(self, method: str, **params: Any) -> Mapping[str, Any]:
        """One command's result; what happens meanwhile is kept in ``events``."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            said = self._receive()
            if said.get("id") == self._count:
                assert "error" not in said, said
                result: Mapping[str, Any] = said["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._socket.recv())
        if "method" in said:
            self.events.append(said)
        return said

    def open(self, path: Path, width: int = 1500, height: int = 1000, is_dark: bool = False) -> None:
        """Show a file, in a window of that size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.media("screen", is_dark)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        ends = time.monotonic() + SECONDS
        while not any(each["method"] == "Page.loadEventFired" for each in self.events):
            assert time.monotonic() < ends, "the page did not load"
            self._receive()

    def media(self, kind: str, is_dark: bool = False) -> None:
        """As on a screen or on paper, in light or dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=kind, features=[scheme])

    def js(self, expression: str) -> Any:
        """What an expression (or a promise) becomes in the page."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        middle = (
            f"(e => {{e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2]}})(document.querySelector({json.dumps(selector)}))"
        )
        x, y = self.js(middle)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, name: str, code: int, text: str = "") -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **more)

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        """The page on paper."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    @property
    def asked(self) -> list[str]:
        """The addresses that the page asked for since it was opened."""
        found = [each["params"] for each in self.events if each["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in found]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(SECONDS)
        if self._process.stderr is not None:
            self._process.stderr.close()
        if hasattr(self, "_socket"):
            self._socket.close()
