#!/bin/sh
# Copies programs with the libraries that they are linked against, and no more, into a folder of the same layout:
#   collect-programs.sh <folder> <file with the names of the packages that are everywhere> <program>…
# A distribution's ffmpeg depends on drivers for graphics cards (Mesa, LLVM), which it opens at run time only, and a server
# has none: without them the image is several hundred megabytes smaller. What each library belongs to is kept for scanners
# of images (/var/lib/dpkg/status.d, as in distroless images), with its licence.
set -eu

out=$1
base=$2
shift 2

# the package of a file; libraries of the system's core are recorded below /lib, which is a link to /usr/lib
package_of() {
  { dpkg -S "$1" 2>/dev/null || dpkg -S "${1#/usr}"; } | sed -n '1s/: .*$//p'
}

mkdir -p "$out/var/lib/dpkg/status.d"
libraries=$(ldd "$@" | sed -n 's/^.* => \(\/[^ ]*\) .*$/\1/p' | sort -u)
for file in "$@" $libraries; do
  package=$(package_of "$(realpath "$file")")
  name=${package%%:*}
  if grep -q -x "$name" "$base"; then continue; fi
  # a library may be a link, some through /etc/alternatives: its content goes under the name that programs ask for
  folder=$(realpath "$(dirname "$file")")
  mkdir -p "$out$folder" "$out/usr/share/doc/$name"
  cp -L "$file" "$out$folder/$(basename "$file")"
  dpkg -s "$package" > "$out/var/lib/dpkg/status.d/$name"
  cp -L "/usr/share/doc/$name/copyright" "$out/usr/share/doc/$name/copyright"
done
