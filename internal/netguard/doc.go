// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package netguard is the dialer that refuses what a tenant must not reach through us: the addresses of our own network
// and of the machines we run on, however they are spelled, and every host that is not the target's. A name is resolved
// once, every answer is judged, and the address that was judged is the one that is dialled. It sends nothing by itself,
// and it does not find out whose a host is: what it is told is proven, it takes for proven.
package netguard
