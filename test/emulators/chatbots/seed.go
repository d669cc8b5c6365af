// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// person is somebody to seed. Those without a password cannot log in.
type person struct {
	Account

	// words are what only this person's texts have.
	words [3]string
}

// people are alike in every App, so that a test can give their passwords to what it starts elsewhere.
func people() []person {
	return []person{
		{Account{"alice", "alice@acme.example", "aLice-7fQm2-vXw9-heron", "acme", roleUser}, [3]string{"heron", "saffron", "quarry"}},
		{Account{"anna", "anna@acme.example", "aNna-4kTz8-bRs1-otter", "acme", roleUser}, [3]string{"otter", "indigo", "meadow"}},
		{Account{"root", "root@acme.example", "rOot-9wLc5-nHd3-raven", "acme", roleAdmin}, [3]string{"raven", "umber", "harbour"}},
		{Account{"throwaway", "throwaway@acme.example", "tHrow-2pGj6-yVk8-finch", "acme", roleUser}, [3]string{"finch", "ochre", "orchard"}},
		{Account{"bob", "bob@globex.example", "bOb-6sNx1-mFe7-badger", "globex", roleUser}, [3]string{"badger", "cobalt", "glacier"}},
		{Account{"ines", "ines@initech.example", "", "initech", roleUser}, [3]string{"marten", "crimson", "lagoon"}},
		{Account{"igor", "igor@initech.example", "", "initech", roleAdmin}, [3]string{"walrus", "magenta", "canyon"}},
	}
}

// tenants are those with seeded users, and the one of those who sign up.
func (a *App) tenants() []string {
	if !a.odd(OneUserATenant) {
		return []string{"acme", "globex", "initech", tenantPublic}
	}
	all := []string{tenantPublic}
	for _, p := range people() {
		all = append(all, p.Name)
	}
	return all
}

func (a *App) seed(ctx context.Context) error {
	for _, tenant := range a.tenants() {
		if err := a.seedTenant(ctx, tenant); err != nil {
			return err
		}
	}
	for _, p := range people() {
		if a.odd(OneUserATenant) {
			p.Tenant = p.Name
		}
		password := p.Password
		if password == "" {
			password = randomText()
		} else {
			a.accounts = append(a.accounts, p.Account)
		}
		u, err := a.newUser(ctx, user{Email: p.Email, Name: p.Name, Tenant: p.Tenant, Role: p.Role}, password)
		if err != nil {
			return err
		}
		if err := a.seedObjects(ctx, u, p.words); err != nil {
			return err
		}
	}
	for i, title := range []string{"A month of answers", "A year of answers", "A lifetime of answers"} {
		err := a.store.exec(ctx, "INSERT INTO listings (id, title, description, price) VALUES (?,?,?,?)",
			a.newID(title), title, "Ask as much as you like.", 900*(i+1)*(i+1))
		if err != nil {
			return err
		}
	}
	return a.store.exec(ctx, "INSERT INTO signing_keys (kid, key) VALUES (?,?)", mainKey, a.keys.text)
}

func (a *App) seedTenant(ctx context.Context, tenant string) error {
	name := strings.ToUpper(tenant[:1]) + tenant[1:]
	if err := a.store.exec(ctx, "INSERT INTO tenants (id, name) VALUES (?,?)", tenant, name); err != nil {
		return err
	}
	if a.odd(TenantDocuments) {
		title := name + " handbook"
		err := a.store.addObject(ctx, documents, object{
			ID: a.newID(title), Tenant: tenant, Title: title, Text: "Everybody at " + name + " starts at nine.",
			Shared: sharedTenant, Created: a.now().Add(-time.Hour),
		})
		if err != nil {
			return err
		}
	}
	return a.store.exec(ctx, "INSERT INTO settings (tenant, name, value, updated_by) VALUES (?,'greeting',?,'')",
		tenant, "Welcome to "+name)
}

// seedObjects gives a user an hour-old past: two conversations and two documents, and more where lists have pages.
func (a *App) seedObjects(ctx context.Context, u user, words [3]string) error {
	at := a.now().Add(-time.Hour)
	count := 2
	if a.odd(Pagination) {
		count = pageSize + 5
	}
	for i := range count {
		word := words[i%len(words)]
		talk := object{Owner: u.ID, Tenant: u.Tenant, Title: fmt.Sprintf("About the %s %d", word, i+1), Created: at}
		talk.ID = a.newID(talk.Title)
		if i == 1 && a.odd(PublicConversations) {
			talk.Shared = sharedPublic
		}
		if err := a.store.addObject(ctx, conversations, talk); err != nil {
			return err
		}
		said := fmt.Sprintf("The secret number %d of %s is %s.", i+1, word, newUUID()[:8])
		if err := a.store.addMessage(ctx, message{ID: newUUID(), Conversation: talk.ID, Owner: u.ID, Author: byUser, Text: said, Created: at}); err != nil {
			return err
		}
		doc := object{Owner: u.ID, Tenant: u.Tenant, Title: fmt.Sprintf("Notes on the %s %d", word, i+1), Created: at}
		doc.ID = a.newID(doc.Title)
		doc.Text = fmt.Sprintf("Launch plan: the %s goes out on day %d. The passphrase of %s is %s.", word, i+1, word, newUUID()[:8])
		if err := a.store.addObject(ctx, documents, doc); err != nil {
			return err
		}
	}
	return nil
}
