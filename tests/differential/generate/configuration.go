package generate

import (
	"encoding/json"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

var configurationType = struct{ apiVersion, kind string }{"kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration"}

// Plugins that filter, in the default order.
var filterPlugins = []string{"NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit",
	"VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone", "PodTopologySpread", "InterPodAffinity", "DynamicResources"}

// Those that also pre-filter.
var preFilterPlugins = slices.DeleteFunc(slices.Clone(filterPlugins), func(name string) bool {
	return name == "NodeUnschedulable" || name == "NodeName" || name == "TaintToleration"
})

// configure gives kube-scheduler a configuration of its own.
func (b *builder) configure() {
	configuration := schedulerv1.KubeSchedulerConfiguration{}
	for _, name := range [][]string{{v1.DefaultSchedulerName}, {v1.DefaultSchedulerName, "batch"}, {"batch"}, {"batch", "spread", v1.DefaultSchedulerName}}[b.IntN(4)] {
		b.schedulerNames = append(b.schedulerNames, name)
		configuration.Profiles = append(configuration.Profiles, b.profile(name))
	}
	if b.chance(6) {
		configuration.Extenders = append(configuration.Extenders, b.extender())
	}
	b.c.Configuration = b.encodeConfiguration(configuration)
}

// podScheduler lets the Pod name one of the profiles, or none of them.
func (b *builder) podScheduler(pod *v1.Pod) {
	if b.chance(20) {
		pod.Spec.SchedulerName = "unheard-of"
	} else if !b.chance(4) || !slices.Contains(b.schedulerNames, v1.DefaultSchedulerName) {
		pod.Spec.SchedulerName = oneOf(b, b.schedulerNames...)
	}
}

func (b *builder) profile(name string) schedulerv1.KubeSchedulerProfile {
	profile := schedulerv1.KubeSchedulerProfile{SchedulerName: ptr(name)}
	if b.chance(2) {
		profile.Plugins = b.plugins()
	}
	if b.chance(3) {
		profile.PluginConfig = append(profile.PluginConfig, args("NodeAffinity", schedulerv1.NodeAffinityArgs{AddedAffinity: b.addedAffinity()}))
	}
	if b.chance(3) {
		profile.PluginConfig = append(profile.PluginConfig, args("NodeResourcesFit", schedulerv1.NodeResourcesFitArgs{
			IgnoredResources:      someOf(b, 2, "example.com/gpu", "example.com/fpga", "hugepages-2Mi", "cpu"),
			IgnoredResourceGroups: someOf(b, 1, "example.com", "kubernetes.io")}))
	}
	if b.chance(3) {
		profile.PluginConfig = append(profile.PluginConfig, args("PodTopologySpread", b.spreadArgs()))
	}
	if b.chance(8) {
		profile.PluginConfig = append(profile.PluginConfig, args("InterPodAffinity", schedulerv1.InterPodAffinityArgs{IgnorePreferredTermsOfExistingPods: true}))
	}
	return profile
}

func (b *builder) spreadArgs() schedulerv1.PodTopologySpreadArgs {
	if b.chance(6) {
		return schedulerv1.PodTopologySpreadArgs{DefaultingType: schedulerv1.SystemDefaulting}
	}
	spread := schedulerv1.PodTopologySpreadArgs{DefaultingType: schedulerv1.ListDefaulting}
	pod := v1.Pod{}
	b.podSpread(&pod)
	for _, constraint := range pod.Spec.TopologySpreadConstraints {
		constraint.LabelSelector = nil // derived from what selects the Pod
		if b.chance(8) {
			constraint.MatchLabelKeys = []string{"rev"}
		}
		spread.DefaultConstraints = append(spread.DefaultConstraints, constraint)
	}
	return spread
}

func (b *builder) extender() schedulerv1.Extender {
	extender := schedulerv1.Extender{URLPrefix: "https://extender.example", Ignorable: b.chance(3)}
	if !b.chance(4) {
		extender.FilterVerb = "filter"
	}
	if b.chance(2) {
		extender.BindVerb = "bind"
	}
	for _, name := range someOf(b, 2, "example.com/gpu", "example.com/fpga") {
		extender.ManagedResources = append(extender.ManagedResources, schedulerv1.ExtenderManagedResource{Name: name, IgnoredByScheduler: b.chance(2)})
	}
	return extender
}

func (b *builder) addedAffinity() *v1.NodeAffinity {
	affinity := &v1.NodeAffinity{}
	if !b.chance(6) {
		affinity.RequiredDuringSchedulingIgnoredDuringExecution = b.validNodeSelector()
	}
	if b.chance(6) {
		affinity.PreferredDuringSchedulingIgnoredDuringExecution = []v1.PreferredSchedulingTerm{
			{Weight: 1, Preference: v1.NodeSelectorTerm{MatchExpressions: []v1.NodeSelectorRequirement{{Key: "disk", Operator: v1.NodeSelectorOpExists}}}}}
	}
	return affinity
}

// A selector that kube-scheduler accepts in its configuration; those of Pods may be broken.
func (b *builder) validNodeSelector() *v1.NodeSelector {
	selector := &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{}}
	for range b.IntN(10)/4 + b.IntN(2) {
		term := v1.NodeSelectorTerm{}
		if !b.chance(10) {
			term.MatchExpressions = append(term.MatchExpressions, b.validRequirement())
		}
		if b.chance(4) {
			term.MatchExpressions = append(term.MatchExpressions, b.validRequirement())
		}
		if b.chance(8) {
			term.MatchFields = append(term.MatchFields, v1.NodeSelectorRequirement{Key: "metadata.name",
				Operator: oneOf(b, v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn), Values: []string{oneOf(b, "n1", "n2", "n3")}})
		}
		selector.NodeSelectorTerms = append(selector.NodeSelectorTerms, term)
	}
	return selector
}

