// Checks the log part of a proof bundle with the original implementation of signed notes and transparency logs
// (golang.org/x/mod/sumdb/note and tlog): the checkpoint's signature by a delegated log key, and the leaf's inclusion.
//
//	verify BUNDLE
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type envelope struct {
	Payload string `json:"payload"`
}

type bundle struct {
	Delegations []envelope `json:"delegations"`
	Leaf        string     `json:"leaf"`
	Index       int64      `json:"index"`
	TreeSize    int64      `json:"tree_size"`
	Inclusion   []string   `json:"inclusion"`
	Checkpoint  string     `json:"checkpoint"`
}

func refuse(what string, err error) {
	fmt.Fprintf(os.Stderr, "refused: %s: %v\n", what, err)
	os.Exit(1)
}

func decode(what, text string) []byte {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		refuse(what, err)
	}
	return bytes
}

// logKeys gives a verifier for each key the bundle delegates for the log.
func logKeys(b bundle, origin string) []note.Verifier {
	var keys []note.Verifier
	seen := map[string]bool{}
	for _, d := range b.Delegations {
		var record struct {
			Body struct{ Purpose, Key string }
		}
		if err := json.Unmarshal(decode("a delegation", d.Payload), &record); err != nil {
			refuse("a delegation", err)
		}
		if record.Body.Purpose != "log" || seen[record.Body.Key] {
			continue
		}
		seen[record.Body.Key] = true
		key := decode("a key", strings.TrimPrefix(record.Body.Key, "ed25519:"))
		text, err := note.NewEd25519VerifierKey(origin, key)
		if err != nil {
			refuse("a key", err)
		}
		verifier, err := note.NewVerifier(text)
		if err != nil {
			refuse("a key", err)
		}
		keys = append(keys, verifier)
	}
	return keys
}

func main() {
	bytes, err := os.ReadFile(os.Args[1])
	if err != nil {
		refuse("the bundle", err)
	}
	var b bundle
	if err := json.Unmarshal(bytes, &b); err != nil {
		refuse("the bundle", err)
	}
	origin := strings.SplitN(b.Checkpoint, "\n", 2)[0]
	signed, err := note.Open([]byte(b.Checkpoint), note.VerifierList(logKeys(b, origin)...))
	if err != nil {
		refuse("the checkpoint", err)
	}
	lines := strings.Split(signed.Text, "\n")
	var size int64
	if _, err := fmt.Sscanf(lines[1], "%d", &size); err != nil || size != b.TreeSize {
		refuse("the tree's size", fmt.Errorf("%d, not %d", size, b.TreeSize))
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		refuse("the root", err)
	}
	var proof tlog.RecordProof
	for _, text := range b.Inclusion {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			refuse("the proof", err)
		}
		proof = append(proof, hash)
	}
	leaf := tlog.RecordHash(decode("the leaf", b.Leaf))
	if err := tlog.CheckRecord(proof, size, root, b.Index, leaf); err != nil {
		refuse("the inclusion proof", err)
	}
	fmt.Printf("ok: leaf %d of %d in %s\n", b.Index, size, origin)
}
