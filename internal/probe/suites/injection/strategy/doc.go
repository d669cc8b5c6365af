// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package strategy multiplies attacks: each strategy says the same thing in another way, encoded, disguised, wrapped or led up
// to. Filters know texts, and models know more than filters do; so what fails plainly is tried again in disguise.
//
// All of it is a function of the attack alone, so that two runs try the same, and a failed attack can be tried again by its name.
package strategy
