// Package history gives a cluster a past: objects arrive in any order, some of them first as they were before.
package history

import (
	"encoding/json"
	"math/rand/v2"
)

type object = map[string]json.RawMessage

// Of makes the List of a history that ends with `list`; the same for the same seed and index.
func Of(seed, index uint64, list []byte) ([]byte, error) {
	random := rand.New(rand.NewPCG(seed, index))
	var top object
	var items []json.RawMessage
	if err := json.Unmarshal(list, &top); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(top["items"], &items); err != nil {
		return nil, err
	}
	objects := make([]object, len(items))
	alike := map[string][]object{}
	for i, raw := range items {
		if err := json.Unmarshal(raw, &objects[i]); err != nil {
			return nil, err
		}
		kind := string(objects[i]["kind"])
		alike[kind] = append(alike[kind], objects[i])
	}

	var configuration, last, history []object
	for _, each := range objects {
		if string(each["kind"]) == `"KubeSchedulerConfiguration"` {
			configuration = append(configuration, each) // comes before all else
		} else {
			last = append(last, each)
		}
	}
	random.Shuffle(len(last), func(i, j int) { last[i], last[j] = last[j], last[i] })
	for _, each := range last {
		history = append(history, each)
		if random.IntN(3) != 0 {
			continue
		}
		others := alike[string(each["kind"])]
		before, err := inPlaceOf(each, others[random.IntN(len(others))])
		if err != nil {
			return nil, err
		}
		at := random.IntN(len(history))
		history = append(history[:at], append([]object{before}, history[at:]...)...)
	}
	var err error
	if top["items"], err = json.Marshal(append(configuration, history...)); err != nil {
		return nil, err
	}
	return json.Marshal(top)
}

// inPlaceOf is `other` under the identity of `each`.
func inPlaceOf(each, other object) (object, error) {
	before := object{}
	for key, value := range other {
		before[key] = value
	}
	var identity, metadata object
	if err := json.Unmarshal(each["metadata"], &identity); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(other["metadata"], &metadata); err != nil {
		return nil, err
	}
	for _, key := range []string{"name", "namespace", "uid"} {
		delete(metadata, key)
		if value, ok := identity[key]; ok {
			metadata[key] = value
		}
	}
	var err error
	before["metadata"], err = json.Marshal(metadata)
	return before, err
}
