#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh
#
# Lints every module by the one .golangci.yml, then shows that the import arrows in it hold: a test breaks each of them
# in a module of stubs and looks for the linter's complaint. All of it runs, whatever the first of it says.
set -eu
cd "$(dirname "$0")/.."

root=$PWD
linter=$root/bin/tools/golangci-lint
failed=""

for module in . hack/controlplane hack/node/image hack/node/network hack/node/process hack/tools/lint test/chart test/edge test/emulators test/gitops test/probes; do
	echo "==> lint $module"
	(cd "$module" && "$linter" run --config "$root/.golangci.yml" ./...) || failed="$failed $module"
done

echo "==> the linter holds the import arrows"
(cd hack/tools/lint && GOLANGCI_LINT=$linter "$root/bin/tools/gotestsum" --format pkgname -- -count 1 ./...) ||
	failed="$failed arrows"

if [ -n "$failed" ]; then
	echo "lint failed:$failed" >&2
	exit 1
fi
