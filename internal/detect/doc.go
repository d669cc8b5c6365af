// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package detect finds strings that must not stand where they stand: passwords,
// API keys, tokens and private keys typed into configuration.
//
// It looks at a named setting (Detector.Value), at free text such as a script or
// a configuration file (Detector.Text), and at a command line (Detector.Args),
// and says what kind of secret it met and where. Placeholder tells a value that
// somebody has yet to fill in.
//
// Two things convict, and a name alone is never one of them:
//   - a known shape: a provider's prefix, a JSON Web Token, a private key, a
//     password in a URL. Shapes come from gitleaks' rules and from tables of our
//     own for what those lack.
//   - a name that says "credential" by its grammar (the head noun counts, so
//     PASSWORD_MIN_LENGTH is a length) together with a value that has a
//     credential's shape (a number, a path, a duration, an algorithm, a reference
//     or a placeholder has not).
//
// Randomness under an innocent name never convicts.
//
// The package is pure: no I/O, no clock, no logging, no Kubernetes types, and it
// must stay so, since an admission webhook calls it on every write. It must never
// print, wrap into an error or otherwise hand out the text of a secret: a Match
// reveals a keyed fingerprint and nothing else.
package detect
