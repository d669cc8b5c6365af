// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/launchready/launchready/api/v1alpha1"
)

// ChatAllowance is how many questions the chat may be asked, and how fast. Several goroutines may use it.
type ChatAllowance struct {
	method string
	// path is nil where other requests have it too, as with GraphQL: then the questions are those that are marked.
	path   *regexp.Regexp
	budget *Budget
	pace   *rate.Limiter
}

// NewChatAllowance allows n questions to the app's chat, and one each interval; 0 is for no wait. What else is sent to the chat's
// path counts as well, such as the first message that creates a conversation. It is nil for an app without a chat.
func NewChatAllowance(app *v1alpha1.App, n int, interval time.Duration) *ChatAllowance {
	if app.Chat == nil {
		return nil
	}
	limit := rate.Inf
	if interval > 0 {
		limit = rate.Every(interval)
	}
	a := &ChatAllowance{method: Method(app.Chat.Request), budget: NewBudget(n), pace: rate.NewLimiter(limit, 1)}
	if !ChatSharesPath(app) {
		a.path = anyValues(pathOf(app.Chat.Request))
	}
	return a
}

// ChatSharesPath says whether what only reads, or a login, goes to the same place as the questions: one for everything.
func ChatSharesPath(app *v1alpha1.App) bool {
	if app.Chat == nil {
		return false
	}
	others := []*v1alpha1.HTTPRequest{}
	for i := range app.Resources {
		r := &app.Resources[i]
		others = append(others, &r.Item, r.List, r.Search, r.Export)
	}
	if app.Login != nil {
		for i := range app.Login.Steps {
			if app.Login.Steps[i].Request.Host == "" {
				others = append(others, &app.Login.Steps[i].Request)
			}
		}
	}
	for _, other := range others {
		if other != nil && Method(*other) == Method(app.Chat.Request) && pathOf(*other) == pathOf(app.Chat.Request) {
			return true
		}
	}
	return false
}

func pathOf(request v1alpha1.HTTPRequest) string {
	path, _, _ := strings.Cut(string(request.Path), "?")
	return path
}

// anyValues matches a path with anything at the places where it has $(name).
func anyValues(path string) *regexp.Regexp {
	const mark = "\x00"
	var b strings.Builder
	for i, part := range strings.Split(walk(path, func(string) string { return mark }), mark) {
		if i > 0 {
			b.WriteString("[^/]*")
		}
		b.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile("^" + b.String() + "$")
}

type questionKey struct{}

// AsQuestion marks what is sent with a context as questions to the chat.
func AsQuestion(ctx context.Context) context.Context {
	return context.WithValue(ctx, questionKey{}, true)
}

// Spent is how many questions were asked.
func (a *ChatAllowance) Spent() int {
	if a == nil {
		return 0
	}
	return a.budget.Spent()
}

// await waits until a request may be sent, if it is a question.
func (a *ChatAllowance) await(ctx context.Context, r Request) error {
	if a == nil || (ctx.Value(questionKey{}) == nil && !a.matches(r)) {
		return nil
	}
	if !a.budget.take() {
		return ErrBudgetSpent
	}
	if err := a.pace.Wait(ctx); err != nil {
		// Also where the time would be up before the turn comes.
		return fmt.Errorf("waiting for the chat's turn: %w", context.DeadlineExceeded)
	}
	return nil
}

func (a *ChatAllowance) matches(r Request) bool {
	path, _, _ := strings.Cut(r.Path, "?")
	return a.path != nil && r.Method == a.method && a.path.MatchString(path)
}
