#!/bin/sh
# Makes a stand-in for the base image where no image registry and no package index can be reached, on Debian as root:
#   stand-in-base.sh <folder> <node> <npm> <tag> [buildah options…]
# Debian's packages come from the machine's mirror; Node, npm and yt-dlp (as a wheel) come from the machine.
# The packages of yt-dlp's extras are missing, which the processor's /readyz reports.
set -eu

folder=$1 node=$2 npm=$3 tag=$4
shift 4
here=$(dirname "$(realpath "$0")")
requirements=$here/../../processor/requirements.in
mkdir -p "$folder"
root=$folder/root
wheels=$root/opt/wheels

if ! [ -e "$folder/base.tar" ]; then
  mmdebstrap --quiet --format=tar --variant=minbase --include=ca-certificates trixie "$folder/base.tar.new"
  mv "$folder/base.tar.new" "$folder/base.tar"
fi
rm -rf "$root"
mkdir -p "$root"
tar -xf "$folder/base.tar" -C "$root"

cp "$node" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules"
cp -r "$npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
echo 'node:x:1000:' >> "$root/etc/group"
echo 'node:x:1000:1000::/home/node:/bin/bash' >> "$root/etc/passwd"
mkdir -p "$root/home/node"
chown 1000:1000 "$root/home/node"
# as in Docker's images of Debian: what was installed is not kept as packages, too
echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };' \
  > "$root/etc/apt/apt.conf.d/docker-clean"
# the certificates that the machine trusts, for its own mirror
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'cafile=/etc/ssl/certs/ca-certificates.crt\n' > "$root/usr/local/lib/node_modules/npm/npmrc"

mkdir -p "$wheels/empty/yt_dlp_plugins/extractor"
: > "$wheels/empty/yt_dlp_plugins/extractor/getpot_bgutil_http.py"
version() { sed -n "s/^$1.*==//p" "$requirements"; }
ytdlp=$(/usr/bin/python3 -c 'import os, yt_dlp; print(os.path.dirname(yt_dlp.__file__))')
wheel() { python3 "$here/make-wheel.py" --out "$wheels" "$@"; }
wheel --name yt-dlp --version "$(version yt-dlp)" --script 'yt-dlp = yt_dlp:main' --extra default --extra curl-cffi "$ytdlp"
wheel --name bgutil-ytdlp-pot-provider --version "$(version bgutil)" "$wheels/empty/yt_dlp_plugins"
rm -r "$wheels/empty"
for file in "$wheels"/*.whl; do
  basename "$file" | sed 's/-/==/;s/-.*//;s/_/-/g;s/$/ \\/'
  sha256sum "$file" | sed 's/ .*//;s/^/    --hash=sha256:/'
done > "$wheels/requirements.txt"
printf '[global]\nno-index = true\nfind-links = /opt/wheels\n' > "$root/etc/pip.conf"

container=$(buildah "$@" from scratch)
buildah "$@" add --quiet "$container" "$root" / > /dev/null
buildah "$@" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah "$@" commit --quiet --rm "$container" "$tag" > /dev/null
