{{- define "sloburn.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "sloburn.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "sloburn.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Never changes between versions: selectors of workloads are immutable. */}}
{{- define "sloburn.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sloburn.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sloburn.labels" -}}
{{ include "sloburn.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ include "sloburn.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
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

{{/* What would fail in the cluster, or do harm there, is refused here. */}}
{{- define "sloburn.validate" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host: an ingress needs a host, such as slo.example.org" -}}
{{- end -}}
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
  automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
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
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: sloburn
      image: {{ include "sloburn.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
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
        - name: SLOBURN_LOG_FORMAT
          value: json
        {{- if .Values.database.existingSecret }}
        - name: SLOBURN_DATABASE_URL
          valueFrom:
            secretKeyRef:
              name: {{ .Values.database.existingSecret }}
              key: {{ .Values.database.existingSecretKey }}
        {{- else }}
        - name: SLOBURN_DATABASE_URL
          value: sqlite:////data/sloburn.db
        {{- end }}
        {{- range $name, $value := .Values.settings }}
        - name: {{ $name }}
          value: {{ $value | toString | quote }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
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
      projected:
        sources:
          {{- if or .Values.documents (not .Values.existingDocuments) }}
          - configMap:
              name: {{ include "sloburn.fullname" . }}-documents
          {{- end }}
          {{- range .Values.existingDocuments }}
          - configMap:
              name: {{ . }}
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
