// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Every table of things that users make has the column owner: the user who made the row. Rows can be changed by others
// where a weakness lets them: updated_by says who did it last. Times are milliseconds since 1970.
const schema = `
CREATE TABLE tenants (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, tenant TEXT NOT NULL,
	role TEXT NOT NULL, salt TEXT NOT NULL, password TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE conversations (id TEXT PRIMARY KEY, owner TEXT NOT NULL, tenant TEXT NOT NULL, title TEXT NOT NULL,
	text TEXT NOT NULL, shared TEXT NOT NULL, created INTEGER NOT NULL, updated_by TEXT NOT NULL);
CREATE TABLE documents (id TEXT PRIMARY KEY, owner TEXT NOT NULL, tenant TEXT NOT NULL, title TEXT NOT NULL,
	text TEXT NOT NULL, shared TEXT NOT NULL, created INTEGER NOT NULL, updated_by TEXT NOT NULL);
CREATE TABLE messages (id TEXT PRIMARY KEY, conversation TEXT NOT NULL, owner TEXT NOT NULL, author TEXT NOT NULL,
	text TEXT NOT NULL, created INTEGER NOT NULL);
CREATE INDEX messages_of ON messages (conversation);
CREATE TABLE deleted (id TEXT PRIMARY KEY, owner TEXT NOT NULL);
CREATE TABLE sessions (id TEXT PRIMARY KEY, owner TEXT NOT NULL, login TEXT NOT NULL, csrf TEXT NOT NULL,
	expires INTEGER NOT NULL);
CREATE TABLE revoked (login TEXT PRIMARY KEY, owner TEXT NOT NULL);
CREATE TABLE refresh_tokens (token TEXT PRIMARY KEY, owner TEXT NOT NULL, login TEXT NOT NULL, used INTEGER NOT NULL);
CREATE TABLE signing_keys (kid TEXT PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE settings (tenant TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, updated_by TEXT NOT NULL,
	PRIMARY KEY (tenant, name));
CREATE TABLE listings (id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT NOT NULL, price INTEGER NOT NULL,
	owner TEXT NOT NULL DEFAULT '', internal TEXT NOT NULL DEFAULT '');
CREATE TABLE payments (id TEXT PRIMARY KEY, owner TEXT NOT NULL, tenant TEXT NOT NULL, listing TEXT NOT NULL,
	amount INTEGER NOT NULL, receipt TEXT NOT NULL, created INTEGER NOT NULL);
`

// errAbsent says that there is no such row.
var errAbsent = errors.New("absent")

// store keeps everything, in a database of its own in memory.
type store struct {
	db *sql.DB
	// prepared are the statements that have been used, by their text.
	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

// openStore needs the one connection that it holds: the database goes with it.
func openStore(ctx context.Context) (*store, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(0)
	db.SetConnMaxIdleTime(0)
	if _, err := db.ExecContext(ctx, "BEGIN;"+schema+"COMMIT"); err != nil {
		return nil, errors.Join(fmt.Errorf("make the tables: %w", err), db.Close())
	}
	return &store{db: db, prepared: map[string]*sql.Stmt{}}, nil
}

// prepare gives the statement for a text. Only texts of the program's own are kept, of which there are few.
func (s *store) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ready := s.prepared[query]; ready != nil {
		return ready, nil
	}
	ready, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	s.prepared[query] = ready
	return ready, nil
}

func (s *store) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if len(args) == 0 {
		return s.db.QueryContext(ctx, query)
	}
	ready, err := s.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return ready.QueryContext(ctx, args...)
}

