// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

// longestPiece of hexadecimal digits is half of a canary: it is found as it is.
const longestPiece = 16

// pieces looks for a canary's digits in words that have no others, whatever stands between: "Part 1 is 45db9b9c, part 2 is dc1125b3". Words of
// one length are one reading, for years and small numbers are of another; and the last piece may stand first. Each word is read in three
// readings at most.
func (f *finder) pieces(r *streams, via []string) {
	least := decodedNeed().hex
	if len(r.pieces) < least {
		return
	}
	f.stream(f.straight, r.pieces, 0, 1, decodedNeed(), via, "pieces")
	var total [longestPiece + 1]int
	for _, length := range r.lengths {
		if length <= longestPiece {
			total[length] += length
		}
	}
	for length, all := range total {
		if all < least || !f.spend(len(r.lengths)) {
			continue
		}
		same := make([]byte, 0, all)
		at := 0
		for _, n := range r.lengths {
			if n == length {
				same = append(same, r.pieces[at:at+n]...)
			}
			at += n
		}
		f.stream(f.straight, same, 0, 1, decodedNeed(), via, "pieces")
		backwards := make([]byte, 0, all)
		for end := len(same); end > 0; end -= length {
			backwards = append(backwards, same[end-length:end]...)
		}
		f.stream(f.straight, backwards, 0, 1, decodedNeed(), via, "pieces, the last first")
	}
}
