package generate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Disks named in the Pod itself.
func (b *builder) podDisks(pod *v1.Pod) {
	for i := range b.IntN(3) {
		volume := v1.Volume{Name: fmt.Sprintf("disk%d", i+1)}
		readOnly := b.chance(2)
		switch b.IntN(9) {
		case 6:
			volume.AzureDisk = &v1.AzureDiskVolumeSource{DiskName: "d", DataDiskURI: oneOf(b, "/disk/1", "/disk/2"), Kind: b.azureKind()}
		case 7:
			volume.Cinder = &v1.CinderVolumeSource{VolumeID: oneOf(b, "cinder-1", "cinder-2")}
		case 8:
			volume.PortworxVolume = &v1.PortworxVolumeSource{VolumeID: oneOf(b, "px-1", "px-2")}
		case 0:
			volume.GCEPersistentDisk = &v1.GCEPersistentDiskVolumeSource{PDName: oneOf(b, "pd-1", "pd-2"), ReadOnly: readOnly}
		case 1:
			volume.AWSElasticBlockStore = &v1.AWSElasticBlockStoreVolumeSource{VolumeID: b.ebsVolume(), ReadOnly: readOnly}
		case 2:
			volume.RBD = &v1.RBDVolumeSource{CephMonitors: oneOf(b, []string{"m1"}, []string{"m1", "m2"}, []string{"m3"}),
				RBDImage: oneOf(b, "img-1", "img-2"), RBDPool: oneOf(b, "rbd", "fast"), ReadOnly: readOnly}
		case 3:
			volume.ISCSI = &v1.ISCSIVolumeSource{TargetPortal: oneOf(b, "10.0.0.1", "10.0.0.2"), IQN: oneOf(b, "iqn.1", "iqn.2"),
				Lun: oneOf[int32](b, 0, 1), ReadOnly: readOnly}
		case 4:
			volume.EmptyDir = &v1.EmptyDirVolumeSource{}
		case 5:
			volume.HostPath = &v1.HostPathVolumeSource{Path: "/var"}
		}
		pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
	}
}

func (b *builder) azureKind() *v1.AzureDataDiskKind {
	kind := oneOf(b, nil, ptr(v1.AzureManagedDisk), ptr(v1.AzureManagedDisk), ptr(v1.AzureSharedBlobDisk))
	if kind != nil && *kind == v1.AzureSharedBlobDisk && !uncountableVolumes {
		return nil
	}
	return kind
}

func (b *builder) ebsVolume() string {
	if b.chance(6) {
		return oneOf(b, "aws://z1/vol-1", "aws:///vol-2", "aws://z1/odd", "aws://", "vol-1")
	}
	return oneOf(b, "vol-1", "vol-2")
}

// Drivers that take over in-tree plugins, and the plugins.
var takenOver = map[string]string{"ebs.csi.aws.com": "kubernetes.io/aws-ebs", "pd.csi.storage.gke.io": "kubernetes.io/gce-pd",
	"disk.csi.azure.com": "kubernetes.io/azure-disk", "cinder.csi.openstack.org": "kubernetes.io/cinder", "pxd.portworx.com": "kubernetes.io/portworx-volume"}

var takenOverDrivers = slices.Sorted(maps.Keys(takenOver))

const (
	csiDriver     = "csi.example.com"
	bindCompleted = "pv.kubernetes.io/bind-completed"
	selectedNode  = "volume.kubernetes.io/selected-node"
)

func (b *builder) claims() {
	b.storageClasses()
	b.csiNodes()
	size := 1 // all different: among equal volumes kube-scheduler takes any
	for _, namespace := range []string{"default", "team-a"} {
		for i := range 1 + b.IntN(5) {
			b.claim(namespace, fmt.Sprintf("c%d", i+1), &size)
		}
	}
	for i := range b.IntN(5) {
		b.freeVolume(fmt.Sprintf("free-%d", i+1), &size)
	}
	for _, pod := range b.c.Pods {
		b.useClaims(pod, &size)
	}
	for i := range b.IntN(4) {
		if len(b.c.Volumes) > 0 {
			attachment := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("va-%d", i+1), UID: types.UID(fmt.Sprintf("va-%d", i+1))}}
			attachment.Spec = storagev1.VolumeAttachmentSpec{Attacher: oneOf(b, csiDriver, csiDriver, "other.example.com"), NodeName: oneOf(b, b.c.Nodes...).Name,
				Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr(oneOf(b, b.c.Volumes...).Name)}}
			switch b.IntN(12) {
			case 0:
				attachment.Spec.Source.PersistentVolumeName = nil
			case 1:
				attachment.Spec.Source.PersistentVolumeName = ptr("pv-gone")
			case 2:
				attachment.Spec.Attacher = oneOf(b, takenOverDrivers...)
			case 3:
				attachment.Spec.NodeName = "gone"
			}
			b.c.Attachments = append(b.c.Attachments, attachment)
		}
	}
}

