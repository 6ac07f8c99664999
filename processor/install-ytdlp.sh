#!/bin/sh
# Installs yt-dlp of a release channel into a Python environment of its own, or renews it there:
#   install-ytdlp.sh <folder> stable|nightly|master [version]
# Stable is what requirements.txt locks, version and hashes; pip refuses anything else. YTDLP_UNVERIFIED=accept installs the
# version of requirements.txt without hashes as long as there are none, and warns. The other channels change daily
# and are taken as they are published: nightly builds are the pre-releases on PyPI, the builds of every change are
# published by yt-dlp's project on GitHub.
set -eu

folder=$1
channel=$2
version=${3:-}
unverified=${YTDLP_UNVERIFIED:-}
package='yt-dlp[default,curl-cffi]'
builds=https://github.com/yt-dlp/yt-dlp-master-builds/releases

case $channel in
  stable)
    if [ -n "$version" ]; then
      echo "The stable channel has the version of requirements.in; leave YTDLP_VERSION empty" >&2
      exit 2
    fi
    requirements=$(dirname "$0")/requirements.txt
    case $unverified in
      '' | accept) ;;
      *)
        echo "YTDLP_UNVERIFIED must be empty or accept, not $unverified" >&2
        exit 2
        ;;
    esac
    # a lock with hashes is always enforced, whatever the argument says
    if grep -q -e '--hash=sha256:' "$requirements"; then
      set -- --require-hashes --requirement "$requirements"
    elif [ "$unverified" = accept ]; then
      cat >&2 <<'WARNING'
************************************************************************************************
WARNING: yt-dlp and what it needs are installed WITHOUT VERIFICATION (YTDLP_UNVERIFIED=accept).
Anyone who controls the package index or the way to it controls this image.
Run processor/lock-requirements.py where PyPI can be reached, commit requirements.txt, and build
without this argument.
************************************************************************************************
WARNING
      set -- --requirement "$requirements"
    else
      echo "$requirements holds no hashes: run processor/lock-requirements.py where PyPI can be reached, and commit it." >&2
      echo "To build without verification all the same: --build-arg YTDLP_UNVERIFIED=accept" >&2
      exit 2
    fi
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

python3 -m venv "$folder"
"$folder/bin/pip" install --no-cache-dir --disable-pip-version-check --upgrade "$@"
"$folder/bin/python" -m compileall -q "$folder/lib"
