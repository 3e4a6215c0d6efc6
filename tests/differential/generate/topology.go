package generate

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (b *builder) topologyKey() string {
	return oneOf(b, zone, zone, hostname, hostname, rack, "missing")
}

// A selector over Pods' labels; nil matches nothing, the empty one everything.
func (b *builder) podSelector() *metav1.LabelSelector {
	if b.chance(12) {
		return nil
	}
	selector := &metav1.LabelSelector{}
	if b.chance(12) {
		return selector
	}
	if b.chance(2) {
		selector.MatchLabels = map[string]string{"app": oneOf(b, "web", "db", "cache")}
		if b.chance(5) {
			selector.MatchLabels["tier"] = oneOf(b, "front", "back")
		}
	} else {
		selector.MatchExpressions = append(selector.MatchExpressions, b.labelRequirement(
			oneOf(b, "app", "tier", "rev", "missing"), "web", "db", "front", "1", ""))
		if b.chance(4) {
			selector.MatchExpressions = append(selector.MatchExpressions, b.labelRequirement("app", "web", "cache"))
		}
	}
	return selector
}

func (b *builder) labelRequirement(key string, some ...string) metav1.LabelSelectorRequirement {
	r := metav1.LabelSelectorRequirement{Key: key, Operator: oneOf(b, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn,
		metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
	if r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpNotIn {
		r.Values = append([]string{oneOf(b, some...)}, someOf(b, 2, some...)...)
	}
	return r
}

func (b *builder) podInterPodAffinity(pod *v1.Pod) {
	if b.chance(2) {
		return
	}
	affinity := b.affinity(pod)
	if b.chance(2) {
		affinity.PodAffinity = &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: b.affinityTerms()}
	}
	if b.chance(2) {
		affinity.PodAntiAffinity = &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: b.affinityTerms()}
	}
	if b.chance(4) { // only a wish: must not fail anybody
		affinity.PodAntiAffinity = &v1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{
			{Weight: 5, PodAffinityTerm: b.affinityTerm()}}}
	}
}

func (b *builder) affinityTerms() []v1.PodAffinityTerm {
	terms := []v1.PodAffinityTerm{b.affinityTerm()}
	if b.chance(4) {
		terms = append(terms, b.affinityTerm())
	}
	return terms
}

func (b *builder) affinityTerm() v1.PodAffinityTerm {
	term := v1.PodAffinityTerm{TopologyKey: b.topologyKey(), LabelSelector: b.podSelector()}
	if b.chance(4) {
		term.Namespaces = someOf(b, 2, namespaceNames...)
	}
	if b.chance(3) {
		selector := &metav1.LabelSelector{}
		switch b.IntN(4) {
		case 0:
		case 1:
			selector.MatchLabels = map[string]string{"team": oneOf(b, "a", "b")}
		default:
			selector.MatchExpressions = []metav1.LabelSelectorRequirement{b.labelRequirement(oneOf(b, "team", "env", "kubernetes.io/metadata.name"),
				"a", "b", "prod", "default", "team-a")}
		}
		term.NamespaceSelector = selector
	}
	return term
}

func (b *builder) podSpread(pod *v1.Pod) {
	if b.chance(3) {
		return
	}
	var seen []string
	for range 1 + b.IntN(3) {
		c := v1.TopologySpreadConstraint{MaxSkew: oneOf[int32](b, 1, 1, 2, 3), TopologyKey: b.topologyKey(),
			WhenUnsatisfiable: oneOf(b, v1.DoNotSchedule, v1.DoNotSchedule, v1.DoNotSchedule, v1.ScheduleAnyway), LabelSelector: b.podSelector()}
		pair := c.TopologyKey + string(c.WhenUnsatisfiable) // kube-apiserver wants these different
		if slices.Contains(seen, pair) {
			continue
		}
		seen = append(seen, pair)
		if b.chance(3) && c.WhenUnsatisfiable == v1.DoNotSchedule {
			c.MinDomains = ptr(oneOf[int32](b, 1, 2, 3, 4))
		}
		if b.chance(2) {
			c.NodeAffinityPolicy = ptr(oneOf(b, v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore))
		}
		if b.chance(2) {
			c.NodeTaintsPolicy = ptr(oneOf(b, v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore))
		}
		if b.chance(4) && c.LabelSelector != nil {
			c.MatchLabelKeys = someOf(b, 2, "rev", "tier", "missing")
		}
		pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, c)
	}
}
