package oracle

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"

	"spillway.io/tests/differential/cluster"
)

// undecidable says why kube-scheduler's filters alone do not decide about this Pod, or why Spillway cannot know what
// they read; empty when they do and it can.
func (s *session) undecidable(c *cluster.Cluster, pod *v1.Pod) string {
	p := s.profileOf(pod)
	switch {
	case len(pod.Spec.SchedulingGates) > 0:
		return "it has scheduling gates"
	case p == nil:
		return "another scheduler is to place it"
	case p.undecidable != "":
		return p.undecidable
	case len(pod.Spec.ResourceClaims) > 0:
		return "it uses resource claims"
	}
	if len(pod.Spec.TopologySpreadConstraints) == 0 && p.spreadsByDefault() {
		return unknownSelectors(c, pod)
	}
	return ""
}

func (p *profile) spreadsByDefault() bool {
	for _, plugin := range p.config.PluginConfig {
		args, ok := plugin.Args.(*config.PodTopologySpreadArgs)
		if !ok {
			continue
		}
		for _, constraint := range args.DefaultConstraints {
			if constraint.WhenUnsatisfiable == v1.DoNotSchedule {
				return p.runs("PodTopologySpread")
			}
		}
	}
	return false
}

func (p *profile) runs(filter string) bool {
	for _, plugin := range p.framework.ListPlugins().Filter.Enabled {
		if plugin.Name == filter {
			return true
		}
	}
	return false
}

// A snapshot without a single object of a kind is taken for one that was made without it.
func unknownSelectors(c *cluster.Cluster, pod *v1.Pod) string {
	if len(c.Services) == 0 {
		return "there are no services"
	}
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return ""
	}
	switch owner.APIVersion + " " + owner.Kind {
	case "v1 ReplicationController":
		return missing(len(c.Controllers))
	case "apps/v1 ReplicaSet":
		return missing(len(c.ReplicaSets))
	case "apps/v1 StatefulSet":
		return missing(len(c.StatefulSets))
	}
	return ""
}

func missing(count int) string {
	if count == 0 {
		return "there is no object of its owner's kind"
	}
	return ""
}

// askedExtender names an extender that has the last word about nodes that passed all filters.
func (s *session) askedExtender(pod *v1.Pod) string {
	for _, extender := range s.configuration.Extenders {
		if extender.FilterVerb != "" && interested(extender, pod) {
			return extender.URLPrefix
		}
	}
	return ""
}

// interested is HTTPExtender.IsInterested.
func interested(extender config.Extender, pod *v1.Pod) bool {
	if len(extender.ManagedResources) == 0 {
		return true
	}
	for _, containers := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, container := range containers {
			for _, resource := range extender.ManagedResources {
				_, requested := container.Resources.Requests[v1.ResourceName(resource.Name)]
				_, limited := container.Resources.Limits[v1.ResourceName(resource.Name)]
				if requested || limited {
					return true
				}
			}
		}
	}
	return false
}
