#!/bin/sh
# Runs a command in a container's folder as the image's user, uid 1000, in mounts of its own:
#   run-in-chroot.sh <folder> ro|rw <volume or ''> <where it is mounted or ''> <working directory> <command>…
# The command replaces this process, so that signals reach it. Needs root; the container uses the machine's network.
set -eu

if [ "${IN_MOUNT_NAMESPACE:-}" != yes ]; then
  export IN_MOUNT_NAMESPACE=yes
  exec unshare --mount --propagation private "$0" "$@"
fi
unset IN_MOUNT_NAMESPACE

root=$1 mode=$2 volume=$3 place=$4 directory=$5
shift 5
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
if [ -e "$root/etc/resolv.conf" ]; then mount --bind /etc/resolv.conf "$root/etc/resolv.conf"; fi
if [ -n "$volume" ]; then mount --bind "$volume" "$root$place"; fi
if [ "$mode" = ro ]; then
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -o remount,bind,ro "$root"
fi
exec chroot --userspec=1000:1000 "$root" /usr/bin/env --chdir="$directory" "$@"
