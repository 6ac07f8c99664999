"""Makes a wheel of folders that hold Python modules: make-wheel.py <out> <name> <version> <console script or -> [folder…]

For machines without a package index. Only pip reads these wheels; the modules are those of the machine, or empty.
"""
import base64
import hashlib
import sys
import zipfile
from pathlib import Path

out, name, version, script, *folders = sys.argv[1:]
stem = f"{name.replace('-', '_')}-{version}"
info = f"{stem}.dist-info"
files: dict[str, bytes] = {}
for folder in map(Path, folders):
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[str(path.relative_to(folder.parent))] = path.read_bytes()
extras = "Provides-Extra: default\nProvides-Extra: curl-cffi\n" if name == "yt-dlp" else ""
files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}".encode()
files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: make-wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
if script != "-":
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script}\n".encode()


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


record = "".join(f"{path},sha256={digest(content)},{len(content)}\n" for path, content in files.items())
files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
with zipfile.ZipFile(Path(out, f"{stem}-py3-none-any.whl"), "w", zipfile.ZIP_DEFLATED) as wheel:
    for path, content in files.items():
        wheel.writestr(path, content)
