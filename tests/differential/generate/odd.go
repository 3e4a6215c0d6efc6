package generate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// OddQuantities rewrites some quantities of a List in other notations, which kube-apiserver would have brought into
// canonical form but people's files and other programs have not.
func OddQuantities(seed, index uint64, list []byte) ([]byte, error) {
	b := &builder{Rand: rand.New(rand.NewPCG(seed, ^index))}
	if !b.chance(3) {
		return list, nil
	}
	var root any
	if err := json.Unmarshal(list, &root); err != nil {
		return nil, err
	}
	b.rewrite(root)
	return json.Marshal(root)
}

func (b *builder) rewrite(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			amounts, ok := value[key].(map[string]any)
			if ok && slices.Contains([]string{"requests", "allocatable", "allocatedResources", "overhead"}, key) {
				for _, name := range sortedKeys(amounts) {
					if text, ok := amounts[name].(string); ok && b.chance(2) {
						amounts[name] = b.odd(name, text)
					}
				}
			}
			b.rewrite(value[key])
		}
	case []any:
		for _, inner := range value {
			b.rewrite(inner)
		}
	}
}

func (b *builder) odd(name, text string) any {
	switch name {
	case "cpu":
		return oneOf[any](b, "0.1", "1e-1", ".5", "1.", "+1", "0.0001", "1E0", "1500.5m", "1u", "0.0000000001", 1, 2, "1001u")
	case "memory", "ephemeral-storage":
		return oneOf[any](b, "1e9", "1E9", "1.5Gi", "1023.9Mi", "0.000001Ki", "1073741824", "1k", "1.1", ".5Gi", "1G", "1Pi", "9000T", 1000000000)
	}
	if b.chance(2) && strings.Trim(text, "0123456789") == "" {
		return text + oneOf(b, "e0", ".0", "000m")
	}
	return text
}

func sortedKeys(object map[string]any) []string {
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Choose reads a list of features: "ports,taints", or "-claims" for all but those.
func Choose(text string) ([]string, error) {
	all := Features()
	without := strings.HasPrefix(text, "-")
	named := strings.Split(strings.TrimPrefix(text, "-"), ",")
	for _, name := range named {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no feature %q; there are %s", name, strings.Join(all, ", "))
		}
	}
	if !without {
		return named, nil
	}
	return slices.DeleteFunc(all, func(name string) bool { return slices.Contains(named, name) }), nil
}
