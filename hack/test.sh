#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# test.sh [PACKAGE...]
#
# Runs the tests with the race detector: one line a package, and a summary at the end. Those that need an API server
# start the one that hack/controlplane has built.
set -eu
cd "$(dirname "$0")/.."

root=$PWD
race=$(hack/race.sh)

# gotestsum [ARGUMENT...]: one line a package; arguments are go test's. Its own vet would go over all that is imported, and
# the linter has vetted already.
gotestsum() {
	if [ -n "$race" ]; then
		set -- "$race" "$@"
		export CGO_ENABLED=1
	fi
	"$root/bin/tools/gotestsum" --format pkgname --format-hide-empty-pkg -- -vet=off -timeout 20m "$@"
}

echo "==> tests of hack/controlplane"
(cd hack/controlplane && gotestsum ./...)

echo "==> tests of the images"
(cd hack/node/image && CGO_ENABLED=0 "$root/bin/tools/gotestsum" --format pkgname -- -count 1 -vet=off ./...)

# Its containers are made of the test's own binary, which has to be static.
echo "==> tests of the process node"
(cd hack/node/process && CGO_ENABLED=0 "$root/bin/tools/gotestsum" --format pkgname -- -count 1 -vet=off ./...)

KUBEBUILDER_ASSETS=$(go -C hack/controlplane run . path)
export KUBEBUILDER_ASSETS

# The next two judge files outside of their modules, of which Go's cache of test results does not know: they are run each
# time. And without the race detector, for which all of Helm and a good part of Kubernetes would be compiled a second time.
echo "==> tests of the Helm chart"
(cd test/chart && CGO_ENABLED=0 "$root/bin/tools/gotestsum" --format pkgname -- -count 1 -vet=off -timeout 20m ./...)

echo "==> tests with Flux's and Argo CD's libraries"
(cd test/gitops && CGO_ENABLED=0 "$root/bin/tools/gotestsum" --format pkgname -- -count 1 -vet=off -timeout 20m ./...)

# A database in Go, which the race detector slows tenfold: what runs side by side there is the emulated app.
echo "==> tests of the emulators"
(cd test/emulators && CGO_ENABLED=0 "$root/bin/tools/gotestsum" --format pkgname -- -vet=off -timeout 10m ./...)

echo "==> the probes against the emulated chatbot, with each of its weaknesses"
(cd test/probes && CGO_ENABLED=0 "$root/bin/tools/gotestsum" --format pkgname -- -vet=off -timeout 30m -parallel 4 ./...)

echo "==> the edge against an emulated Cloudflare, with each of its calls failing"
(cd test/edge && CGO_ENABLED=0 "$root/bin/tools/gotestsum" --format pkgname -- -vet=off -timeout 15m -parallel 6 ./...)

echo "==> unit, API server and end-to-end tests"
# The end-to-end tests run what is built beside them: they look at this, so that their results are kept for the same source alone.
LAUNCHREADY_SOURCE=$(git ls-files -s | git hash-object --stdin)-$(git diff | git hash-object --stdin)
export LAUNCHREADY_SOURCE
gotestsum "${@:-./...}"
