"""Add anvil's other platforms to package-lock.json, so that `npm ci` accepts the lock everywhere.

npm writes only the platforms that the registry it asked could offer; `npm ci` then finds optional dependencies of
@foundry-rs/anvil missing from the lock and refuses it. Run after every `npm install` (`make lock` does).
"""

import json
from pathlib import Path

PLATFORMS = {
    "darwin-amd64": ("darwin", "x64"),
    "darwin-arm64": ("darwin", "arm64"),
    "linux-amd64": ("linux", "x64"),
    "linux-arm64": ("linux", "arm64"),
    "win32-amd64": ("win32", "x64"),
}


def main() -> None:
    path = Path(__file__).parent.parent / "package-lock.json"
    lock = json.loads(path.read_text())
    packages = lock["packages"]
    version = packages["node_modules/@foundry-rs/anvil"]["version"]
    for platform, (system, cpu) in PLATFORMS.items():
        entry = {"version": version, "cpu": [cpu], "license": "MIT OR Apache-2.0", "optional": True, "os": [system]}
        packages.setdefault(f"node_modules/@foundry-rs/anvil-{platform}", entry)
    lock["packages"] = dict(sorted(packages.items()))
    path.write_text(json.dumps(lock, indent=2) + "\n")


if __name__ == "__main__":
    main()
