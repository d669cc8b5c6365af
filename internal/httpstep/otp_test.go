// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep_test

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/internal/httpstep"
)

// TestOneTimePasswordsOfTheStandard has the vectors of RFC 6238, appendix B.
func TestOneTimePasswordsOfTheStandard(t *testing.T) {
	const digits = "1234567890"
	secrets := map[string]string{"SHA1": strings.Repeat(digits, 2), "SHA256": strings.Repeat(digits, 4)[:32], "SHA512": strings.Repeat(digits, 7)[:64]}
	for _, c := range []struct {
		at   int64
		want map[string]string
	}{
		{59, map[string]string{"SHA1": "94287082", "SHA256": "46119246", "SHA512": "90693936"}},
		{1111111109, map[string]string{"SHA1": "07081804", "SHA256": "68084774", "SHA512": "25091201"}},
		{1111111111, map[string]string{"SHA1": "14050471", "SHA256": "67062674", "SHA512": "99943326"}},
		{1234567890, map[string]string{"SHA1": "89005924", "SHA256": "91819424", "SHA512": "93441116"}},
		{2000000000, map[string]string{"SHA1": "69279037", "SHA256": "90698825", "SHA512": "38618901"}},
		{20000000000, map[string]string{"SHA1": "65353130", "SHA256": "77737706", "SHA512": "47863826"}},
	} {
		for algorithm, want := range c.want {
			secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(secrets[algorithm]))
			a, err := httpstep.NewAuthenticator("totp", "otpauth://totp/x?digits=8&period=30&algorithm="+algorithm+"&secret="+secret)
			if err != nil {
				t.Fatal(err)
			}
			step, left := a.Step(time.Unix(c.at, 0))
			if got, err := a.Code(step); got != want || err != nil {
				t.Errorf("%s at %d: %s, %v, want %s", algorithm, c.at, got, err, want)
			}
			if want := time.Duration(30-c.at%30) * time.Second; left != want || a.Period() != 30*time.Second {
				t.Errorf("at %d %s are left of %s, want %s", c.at, left, a.Period(), want)
			}
		}
	}
}

func TestAnotherSecretKeepsTheForm(t *testing.T) {
	for described, want := range map[string]string{
		"GEZD GNBV": "MFRGG",
		"otpauth://totp/x:y?secret=GEZDGNBV&period=60&digits=8": "otpauth://totp/x:y?digits=8&period=60&secret=MFRGG",
	} {
		if got := httpstep.WithSecret(described, "MFRGG"); got != want {
			t.Errorf("%s: %s, want %s", described, got, want)
		}
	}
}

func TestSecretsForOneTimePasswords(t *testing.T) {
	// The first of RFC 6238 with six digits, as authenticator apps show secrets.
	for _, secret := range []string{"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ"} {
		a, err := httpstep.NewAuthenticator("totp", secret)
		if err != nil {
			t.Fatalf("%s: %v", secret, err)
		}
		if got, err := a.Code(1); got != "287082" || err != nil {
			t.Errorf("%s: %s, %v", secret, got, err)
		}
	}
	for _, secret := range []string{"", "hunter2!", "1890", "otpauth://hotp/x?secret=GEZDGNBV", "otpauth://totp/x?secret=", "otpauth://totp/x?secret=GEZDGNBV&period=3600", "otpauth://totp/%zz"} {
		_, err := httpstep.NewAuthenticator("second", secret)
		var wrong *httpstep.AuthenticatorError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "the key second of") || (secret != "" && strings.Contains(err.Error(), secret)) {
			t.Errorf("%q: %v", secret, err)
		}
	}
}
