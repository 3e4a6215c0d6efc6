package generate

import (
	v1 "k8s.io/api/core/v1"
)

var (
	taintKeys   = []string{"spot", "gpu", "node.kubernetes.io/not-ready", "node.kubernetes.io/unschedulable"}
	taintValues = []string{"", "", "yes", "no", "5", "10"}
)

func (b *builder) nodeTaints(node *v1.Node) {
	for _, key := range someOf(b, 2, taintKeys...) {
		node.Spec.Taints = append(node.Spec.Taints, v1.Taint{Key: key, Value: oneOf(b, taintValues...),
			Effect: oneOf(b, v1.TaintEffectNoSchedule, v1.TaintEffectNoSchedule, v1.TaintEffectNoExecute, v1.TaintEffectPreferNoSchedule)})
	}
}

func (b *builder) podTolerations(pod *v1.Pod) {
	for range b.IntN(4) {
		t := v1.Toleration{Key: oneOf(b, taintKeys...), Value: oneOf(b, taintValues...),
			Operator: oneOf(b, "", v1.TolerationOpEqual, v1.TolerationOpExists),
			Effect:   oneOf(b, "", v1.TaintEffectNoSchedule, v1.TaintEffectNoExecute, v1.TaintEffectPreferNoSchedule)}
		if b.chance(12) {
			t.Operator, t.Value = oneOf(b, v1.TolerationOperator("Lt"), v1.TolerationOperator("Gt")), oneOf(b, "7", "3", "x")
		}
		if t.Operator == v1.TolerationOpExists {
			t.Value = ""
			if b.chance(6) {
				t.Key = ""
			}
		}
		if b.chance(4) && t.Effect == v1.TaintEffectNoExecute {
			t.TolerationSeconds = ptr[int64](300)
		}
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, t)
	}
}

func (b *builder) nodeUnschedulable(node *v1.Node) {
	node.Spec.Unschedulable = b.chance(3)
	if node.Spec.Unschedulable && b.chance(2) {
		node.Spec.Taints = append(node.Spec.Taints, v1.Taint{Key: "node.kubernetes.io/unschedulable", Effect: v1.TaintEffectNoSchedule})
	}
}

func (b *builder) podToleratesCordon(pod *v1.Pod) {
	if b.chance(3) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, v1.Toleration{Key: "node.kubernetes.io/unschedulable",
			Operator: oneOf(b, v1.TolerationOpExists, v1.TolerationOpEqual), Effect: oneOf(b, v1.TaintEffectNoSchedule, "", v1.TaintEffectNoExecute)})
	}
}

func (b *builder) podNodeAffinity(pod *v1.Pod) {
	if b.chance(3) {
		pod.Spec.NodeSelector = map[string]string{}
		for range b.IntN(3) {
			b.selectNode(pod.Spec.NodeSelector)
		}
	}
	if b.chance(3) {
		return
	}
	affinity := &v1.NodeAffinity{}
	if !b.chance(8) {
		affinity.RequiredDuringSchedulingIgnoredDuringExecution = b.nodeSelector()
	}
	if b.chance(4) {
		affinity.PreferredDuringSchedulingIgnoredDuringExecution = []v1.PreferredSchedulingTerm{{Weight: 1, Preference: b.nodeTerm()}}
	}
	b.affinity(pod).NodeAffinity = affinity
}

func (b *builder) affinity(pod *v1.Pod) *v1.Affinity {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &v1.Affinity{}
	}
	return pod.Spec.Affinity
}

func (b *builder) selectNode(selector map[string]string) {
	switch b.IntN(3) {
	case 0:
		selector[zone] = oneOf(b, "z1", "z2", "z3")
	case 1:
		selector["disk"] = oneOf(b, "ssd", "")
	case 2:
		selector[hostname] = oneOf(b, b.c.Nodes...).Name
	}
}

