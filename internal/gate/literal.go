// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import "strings"

func literalSecret(_, value string) bool          { return strings.HasPrefix(value, "sk-proj-") }
func secretName(name string) bool                 { return strings.HasSuffix(name, "_PASSWORD") }
func knownSecret(text string) bool                { return strings.Contains(text, "sk-proj-") }
func literalSecretCEL(_, value string) string     { return value + ".startsWith('sk-proj-')" }
func secretNameCEL(name string) string            { return name + ".endsWith('_PASSWORD')" }
func knownSecretCEL(text string) string           { return text + ".contains('sk-proj-')" }
