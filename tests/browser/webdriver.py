# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium, driven by chromedriver through the WebDriver protocol: with what Python brings along, no more.

    with Browser(width=1240, height=900) as browser:
        browser.open("/tmp/out.svg")
        browser.click(browser.find("#search"))
        browser.script("return document.title")

In: a page. Out: what a user would see of it. Every click and key is an event of the browser, not of a script.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Control": "\ue009", "Enter": "\ue007", "Escape": "\ue00c", "Up": "\ue013", "Down": "\ue015", "Left": "\ue012",
        "Right": "\ue014", "Tab": "\ue004", "F3": "\ue033", "Shift": "\ue008"}


class DriverError(Exception):
    """What chromedriver answered instead of a value."""


def find_browser():
    """The programs (driver, browser), or None and why not."""
    driver = shutil.which("chromedriver")
    if not driver:
        return None, "there is no chromedriver"
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        # Where it is a snap it sees neither /tmp nor the build's folder.
        if path and "snap" not in os.path.realpath(path):
            return (driver, path), ""
    return None, "there is no chromium"


class Browser:
    def __init__(self, width=1240, height=900, dark=False):
        self.width, self.height, self.dark = width, height, dark
        self.process = self.session = self.profile = None

    def __enter__(self):
        programs, why = find_browser()
        if not programs:
            raise DriverError(why)
        self.profile = tempfile.mkdtemp(prefix="conctrace-browser.")
        try:
            self.start(*programs)
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, driver, browser):
        log = os.path.join(self.profile, "driver.log")
        with open(log, "wb") as out:
            # A session of its own: the browser's processes go with it whatever happens.
            self.process = subprocess.Popen([driver, "--port=0"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            start_new_session=True)
        self.base = f"http://127.0.0.1:{self.wait_for_port(log)}"
        # No sandbox: tests run as root, and the pages are ours.
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--force-device-scale-factor=1",
                     "--hide-scrollbars", "--allow-file-access-from-files",
                     f"--user-data-dir={self.profile}/profile", f"--window-size={self.width},{self.height}"]
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"binary": browser, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}}}}, path_of_session=False)
        self.session = answer["sessionId"]
        self.devtools("Emulation.setDeviceMetricsOverride", width=self.width, height=self.height, deviceScaleFactor=1,
                      mobile=False)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if self.dark else "light"}])

    def wait_for_port(self, log):
        for _ in range(300):
            with open(log, encoding="utf-8", errors="replace") as f:
                for line in f:
                    if "started successfully on port " in line:
                        return int(line.rsplit(" ", 1)[1].strip().rstrip("."))
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        with open(log, encoding="utf-8", errors="replace") as f:
            raise DriverError("chromedriver did not start: " + f.read()[-500:])

    def __exit__(self, *_):
        if self.session:
            try:
                self.call("DELETE", "")
            except (DriverError, OSError):
                pass
        if self.process:
            try:
                os.killpg(self.process.pid, 15)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        if self.profile:
            shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, path, body=None, path_of_session=True):
        url = self.base + (f"/session/{self.session}" if path_of_session else "") + path
        data = None if body is None and method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise DriverError(f"{value['error']}: {value['message']}") from None

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path):
        """A file, or an address."""
        self.call("POST", "/url", {"url": path if "://" in path else "file://" + os.path.abspath(path)})

    def script(self, text, *arguments):
        return self.call("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def element(self, expression, *arguments):
        """What a script returns, as an element."""
        return self.script("return " + expression, *arguments)[ELEMENT]

    def act(self, *sources):
        self.call("POST", "/actions", {"actions": list(sources)})
        self.call("DELETE", "/actions")

    def middle(self, element):
        """Where an element is in the window. (The driver's own way to it would scroll the page first.)"""
        return self.script("const r = arguments[0].getBoundingClientRect();"
                           "return {x: Math.round(r.x + r.width / 2), y: Math.round(r.y + r.height / 2)};", {ELEMENT: element})

    def point(self, element, *then):
        self.act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [
            {"type": "pointerMove", "duration": 0, "origin": "viewport", **self.middle(element)}, *then]})

    def move(self, element):
        self.point(element)

    def click(self, element):
        self.point(element, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0})

    def press(self, *keys):
        """Keys together: press("Control", "f"); a single string of several letters is typed."""
        if len(keys) == 1 and keys[0] not in KEYS:
            actions = [{"type": t, "value": c} for c in keys[0] for t in ("keyDown", "keyUp")]
        else:
            codes = [KEYS.get(key, key) for key in keys]
            actions = [{"type": "keyDown", "value": c} for c in codes] + [{"type": "keyUp", "value": c} for c in codes[::-1]]
        self.act({"type": "key", "id": "keyboard", "actions": actions})

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        """Errors that the page has logged since the last time."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})
                if entry["level"] == "SEVERE"]
