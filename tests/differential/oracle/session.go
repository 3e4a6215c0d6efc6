package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"spillway.io/tests/differential/cluster"
)

// session is kube-scheduler with one configuration: a framework a profile, on whatever cluster it is asked about.
type session struct {
	configuration *config.KubeSchedulerConfiguration
	profiles      map[string]*profile
	listers       *listers
	nominator     *nominator
	shared        *sharedLister
	end           context.CancelFunc
}

type profile struct {
	framework   framework.Framework
	undecidable string // why Spillway does not judge its Pods
	config      *config.KubeSchedulerProfile
}

// sharedLister lets one framework, expensive to build, look at one snapshot after the other.
type sharedLister struct{ *snapshot }

func newSession(ctx context.Context, raw json.RawMessage) (*session, error) {
	configuration, err := load(raw)
	if err != nil {
		return nil, fmt.Errorf("KubeSchedulerConfiguration: %w", err)
	}
	ignoreWhatExtendersManage(configuration)
	ctx, end := context.WithCancel(ctx)
	s := &session{configuration: configuration, profiles: map[string]*profile{}, listers: newListers(), nominator: &nominator{},
		shared: &sharedLister{newSnapshot(nil, nil)}, end: end}
	options, err := versionOptions(ctx, s.listers.factory)
	if err != nil {
		end()
		return nil, err
	}
	options = append(options,
		frameworkruntime.WithClientSet(s.listers.client),
		frameworkruntime.WithInformerFactory(s.listers.factory),
		frameworkruntime.WithSnapshotSharedLister(s.shared),
		frameworkruntime.WithPodNominator(s.nominator),
		frameworkruntime.WithParallelism(1),
		frameworkruntime.WithLogger(klog.Background()),
	)
	for i := range configuration.Profiles {
		given := &configuration.Profiles[i]
		p := &profile{config: given, undecidable: foreignPlugin(given)}
		s.profiles[given.SchedulerName] = p
		if p.undecidable != "" {
			continue // kube-scheduler's binary does not have it either
		}
		p.framework, err = frameworkruntime.NewFramework(ctx, plugins.NewInTreeRegistry(), given, options...)
		if err != nil {
			end()
			return nil, fmt.Errorf("profile %s: %w", given.SchedulerName, err)
		}
		p.undecidable = missingPreFilter(p.framework.ListPlugins())
	}
	return s, nil
}

// load is loadConfig of k8s.io/kubernetes/cmd/kube-scheduler/app/options.
func load(raw json.RawMessage) (*config.KubeSchedulerConfiguration, error) {
	if raw == nil {
		return latest.Default()
	}
	object, version, err := scheme.Codecs.UniversalDecoder().Decode(raw, nil, nil)
	if err != nil {
		return nil, err
	}
	configuration, ok := object.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("a %s", version)
	}
	configuration.APIVersion = version.GroupVersion().String()
	if err := validation.ValidateKubeSchedulerConfiguration(configuration); err != nil {
		return nil, err
	}
	return configuration, nil
}

// ignoreWhatExtendersManage is the part of scheduler.buildExtenders, not exported, that changes profiles.
func ignoreWhatExtendersManage(configuration *config.KubeSchedulerConfiguration) {
	var ignored []string
	for _, extender := range configuration.Extenders {
		for _, resource := range extender.ManagedResources {
			if resource.IgnoredByScheduler {
				ignored = append(ignored, resource.Name)
			}
		}
	}
	if len(ignored) == 0 {
		return
	}
	for i := range configuration.Profiles {
		for _, plugin := range configuration.Profiles[i].PluginConfig {
			if args, ok := plugin.Args.(*config.NodeResourcesFitArgs); ok {
				args.IgnoredResources = ignored
			}
		}
	}
}

func foreignPlugin(given *config.KubeSchedulerProfile) string {
	registry := plugins.NewInTreeRegistry()
	p := given.Plugins
	for _, set := range []config.PluginSet{p.MultiPoint, p.PreEnqueue, p.PreFilter, p.Filter} {
		for _, plugin := range set.Enabled {
			if _, ok := registry[plugin.Name]; !ok {
				return "plugin " + plugin.Name + " is not kube-scheduler's"
			}
		}
	}
	return ""
}

// Filters that fail with an error when their PreFilter did not run.
var needPreFilter = []string{"NodePorts", "NodeResourcesFit", "VolumeRestrictions", "VolumeBinding", "PodTopologySpread",
	"InterPodAffinity", "DynamicResources", "NodeDeclaredFeatures"}

func missingPreFilter(resolved *config.Plugins) string {
	for _, plugin := range resolved.Filter.Enabled {
		same := func(other config.Plugin) bool { return other.Name == plugin.Name }
		if slices.Contains(needPreFilter, plugin.Name) && !slices.ContainsFunc(resolved.PreFilter.Enabled, same) {
			return plugin.Name + " has no PreFilter"
		}
	}
	return ""
}

func (s *session) load(c *cluster.Cluster) {
	s.listers.load(c)
	s.shared.snapshot = newSnapshot(c.Placed(), c.Nodes)
	s.nominator.load(c, func(pod *v1.Pod) bool { return s.profileOf(pod) != nil })
}

// profileOf is nil when the Pod is another scheduler's.
func (s *session) profileOf(pod *v1.Pod) *profile {
	name := pod.Spec.SchedulerName
	if name == "" {
		name = v1.DefaultSchedulerName
	}
	return s.profiles[name]
}
