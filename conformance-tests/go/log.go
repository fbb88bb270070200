// Reads a whole log as anybody can, with the original implementation of signed notes and transparency logs
// (golang.org/x/mod/sumdb/note and tlog): checkpoint, tiles, every entry, inclusion, and that it extends an older checkpoint.
//
//	log URL|DIRECTORY KEYS [OLDER]
//
// KEYS is a file of verifier keys, one a line, got elsewhere than from the log.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func refuse(what string, err error) {
	fmt.Fprintf(os.Stderr, "refused: %s: %v\n", what, err)
	os.Exit(1)
}

// source reads the log's files, over HTTP or from a folder.
type source string

func (s source) read(path string) ([]byte, error) {
	if !strings.HasPrefix(string(s), "http://") {
		return os.ReadFile(string(s) + "/" + path)
	}
	response, err := http.Get(string(s) + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 32<<20))
}

// Height, ReadTiles and SaveTiles make a tlog.TileReader. C2SP leaves the tiles' height, always 8, out of their names.
func (s source) Height() int { return 8 }

func (s source) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		bytes, err := s.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func (s source) SaveTiles([]tlog.Tile, [][]byte) {}

func open(text []byte, keys note.Verifiers) tlog.Tree {
	signed, err := note.Open(text, keys)
	if err != nil {
		refuse("a checkpoint", err)
	}
	lines := strings.Split(signed.Text, "\n")
	var tree tlog.Tree
	if _, err := fmt.Sscanf(lines[1], "%d", &tree.N); err != nil {
		refuse("a size", err)
	}
	if tree.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		refuse("a root", err)
	}
	return tree
}

// entries reads one bundle: each entry after its length in two bytes.
func entries(s source, index int64, width int64) ([][]byte, error) {
	path := strings.Replace(tlog.Tile{H: 8, L: -1, N: index, W: int(width)}.Path(), "tile/8/data/", "tile/entries/", 1)
	data, err := s.read(path)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s is cut short", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		list, data = append(list, data[2:end]), data[end:]
	}
	if int64(len(list)) != width {
		return nil, fmt.Errorf("%s has %d entries, not %d", path, len(list), width)
	}
	return list, nil
}

func main() {
	s := source(os.Args[1])
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		refuse("the keys", err)
	}
	var verifiers []note.Verifier
	for _, line := range strings.Fields(string(text)) {
		verifier, err := note.NewVerifier(line)
		if err != nil {
			refuse("a key", err)
		}
		verifiers = append(verifiers, verifier)
	}
	keys := note.VerifierList(verifiers...)
	checkpoint, err := s.read("checkpoint")
	if err != nil {
		refuse("the checkpoint", err)
	}
	tree := open(checkpoint, keys)
	// Every hash that this reader gives has been checked against the root.
	reader := tlog.TileHashReader(tree, s)
	for first := int64(0); first < tree.N; first += 256 {
		width := tree.N - first
		if width > 256 {
			width = 256
		}
		list, err := entries(s, first/256, width)
		if err != nil {
			refuse("entries", err)
		}
		for i, entry := range list {
			n := first + int64(i)
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
			if err != nil {
				refuse(fmt.Sprintf("the tiles at entry %d", n), err)
			}
			if tlog.RecordHash(entry) != hashes[0] {
				refuse(fmt.Sprintf("entry %d", n), fmt.Errorf("it is not the one in the tree"))
			}
			proof, err := tlog.ProveRecord(tree.N, n, reader)
			if err != nil {
				refuse("an inclusion proof", err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(entry)); err != nil {
				refuse("an inclusion proof", err)
			}
		}
	}
	if len(os.Args) > 3 {
		older, err := os.ReadFile(os.Args[3])
		if err != nil {
			refuse("the older checkpoint", err)
		}
		old := open(older, keys)
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		if err != nil {
			refuse("the consistency proof", err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			refuse("the consistency proof", err)
		}
	}
	fmt.Printf("ok: %d entries\n", tree.N)
}
