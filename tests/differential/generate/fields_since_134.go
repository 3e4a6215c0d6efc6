//go:build !before134

package generate

import v1 "k8s.io/api/core/v1"

const restartAllContainers = v1.ContainerRestartRuleAction("RestartAllContainers")

func (b *builder) restartRules(container *v1.Container) {
	container.RestartPolicy = ptr(v1.ContainerRestartPolicyNever)
	container.RestartPolicyRules = []v1.ContainerRestartRule{{Action: oneOf(b, restartAllContainers, v1.ContainerRestartRuleActionRestart),
		ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}}}}
}
