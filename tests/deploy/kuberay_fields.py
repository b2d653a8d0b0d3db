"""The fields of a RayJob that deploy/kuberay.yaml uses, as a JSON schema that allows no others.

KubeRay's own definition is a megabyte of YAML that no package contains. Names and types are those of the Go types of
version 1.7 (ray-operator/apis/ray/v1: rayjob_types.go, raycluster_types.go); those of pods are from the Kubernetes API
reference. To use a new field in the manifest, look it up there and add it here.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
YES: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
#: A quantity of Kubernetes: 4, "500m", 16Gi.
QUANTITY: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"}]
}
QUANTITIES: Schema = {"type": "object", "additionalProperties": QUANTITY}


def fields(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """Returns the schema of an object with these fields and no others; names cannot have hyphens."""
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def several(items: Schema) -> Schema:
    """Returns the schema of a non-empty list."""
    return {"type": "array", "items": items, "minItems": 1}


def one_of(*values: str) -> Schema:
    """Returns the schema of an enumeration."""
    return {"enum": [*values]}


VARIABLE = fields(("name", "value"), name=TEXT, value=TEXT)
CONTAINER = fields(
    ("name", "image", "resources"),
    name=TEXT,
    image=TEXT,
    resources=fields(("limits",), requests=QUANTITIES, limits=QUANTITIES),
    volumeMounts=several(fields(("name", "mountPath"), name=TEXT, mountPath=TEXT)),
    env=several(VARIABLE),
)
VOLUME = fields(
    ("name",),
    name=TEXT,
    persistentVolumeClaim=fields(("claimName",), claimName=TEXT),
    emptyDir=fields(medium=one_of("Memory"), sizeLimit=QUANTITY),
)
EXPRESSION = fields(
    ("key", "operator"),
    key=TEXT,
    operator=one_of("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
    values={"type": "array", "items": TEXT},
)
POD = fields(
    ("containers",),
    containers=several(CONTAINER),
    volumes=several(VOLUME),
    serviceAccountName=TEXT,
    nodeSelector=TEXTS,
    affinity=fields(
        nodeAffinity=fields(
            requiredDuringSchedulingIgnoredDuringExecution=fields(
                ("nodeSelectorTerms",), nodeSelectorTerms=several(fields(matchExpressions=several(EXPRESSION)))
            )
        )
    ),
    tolerations=several(
        fields(
            key=TEXT,
            operator=one_of("Exists", "Equal"),
            value=TEXT,
            effect=one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
        )
    ),
    securityContext=fields(runAsNonRoot=YES, runAsUser=WHOLE, fsGroup=WHOLE),
)
TEMPLATE = fields(("spec",), metadata=fields(labels=TEXTS), spec=POD)
HEAD = fields(
    ("template",), serviceType=one_of("ClusterIP", "NodePort", "LoadBalancer"), rayStartParams=TEXTS, template=TEMPLATE
)
WORKERS = fields(
    ("groupName", "minReplicas", "maxReplicas", "template"),
    groupName=TEXT,
    priority=WHOLE,
    replicas=WHOLE,
    minReplicas=WHOLE,
    maxReplicas=WHOLE,
    idleTimeoutSeconds=WHOLE,
    rayStartParams=TEXTS,
    template=TEMPLATE,
)
CLUSTER = fields(
    ("headGroupSpec",),
    rayVersion=TEXT,
    authOptions=fields(mode=one_of("disabled", "token"), secretName=TEXT),
    enableInTreeAutoscaling=YES,
    autoscalerOptions=fields(
        version=one_of("v1", "v2"),
        idleTimeoutSeconds=WHOLE,
        upscalingMode=one_of("Default", "Aggressive", "Conservative"),
        env=several(VARIABLE),
    ),
    headGroupSpec=HEAD,
    workerGroupSpecs=several(WORKERS),
)
RAY_JOB = fields(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion=one_of("ray.io/v1"),
    kind=one_of("RayJob"),
    metadata=fields(("name",), name=TEXT, labels=TEXTS),
    spec=fields(
        ("entrypoint", "rayClusterSpec"),
        entrypoint=TEXT,
        submissionMode=one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
        shutdownAfterJobFinishes=YES,
        ttlSecondsAfterFinished=WHOLE,
        backoffLimit=WHOLE,
        activeDeadlineSeconds=WHOLE,
        rayClusterSpec=CLUSTER,
    ),
)
