#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# install.sh MODULE COMMAND DESTINATION
#
# Builds one pinned tool from source and puts it at DESTINATION. MODULE is the folder whose go.mod pins the tool.
# `go tool` keeps the linked program in Go's own build cache, so the next clone has it in a second.
set -eu

module=$1 command=$2 destination=$3
started=$(date +%s)

echo "building $(basename "$destination") from source (a minute or two when Go's build cache does not have it yet)" >&2

built=$(go -C "$module" tool -n "$command")

mkdir -p "$(dirname "$destination")"
cp "$built" "$destination.new"
mv -f "$destination.new" "$destination"

echo "built $(basename "$destination") in $(($(date +%s) - started)) s" >&2
