{{- define "sloburn.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* A StatefulSet of a longer name has no pods: the label of its revision has 11 characters more, and at most 63. */}}
{{- define "sloburn.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "sloburn.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Never changes between versions: selectors of workloads are immutable. A release may be called 123 or true. */}}
{{- define "sloburn.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sloburn.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "sloburn.labels" -}}
{{ include "sloburn.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sloburn
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "sloburn.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sloburn.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sloburn.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* Names of a cluster's roles are shared by all namespaces. */}}
{{- define "sloburn.rbacName" -}}
{{- if .Values.kubernetes.namespaces -}}
{{- include "sloburn.fullname" . -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace (include "sloburn.fullname" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Documents of the chart: those of values, or an example where there is nothing else. */}}
{{- define "sloburn.hasDocuments" -}}
{{- if or .Values.documents (not (or .Values.existingDocuments .Values.kubernetes.kinds)) -}}true{{- end -}}
{{- end -}}

{{/* How many pods there are, where no autoscaler decides it. */}}
{{- define "sloburn.replicas" -}}
{{- if not .Values.database.existingSecret -}}1{{- else -}}{{- default 2 .Values.replicaCount -}}{{- end -}}
{{- end -}}

{{/* What would fail in the cluster, or do harm there, is refused here. */}}
{{- define "sloburn.validate" -}}
{{- include "sloburn.validatePods" . -}}
{{- include "sloburn.validateScrapes" . -}}
{{- include "sloburn.validateEnv" . -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host: an ingress needs a host, such as slo.example.org" -}}
{{- end -}}
{{- if and .Values.access.forwardAuth.roles (not .Values.access.forwardAuth.networks) -}}
{{- fail "access.forwardAuth.networks: roles need the network of the proxy, such as 10.0.0.7/32" -}}
{{- end -}}
{{- if and .Values.tracing.existingSecret (not .Values.tracing.endpoint) -}}
{{- fail "tracing.endpoint: headers are for a collector, such as http://otel-collector:4318" -}}
{{- end -}}
{{- end -}}

{{- define "sloburn.validatePods" -}}
{{- if not .Values.database.existingSecret -}}
{{- if gt (int (default 1 .Values.replicaCount)) 1 -}}
{{- fail "replicaCount: an SQLite file has one pod; several need database.existingSecret" -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled: an SQLite file has one pod; several need database.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail "autoscaling.minReplicas: is above autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A Prometheus that is answered 401 sees no Sloburn, and pages for that. */}}
{{- define "sloburn.validateScrapes" -}}
{{- $isOpen := and .Values.access.anonymousRead (not .Values.config.tenants) -}}
{{- if and .Values.serviceMonitor.enabled (not (or $isOpen .Values.access.anonymousMetrics .Values.serviceMonitor.existingSecret)) -}}
{{- fail "serviceMonitor.existingSecret: without anonymous reading Prometheus needs a token with the scope metrics, or access.anonymousMetrics: true" -}}
{{- end -}}
{{- end -}}

{{/* Kubernetes would use the last of two, or refuse both, depending on how the manifest is applied. */}}
{{- define "sloburn.validateEnv" -}}
{{- $seen := dict -}}
{{- range include "sloburn.env" . | fromYamlArray -}}
{{- if hasKey $seen .name -}}
{{- fail (printf "%s: is set twice, by settings or extraEnv and by another value of the chart or the chart itself" .name) -}}
{{- end -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- end -}}

{{- define "sloburn.kubernetesEnv" -}}
{{- with .Values.kubernetes }}
{{- if .kinds }}
- name: SLOBURN_KUBERNETES_KINDS
  value: {{ join "," .kinds | quote }}
{{- with .namespaces }}
- name: SLOBURN_KUBERNETES_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
- name: SLOBURN_KUBERNETES_LABEL
  value: {{ .label | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sloburn.accessEnv" -}}
{{- with .Values.access }}
{{- if .existingSecret }}
{{- range $name, $key := dict "SLOBURN_API_TOKEN" .apiTokenKey "SLOBURN_EVENTS_TOKEN" .eventsTokenKey "SLOBURN_REPORT_LINK_SECRET" .reportLinkKey }}
{{- if $key }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $.Values.access.existingSecret | quote }}, key: {{ $key | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- if not .anonymousRead }}
- name: SLOBURN_ANONYMOUS_READ
  value: "false"
{{- end }}
{{- if or .anonymousMetrics (not .anonymousRead) }}
- name: SLOBURN_ANONYMOUS_METRICS
  value: {{ .anonymousMetrics | quote }}
{{- end }}
{{- with .forwardAuth }}
{{- if .networks }}
- name: SLOBURN_FORWARD_AUTH_NETWORKS
  value: {{ join "," .networks | quote }}
- name: SLOBURN_FORWARD_AUTH_USER_HEADER
  value: {{ .userHeader | quote }}
- name: SLOBURN_FORWARD_AUTH_GROUPS_HEADER
  value: {{ .groupsHeader | quote }}
{{- with .roles }}
- name: SLOBURN_FORWARD_AUTH_ROLES
  value: {{ toJson . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sloburn.tracingEnv" -}}
{{- with .Values.tracing }}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .ratio | quote }}
{{- with .existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: {name: {{ . | quote }}, key: {{ $.Values.tracing.headersKey | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sloburn.env" -}}
- name: SLOBURN_PROMETHEUS_URL
  value: {{ .Values.prometheusUrl | quote }}
{{- with .Values.alertmanagerUrls }}
- name: SLOBURN_ALERTMANAGER_URLS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.externalUrl }}
- name: SLOBURN_EXTERNAL_URL
  value: {{ . | quote }}
{{- end }}
- name: SLOBURN_LISTEN_ADDRESS
  value: "0.0.0.0:9720"
- name: SLOBURN_SPECS
  value: /etc/sloburn/slos
- name: SLOBURN_CONFIG
  value: /etc/sloburn/config/sloburn.yaml
{{- if not (hasKey .Values.settings "SLOBURN_LOG_FORMAT") }}
- name: SLOBURN_LOG_FORMAT
  value: json
{{- end }}
{{- if .Values.database.existingSecret }}
- name: SLOBURN_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret | quote }}
      key: {{ .Values.database.existingSecretKey | quote }}
{{- else }}
- name: SLOBURN_DATABASE_URL
  value: sqlite:////data/sloburn.db
{{- end }}
{{- with include "sloburn.kubernetesEnv" . | trim }}
{{- . | nindent 0 }}
{{- end }}
{{- with include "sloburn.accessEnv" . | trim }}
{{- . | nindent 0 }}
{{- end }}
{{- with include "sloburn.tracingEnv" . | trim }}
{{- . | nindent 0 }}
{{- end }}
{{- if .Values.mcp.enabled }}
- name: SLOBURN_MCP
  value: "true"
{{- with .Values.mcp.hosts }}
- name: SLOBURN_MCP_HOSTS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  {{- /* As JSON, since a large number is 1e+06 otherwise. */}}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "sloburn.pod" -}}
metadata:
  labels:
    {{- include "sloburn.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "sloburn.serviceAccountName" . }}
  automountServiceAccountToken: {{ or .Values.serviceAccount.automount (gt (len .Values.kubernetes.kinds) 0) }}
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if .Values.database.existingSecret }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range (list "kubernetes.io/hostname" "topology.kubernetes.io/zone") }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "sloburn.selectorLabels" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    {{- range $name, $id := .Values.securityContext }}
    {{ $name }}: {{ int64 $id }}
    {{- end }}
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: sloburn
      image: {{ include "sloburn.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        {{- include "sloburn.env" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 9720
      # A start may wait for migrations of the tables: five minutes.
      startupProbe:
        httpGet: {path: /-/healthy, port: http}
        periodSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /-/healthy, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /-/ready, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
      lifecycle:
        preStop:
          # Endpoints forget the pod before it stops to answer.
          exec: {command: [sleep, "5"]}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/sloburn/config, readOnly: true}
        - {name: documents, mountPath: /etc/sloburn/slos, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        - {name: data, mountPath: /data}
        {{- range .Values.secretMounts }}
        - {name: {{ printf "secret-%s" .name | quote }}, mountPath: {{ printf "/run/secrets/%s" .name | quote }}, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "sloburn.fullname" . }}-config
    # One folder from all ConfigMaps; a file name in two of them is refused by Kubernetes.
    - name: documents
      {{- if not (or (include "sloburn.hasDocuments" .) .Values.existingDocuments) }}
      emptyDir: {}
      {{- else }}
      projected:
        sources:
          {{- if include "sloburn.hasDocuments" . }}
          - configMap:
              name: {{ include "sloburn.fullname" . }}-documents
          {{- end }}
          {{- range .Values.existingDocuments }}
          - configMap:
              name: {{ . }}
          {{- end }}
      {{- end }}
    - name: tmp
      emptyDir: {}
    {{- if or .Values.database.existingSecret (not .Values.persistence.enabled) }}
    - name: data
      emptyDir: {}
    {{- else if .Values.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.persistence.existingClaim }}
    {{- end }}
    {{- range .Values.secretMounts }}
    - name: {{ printf "secret-%s" .name | quote }}
      secret:
        secretName: {{ .secretName }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