func (b *builder) storageClasses() {
	for _, name := range []string{"wait", "now", "local", "zonal", "intree"} {
		class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("sc-" + name)},
			Provisioner: csiDriver, VolumeBindingMode: ptr(storagev1.VolumeBindingWaitForFirstConsumer)}
		switch name {
		case "now":
			class.VolumeBindingMode = ptr(storagev1.VolumeBindingImmediate)
		case "local":
			class.Provisioner = "kubernetes.io/no-provisioner"
		case "intree":
			class.Provisioner = oneOf(b, takenOver[oneOf(b, takenOverDrivers...)], "kubernetes.io/azure-file", "kubernetes.io/vsphere-volume", "")
		case "zonal":
			class.AllowedTopologies = []v1.TopologySelectorTerm{{MatchLabelExpressions: []v1.TopologySelectorLabelRequirement{
				{Key: zone, Values: append([]string{oneOf(b, "z1", "z2")}, someOf(b, 1, "z3")...)}}}}
			if b.chance(3) {
				class.AllowedTopologies = append(class.AllowedTopologies, v1.TopologySelectorTerm{MatchLabelExpressions: []v1.TopologySelectorLabelRequirement{
					{Key: rack, Values: []string{"1"}}}})
			}
		}
		b.c.StorageClasses = append(b.c.StorageClasses, class)
	}
	if b.chance(8) {
		oneOf(b, b.c.StorageClasses...).VolumeBindingMode = nil
	}
	if b.chance(2) {
		driver := &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: csiDriver, UID: "driver"}}
		driver.Spec.StorageCapacity = ptr(!b.chance(4))
		b.c.CSIDrivers = append(b.c.CSIDrivers, driver)
		for i := range b.IntN(4) {
			b.storageCapacity(i)
		}
	}
}

func (b *builder) storageCapacity(i int) {
	name := fmt.Sprintf("capacity-%d", i+1)
	capacity := &storagev1.CSIStorageCapacity{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)},
		StorageClassName: oneOf(b, "wait", "wait", "zonal", "intree"), NodeTopology: &metav1.LabelSelector{MatchLabels: map[string]string{zone: oneOf(b, "z1", "z2", "z3")}}}
	if b.chance(4) {
		capacity.NodeTopology = &metav1.LabelSelector{}
	}
	if b.chance(6) {
		capacity.NodeTopology = nil
	}
	if b.chance(6) {
		capacity.NodeTopology = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: rack, Operator: metav1.LabelSelectorOpExists}}}
	}
	if !b.chance(4) {
		capacity.Capacity = ptr(quantity(oneOf(b, "1Gi", "3Gi", "20Gi")))
	}
	if b.chance(4) {
		capacity.MaximumVolumeSize = ptr(quantity(oneOf(b, "1Gi", "20Gi")))
	}
	b.c.StorageCapacities = append(b.c.StorageCapacities, capacity)
}

func (b *builder) csiNodes() {
	for _, node := range b.c.Nodes {
		if value, ok := node.Labels[zone]; ok && b.chance(2) { // as drivers and old kubelets label
			node.Labels[oneOf(b, "topology.gke.io/zone", "topology.ebs.csi.aws.com/zone", "failure-domain.beta.kubernetes.io/zone")] = value
		}
		if b.chance(3) {
			continue
		}
		driver := storagev1.CSINodeDriver{Name: csiDriver, NodeID: node.Name}
		if !b.chance(3) {
			driver.Allocatable = &storagev1.VolumeNodeResources{Count: ptr(oneOf[int32](b, 0, 1, 1, 2, 3))}
		}
		csiNode := &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: node.Name, UID: types.UID("csi-" + node.Name)}}
		csiNode.Spec.Drivers = []storagev1.CSINodeDriver{driver}
		var listed []string
		for _, name := range someOf(b, 3, takenOverDrivers...) {
			driver := storagev1.CSINodeDriver{Name: name, NodeID: node.Name}
			if !b.chance(4) {
				driver.Allocatable = &storagev1.VolumeNodeResources{Count: oneOf(b, ptr[int32](1), ptr[int32](0), ptr[int32](2), nil)}
			}
			csiNode.Spec.Drivers = append(csiNode.Spec.Drivers, driver)
			if !b.chance(3) {
				listed = append(listed, takenOver[name])
			}
		}
		if len(listed) > 0 || b.chance(6) {
			csiNode.Annotations = map[string]string{"storage.alpha.kubernetes.io/migrated-plugins": strings.Join(listed, ",")}
		}
		b.c.CSINodes = append(b.c.CSINodes, csiNode)
	}
}

