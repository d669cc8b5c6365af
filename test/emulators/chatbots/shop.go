// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"context"
	"database/sql"
	"net/http"
	"time"
)

// thing is one that is for sale; the price is in cents.
type thing struct {
	ID, Title, Description string
	Price                  int
	// Internal is for the seller's staff and the bot that helps them. No reply of the API has it.
	Internal string
}

func (t thing) fields(a *App) fields {
	return fields{"id": a.outID(t.ID), "title": t.Title, "description": t.Description, "price": t.Price}
}

func scanThing(rows *sql.Rows) (thing, error) {
	var t thing
	err := rows.Scan(&t.ID, &t.Title, &t.Description, &t.Price, &t.Internal)
	return t, err
}

const thingColumns = "SELECT id, title, description, price, internal FROM listings "

func (a *App) listings(c *call) error {
	found, err := a.forSale(c.ctx())
	items := make([]any, len(found))
	for i, t := range found {
		items[i] = t.fields(a)
	}
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, fields{"items": items})
}

// forSale is all that is.
func (a *App) forSale(ctx context.Context) ([]thing, error) {
	return all(ctx, a.store, scanThing, thingColumns+"ORDER BY rowid")
}

func (a *App) thing(c *call, id string) (thing, error) {
	t, err := one(c.ctx(), a.store, scanThing, thingColumns+"WHERE id = ?", id)
	if isAbsent(err) {
		err = a.notFound(c, kind{name: "listing"}, id, object{})
	}
	return t, err
}

func (a *App) listing(c *call) error {
	t, err := a.thing(c, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, t.fields(a))
}

// sell puts a thing up for sale, and withdraw takes it back.
func (a *App) sell(c *call) error {
	var body struct {
		Title, Description string
		Price              int
		InternalNotes      string `json:"internalNotes"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if body.Title == "" || body.Price <= 0 {
		return badRequest("a title and a price are needed")
	}
	t := thing{ID: a.newID(body.Title), Title: body.Title, Description: body.Description, Price: body.Price, Internal: body.InternalNotes}
	err := a.store.exec(c.ctx(), "INSERT INTO listings (id, title, description, price, owner, internal) VALUES (?,?,?,?,?,?)",
		t.ID, t.Title, t.Description, t.Price, c.user.ID, t.Internal)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusCreated, t.fields(a))
}

func (a *App) withdraw(c *call) error {
	id := c.r.PathValue("id")
	if _, err := one(c.ctx(), a.store, scanText, "SELECT id FROM listings WHERE id = ? AND owner = ?", id, c.user.ID); isAbsent(err) {
		return a.notFound(c, kind{name: "listing"}, id, object{})
	} else if err != nil {
		return err
	}
	if err := a.store.exec(c.ctx(), "DELETE FROM listings WHERE id = ?", id); err != nil {
		return err
	}
	return a.none(c)
}

// testCard is the only card that is taken: there is no other mode than the test mode.
const testCard = "4242424242424242"

func (a *App) pay(c *call) error {
	var body struct {
		Listing textID `json:"listing"`
		Amount  int    `json:"amount"`
		Card    string `json:"card"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if body.Card != testCard {
		return &failure{status: http.StatusPaymentRequired, code: "card_declined", message: "test mode takes the test card only"}
	}
	t := thing{Price: body.Amount} // a tip, where nothing is bought
	if body.Listing != "" {
		var err error
		if t, err = a.thing(c, string(body.Listing)); err != nil {
			return err
		}
	}
	if t.Price <= 0 {
		return badRequest("a listing or an amount is needed")
	}
	o := object{
		ID: a.newID("payment"), Owner: c.user.ID, Tenant: c.user.Tenant, Title: t.ID, Text: "rcpt_" + randomText()[:24], Created: a.now(),
	}
	err := a.store.exec(c.ctx(), "INSERT INTO payments (id, owner, tenant, listing, amount, receipt, created) VALUES (?,?,?,?,?,?,?)",
		o.ID, o.Owner, o.Tenant, t.ID, t.Price, o.Text, o.Created.UnixMilli())
	if err != nil {
		return err
	}
	return a.json(c, http.StatusCreated, paid(a, o, t.Price))
}

func paid(a *App, o object, amount int) fields {
	body := fields{
		"id": a.outID(o.ID), "mode": "test", "status": "succeeded", "owner": o.Owner,
		"amount": amount, "receipt": o.Text, "created": o.Created.UTC().Format(time.RFC3339),
	}
	if o.Title != "" {
		body["listing"] = a.outID(o.Title)
	}
	return body
}

func (a *App) payment(c *call) error {
	id := c.r.PathValue("id")
	amount := 0
	o, err := one(c.ctx(), a.store, func(rows *sql.Rows) (object, error) {
		var o object
		var created int64
		err := rows.Scan(&o.ID, &o.Owner, &o.Tenant, &o.Title, &amount, &o.Text, &created)
		o.Created = time.UnixMilli(created)
		return o, err
	}, "SELECT id, owner, tenant, listing, amount, receipt, created FROM payments WHERE id = ?", id)
	if isAbsent(err) {
		return a.notFound(c, kind{name: "payment"}, id, object{})
	}
	if err != nil {
		return err
	}
	if !a.may(c, opPayment, kind{name: "payment"}, o) {
		return a.notFound(c, kind{name: "payment"}, id, object{ID: o.ID})
	}
	return a.json(c, http.StatusOK, paid(a, o, amount))
}
