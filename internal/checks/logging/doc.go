// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logging judges the row LoggingSafe: planted passwords, tokens, cookies, keys, card numbers, email addresses and prompts
// went through the app, none of them stands in a log, and the ids of the requests that carried them do.
//
// It judges what others have read. It knows neither logs nor markers, only which kind was seen where, so that nothing of either can
// get into a finding.
package logging
