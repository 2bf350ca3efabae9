"""A headless Chromium that opens a page, runs JavaScript in it and takes pictures (Chrome DevTools Protocol)."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 30.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,1500",
    "--remote-debugging-port=0",
)


def find_browser() -> str | None:
    """The program, where there is one."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page. A context."""

    def __init__(self, program: str, folder: Path) -> None:
        self._folder = folder
        command = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket: ClientConnection = self._attach()
        self._number = 0
        self.errors: list[str] = []
        """What the page has thrown or logged as an error."""
        self._ask("Runtime.enable")
        self._ask("Log.enable")
        self._ask("Page.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def open(self, url: str) -> None:
        """Go there."""
        self._ask("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression, awaited. AssertionError where it throws."""
        answer = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """What people read there."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def wait(self, what: str, script: str) -> Any:
        """Until an expression is true."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            found = self.run(script)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"not after {TIMEOUT:.0f} s: {what}; the page says: {self.text('body')[:600]}")

    def fill(self, form: str, **values: str) -> None:
        """Write into a form's fields and send it."""
        for name, value in values.items():
            self.run(f"document.querySelector('#{form} [name={name}]').value = {json.dumps(value)}")
        self.run(f"document.querySelector('#{form}').requestSubmit()")

    def picture(self, path: Path) -> None:
        """A PNG of the page."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"]))

    def _attach(self) -> ClientConnection:
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            try:
                port = (self._folder / "DevToolsActivePort").read_text().splitlines()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                    pages = [page for page in json.load(answer) if page["type"] == "page"]
                return connect(pages[0]["webSocketDebuggerUrl"], max_size=None, proxy=None)
            except (OSError, IndexError):
                time.sleep(0.1)
        raise AssertionError("the browser does not start")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(TIMEOUT))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(message["params"]["exceptionDetails"]))
        entry = message.get("params", {}).get("entry", {})
        if message.get("method") == "Log.entryAdded" and entry.get("level") == "error":
            self.errors.append(str(entry))
