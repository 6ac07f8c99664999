"""Makes a wheel of folders that hold Python modules, for machines and tests without a package index.

make-wheel.py --out FOLDER --name NAME --version VERSION [--script 'name = module:function'] [--extra NAME=REQUIREMENT]… [folder…]
"""
import argparse
import base64
import hashlib
import zipfile
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--name", required=True)
parser.add_argument("--version", required=True)
parser.add_argument("--script", action="append", default=[])
parser.add_argument("--extra", action="append", default=[], help="an extra, and what it requires")
parser.add_argument("folders", nargs="*", type=Path)
options = parser.parse_args()

stem = f"{options.name.replace('-', '_')}-{options.version}"
info = f"{stem}.dist-info"
files: dict[str, bytes] = {}
for folder in options.folders:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[str(path.relative_to(folder.parent))] = path.read_bytes()
metadata = ["Metadata-Version: 2.1", f"Name: {options.name}", f"Version: {options.version}"]
for extra, _, requirement in (each.partition("=") for each in options.extra):
    metadata.append(f"Provides-Extra: {extra}")
    if requirement:
        metadata.append(f'Requires-Dist: {requirement}; extra == "{extra}"')
files[f"{info}/METADATA"] = "\n".join([*metadata, ""]).encode()
files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: make-wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
if options.script:
    files[f"{info}/entry_points.txt"] = "\n".join(["[console_scripts]", *options.script, ""]).encode()


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


record = "".join(f"{path},sha256={digest(content)},{len(content)}\n" for path, content in files.items())
files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
with zipfile.ZipFile(Path(options.out, f"{stem}-py3-none-any.whl"), "w", zipfile.ZIP_DEFLATED) as wheel:
    for path, content in files.items():
        wheel.writestr(path, content)
