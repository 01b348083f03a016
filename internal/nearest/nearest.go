// Package nearest guesses which word was meant, for the error about one that
// does not exist.
package nearest

// Word is the word of known that was probably meant, or "" if none is near: a
// letter may be wrong, missing or too many, and one more for every three.
func Word(word string, known []string) string {
	best, distance := "", 1+len(word)/3
	for _, k := range known {
		if d := Distance(word, k); d <= distance && (best == "" || d < Distance(word, best)) {
			best = k
		}
	}
	return best
}

// longest bounds what is compared, in bytes: no known word is as long.
const longest = 64

// Distance counts the insertions, deletions and replacements between two words
// (Levenshtein). A word that is very long is far from every other.
func Distance(a, b string) int {
	if len(a) > longest {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