func (b *builder) nextSize(size *int) resource.Quantity {
	*size++
	return quantity(fmt.Sprintf("%dMi", *size*256))
}

func (b *builder) claim(namespace, name string, size *int) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, UID: types.UID(namespace + "-" + name)}}
	claim.Spec.AccessModes = []v1.PersistentVolumeAccessMode{oneOf(b, v1.ReadWriteOnce, v1.ReadWriteOnce, v1.ReadWriteMany, v1.ReadOnlyMany, v1.ReadWriteOncePod)}
	claim.Spec.Resources.Requests = v1.ResourceList{"storage": b.nextSize(size)}
	claim.Spec.StorageClassName = ptr(oneOf(b, "wait", "wait", "wait", "local", "local", "zonal", "zonal", "intree", oneOf(b, "now", "", "missing")))
	if b.chance(20) {
		claim.Spec.StorageClassName = nil
	}
	if b.chance(12) {
		claim.Annotations = map[string]string{v1.BetaStorageClassAnnotation: oneOf(b, "wait", "local", "")}
	}
	if b.chance(12) {
		claim.Spec.Resources.Requests = nil
	}
	if b.chance(12) {
		claim.Spec.VolumeMode = ptr(oneOf(b, v1.PersistentVolumeFilesystem, v1.PersistentVolumeBlock))
	}
	if b.chance(12) {
		claim.Spec.VolumeAttributesClassName = ptr(oneOf(b, "gold", "silver", ""))
	}
	claim.Status.Phase = v1.ClaimPending
	if b.chance(8) {
		claim.Spec.Selector = b.podSelector()
	}
	switch b.IntN(12) {
	case 0, 1, 2, 3, 4:
		b.bind(claim, size)
	case 5:
		claim.Spec.VolumeName = "pv-gone" // bound, as far as anybody knows
		annotate(claim, bindCompleted, "yes")
		claim.Status.Phase = v1.ClaimBound
	case 6:
		claim.Spec.VolumeName = "pv-wanted" // pre-bound, not there yet
	case 7:
		annotate(claim, selectedNode, oneOf(b, oneOf(b, b.c.Nodes...).Name, oneOf(b, b.c.Nodes...).Name, "gone"))
	case 8:
		if b.chance(2) {
			claim.DeletionTimestamp = ptr(metav1.Unix(1700000000, 0))
		} else {
			claim.Status.Phase = v1.ClaimLost
			claim.Spec.VolumeName = "pv-lost"
		}
	}
	b.c.Claims = append(b.c.Claims, claim)
	return claim
}

func annotate(claim *v1.PersistentVolumeClaim, key, value string) {
	if claim.Annotations == nil {
		claim.Annotations = map[string]string{}
	}
	claim.Annotations[key] = value
}

func (b *builder) bind(claim *v1.PersistentVolumeClaim, size *int) {
	pv := b.volume("pv-"+claim.Namespace+"-"+claim.Name, size)
	pv.Status.Phase = v1.VolumeBound
	pv.Spec.ClaimRef = &v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
	if claim.Spec.StorageClassName != nil {
		pv.Spec.StorageClassName = *claim.Spec.StorageClassName
	}
	claim.Spec.VolumeName = pv.Name
	annotate(claim, bindCompleted, "yes")
	claim.Status.Phase = v1.ClaimBound
}

func (b *builder) freeVolume(name string, size *int) {
	pv := b.volume(name, size)
	pv.Status.Phase = oneOf(b, v1.VolumeAvailable, v1.VolumeAvailable, v1.VolumeAvailable, v1.VolumeReleased)
	pv.Spec.StorageClassName = oneOf(b, "local", "local", "wait", "zonal", "")
	if b.chance(12) {
		pv.Annotations = map[string]string{v1.BetaStorageClassAnnotation: oneOf(b, "wait", "local")}
	}
	if b.chance(12) {
		pv.Spec.VolumeAttributesClassName = ptr(oneOf(b, "gold", "silver", ""))
	}
	if b.chance(4) && len(b.c.Claims) > 0 { // kept for one claim
		claim := oneOf(b, b.c.Claims...)
		pv.Spec.ClaimRef = &v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name}
		if b.chance(3) {
			pv.Spec.ClaimRef.UID = oneOf(b, claim.UID, "another")
		}
	}
	if b.chance(10) {
		pv.DeletionTimestamp = ptr(metav1.Unix(1700000000, 0))
	}
}

