#!/bin/sh
# Installs yt-dlp of a release channel into a Python environment of its own, or renews it there:
#   install-ytdlp.sh <folder> stable|nightly|master [version]
# Nightly builds are the pre-releases on PyPI; the builds of every change are published by yt-dlp's project on GitHub.
set -eu

folder=$1
channel=$2
version=${3:-}
package='yt-dlp[default,curl-cffi]'
builds=https://github.com/yt-dlp/yt-dlp-master-builds/releases

case $channel in
  stable) set -- "$package${version:+==$version}" ;;
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

python3 -m venv "$folder"
"$folder/bin/pip" install --no-cache-dir --disable-pip-version-check --upgrade "$@"
"$folder/bin/python" -m compileall -q "$folder/lib"