// exec and all go on when the client has gone, for a statement that is broken off could cost the connection, and with it
// the database.
func (s *store) exec(ctx context.Context, query string, args ...any) error {
	ctx = context.WithoutCancel(ctx)
	ready, err := s.prepare(ctx, query)
	if err != nil {
		return err
	}
	if _, err := ready.ExecContext(ctx, args...); err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// all gives every row that a query finds, each read by scan.
func all[T any](ctx context.Context, s *store, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.query(context.WithoutCancel(ctx), query, args)
	if err != nil {
		return nil, fmt.Errorf("query the database: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var found []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read a row: %w", err)
		}
		found = append(found, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return found, nil
}

// one gives the first row that a query finds, or errAbsent.
func one[T any](ctx context.Context, s *store, scan func(*sql.Rows) (T, error), query string, args ...any) (T, error) {
	found, err := all(ctx, s, scan, query, args...)
	if err == nil && len(found) == 0 {
		err = errAbsent
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

func scanText(rows *sql.Rows) (string, error) {
	var text string
	err := rows.Scan(&text)
	return text, err
}

// user is somebody who can log in.
type user struct {
	ID, Email, Name, Tenant, Role, salt, password string
}

const userColumns = "SELECT id, email, name, tenant, role, salt, password FROM users "

func scanUser(rows *sql.Rows) (user, error) {
	var u user
	err := rows.Scan(&u.ID, &u.Email, &u.Name, &u.Tenant, &u.Role, &u.salt, &u.password)
	return u, err
}

func (s *store) user(ctx context.Context, id string) (user, error) {
	return one(ctx, s, scanUser, userColumns+"WHERE id = ?", id)
}

func (s *store) userByEmail(ctx context.Context, email string) (user, error) {
	return one(ctx, s, scanUser, userColumns+"WHERE email = ?", email)
}

// users are those of a tenant, or everybody where it is empty.
func (s *store) users(ctx context.Context, tenant string) ([]user, error) {
	return all(ctx, s, scanUser, userColumns+"WHERE ? IN ('', tenant) ORDER BY email", tenant)
}

func (s *store) addUser(ctx context.Context, u user, now time.Time) error {
	return s.exec(ctx, "INSERT INTO users (id, email, name, tenant, role, salt, password, created) VALUES (?,?,?,?,?,?,?,?)",
		u.ID, u.Email, u.Name, u.Tenant, u.Role, u.salt, u.password, now.UnixMilli())
}

func (s *store) updateUser(ctx context.Context, u user) error {
	return s.exec(ctx, "UPDATE users SET name = ?, tenant = ?, role = ? WHERE id = ?", u.Name, u.Tenant, u.Role, u.ID)
}

// kind is what a user keeps: conversations and documents have the same shape but for their text.
type kind struct {
	// table is the table's name and the word in paths; name is one of them; header names one in IDORHeaderID.
	table, name, header string
}

var (
	conversations = kind{table: "conversations", name: "conversation", header: "X-Conversation-Id"}
	documents     = kind{table: "documents", name: "document", header: "X-Document-Id"}
)

// object is one conversation or document. A conversation's text is in its messages.
type object struct {
	ID, Owner, Tenant, Title, Text, Shared string
	Created                                time.Time
}

// To whom an object is shared, besides its owner.
const (
	sharedPublic = "public"
	sharedTenant = "tenant"
)

func scanObject(rows *sql.Rows) (object, error) {
	var o object
	var created int64
	err := rows.Scan(&o.ID, &o.Owner, &o.Tenant, &o.Title, &o.Text, &o.Shared, &created)
	o.Created = time.UnixMilli(created)
	return o, err
}

const objectColumns = "SELECT id, owner, tenant, title, text, shared, created FROM "

// object finds one by its id, whosever it is.
func (s *store) object(ctx context.Context, k kind, id string) (object, error) {
	return one(ctx, s, scanObject, objectColumns+k.table+" WHERE id = ?", id)
}

// objects are those in a scope, oldest first.
func (s *store) objects(ctx context.Context, k kind, in scope) ([]object, error) {
	found, err := all(ctx, s, scanObject, objectColumns+k.table+" ORDER BY created, rowid")
	if err != nil {
		return nil, err
	}
	kept := found[:0]
	for _, o := range found {
		if in.covers(o) {
			kept = append(kept, o)
		}
	}
	return kept, nil
}

// public are the objects that everybody may see.
func (s *store) public(ctx context.Context, k kind) ([]object, error) {
	return all(ctx, s, scanObject, objectColumns+k.table+" WHERE shared = ? ORDER BY created, rowid", sharedPublic)
}

func (s *store) addObject(ctx context.Context, k kind, o object) error {
	return s.exec(ctx, "INSERT INTO "+k.table+" (id, owner, tenant, title, text, shared, created, updated_by) VALUES (?,?,?,?,?,?,?,?)",
		o.ID, o.Owner, o.Tenant, o.Title, o.Text, o.Shared, o.Created.UnixMilli(), o.Owner)
}

func (s *store) updateObject(ctx context.Context, k kind, o object, by string) error {
	return s.exec(ctx, "UPDATE "+k.table+" SET title = ?, text = ?, updated_by = ? WHERE id = ?", o.Title, o.Text, by, o.ID)
}

func (s *store) deleteObject(ctx context.Context, k kind, o object) error {
	if err := s.exec(ctx, "DELETE FROM messages WHERE conversation = ?", o.ID); err != nil {
		return err
	}
	if err := s.exec(ctx, "INSERT OR REPLACE INTO deleted (id, owner) VALUES (?,?)", o.ID, o.Owner); err != nil {
		return err
	}
	return s.exec(ctx, "DELETE FROM "+k.table+" WHERE id = ?", o.ID)
}

func (s *store) wasDeleted(ctx context.Context, id string) bool {
	_, err := one(ctx, s, scanText, "SELECT id FROM deleted WHERE id = ?", id)
	return err == nil
}

// message is one in a conversation; the author is "user" or "bot".
type message struct {
	ID, Conversation, Owner, Author, Text string
	Created                               time.Time
}

const (
	byUser = "user"
	byBot  = "bot"
)

func scanMessage(rows *sql.Rows) (message, error) {
	var m message
	var created int64
	err := rows.Scan(&m.ID, &m.Conversation, &m.Owner, &m.Author, &m.Text, &created)
	m.Created = time.UnixMilli(created)
	return m, err
}

func (s *store) messages(ctx context.Context, conversation string) ([]message, error) {
	return all(ctx, s, scanMessage,
		"SELECT id, conversation, owner, author, text, created FROM messages WHERE conversation = ? ORDER BY created, rowid", conversation)
}

// messagesBy are all that an author has said, by conversation: one query, however many conversations there are.
func (s *store) messagesBy(ctx context.Context, author string) (map[string][]message, error) {
	found, err := all(ctx, s, scanMessage,
		"SELECT id, conversation, owner, author, text, created FROM messages WHERE author = ? ORDER BY created, rowid", author)
	if err != nil {
		return nil, err
	}
	of := map[string][]message{}
	for _, m := range found {
		of[m.Conversation] = append(of[m.Conversation], m)
	}
	return of, nil
}

func (s *store) addMessage(ctx context.Context, m message) error {
	return s.exec(ctx, "INSERT INTO messages (id, conversation, owner, author, text, created) VALUES (?,?,?,?,?,?)",
		m.ID, m.Conversation, m.Owner, m.Author, m.Text, m.Created.UnixMilli())
}

// session is a login by cookie, or, without an owner, somebody who has yet to log in. All that came from one login, by
// cookie or by token, carries the same login id and goes with it.
type session struct {
	ID, Owner, Login, CSRF string
	Expires                time.Time
}

func scanSession(rows *sql.Rows) (session, error) {
	var n session
	var expires int64
	err := rows.Scan(&n.ID, &n.Owner, &n.Login, &n.CSRF, &expires)
	n.Expires = time.UnixMilli(expires)
	return n, err
}

func (s *store) session(ctx context.Context, id string) (session, error) {
	return one(ctx, s, scanSession, "SELECT id, owner, login, csrf, expires FROM sessions WHERE id = ?", id)
}

func (s *store) putSession(ctx context.Context, n session) error {
	return s.exec(ctx, "INSERT OR REPLACE INTO sessions (id, owner, login, csrf, expires) VALUES (?,?,?,?,?)",
		n.ID, n.Owner, n.Login, n.CSRF, n.Expires.UnixMilli())
}

func (s *store) dropSession(ctx context.Context, id string) error {
	return s.exec(ctx, "DELETE FROM sessions WHERE id = ?", id)
}

func (s *store) dropLogin(ctx context.Context, login string) error {
	return s.exec(ctx, "DELETE FROM sessions WHERE login = ?", login)
}

func (s *store) revoke(ctx context.Context, login, owner string) error {
	return s.exec(ctx, "INSERT OR REPLACE INTO revoked (login, owner) VALUES (?,?)", login, owner)
}

func (s *store) isRevoked(ctx context.Context, login string) (bool, error) {
	_, err := one(ctx, s, scanText, "SELECT login FROM revoked WHERE login = ?", login)
	if errors.Is(err, errAbsent) {
		return false, nil
	}
	return err == nil, err
}
