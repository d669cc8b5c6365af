// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Row is one row of a table: a column's name and its value as text. The column owner, where there is one, names the user
// who made the row, and updated_by the one who changed it last.
type Row map[string]string

// Snapshot is all that the app has stored: table, primary key, row. Parts of a key are joined by "/".
type Snapshot map[string]map[string]Row

// Snapshot reads everything, so that a test can compare what was there before with what is there after.
func (a *App) Snapshot(ctx context.Context) (Snapshot, error) {
	tables, err := all(ctx, a.store, scanText, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
	if err != nil {
		return nil, err
	}
	s := Snapshot{}
	for _, table := range tables {
		key, err := all(ctx, a.store, scanText, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", table)
		if err != nil {
			return nil, err
		}
		rows, err := all(ctx, a.store, scanRow, "SELECT * FROM "+table)
		if err != nil {
			return nil, err
		}
		s[table] = map[string]Row{}
		for _, row := range rows {
			parts := make([]string, len(key))
			for i, column := range key {
				parts[i] = row[column]
			}
			s[table][strings.Join(parts, "/")] = row
		}
	}
	return s, nil
}

// Change is a row that is new (no Before), gone (no After) or different.
type Change struct {
	Table, Key    string
	Before, After Row
}

// Owner is the id of the user who made the row; an account is its own. It is empty for rows that nobody made.
func (c Change) Owner() string {
	row := c.After
	if row == nil {
		row = c.Before
	}
	if c.Table == "users" {
		return row["id"]
	}
	return row["owner"]
}

// Changes are those from one snapshot to a later one, by table and key.
func (s Snapshot) Changes(later Snapshot) []Change {
	var found []Change
	for table, rows := range later {
		for key, after := range rows {
			if before := s[table][key]; !maps.Equal(before, after) {
				found = append(found, Change{Table: table, Key: key, Before: before, After: after})
			}
		}
	}
	for table, rows := range s {
		for key, before := range rows {
			if later[table][key] == nil {
				found = append(found, Change{Table: table, Key: key, Before: before})
			}
		}
	}
	slices.SortFunc(found, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Key, b.Key))
	})
	return found
}

func scanRow(rows *sql.Rows) (Row, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	if err := rows.Scan(places...); err != nil {
		return nil, err
	}
	row := Row{}
	for i, column := range columns {
		row[column] = fmt.Sprint(values[i])
	}
	return row, nil
}
