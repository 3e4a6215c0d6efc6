{{- define "spillway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 30 | trimSuffix "-" -}}
{{- end -}}

{{/* Thirty characters at most: with a pool's name, a StatefulSet's may have 52. */}}
{{- define "spillway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 30 | trimSuffix "-" -}}
{{- else if contains (include "spillway.name" .) .Release.Name -}}
{{- .Release.Name | trunc 30 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "spillway.name" .) | trunc 30 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "spillway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: spillway
{{ include "spillway.selectorLabels" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "spillway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "spillway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "spillway.controllerLabels" -}}
{{ include "spillway.selectorLabels" . }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "spillway.virtualNodeLabels" -}}
{{ include "spillway.selectorLabels" . }}
app.kubernetes.io/component: virtual-node
{{- end -}}

{{- define "spillway.webhookLabels" -}}
{{ include "spillway.selectorLabels" . }}
app.kubernetes.io/component: webhook
{{- end -}}

{{/* Of the Deployment, its Service, its roles and the MutatingWebhookConfiguration. */}}
{{- define "spillway.webhookName" -}}
{{ include "spillway.fullname" . }}-webhook
{{- end -}}

{{- define "spillway.image" -}}
{{- $image := .Values.image -}}
{{- if $image.registry }}{{ $image.registry }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "spillway.controllerServiceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "spillway.fullname" . }}-controller{{ else }}{{ required "serviceAccount.controllerName is required with serviceAccount.create=false" .Values.serviceAccount.controllerName }}{{ end -}}
{{- end -}}

{{- define "spillway.virtualNodeServiceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "spillway.fullname" . }}-virtual-node{{ else }}{{ required "serviceAccount.virtualNodesName is required with serviceAccount.create=false" .Values.serviceAccount.virtualNodesName }}{{ end -}}
{{- end -}}

{{- define "spillway.webhookServiceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "spillway.webhookName" . }}{{ else }}{{ required "serviceAccount.webhookName is required with serviceAccount.create=false" .Values.serviceAccount.webhookName }}{{ end -}}
{{- end -}}

{{- define "spillway.gatesServiceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "spillway.fullname" . }}-gates{{ else }}{{ required "serviceAccount.gatesName is required with serviceAccount.create=false" .Values.serviceAccount.gatesName }}{{ end -}}
{{- end -}}

{{- define "spillway.priorityClassName" -}}
{{- if .Values.priorityClass.name }}{{ .Values.priorityClass.name }}{{ else if .Values.priorityClass.create }}{{ include "spillway.fullname" . }}{{ end -}}
{{- end -}}

{{/* The pools that are installed, as JSON: {"pools":[...]}. Those of cloud.subnets take the place of the simulated one that is there by
default. */}}
{{- define "spillway.pools" -}}
{{- $pools := .Values.virtualNodePools -}}
{{- if .Values.cloud.subnets -}}
  {{- if deepEqual $pools (list (dict "name" "simulated" "provider" "simulated" "replicas" 1.0)) }}{{ $pools = list }}{{ end -}}
  {{- $pools = concat (include "spillway.subnetPools" . | fromJson).pools $pools -}}
{{- end -}}
{{- dict "pools" $pools | toJson -}}
{{- end -}}

{{/* A pool for each of cloud.subnets, as TKE's resilience chart has a node for each: its name, its taint, its labels. */}}
{{- define "spillway.subnetPools" -}}
{{- $cloud := .Values.cloud -}}
{{- range $name := list "vpcID" "regionLong" "securityGroups" -}}
  {{- if not (get $cloud $name) -}}
    {{- fail (printf "cloud.subnets makes virtual nodes at Tencent Cloud, which want cloud.%s too; docs/tencent-eksci.md" $name) -}}
  {{- end -}}
{{- end -}}
{{- $args := dict -}}
{{- if gt (len $cloud.subnets) 1 -}}
  {{- /* Their agents share the account's rate limits. */ -}}
  {{- $_ := set $args "eksci-limit-share" (printf "%.3f" (divf 1 (len $cloud.subnets))) -}}
{{- end -}}
{{- if ne $cloud.apiDomain "tencentcloudapi.com" }}{{ $_ := set $args "eksci-endpoint" (printf "https://tke.%s" $cloud.apiDomain) }}{{ end -}}
{{- $pools := list -}}
{{- range $subnet := $cloud.subnets -}}
  {{- $id := $subnet.zone | empty | ternary $subnet.id (printf "%s:%s" $subnet.id $subnet.zone) -}}
  {{- $labels := dict "node.kubernetes.io/instance-type" "eklet" -}}
  {{- $_ := set $labels "eks.tke.cloud.tencent.com/version" "v2" -}}
  {{- with $subnet.zone }}
  {{- $_ := set $labels "eks.tke.cloud.tencent.com/zone-name" . }}
  {{- $_ = set $labels "topology.kubernetes.io/zone" . }}
  {{- end -}}
  {{- $pool := dict "name" $subnet.id "provider" "tencentcloud" "nodeName" (printf "eklet-%s" $subnet.id) "nodeLabels" $labels -}}
  {{- $_ := set $pool "taint" (dict "key" "eks.tke.cloud.tencent.com/eklet") -}}
  {{- $_ := set $pool "eksci" (dict "region" $cloud.regionLong "vpc" $cloud.vpcID "subnets" (list $id) "securityGroups" $cloud.securityGroups) -}}
  {{- with include "spillway.cloudKeySecret" $ }}{{ $_ := set $pool "credentials" (dict "existingSecret" .) }}{{ end -}}
  {{- $_ := set $pool "extraArgs" $args -}}
  {{- $pools = append $pools $pool -}}
{{- end -}}
{{- dict "pools" $pools | toJson -}}
{{- end -}}

{{/* The Secret with the key of cloud.*: an existing one, or the one that is made of the values. Empty: neither. */}}
{{- define "spillway.cloudKeySecret" -}}
{{- $cloud := .Values.cloud -}}
{{- if ne (empty $cloud.secretID) (empty $cloud.secretKey) }}{{ fail "cloud.secretID and cloud.secretKey are two halves of one key: give both, or cloud.existingSecret" }}{{ end -}}
{{- if and $cloud.existingSecret $cloud.secretID }}{{ fail "cloud.existingSecret and cloud.secretID are two keys: give one" }}{{ end -}}
{{- if $cloud.secretID }}{{ include "spillway.fullname" . }}-cloud-key{{ else }}{{ $cloud.existingSecret }}{{ end -}}
{{- end -}}

{{/* Where Pods of virtual nodes find the API server, as JSON {"host":..., "port":...}: virtualNodes.podKubeAPIServer, or what eklet has. */}}
{{- define "spillway.podKubeAPIServer" -}}
{{- $told := .Values.virtualNodes.podKubeAPIServer -}}
{{- $lower := .Values.eklet.podUsedApiserver -}}
{{- $upper := .Values.eklet.PodUsedApiserver -}}
{{- if and $lower $upper (ne $lower $upper) }}{{ fail "eklet.podUsedApiserver and eklet.PodUsedApiserver are one value in two spellings: give one" }}{{ end -}}
{{- $url := $lower | default $upper | trimPrefix "https://" | trimSuffix "/" -}}
{{- if and $url (not $told.host) -}}
  {{- $host := regexReplaceAll ":[0-9]+$" $url "" -}}
  {{- $port := trimPrefix $host $url | trimPrefix ":" | default "443" -}}
  {{- $told = dict "host" (trimAll "[]" $host) "port" (int $port) -}}
{{- end -}}
{{- $told | toJson -}}
{{- end -}}

{{/* How many virtual nodes a pool has: one unless it says otherwise, 0 included. */}}
{{- define "spillway.poolReplicas" -}}
{{- if hasKey . "replicas" }}{{ int .replicas }}{{ else }}1{{ end -}}
{{- end -}}

{{/* The names of all virtual nodes of this release, comma-separated. */}}
{{- define "spillway.nodeNames" -}}
{{- $names := list -}}
{{- $fullname := include "spillway.fullname" . -}}
{{- range $pool := (include "spillway.pools" . | fromJson).pools -}}
  {{- $replicas := int (include "spillway.poolReplicas" $pool) -}}
  {{- if and $pool.nodeName (gt $replicas 1) -}}
    {{- fail (printf "virtualNodePools: %s has a nodeName, so it is one virtual node and cannot have %d replicas" $pool.name $replicas) -}}
  {{- end -}}
  {{- range $i := until $replicas -}}
    {{- $names = append $names ($pool.nodeName | default (printf "%s-%s-%d" $fullname $pool.name $i)) -}}
  {{- end -}}
{{- end -}}
{{- if ne (len $names) (len (uniq $names)) -}}
  {{- fail (printf "virtualNodePools: two pools would make a virtual node of the same name: %s" (join ", " $names)) -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{/* What tells the virtual nodes of this release from others. */}}
{{- define "spillway.nodeSelectorOfRelease" -}}
spillway.io/release={{ .Release.Name }},spillway.io/release-namespace={{ .Release.Namespace }}
{{- end -}}

{{- define "spillway.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "spillway.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The credential is mounted by name and not automatically, so that its lifetime is said here. */}}
{{- define "spillway.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end -}}

{{- define "spillway.tokenMount" -}}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end -}}

{{/* Off virtual nodes: what makes them must not depend on them. (dict "root" . "labels" "spillway.controllerLabels") */}}
{{- define "spillway.affinity" -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - key: type
            operator: NotIn
            values: [virtual-kubelet]
          - key: kubernetes.io/os
            operator: In
            values: [linux]
          - key: kubernetes.io/arch
            operator: In
            values: [amd64]
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include .labels .root | nindent 12 }}
{{- end -}}

{{/* A whole number as such: Helm's are floating-point, and a million prints as 1e+06. */}}
{{- define "spillway.plain" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* Name to value, as arguments. */}}
{{- define "spillway.extraArgs" -}}
{{- $arguments := list }}
{{- range $name, $value := . }}{{ $arguments = append $arguments (printf "--%s=%s" $name (include "spillway.plain" $value)) }}{{ end }}
{{- toYaml $arguments }}
{{- end -}}

{{/* What a pool's cloud is told of it, as arguments; nothing where there is no cloud. */}}
{{- define "spillway.cloudArgs" -}}
{{- if eq .provider "alibabacloud" }}
{{- $files := dict "id" "eci-access-key-file" "secret" "eci-secret-key-file" "token" "eci-security-token-file" }}
{{- $told := dict "eci-region" .eci.region "eci-vswitch" (join "," .eci.vSwitches) "eci-security-group" .eci.securityGroup }}
{{- include "spillway.toldToCloud" (dict "told" $told "files" $files "pool" . "prefix" "eci" "cloud" .eci) }}
{{- else if eq .provider "tencentcloud" }}
{{- $files := dict "id" "eksci-secret-id-file" "secret" "eksci-secret-key-file" "token" "eksci-token-file" }}
{{- $told := dict "eksci-region" .eksci.region "eksci-vpc" .eksci.vpc "eksci-subnets" (join "," .eksci.subnets) "eksci-security-groups" (join "," .eksci.securityGroups) }}
{{- /* EKSCI has no volume that could hold the token, which nearly every Pod has: without this they all would wait. */}}
{{- if not (hasKey (.extraArgs | default dict) "omit-api-token") }}{{ $_ := set $told "omit-api-token" "true" }}{{ end }}
{{- include "spillway.toldToCloud" (dict "told" $told "files" $files "pool" . "prefix" "eksci" "cloud" .eksci) }}
{{- end }}
{{- end -}}

{{/* The roles and the files of the key, where there are any, with what else is told. */}}
{{- define "spillway.toldToCloud" -}}
{{- $told := .told }}
{{- with .cloud.machineRole }}{{ $_ := set $told (printf "%s-machine-role" $.prefix) . }}{{ end }}
{{- with .cloud.instanceRole }}{{ $_ := set $told (printf "%s-instance-role" $.prefix) . }}{{ end }}
{{- $credentials := .pool.credentials | default dict }}
{{- if $credentials.existingSecret }}
{{- range $file, $flag := .files }}
{{- if or (ne $file "token") $credentials.tokenKey }}{{ $_ := set $told $flag (printf "/etc/spillway/credentials/%s" $file) }}{{ end }}
{{- end }}
{{- end }}
{{- include "spillway.extraArgs" $told }}
{{- end -}}

{{- define "spillway.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: health
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /livez
    port: health
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: health
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{/* A custom resource of an operator that is not there would fail half-way. (dict "root" . "value" "metrics.serviceMonitor.enabled" "kind" "ServiceMonitor") */}}
{{- define "spillway.needPrometheusOperator" -}}
{{- if not (.root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") -}}
{{- fail (printf "%s=true makes a %s, which this cluster does not know (monitoring.coreos.com/v1): install the Prometheus Operator first, or leave it false; with `helm template` say --api-versions=monitoring.coreos.com/v1" .value .kind) -}}
{{- end -}}
{{- end -}}

{{- define "spillway.removalServiceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "spillway.fullname" . }}-removal{{ else }}{{ required "serviceAccount.removalName is required with serviceAccount.create=false" .Values.serviceAccount.removalName }}{{ end -}}
{{- end -}}

{{/* What Pods that run once have in common, as (dict "root" . "args" (list ...) "serviceAccount" "..." "container" "..."). */}}
{{- define "spillway.oncePodSpec" -}}
restartPolicy: Never
serviceAccountName: {{ .serviceAccount }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- /* Not the release's own class but where it is asked for: the last hook runs when that is gone. */}}
{{- with .priorityClass | default .root.Values.priorityClass.name }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- include "spillway.podSecurityContext" .root | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.controller.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.controller.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
  {{- include "spillway.affinity" (dict "root" .root "labels" "spillway.selectorLabels") | nindent 2 }}
containers:
  {{- $spec := . }}
  {{- range .containers }}
  - name: {{ .name }}
    image: {{ include "spillway.image" $spec.root | quote }}
    imagePullPolicy: {{ $spec.root.Values.image.pullPolicy }}
    args:
      {{- range .args }}
      - {{ . | quote }}
      {{- end }}
    resources:
      requests:
        cpu: 50m
        memory: 64Mi
      limits:
        memory: 512Mi
    securityContext:
      {{- include "spillway.containerSecurityContext" $spec.root | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts:
      {{- include "spillway.tokenMount" $spec.root | nindent 6 }}
  {{- end }}
volumes:
  {{- include "spillway.tokenVolume" .root | nindent 2 }}
{{- end -}}

{{/* A hook that runs once and says in its log why it refuses. (dict "root" . "name" "retire" "hooks" "pre-delete" "args" (list ...)) */}}
{{- define "spillway.hookJob" -}}
{{- $root := .root -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "spillway.fullname" $root }}-{{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "spillway.labels" $root | nindent 4 }}
    app.kubernetes.io/component: removal
    spillway.io/runs: once
  annotations:
    helm.sh/hook: {{ .hooks }}
    helm.sh/hook-weight: "0"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
spec:
  backoffLimit: 0
  template:
    metadata:
      labels:
        {{- include "spillway.labels" $root | nindent 8 }}
        app.kubernetes.io/component: removal
        spillway.io/runs: once
    spec:
      {{- include "spillway.oncePodSpec" (dict "root" $root "serviceAccount" (include "spillway.removalServiceAccount" $root) "containers" (list (dict "name" "spillway" "args" .args))) | nindent 6 }}
{{- end -}}

{{/* A RoleBinding to a Role of the same name: root, role, namespace, serviceAccount. */}}
{{- define "spillway.bindRole" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .role }}
  namespace: {{ .namespace }}
  labels:
    {{- include "spillway.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .role }}
subjects:
  - kind: ServiceAccount
    name: {{ .serviceAccount }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{/* The same to the controller: root, role, namespace. */}}
{{- define "spillway.bindControllerRole" }}
{{- include "spillway.bindRole" (dict "root" .root "role" .role "namespace" .namespace "serviceAccount" (include "spillway.controllerServiceAccount" .root)) }}
{{- end }}

{{/* A ClusterRoleBinding, and the ClusterRole of the same name up to its rules: root, name, serviceAccount. */}}
{{- define "spillway.clusterRole" }}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "spillway.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .serviceAccount }}
    namespace: {{ .root.Release.Namespace }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .name }}
  labels:
    {{- include "spillway.labels" .root | nindent 4 }}
{{- end }}

{{/* What both webhooks have in common: root, path. */}}
{{- define "spillway.webhookTerms" -}}
admissionReviewVersions: [v1]
sideEffects: None
failurePolicy: Ignore
matchPolicy: Equivalent
reinvocationPolicy: IfNeeded
timeoutSeconds: {{ .root.Values.webhook.timeoutSeconds }}
clientConfig:
  service:
    namespace: {{ .root.Release.Namespace }}
    name: {{ include "spillway.webhookName" .root }}
    path: {{ .path }}
    port: 443
rules:
  - apiGroups: [""]
    apiVersions: [v1]
    resources: [pods]
    operations: [CREATE]
    scope: Namespaced
{{- end -}}

{{/* Pods of DaemonSets, static ones and those that have a node already. */}}
{{- define "spillway.notOfOneNode" -}}
- name: not-of-one-node
  expression: >-
    !(has(object.spec.nodeName) && object.spec.nodeName != '') &&
    !(has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(owner, owner.kind == 'DaemonSet'))
{{- end -}}