func (b *builder) volume(name string, size *int) *v1.PersistentVolume {
	pv := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{}}}
	pv.Spec.Capacity = v1.ResourceList{"storage": b.nextSize(size)}
	pv.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce, oneOf(b, v1.ReadWriteMany, v1.ReadOnlyMany, v1.ReadWriteOncePod)}
	pv.Spec.CSI = &v1.CSIPersistentVolumeSource{Driver: oneOf(b, csiDriver, csiDriver, "other.example.com"), VolumeHandle: "h-" + oneOf(b, name, name, "shared")}
	if b.chance(4) {
		b.inTreeSource(pv)
	}
	if b.chance(3) {
		pv.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: b.nodeSelector()}
		if b.chance(2) {
			b.legacyTopology(pv.Spec.NodeAffinity.Required)
		}
	}
	if b.chance(3) {
		pv.Labels[oneOf(b, zone, zone, region, "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region")] =
			oneOf(b, "z1", "z2", "z1__z2", "r1", "r2", "z2__z3")
	}
	if b.chance(4) {
		pv.Labels["app"] = oneOf(b, "web", "db")
	}
	if b.chance(8) {
		pv.Spec.VolumeMode = ptr(oneOf(b, v1.PersistentVolumeFilesystem, v1.PersistentVolumeBlock))
	}
	b.c.Volumes = append(b.c.Volumes, pv)
	return pv
}

// What a CSI driver has taken over.
func (b *builder) inTreeSource(pv *v1.PersistentVolume) {
	pv.Spec.CSI = nil
	switch b.IntN(8) {
	case 0, 1:
		pv.Spec.AWSElasticBlockStore = &v1.AWSElasticBlockStoreVolumeSource{VolumeID: b.ebsVolume()}
	case 2, 3:
		pv.Spec.GCEPersistentDisk = &v1.GCEPersistentDiskVolumeSource{PDName: oneOf(b, "pd-1", "pd-2")}
		if b.chance(3) {
			pv.Labels[zone] = oneOf(b, "us-east1-a", "us-east1-a__us-east1-b", "us-east1-a__us-west1-b", "a__b", "")
		}
	case 4:
		pv.Spec.AzureDisk = &v1.AzureDiskVolumeSource{DiskName: "d", DataDiskURI: oneOf(b, "/disk/1", "/disk/2"), Kind: b.azureKind()}
	case 5:
		pv.Spec.Cinder = &v1.CinderPersistentVolumeSource{VolumeID: oneOf(b, "cinder-1", "cinder-2")}
	case 6:
		pv.Spec.PortworxVolume = &v1.PortworxVolumeSource{VolumeID: oneOf(b, "px-1", "px-2")}
	case 7:
		pv.Spec.NFS = &v1.NFSVolumeSource{Server: "nfs", Path: "/"}
	}
}

// Zones and regions under the keys that translation replaces, or that drivers use.
func (b *builder) legacyTopology(selector *v1.NodeSelector) {
	selector.NodeSelectorTerms = []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{
		{Key: oneOf(b, zone, "failure-domain.beta.kubernetes.io/zone", "topology.gke.io/zone", "topology.ebs.csi.aws.com/zone"),
			Operator: v1.NodeSelectorOpIn, Values: []string{oneOf(b, "z1", "z2")}}}}}
	if b.chance(3) {
		term := &selector.NodeSelectorTerms[0]
		term.MatchExpressions = append(term.MatchExpressions, v1.NodeSelectorRequirement{
			Key: oneOf(b, region, "failure-domain.beta.kubernetes.io/region"), Operator: v1.NodeSelectorOpIn, Values: []string{oneOf(b, "r1", "r2")}})
	}
}

func (b *builder) useClaims(pod *v1.Pod, size *int) {
	for i := range b.IntN(3) {
		name := fmt.Sprintf("data%d", i+1)
		if b.chance(8) {
			pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: name, VolumeSource: v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{
				VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{}}}})
			if !b.chance(4) {
				claim := b.claim(pod.Namespace, pod.Name+"-"+name, size)
				if !b.chance(5) || !uncountableVolumes {
					claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID, Controller: ptr(true)}}
				}
			}
			continue
		}
		claim := fmt.Sprintf("c%d", 1+b.IntN(5))
		if !b.chance(12) { // mostly one that exists
			var names []string
			for _, known := range b.c.Claims {
				if known.Namespace == pod.Namespace && !strings.Contains(known.Name, "-") {
					names = append(names, known.Name)
				}
			}
			if len(names) == 0 {
				continue
			}
			claim = oneOf(b, names...)
		}
		pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: name, VolumeSource: v1.VolumeSource{
			PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: b.chance(4)}}})
	}
}
