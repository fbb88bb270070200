// Checks the log part of a proof bundle with the original implementation of signed notes and transparency logs
// (golang.org/x/mod/sumdb/note and tlog): the checkpoint's signature by a delegated log key, as many cosignatures by other states' witness keys
// as the charter asks for, and the leaf's inclusion. Who gave those keys is not checked.
//
//	verify BUNDLE
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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
	Charters    []envelope `json:"charters"`
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

// witness verifies cosignatures: C2SP tlog-cosignature, version 1.
type witness struct {
	name string
	key  []byte
}

func (w witness) Name() string { return w.name }

func (w witness) KeyHash() uint32 {
	hash := sha256.Sum256(append([]byte(w.name+"\n\x04"), w.key...))
	return binary.BigEndian.Uint32(hash[:])
}

func (w witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

// charter is what the newest charter says of witnesses.
type charter struct {
	Members []struct{ Id, Role string }
	Rules   struct {
		Quorum int `json:"witness_quorum"`
	}
}

func newest(b bundle) charter {
	var record struct{ Body charter }
	if len(b.Charters) == 0 {
		refuse("the charter", fmt.Errorf("none"))
	}
	if err := json.Unmarshal(decode("the charter", b.Charters[len(b.Charters)-1].Payload), &record); err != nil {
		refuse("the charter", err)
	}
	return record.Body
}

func by(name string, signatures []note.Signature) bool {
	for _, signature := range signatures {
		if signature.Name == name {
			return true
		}
	}
	return false
}

// cosigned checks that enough other states have cosigned: the signatures given are those that hold.
func cosigned(c charter, origin string, signatures []note.Signature) int {
	states, found := 0, 0
	owner := origin[strings.LastIndex(origin, "/")+1:]
	for _, member := range c.Members {
		if member.Role != "member-state" || member.Id == owner {
			continue
		}
		states++
		if by(strings.TrimSuffix(origin, owner)+member.Id+"/witness", signatures) {
			found++
		}
	}
	if found < min(c.Rules.Quorum, states) {
		refuse("the cosignatures", fmt.Errorf("%d of %d", found, min(c.Rules.Quorum, states)))
	}
	return found
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// verifiers gives one for each key that the bundle delegates for its log or for a witness.
func verifiers(b bundle, origin string) []note.Verifier {
	var keys []note.Verifier
	seen := map[string]bool{}
	owner := origin[strings.LastIndex(origin, "/")+1:]
	for _, d := range b.Delegations {
		var record struct {
			Issuer string
			Body   struct{ Purpose, Key string }
		}
		if err := json.Unmarshal(decode("a delegation", d.Payload), &record); err != nil {
			refuse("a delegation", err)
		}
		if seen[record.Body.Key] {
			continue
		}
		seen[record.Body.Key] = true
		key := decode("a key", strings.TrimPrefix(record.Body.Key, "ed25519:"))
		if len(key) != ed25519.PublicKeySize {
			refuse("a key", fmt.Errorf("%d bytes", len(key)))
		}
		if record.Body.Purpose == "witness" {
			keys = append(keys, witness{strings.TrimSuffix(origin, owner) + record.Issuer + "/witness", key})
		}
		if record.Body.Purpose != "log" || record.Issuer != owner {
			continue
		}
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
	signed, err := note.Open([]byte(b.Checkpoint), note.VerifierList(verifiers(b, origin)...))
	if err != nil {
		refuse("the checkpoint", err)
	}
	if !by(origin, signed.Sigs) {
		refuse("the checkpoint", fmt.Errorf("no log key signed it"))
	}
	witnesses := cosigned(newest(b), origin, signed.Sigs)
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
	fmt.Printf("ok: leaf %d of %d in %s, cosigned by %d\n", b.Index, size, origin, witnesses)
}
