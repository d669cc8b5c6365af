#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# race.sh
#
# Prints the flag that turns Go's race detector on, or nothing where it can't run. The detector links C code, so it
# needs a C compiler, which a machine with only Go, make and git may lack: where we may, we install Debian's and say so.
set -eu

compiler=$(go env CC)
compiler=${compiler%% *}

if ! command -v "$compiler" >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "no C compiler ($compiler): installing gcc and libc6-dev with apt-get, for the race detector" >&2
	{
		apt-get update -q &&
			DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends gcc libc6-dev
	} >&2 || echo "apt-get failed" >&2
fi

if command -v "$compiler" >/dev/null 2>&1; then
	echo -race
else
	echo "WARNING: no C compiler ($compiler): THE RACE DETECTOR IS OFF. Install one and run the tests again." >&2
fi
