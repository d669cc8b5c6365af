#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# find-tests.sh PREFIX
#
# Prints "PACKAGE FUNCTION" for every test function of the main module whose name starts with PREFIX (Benchmark, Fuzz).
set -eu
cd "$(dirname "$0")/.."

find . \( -path ./bin -o -path ./.git -o -path ./hack/controlplane -o -path ./hack/node -o -path ./hack/tools -o -path ./test/edge -o -path ./test/emulators -o -path ./test/probes \) -prune -o \
	-name '*_test.go' -exec grep -H "^func $1[A-Z0-9_]" {} + |
	sed -E "s|^(.*)/[^/]+:func ($1[A-Za-z0-9_]*)\(.*|\1 \2|" |
	sort -u
