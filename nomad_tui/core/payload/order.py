"""The order of members in Nomad's documentation of its objects.

Taken from the objects that Nomad 2.0.6 sends (`nomad/structs` in its source), starting with the members declared by its
client library `api`, in that order. `Member:Kind` names the kind of object in a member, single or in a list;
`Member:*Kind` that of objects in a map whose keys operators choose.
"""

from functools import cache
from typing import Final

PAYLOAD: Final = "Payload"
"""The kind of a payload itself."""

_MEMBERS: Final[dict[str, str]] = {
    "Payload": """
        Job:Job Evaluation:Evaluation Allocation:Allocation Deployment:Deployment Node:Node
        NodePool:NodePool Service:ServiceRegistration Volume:Volume Plugin:CSIPlugin
        Metadata:VariableMetadata ACLToken:ACLToken ACLPolicy:ACLPolicy ACLRole:ACLRole
        AuthMethod:ACLAuthMethod ACLBindingRule:ACLBindingRule Deleted Timeout TimeoutReason
    """,
    "ACLAuthMethod": """
        Name Type TokenLocality TokenNameFormat MaxTokenTTL Default Config:ACLAuthMethodConfig Hash
        CreateTime ModifyTime CreateIndex ModifyIndex
    """,
    "ACLAuthMethodConfig": """
        JWTValidationPubKeys JWKSURL OIDCDiscoveryURL OIDCClientID OIDCClientSecret
        OIDCClientAssertion:OIDCClientAssertion OIDCEnablePKCE OIDCDisableUserInfo OIDCScopes BoundAudiences
        BoundIssuer AllowedRedirectURIs DiscoveryCaPem JWKSCACert SigningAlgs ExpirationLeeway
        NotBeforeLeeway ClockSkewLeeway ClaimMappings ListClaimMappings VerboseLogging
    """,
    "ACLBindingRule": """
        ID Description AuthMethod Selector BindType BindName Hash CreateTime ModifyTime CreateIndex
        ModifyIndex
    """,
    "ACLPolicy": "Name Description Rules RulesJSON JobACL:JobACL Hash CreateIndex ModifyIndex",
    "ACLRole": "ID Name Description Policies:ACLRolePolicyLink Hash CreateIndex ModifyIndex",
    "ACLRolePolicyLink": "Name",
    "ACLToken": """
        AccessorID SecretID Name Type Policies Roles:ACLTokenRoleLink Global Hash CreateTime ExpirationTime
        ExpirationTTL CreateIndex ModifyIndex
    """,
    "ACLTokenRoleLink": "ID Name",
    "Action": "Name Command Args",
    "Affinity": "LTarget RTarget Operand Weight",
    "AllocDeploymentStatus": "Healthy Timestamp Canary ModifyIndex",
    "AllocListStub": """
        ID EvalID Name Namespace NodeID NodeName JobID JobType JobVersion TaskGroup
        AllocatedResources:AllocatedResources DesiredStatus DesiredDescription ClientStatus
        ClientDescription DesiredTransition:DesiredTransition TaskStates:*TaskState
        DeploymentStatus:AllocDeploymentStatus FollowupEvalID NextAllocation
        RescheduleTracker:RescheduleTracker PreemptedAllocations PreemptedByAllocation CreateIndex
        ModifyIndex CreateTime ModifyTime
    """,
    "AllocMetric": """
        NodesEvaluated NodesFiltered NodesInPool NodePool NodesAvailable ClassFiltered ConstraintFiltered
        NodesExhausted ClassExhausted DimensionExhausted QuotaExhausted ResourcesExhausted:*Resources Scores
        ScoreMetaData:NodeScoreMeta AllocationTime CoalescedFailures
    """,
    "AllocNetworkStatus": "InterfaceName Address AddressIPv6 DNS:DNSConfig",
    "AllocState": "Field Value Time",
    "AllocatedCpuResources": "CpuShares ReservedCores",
    "AllocatedDeviceResource": "Vendor Type Name DeviceIDs",
    "AllocatedMemoryResources": "MemoryMB MemoryMaxMB",
    "AllocatedPortMapping": "Label Value To HostIP IgnoreCollision",
    "AllocatedResources": """
        Tasks:*AllocatedTaskResources TaskLifecycles:*TaskLifecycleConfig Shared:AllocatedSharedResources
    """,
    "AllocatedSharedResources": "DiskMB Networks:NetworkResource Ports:AllocatedPortMapping",
    "AllocatedTaskResources": """
        Cpu:AllocatedCpuResources Memory:AllocatedMemoryResources Networks:NetworkResource
        Devices:AllocatedDeviceResource
    """,
    "Allocation": """
        ID Namespace EvalID Name NodeID NodeName JobID Job:Job TaskGroup Resources:Resources
        SharedResources:Resources TaskResources:*Resources AllocatedResources:AllocatedResources
        Metrics:AllocMetric DesiredStatus DesiredDescription DesiredTransition:DesiredTransition
        ClientStatus ClientDescription TaskStates:*TaskState AllocStates:AllocState DeploymentID
        DeploymentStatus:AllocDeploymentStatus FollowupEvalID PreviousAllocation NextAllocation
        RescheduleTracker:RescheduleTracker NetworkStatus:AllocNetworkStatus PreemptedAllocations
        PreemptedByAllocation SigningKeyID CreateIndex ModifyIndex AllocModifyIndex CreateTime ModifyTime
    """,
    "CNIConfig": "Args",
    "CSIControllerInfo": """
        SupportsCreateDelete SupportsAttachDetach SupportsListVolumes SupportsGetCapacity
        SupportsCreateDeleteSnapshot SupportsListSnapshots SupportsClone SupportsReadOnlyAttach
        SupportsExpand SupportsListVolumesAttachedNodes SupportsCondition SupportsGet
    """,
    "CSIInfo": """
        PluginID AllocID Healthy HealthDescription UpdateTime Provider ProviderVersion
        RequiresControllerPlugin RequiresTopologies ControllerInfo:CSIControllerInfo NodeInfo:CSINodeInfo
    """,
    "CSIMountOptions": "FSType MountFlags",
    "CSINodeInfo": """
        ID MaxVolumes AccessibleTopology:CSITopology RequiresNodeStageVolume SupportsStats SupportsExpand
        SupportsCondition
    """,
    "CSIPlugin": """
        ID Provider Version ControllerRequired Controllers:*CSIInfo Nodes:*CSIInfo Allocations:AllocListStub
        ControllerJobs NodeJobs ControllersHealthy ControllersExpected NodesHealthy NodesExpected
        CreateIndex ModifyIndex CreateTime ModifyTime
    """,
    "CSITopology": "Segments",
    "CSITopologyRequest": "Required:CSITopology Preferred:CSITopology",
    "CSIVolumeCapability": "AccessMode AttachmentMode",
    "ChangeScript": "Command Args Timeout FailOnError RunOnFirstRender",
    "CheckRestart": "Limit Grace IgnoreWarnings",
    "ClientHostNetworkConfig": "Name CIDR Interface ReservedPorts",
    "ClientHostVolumeConfig": "Name Path ReadOnly ID",
    "Constraint": "LTarget RTarget Operand",
    "Consul": "Namespace Cluster Partition",
    "ConsulConnect": "Native Gateway:ConsulGateway SidecarService:ConsulSidecarService SidecarTask:SidecarTask",
    "ConsulExposeConfig": "Paths:ConsulExposePath",
    "ConsulExposePath": "Path Protocol LocalPathPort ListenerPort",
    "ConsulGateway": """
        Proxy:ConsulGatewayProxy Ingress:ConsulIngressConfigEntry Terminating:ConsulTerminatingConfigEntry
        Mesh:ConsulMeshConfigEntry
    """,
    "ConsulGatewayBindAddress": "Address Port",
    "ConsulGatewayProxy": """
        ConnectTimeout EnvoyGatewayBindTaggedAddresses EnvoyGatewayBindAddresses:*ConsulGatewayBindAddress
        EnvoyGatewayNoDefaultBind EnvoyDNSDiscoveryType Config
    """,
    "ConsulGatewayTLSConfig": "Enabled TLSMinVersion TLSMaxVersion CipherSuites SDS:ConsulGatewayTLSSDSConfig",
    "ConsulGatewayTLSSDSConfig": "ClusterName CertResource",
    "ConsulHTTPHeaderModifiers": "Add Set Remove",
    "ConsulIngressConfigEntry": "TLS:ConsulGatewayTLSConfig Listeners:ConsulIngressListener",
    "ConsulIngressListener": "Port Protocol Services:ConsulIngressService",
    "ConsulIngressService": """
        Name Hosts TLS:ConsulGatewayTLSConfig RequestHeaders:ConsulHTTPHeaderModifiers
        ResponseHeaders:ConsulHTTPHeaderModifiers MaxConnections MaxPendingRequests MaxConcurrentRequests
    """,
    "ConsulLinkedService": "Name CAFile CertFile KeyFile SNI",
    "ConsulMeshConfigEntry": """
    """,
    "ConsulMeshGateway": "Mode",
    "ConsulProxy": """
        LocalServiceAddress LocalServicePort Expose:ConsulExposeConfig Upstreams:ConsulUpstream
        TransparentProxy:ConsulTransparentProxy Config
    """,
    "ConsulSidecarService": "Tags Port Proxy:ConsulProxy DisableDefaultTCPCheck Meta",
    "ConsulTerminatingConfigEntry": "Services:ConsulLinkedService",
    "ConsulTransparentProxy": """
        UID OutboundPort ExcludeInboundPorts ExcludeOutboundPorts ExcludeOutboundCIDRs ExcludeUIDs NoDNS
    """,
    "ConsulUpstream": """
        DestinationName DestinationNamespace DestinationPeer DestinationPartition DestinationType
        LocalBindPort Datacenter LocalBindAddress LocalBindSocketPath LocalBindSocketMode
        MeshGateway:ConsulMeshGateway Config
    """,
    "DNSConfig": "Servers Searches Options",
    "Deployment": """
        ID Namespace JobID JobVersion JobModifyIndex JobSpecModifyIndex JobCreateIndex IsMultiregion
        TaskGroups:*DeploymentState Status StatusDescription EvalPriority CreateIndex ModifyIndex CreateTime
        ModifyTime
    """,
    "DeploymentState": """
        PlacedCanaries AutoRevert AutoPromote ProgressDeadline RequireProgressBy Promoted DesiredCanaries
        DesiredTotal PlacedAllocs HealthyAllocs UnhealthyAllocs
    """,
    "DesiredTransition": "Migrate Reschedule ForceReschedule NoShutdownDelay MigrateDisablePlacement",
    "DesiredUpdates": """
        Ignore Place Migrate Stop InPlaceUpdate DestructiveUpdate Canary Preemptions Disconnect Reconnect
        RescheduleNow RescheduleLater
    """,
    "DisconnectStrategy": "LostAfter StopOnClientAfter Replace Reconcile",
    "DispatchPayloadConfig": "File",
    "DrainMetadata": "StartedAt UpdatedAt Status AccessorID Meta",
    "DrainStrategy": "Deadline IgnoreSystemJobs ForceDeadline StartedAt",
    "DriverInfo": "Attributes Detected Healthy HealthDescription UpdateTime",
    "EphemeralDisk": "Sticky Migrate SizeMB",
    "Evaluation": """
        ID Priority Type TriggeredBy Namespace JobID JobModifyIndex NodeID NodeModifyIndex DeploymentID
        Status StatusDescription Wait WaitUntil NextEval PreviousEval BlockedEval
        RelatedEvals:EvaluationStub FailedTGAllocs:*AllocMetric PlanAnnotations:PlanAnnotations
        ClassEligibility EscapedComputedClass QuotaLimitReached MissingNonNodeResources AnnotatePlan
        QueuedAllocations LeaderACL SnapshotIndex CreateIndex ModifyIndex CreateTime ModifyTime
    """,
    "EvaluationStub": """
        ID Priority Type TriggeredBy Namespace JobID NodeID DeploymentID Status StatusDescription WaitUntil
        NextEval PreviousEval BlockedEval CreateIndex ModifyIndex CreateTime ModifyTime
    """,
    "HostVolumeCapability": "AttachmentMode AccessMode",
    "Job": """
        Region Namespace ID Name Type Priority AllAtOnce Datacenters NodePool Constraints:Constraint
        Affinities:Affinity TaskGroups:TaskGroup Update:UpdateStrategy Multiregion:Multiregion
        Spreads:Spread Periodic:PeriodicConfig ParameterizedJob:ParameterizedJobConfig Meta UI:JobUIConfig
        Stop ParentID Dispatched DispatchIdempotencyToken Payload ConsulNamespace VaultNamespace
        NomadTokenID Status StatusDescription Stable Version SubmitTime CreateIndex ModifyIndex
        JobModifyIndex VersionTag:JobVersionTag
    """,
    "JobACL": "Namespace JobID Group Task",
    "JobUIConfig": "Description Links:JobUILink",
    "JobUILink": "Label Url",
    "JobVersionTag": "Name Description TaggedTime",
    "LegacyNodeCpuResources": "CpuShares TotalCpuCores ReservableCpuCores",
    "LogConfig": "MaxFiles MaxFileSizeMB Disabled",
    "MigrateStrategy": "MaxParallel HealthCheck MinHealthyTime HealthyDeadline",
    "Multiregion": "Strategy:MultiregionStrategy Regions:MultiregionRegion",
    "MultiregionRegion": "Name Count Datacenters NodePool Meta",
    "MultiregionStrategy": "MaxParallel OnFailure",
    "NUMA": "Affinity Devices",
    "NetworkResource": """
        Mode Device CIDR IP DNS:DNSConfig ReservedPorts:Port DynamicPorts:Port Hostname MBits CNI:CNIConfig
    """,
    "Node": """
        ID SecretID Datacenter Name HTTPAddr TLSEnabled Attributes NodeResources:NodeResources
        ReservedResources:NodeReservedResources Links Meta NodeClass NodePool ComputedClass CgroupParent
        Drain DrainStrategy:DrainStrategy SchedulingEligibility Status StatusDescription
        IdentitySigningKeyID StatusUpdatedAt Events:NodeEvent Drivers:*DriverInfo
        HostVolumes:*ClientHostVolumeConfig GCVolumesOnNodeGC HostNetworks:*ClientHostNetworkConfig
        CSIControllerPlugins:*CSIInfo CSINodePlugins:*CSIInfo LastDrain:DrainMetadata CreateIndex
        ModifyIndex NodeMaxAllocs LastMissedHeartbeatIndex LastAllocUpdateIndex
    """,
    "NodeDevice": "ID Healthy HealthDescription Locality:NodeDeviceLocality",
    "NodeDeviceLocality": "PciBusID",
    "NodeDeviceResource": "Vendor Type Name Instances:NodeDevice Attributes",
    "NodeDiskResources": "DiskMB",
    "NodeEvent": "Message Subsystem Details Timestamp CreateIndex",
    "NodeMemoryResources": "MemoryMB",
    "NodeNetworkAddress": "Family Alias Address ReservedPorts Gateway",
    "NodeNetworkResource": "Mode Device MacAddress Speed Addresses:NodeNetworkAddress",
    "NodePool": """
        Name Description Meta NodeIdentityTTL Hash SchedulerConfiguration:NodePoolSchedulerConfiguration
        CreateIndex ModifyIndex
    """,
    "NodePoolSchedulerConfiguration": "SchedulerAlgorithm MemoryOversubscriptionEnabled",
    "NodeProcessorResources": "Topology:Topology",
    "NodeReservedCpuResources": "CpuShares ReservedCpuCores",
    "NodeReservedDiskResources": "DiskMB",
    "NodeReservedMemoryResources": "MemoryMB",
    "NodeReservedNetworkResources": "ReservedHostPorts",
    "NodeReservedResources": """
        Cpu:NodeReservedCpuResources Memory:NodeReservedMemoryResources Disk:NodeReservedDiskResources
        Networks:NodeReservedNetworkResources
    """,
    "NodeResources": """
        Cpu:LegacyNodeCpuResources Processors:NodeProcessorResources Memory:NodeMemoryResources
        Disk:NodeDiskResources Networks:NetworkResource Devices:NodeDeviceResource
        NodeNetworks:NodeNetworkResource MinDynamicPort MaxDynamicPort
    """,
    "NodeScoreMeta": "NodeID Scores NormScore",
    "NumaCore": "SocketID NodeID ID Grade Disable BaseSpeed MaxSpeed GuessSpeed",
    "OIDCClientAssertion": """
        Audience KeySource KeyAlgorithm ClientSecret PrivateKey:OIDCClientAssertionKey ExtraHeaders
    """,
    "OIDCClientAssertionKey": "PemKey PemKeyFile KeyIDHeader KeyID PemCert PemCertFile",
    "ParameterizedJobConfig": "Payload MetaRequired MetaOptional",
    "PeriodicConfig": "Enabled Spec Specs SpecType ProhibitOverlap TimeZone",
    "PlanAnnotations": "DesiredTGUpdates:*DesiredUpdates PreemptedAllocs:AllocListStub",
    "Port": "Label Value To HostNetwork IgnoreCollision",
    "RequestedDevice": "Name Count Constraints Affinities",
    "RescheduleEvent": "RescheduleTime PrevAllocID PrevNodeID Delay",
    "ReschedulePolicy": "Attempts Interval Delay DelayFunction MaxDelay Unlimited",
    "RescheduleTracker": "Events:RescheduleEvent LastReschedule",
    "Resources": """
        CPU Cores MemoryMB MemoryMaxMB DiskMB Networks:NetworkResource Devices:RequestedDevice NUMA:NUMA
        SecretsMB IOPS
    """,
    "RestartPolicy": "Interval Attempts Delay Mode RenderTemplates",
    "ScalingPolicy": "Min Max Policy Enabled Type ID Target CreateIndex ModifyIndex",
    "Secret": "Name Provider Path Config Env",
    "Service": """
        Name Tags CanaryTags EnableTagOverride PortLabel AddressMode Address Checks:ServiceCheck
        Connect:ConsulConnect Meta CanaryMeta TaggedAddresses Namespace TaskName OnUpdate
        Identity:WorkloadIdentity Weights:ServiceWeights Provider Cluster Kind
    """,
    "ServiceCheck": """
        Name Type Command Args Path Protocol PortLabel Expose AddressMode Interval Timeout InitialStatus
        Notes TLSServerName TLSSkipVerify Header Method CheckRestart:CheckRestart GRPCService GRPCUseTLS
        TaskName SuccessBeforePassing FailuresBeforeCritical FailuresBeforeWarning Body OnUpdate
    """,
    "ServiceRegistration": """
        ID ServiceName Namespace NodeID Datacenter JobID AllocID Tags Address Port CreateIndex ModifyIndex
    """,
    "ServiceWeights": "Passing Warning",
    "SidecarTask": """
        Name Driver User Config Env Resources:Resources Meta KillTimeout LogConfig:LogConfig ShutdownDelay
        KillSignal VolumeMounts:VolumeMount Identities:WorkloadIdentity
    """,
    "Spread": "Attribute Weight SpreadTarget:SpreadTarget",
    "SpreadTarget": "Value Percent",
    "Task": """
        Name Driver User Lifecycle:TaskLifecycleConfig Config Constraints:Constraint Affinities:Affinity Env
        Services:Service Resources:Resources RestartPolicy:RestartPolicy Meta KillTimeout
        LogConfig:LogConfig Artifacts:TaskArtifact Vault:Vault Consul:Consul Templates:Template
        DispatchPayload:DispatchPayloadConfig VolumeMounts:VolumeMount CSIPluginConfig:TaskCSIPluginConfig
        Leader ShutdownDelay KillSignal Kind ScalingPolicies:ScalingPolicy Secrets:Secret
        Identity:WorkloadIdentity Identities:WorkloadIdentity Actions:Action Schedule:TaskSchedule
    """,
    "TaskArtifact": "GetterSource GetterOptions GetterHeaders GetterMode GetterInsecure RelativeDest Chown",
    "TaskCSIPluginConfig": "ID Type MountDir StagePublishBaseDir HealthTimeout",
    "TaskEvent": """
        Type Time DisplayMessage Details Message FailsTask RestartReason SetupError DriverError
        DriverMessage ExitCode Signal KillReason KillTimeout KillError StartDelay DownloadError
        ValidationError DiskLimit FailedSibling VaultError TaskSignalReason TaskSignal GenericSource
    """,
    "TaskGroup": """
        Name Count Constraints:Constraint Affinities:Affinity Tasks:Task Spreads:Spread
        Volumes:*VolumeRequest RestartPolicy:RestartPolicy Disconnect:DisconnectStrategy
        ReschedulePolicy:ReschedulePolicy EphemeralDisk:EphemeralDisk Update:UpdateStrategy
        Migrate:MigrateStrategy Networks:NetworkResource Meta Services:Service ShutdownDelay MaxRunDuration
        StopAfterClientDisconnect MaxClientDisconnect Scaling:ScalingPolicy Consul:Consul
        PreventRescheduleOnLost
    """,
    "TaskLifecycleConfig": "Hook Sidecar",
    "TaskSchedule": "Cron:TaskScheduleCron",
    "TaskScheduleCron": "Start End Timezone",
    "TaskState": "State Failed Restarts LastRestart StartedAt FinishedAt Events:TaskEvent Paused",
    "Template": """
        SourcePath DestPath EmbeddedTmpl ChangeMode ChangeScript:ChangeScript ChangeSignal Once Splay Perms
        Uid Gid LeftDelim RightDelim Envvars VaultGrace Wait:WaitConfig ErrMissingKey
    """,
    "Topology": "Nodes Distances Cores:NumaCore OverrideTotalCompute OverrideWitholdCompute",
    "UpdateStrategy": """
        Stagger MaxParallel HealthCheck MinHealthyTime HealthyDeadline ProgressDeadline Canary AutoRevert
        AutoPromote
    """,
    "VariableLock": "ID TTL LockDelay",
    "VariableMetadata": "Namespace Path CreateIndex ModifyIndex CreateTime ModifyTime Lock:VariableLock",
    "Vault": "Role Namespace Cluster Env DisableFile ChangeMode ChangeSignal AllowTokenExpiration",
    "Volume": """
        Namespace ID Name PluginID NodePool NodeID Constraints:Constraint RequestedCapacityMinBytes
        RequestedCapacityMaxBytes CapacityBytes RequestedCapabilities:HostVolumeCapability Parameters
        HostPath State CreateIndex CreateTime ModifyIndex ModifyTime Allocations:AllocListStub ExternalID
        RequestedTopologies:CSITopologyRequest Topologies:CSITopology AccessMode AttachmentMode
        MountOptions:CSIMountOptions Secrets Context Capacity RequestedCapacityMin RequestedCapacityMax
        CloneID SnapshotID ReadAllocs:*Allocation WriteAllocs:*Allocation Schedulable Provider
        ProviderVersion ControllerRequired ControllersHealthy ControllersExpected NodesHealthy NodesExpected
        ResourceExhausted
    """,
    "VolumeMount": "Volume Destination ReadOnly PropagationMode SELinuxLabel",
    "VolumeRequest": """
        Name Type Source ReadOnly Sticky AccessMode AttachmentMode MountOptions:CSIMountOptions PerAlloc
    """,
    "WaitConfig": "Min Max",
    "WorkloadIdentity": "Name Audience ChangeMode ChangeSignal Env File Filepath ServiceName TTL ExtraClaims",
}


@cache
def members_of(kind: str) -> dict[str, str | None]:
    """The members of a kind of object in order, each with the kind of object in it, or None.

    Empty for maps, whose members have no fixed order.
    """
    if kind.startswith("*"):
        return {}
    fields = [member.partition(":") for member in _MEMBERS[kind].split()]
    return {name: kind or None for name, _, kind in fields}


@cache
def _places(kind: str) -> dict[str, int]:
    return {name: place for place, name in enumerate(members_of(kind))}


def kind_beneath(kind: str | None, key: str) -> str | None:
    """The kind of object under a key of an object; None if it is not an object or unknown."""
    if kind is None:
        return None
    return kind[1:] if kind.startswith("*") else members_of(kind).get(key)


def in_order(kind: str | None, keys: list[str]) -> list[str]:
    """Keys in the order of the documentation; undocumented ones follow, sorted."""
    if kind is None or kind.startswith("*"):
        return sorted(keys)
    places = _places(kind)
    return sorted(keys, key=lambda key: (places.get(key, len(places)), key))
