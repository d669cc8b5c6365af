// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what RFC 6238 has where nothing else is agreed on
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// totpStep is how long a one-time password is the current one: shorter than the usual 30 s, so that tests need not wait.
const totpStep = time.Second

// totpSecret is what an account's authenticator holds.
func totpSecret(email string) []byte {
	sum := sha256.Sum256([]byte("authenticator of " + email))
	return sum[:20]
}

// Authenticator is the URI that an authenticator app reads from a QR code.
func (a Account) Authenticator() string {
	return fmt.Sprintf("otpauth://totp/chatbot:%s?secret=%s&period=%d&digits=6&algorithm=SHA1", url.PathEscape(a.Email),
		base32.StdEncoding.EncodeToString(totpSecret(a.Email)), int(totpStep.Seconds()))
}

// oneTimePassword is that of a time step. RFC 4226 §5.3.
func oneTimePassword(secret []byte, step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step)) //nolint:gosec // time goes forward from 1970
	mac := hmac.New(sha1.New, secret)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:offset+4])&0x7fffffff%1_000_000)
}

// checkOneTimePassword takes that of this time step or the last one, once. RFC 6238 §5.2.
func (a *App) checkOneTimePassword(email, code string) bool {
	email = strings.ToLower(strings.TrimSpace(email))
	a.codes.Lock()
	defer a.codes.Unlock()
	now := a.now().UnixNano() / int64(totpStep)
	for step := now - 1; step <= now; step++ {
		if step > a.spentCodes[email] && same(code, oneTimePassword(totpSecret(email), step)) {
			a.spentCodes[email] = step
			return true
		}
	}
	return code != "" && a.weak(TOTPUnchecked)
}

// logInTwice wants a password and a one-time password.
func (a *App) logInTwice(c *call) error {
	var body struct{ Email, Password, Code string }
	if err := c.decode(&body); err != nil {
		return err
	}
	u, err := a.checkPassword(c.ctx(), body.Email, body.Password)
	if err != nil {
		return err
	}
	if !a.checkOneTimePassword(body.Email, body.Code) {
		return errCredentials
	}
	return a.beginLogin(c, u)
}