func (b *builder) validRequirement() v1.NodeSelectorRequirement {
	key := oneOf(b, zone, rack, "disk", "type", "missing")
	switch b.IntN(6) {
	case 0:
		return v1.NodeSelectorRequirement{Key: key, Operator: v1.NodeSelectorOpExists}
	case 1:
		return v1.NodeSelectorRequirement{Key: key, Operator: v1.NodeSelectorOpDoesNotExist}
	case 2:
		return v1.NodeSelectorRequirement{Key: "size", Operator: oneOf(b, v1.NodeSelectorOpGt, v1.NodeSelectorOpLt), Values: []string{oneOf(b, "1", "5", "07")}}
	default:
		return v1.NodeSelectorRequirement{Key: key, Operator: oneOf(b, v1.NodeSelectorOpIn, v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn),
			Values: append([]string{oneOf(b, "z1", "z2", "1", "ssd", "virtual-kubelet")}, someOf(b, 2, "z3", "2", "hdd", "")...)}
	}
}

// plugins turns some off and puts others first.
func (b *builder) plugins() *schedulerv1.Plugins {
	plugins := &schedulerv1.Plugins{}
	switch b.IntN(8) {
	case 0:
		plugins.MultiPoint.Disabled = named("*")
		plugins.MultiPoint.Enabled = named(append([]string{"PrioritySort", "DefaultBinder"}, b.shuffled(filterPlugins...)...)...)
	case 1, 2, 3:
		plugins.MultiPoint.Disabled = named(someOf(b, 3, filterPlugins...)...)
	}
	switch b.IntN(8) {
	case 0:
		plugins.Filter.Disabled = named("*")
		plugins.Filter.Enabled = named(b.shuffled(filterPlugins...)...)
	case 1, 2, 3:
		plugins.Filter.Disabled = named(someOf(b, 2, filterPlugins...)...)
		plugins.Filter.Enabled = named(someOf(b, 2, filterPlugins...)...)
	}
	switch b.IntN(16) {
	case 0:
		plugins.PreFilter.Disabled = named(someOf(b, 2, preFilterPlugins...)...)
	case 1:
		plugins.PreFilter.Enabled = named(b.shuffled(preFilterPlugins...)...)
	case 2:
		plugins.PreFilter.Disabled = named("NodeAffinity")
	case 3:
		oneOf(b, &plugins.PreEnqueue, &plugins.Filter, &plugins.MultiPoint).Enabled = named("Coscheduling")
	}
	if b.chance(4) {
		plugins.Score.Disabled = named("*")
	}
	return plugins
}

// shuffled gives most of the names in any order.
func (b *builder) shuffled(names ...string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(string) bool { return b.chance(5) })
	b.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

func named(names ...string) []schedulerv1.Plugin {
	var plugins []schedulerv1.Plugin
	for _, name := range names {
		plugins = append(plugins, schedulerv1.Plugin{Name: name})
	}
	return plugins
}

func args(plugin string, values any) schedulerv1.PluginConfig {
	return schedulerv1.PluginConfig{Name: plugin, Args: runtime.RawExtension{Raw: mustEncode(values)}}
}

func mustEncode(value any) json.RawMessage {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // a Go value that was just made
	}
	return data
}

// encodeConfiguration leaves out what an administrator would not write.
func (b *builder) encodeConfiguration(configuration schedulerv1.KubeSchedulerConfiguration) json.RawMessage {
	var generic map[string]any
	if err := json.Unmarshal(mustEncode(configuration), &generic); err != nil {
		panic(err)
	}
	delete(generic, "leaderElection")
	delete(generic, "clientConnection")
	for _, profile := range generic["profiles"].([]any) {
		plugins, _ := profile.(map[string]any)["plugins"].(map[string]any)
		for point, set := range plugins {
			if len(set.(map[string]any)) == 0 {
				delete(plugins, point)
			}
		}
	}
	generic["apiVersion"], generic["kind"] = configurationType.apiVersion, configurationType.kind
	return mustEncode(generic)
}
