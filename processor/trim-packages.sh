#!/bin/sh
# Removes from installed packages what no program in Node reads: builds for browsers and React Native, source maps and types.
#   trim-packages.sh <folder that holds node_modules>
set -eu

find "$1" -type d \( -path '*/dist/browser' -o -path '*/dist/react-native' \) -prune -exec rm -rf {} +
find "$1" -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
