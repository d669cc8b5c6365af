// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"strings"
	"testing"
)

// ordinary is a reply as assistants give them: prose, a list, code, a link and a hash, 2 KB.
const ordinary = `Sure, I can help you with that! Here's how to return an item that you bought from our shop, step by step:

1. **Open your orders.** Go to [Your account](https://shop.example.com/account/orders?tab=recent) and pick the order.
2. **Choose the items.** Tick each item that you want to send back, and tell us why. It's fine to pick "I changed my mind".
3. **Print the label.** We'll e-mail you a label for the parcel; it is valid for 14 days.

> Note: sale items can be exchanged, but they can't be refunded after 30 days. That doesn't affect your statutory rights.

If you'd rather do it from your own program, the same is possible through the API. For example:

` + "```python" + `
import requests

def return_item(order_id: str, item_ids: list[str], reason: str = "changed_mind") -> dict:
    """Open a return for some items of an order."""
    response = requests.post(
        f"https://api.shop.example.com/v2/orders/{order_id}/returns",
        json={"items": item_ids, "reason": reason},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    )
    response.raise_for_status()
    return response.json()
` + "```" + `

A few things that are good to know about refunds:

- The money goes back to the card or account that you paid with, usually within 3 to 5 working days of the parcel's arrival.
- Shipping costs are refunded if you return the whole order; otherwise they are not, unless something was wrong with an item.
- For orders above 250 euros we ask you to insure the parcel. Keep the receipt until the refund is there.
- You can follow the state of your return under the same link; it goes from "announced" to "arrived", then "checked" and "paid".

The version that's live right now is 2.14.3 (commit 9f8e7d6c5b4a39281706f5e4d3c2b1a098765432), in case support asks you for it.

Is there anything else that I can do for you today? If the label doesn't show up in your inbox within a few minutes, have a look at the
spam folder first, then tell me the number of the order, and I'll have a look at it together with my colleagues. Have a lovely day!
`

func eight() []Canary {
	var cs []Canary
	for _, site := range strings.Split("abcdefgh", "") {
		cs = append(cs, From(site, []byte("0123456789abcdef")))
	}
	return cs
}

// german and japanese are replies in other scripts, 0.5 KB each.
const (
	german = `Gerne helfe ich Ihnen dabei! Für die Rückgabe öffnen Sie bitte zunächst Ihre Bestellübersicht, wählen die gewünschten Artikel aus und
geben den Grund an – „gefällt mir nicht“ genügt völlig. Anschließend können Sie das Etikett ausdrucken; es ist vierzehn Tage gültig. Die Erstattung
erfolgt üblicherweise innerhalb von drei bis fünf Werktagen, nachdem das Päckchen bei uns eingetroffen ist. Größere Geräte holen wir natürlich ab.
Möchten Sie, dass ich Ihnen den Vorgang für Ihre letzte Bestellung vorbereite?
`
	japanese = `ご返品の手順についてご案内いたします。まず「注文履歴」を開き、返品したい商品を選択してください。次に返品理由を選び、ラベルを印刷して箱に貼ってください。
ラベルの有効期限は14日間です。返金は、商品が到着してから通常3〜5営業日以内に、お支払いに使用されたカードまたは口座へ行われます。ほかにご不明な点がございましたら、お気軽にお尋ねください。
`
)

func BenchmarkFindOrdinary(b *testing.B) {
	m := NewMatcher(eight())
	for _, test := range []struct{ name, text string }{
		{"english", ordinary},
		{"typographic", strings.NewReplacer("'", "’", " - ", " — ", "...", "…").Replace(ordinary)},
		{"german", german},
		{"japanese", japanese},
	} {
		b.Run(test.name, func(b *testing.B) {
			text := []byte(test.text)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if hits := m.Find(text); len(hits) > 0 {
					b.Fatal(hits)
				}
			}
		})
	}
}

func BenchmarkNewMatcher(b *testing.B) {
	for b.Loop() {
		NewMatcher(eight())
	}
}