func (b *builder) nodeSelector() *v1.NodeSelector {
	selector := &v1.NodeSelector{}
	pinned := b.chance(4) // every term names its nodes: PreFilter narrows to them
	for range 1 + b.IntN(3) {
		term := b.nodeTerm()
		if pinned {
			term.MatchFields = append(term.MatchFields, b.nameField(v1.NodeSelectorOpIn))
			if b.chance(4) {
				term.MatchFields = append(term.MatchFields, b.nameField(v1.NodeSelectorOpIn))
			}
		}
		selector.NodeSelectorTerms = append(selector.NodeSelectorTerms, term)
	}
	return selector
}

func (b *builder) nodeTerm() v1.NodeSelectorTerm {
	term := v1.NodeSelectorTerm{}
	for range b.IntN(3) {
		term.MatchExpressions = append(term.MatchExpressions, b.nodeRequirement())
	}
	if b.chance(6) {
		term.MatchFields = append(term.MatchFields, b.nameField(oneOf(b, v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn)))
	}
	return term
}

func (b *builder) nameField(operator v1.NodeSelectorOperator) v1.NodeSelectorRequirement {
	name := oneOf(b, b.c.Nodes...).Name
	if b.chance(8) {
		name = "gone"
	}
	return v1.NodeSelectorRequirement{Key: "metadata.name", Operator: operator, Values: []string{name}}
}

func (b *builder) nodeRequirement() v1.NodeSelectorRequirement {
	key := oneOf(b, zone, "disk", "size", rack, "missing")
	some := map[string][]string{zone: {"z1", "z2", "z3"}, "disk": {"ssd", "hdd", ""}, "size": {"1", "5", "x"}, rack: {"1", "2"}, "missing": {"a"}}[key]
	r := v1.NodeSelectorRequirement{Key: key, Operator: oneOf(b, v1.NodeSelectorOpIn, v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn,
		v1.NodeSelectorOpExists, v1.NodeSelectorOpDoesNotExist, v1.NodeSelectorOpGt, v1.NodeSelectorOpLt)}
	switch r.Operator {
	case v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn:
		r.Values = append([]string{oneOf(b, some...)}, someOf(b, 2, some...)...)
		if b.chance(40) {
			r.Values = []string{"not a label value!"} // kube-apiserver lets it pass; the term then counts for nothing
		}
	case v1.NodeSelectorOpGt, v1.NodeSelectorOpLt:
		r.Key = oneOf(b, "size", "size", rack)
		r.Values = []string{oneOf(b, "0", "1", "4", "6", "+5", "-4", "007", "9223372036854775807", "x", "1.5", "")}
	}
	return r
}

func (b *builder) podPorts(pod *v1.Pod) {
	port := func() v1.ContainerPort {
		p := v1.ContainerPort{ContainerPort: 8080, HostPort: oneOf[int32](b, 0, 80, 80, 443, 8080),
			Protocol: oneOf(b, v1.ProtocolTCP, v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP, ""),
			HostIP:   oneOf(b, "", "", "0.0.0.0", "127.0.0.1", "10.0.0.1", "::", "::1")}
		return p
	}
	if b.chance(2) {
		for range 1 + b.IntN(2) {
			container := &pod.Spec.Containers[b.IntN(len(pod.Spec.Containers))]
			container.Ports = append(container.Ports, port())
		}
	}
	if b.chance(6) {
		init := v1.Container{Name: "ports", Ports: []v1.ContainerPort{port()}}
		if b.chance(2) {
			init.RestartPolicy = ptr(v1.ContainerRestartPolicyAlways)
		}
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, init)
	}
	if b.chance(10) {
		pod.Spec.HostNetwork = true
		for i := range pod.Spec.Containers {
			for j := range pod.Spec.Containers[i].Ports {
				p := &pod.Spec.Containers[i].Ports[j]
				p.ContainerPort = max(p.HostPort, 1)
				p.HostPort = p.ContainerPort
			}
		}
	}
}

func (b *builder) podNeedsDeclared(pod *v1.Pod) {
	if b.chance(2) {
		pod.Spec.HostNetwork = b.chance(2)
		if b.chance(2) {
			pod.Spec.HostUsers = ptr(b.chance(3))
		}
	}
	if b.chance(3) {
		b.restartRules(&pod.Spec.Containers[0])
	}
}
