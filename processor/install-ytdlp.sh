#!/bin/sh
# Installs yt-dlp of a release channel into a Python environment of its own, or renews it there:
#   install-ytdlp.sh <folder> stable|nightly|master [version]
# Stable is what requirements.txt locks, version and hashes; pip refuses anything else. YTDLP_LOCK names another such file, for
# an index with other builds of these packages. The other channels change daily and are taken as they are published: nightly
# builds are the pre-releases on PyPI, the builds of every change are published by yt-dlp's project on GitHub.
# With YTDLP_PYTHON the folder gets the packages alone, for that Python, which needs pip.
set -eu

folder=$1
channel=$2
version=${3:-}
package='yt-dlp[default,curl-cffi]'
builds=https://github.com/yt-dlp/yt-dlp-master-builds/releases

case $channel in
  stable)
    if [ -n "$version" ]; then
      echo "The stable channel has the version of requirements.in; leave YTDLP_VERSION empty" >&2
      exit 2
    fi
    lock=${YTDLP_LOCK:-$(dirname "$0")/requirements.txt}
    # pip would refuse it as well, but not say what to do
    if ! grep -q -e '--hash=sha256:' "$lock"; then
      echo "$lock holds no hashes: run processor/lock-requirements.py where PyPI can be reached, and commit it." >&2
      exit 2
    fi
    set -- --require-hashes --requirement "$lock"
    ;;
  nightly) set -- --pre "$package${version:+==$version}" ;;
  master)
    release=${version:+download/$version}
    set -- "$package @ $builds/${release:-latest/download}/yt-dlp.tar.gz"
    ;;
  *)
    echo "YTDLP_CHANNEL must be stable, nightly or master, not $channel" >&2
    exit 2
    ;;
esac

if [ -n "${YTDLP_PYTHON:-}" ]; then
  "$YTDLP_PYTHON" -m pip install --target "$folder" --no-cache-dir --disable-pip-version-check "$@"
  exec "$YTDLP_PYTHON" -m compileall -q "$folder"
fi

python3 -m venv "$folder"
"$folder/bin/pip" install --no-cache-dir --disable-pip-version-check --upgrade "$@"
"$folder/bin/python" -m compileall -q "$folder/lib"
