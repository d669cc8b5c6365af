// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// OneTime gives the name under which requests refer to the one-time password of a key of the identity's Secret.
func OneTime(key string) string { return "totp(" + credentialsPrefix + key + ")" }

// OneTimeKey gives the key of such a name, and says whether it is one.
func OneTimeKey(name string) (string, bool) {
	inner, ok := strings.CutPrefix(name, "totp("+credentialsPrefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, ")")
}

// Authenticator makes one-time passwords. RFC 6238.
type Authenticator struct {
	secret  string
	options totp.ValidateOpts
}

// AuthenticatorError says that a key of a Secret is no secret for one-time passwords. It does not hold it.
type AuthenticatorError struct{ Key string }

func (e *AuthenticatorError) Error() string {
	return fmt.Sprintf("the key %s of the identity's Secret is no secret for one-time passwords: store it in base32, or the otpauth:// URI that the QR code holds", e.Key)
}

// maxPeriod is the longest time step that is taken: RFC 6238 §5.2 recommends 30 seconds.
const maxPeriod = 120

// NewAuthenticator reads a secret: base32 as apps show it, in groups and in any case, or an otpauth:// URI, which may say another
// period, number of digits and algorithm than 30 seconds, 6 and SHA-1.
func NewAuthenticator(key, secret string) (*Authenticator, error) {
	a := &Authenticator{options: totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}}
	a.secret = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(secret))
	if strings.HasPrefix(strings.ToLower(secret), "otpauth://") {
		uri, err := otp.NewKeyFromURL(secret)
		if err != nil || uri.Type() != "totp" || uri.Period() == 0 || uri.Period() > maxPeriod {
			return nil, &AuthenticatorError{Key: key}
		}
		a.secret = strings.ToUpper(uri.Secret())
		a.options = totp.ValidateOpts{Period: uint(uri.Period()), Digits: uri.Digits(), Algorithm: uri.Algorithm()}
	}
	if _, err := a.Code(0); a.secret == "" || err != nil {
		return nil, &AuthenticatorError{Key: key}
	}
	return a, nil
}

// WithSecret gives a secret in the place of another, in the form of the other: period, digits and algorithm stay.
func WithSecret(described, secret string) string {
	uri, err := url.Parse(described)
	if err != nil || uri.Scheme != "otpauth" {
		return secret
	}
	query := uri.Query()
	query.Set("secret", secret)
	uri.RawQuery = query.Encode()
	return uri.String()
}

// Step gives the time step of a moment, and how long it still lasts.
func (a *Authenticator) Step(at time.Time) (int64, time.Duration) {
	period := int64(a.options.Period) //nolint:gosec // at most 120
	step := at.Unix() / period
	return step, time.Unix((step+1)*period, 0).Sub(at)
}

// Period is how long a time step lasts.
func (a *Authenticator) Period() time.Duration { return time.Duration(a.options.Period) * time.Second } //nolint:gosec // at most 120

// Code gives the one-time password of a time step.
func (a *Authenticator) Code(step int64) (string, error) {
	return totp.GenerateCodeCustom(a.secret, time.Unix(step*int64(a.options.Period), 0), a.options) //nolint:gosec // at most 120
}
