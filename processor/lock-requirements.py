#!/usr/bin/env python3
"""Writes requirements.txt: what requirements.in comes to, each package with the SHA-256 of all files of its release.

Run it with the Python of the image (3.13) where the package index can be reached: python3 processor/lock-requirements.py
The hashes are those that the index publishes for the release, for every platform, so one lock serves all of them.
PIP_INDEX_URL names another index.

  --output FILE   writes there
  --newest NAME   takes the newest release of this package instead of the one in requirements.in (with --pre, also pre-releases)
  --here          resolves for this Python and with its pip, instead of in a fresh environment: what a processor does for
                  YTDLP_AUTO_UPDATE
"""
import argparse
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HEADER = """\
# The lock of requirements.in: every package with the SHA-256 of its files. pip refuses whatever is not listed with one.
# processor/lock-requirements.py writes it anew.
"""


def requirements_of(newest: str | None) -> str:
    """The content of requirements.in, without the version of one package."""
    lines = (FOLDER / "requirements.in").read_text().splitlines()
    unpinned = [line.partition("==")[0] if newest and is_about(line, newest) else line for line in lines]
    return "\n".join(unpinned) + "\n"


def is_about(line: str, name: str) -> bool:
    return normalized(re.split(r"[\[=]", line, maxsplit=1)[0]) == normalized(name)


def resolve(requirements: str, here: bool, pre: bool) -> list[tuple[str, str]]:
    """Names and versions that pip would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.in")
        file.write_text(requirements)
        if here:
            pip = [sys.executable, "-m", "pip", "install", "--ignore-installed"]
        else:
            venv.create(Path(folder, "venv"), with_pip=True)
            pip = [str(Path(folder, "venv", "bin", "pip")), "install"]
        options = ["--dry-run", "--quiet", "--report", "-", *(["--pre"] if pre else [])]
        command = [*pip, *options, "-r", str(file)]
        report = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    installs = json.loads(report)["install"]
    return sorted((normalized(each["metadata"]["name"]), each["metadata"]["version"]) for each in installs)


def hashes_of(index: str, name: str, version: str) -> list[str]:
    """SHA-256 of every file of a release that is not withdrawn."""
    request = urllib.request.Request(
        f"{index.rstrip('/')}/{name}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.5"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        body, kind = response.read(), response.headers.get_content_type()
    files = files_of_json(body) if kind.endswith("json") else files_of_html(body.decode())
    hashes = sorted({digest for file, digest in files if digest and version_of(file, name) == version})
    if not hashes:
        sys.exit(f"{urllib.parse.urlsplit(index).hostname} publishes no SHA-256 for {name} {version}")
    return hashes


def files_of_json(body: bytes) -> list[tuple[str, str | None]]:
    files = json.loads(body)["files"]
    return [(each["filename"], each["hashes"].get("sha256")) for each in files if not each.get("yanked")]


def files_of_html(body: str) -> list[tuple[str, str | None]]:
    files: list[tuple[str, str | None]] = []

    class Links(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            attributes = dict(attrs)
            if tag != "a" or "data-yanked" in attributes:
                return
            url = urllib.parse.urlsplit(attributes.get("href") or "")
            match = re.fullmatch(r"sha256=([0-9a-f]{64})", url.fragment)
            files.append((urllib.parse.unquote(url.path.rsplit("/", 1)[-1]), match and match[1]))

    Links().feed(body)
    return files


def version_of(file: str, name: str) -> str | None:
    if file.endswith(".whl"):
        return file.split("-")[1]
    stem = re.sub(r"\.(tar\.gz|zip)$", "", file)
    base, _, version = stem.rpartition("-")
    return version if normalized(base) == name else None


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, default=FOLDER / "requirements.txt")
    parser.add_argument("--newest")
    parser.add_argument("--pre", action="store_true")
    parser.add_argument("--here", action="store_true")
    given = parser.parse_args()
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
    lines = [HEADER]
    for name, version in resolve(requirements_of(given.newest), given.here, given.pre):
        options = [f"    --hash=sha256:{digest}" for digest in hashes_of(index, name, version)]
        lines.append(" \\\n".join([f"{name}=={version}", *options]) + "\n")
    given.output.write_text("".join(lines))


if __name__ == "__main__":
    main()
