#!/bin/sh
# What only the owner of the tables may, in a pod of its own that is gone afterwards: API keys, recover, keys off.
#
#   sh deploy/kubernetes/owner.sh keys issue operator ann
set -eu

namespace=${NAMESPACE:-ordersaga}
image=$(kubectl -n "$namespace" get deployment api -o 'jsonpath={.spec.template.spec.containers[0].image}')
words='"python", "-m", "ordersaga"'
for word in "$@"; do
    words="$words, \"$(printf %s "$word" | sed 's/[\\"]/\\&/g')\""
done
archive='"emptyDir": {"sizeLimit": "64Mi"}'
if kubectl -n "$namespace" get persistentvolumeclaim archive >/dev/null 2>&1; then
    archive='"persistentVolumeClaim": {"claimName": "archive"}'
fi

exec kubectl -n "$namespace" run "owner-$$" --rm -i --quiet --restart=Never --image="$image" --overrides='{
  "apiVersion": "v1",
  "kind": "Pod",
  "metadata": {"labels": {"app.kubernetes.io/name": "ordersaga", "app.kubernetes.io/component": "owner", "ordersaga/speaks": "with-companies"}},
  "spec": {
    "automountServiceAccountToken": false,
    "enableServiceLinks": false,
    "restartPolicy": "Never",
    "securityContext": {"runAsNonRoot": true, "fsGroup": 10001, "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{
      "name": "main",
      "image": "'"$image"'",
      "args": ['"$words"'],
      "stdin": true,
      "envFrom": [{"configMapRef": {"name": "ordersaga-settings"}}],
      "env": [{"name": "ORDERSAGA_DATABASE_USER", "value": "ordersaga"}],
      "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}},
      "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
      "volumeMounts": [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "archive", "mountPath": "/data"},
        {"name": "secrets", "mountPath": "/etc/ordersaga/secrets", "readOnly": true},
        {"name": "files", "mountPath": "/etc/ordersaga/files", "readOnly": true},
        {"name": "login", "mountPath": "/etc/ordersaga/login", "readOnly": true}
      ]
    }],
    "volumes": [
      {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
      {"name": "archive", '"$archive"'},
      {"name": "secrets", "secret": {"secretName": "ordersaga-secrets"}},
      {"name": "files", "secret": {"secretName": "ordersaga-files", "optional": true}},
      {"name": "login", "secret": {"secretName": "ordersaga-databases", "items": [{"key": "owner", "path": "ordersaga_database_password"}]}}
    ]
  }
}'
