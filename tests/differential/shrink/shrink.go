// Package shrink makes a List smaller as long as it shows the same thing.
package shrink

import (
	"encoding/json"
	"slices"
	"sort"
)

// What kube-apiserver would not accept an object without, or what gives a field its meaning.
var kept = []string{"apiVersion", "kind", "metadata", "name", "namespace", "uid", "spec", "key", "operator", "topologyKey", "maxSkew",
	"whenUnsatisfiable", "effect", "pods", "weight", "containerPort", "preference", "nodeSelectorTerms", "action", "driver",
	"volumeHandle", "attacher", "nodeName", "source", "pdName", "volumeID", "monitors", "image", "iqn", "provisioner",
	"volumeBindingMode", "claimName", "requiredDuringSchedulingIgnoredDuringExecution", "capacity", "accessModes", "drivers", "nodeID"}

// List drops objects, then elements and fields, one after the other, until nothing more can go. `shows` says whether a
// candidate still shows what the List does.
func List(list []byte, shows func([]byte) bool) []byte {
	var root map[string]any
	if json.Unmarshal(list, &root) != nil {
		return list
	}
	try := func() bool {
		candidate, err := json.Marshal(root)
		return err == nil && shows(candidate)
	}
	for smaller := true; smaller; {
		smaller = items(root, try)
		for _, item := range root["items"].([]any) {
			if fields(item, try) {
				smaller = true
			}
		}
	}
	small, err := json.Marshal(root)
	if err != nil {
		return list
	}
	return small
}

func items(root map[string]any, try func() bool) bool {
	smaller := false
	all := root["items"].([]any)
	for size := len(all) / 2; size >= 1; size /= 2 {
		for i := 0; i+size <= len(all); {
			fewer := slices.Concat(all[:i], all[i+size:])
			root["items"] = fewer
			if try() {
				all = fewer
				smaller = true
			} else {
				i += size
			}
		}
	}
	root["items"] = all
	return smaller
}

// fields drops what it can of one value's insides.
func fields(value any, try func() bool) bool {
	smaller := false
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	for _, key := range sorted(object) {
		inner := object[key]
		if !slices.Contains(kept, key) {
			delete(object, key)
			if try() {
				smaller = true
				continue
			}
			object[key] = inner
		}
		switch inner := inner.(type) {
		case map[string]any:
			smaller = fields(inner, try) || smaller
		case []any:
			smaller = elements(object, key, inner, try) || smaller
		}
	}
	return smaller
}

func elements(object map[string]any, key string, list []any, try func() bool) bool {
	smaller := false
	for i := 0; i < len(list); {
		fewer := slices.Concat(list[:i], list[i+1:])
		object[key] = fewer
		if len(fewer) > 0 && try() {
			list, smaller = fewer, true
			continue
		}
		object[key] = list
		smaller = fields(list[i], try) || smaller
		i++
	}
	object[key] = list
	return smaller
}

func sorted(object map[string]any) []string {
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
