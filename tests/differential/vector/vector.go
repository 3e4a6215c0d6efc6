// Package vector is the format of tests/vectors.
package vector

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"spillway.io/tests/differential/verdict"
)

// Vector is a cluster and what kube-scheduler says of it.
type Vector struct {
	Name       string          `json:"name"`
	About      string          `json:"about,omitempty"`
	Kubernetes []string        `json:"kubernetes"` // versions that say so
	Snapshot   json.RawMessage `json:"snapshot"`
	Expected   verdict.Answer  `json:"expected"`
}

// Line writes a vector on one line.
func Line(out io.Writer, v Vector) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// Write keeps a vector in a file of its own and returns its path.
func Write(directory string, v Vector) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(v); err != nil {
		return "", err
	}
	path := filepath.Join(directory, v.Name+".json")
	return path, os.WriteFile(path, out.Bytes(), 0o644)
}
