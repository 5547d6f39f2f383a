namespace Dumont.Contracts;

/// <summary>State of one agent as <c>GET /agent/status</c> and <c>/agent/instances</c> show it.</summary>
/// <param name="InstanceId">The instance it works for.</param>
/// <param name="MachineId">The machine it runs on, in our records.</param>
/// <param name="Status"><c>online</c>, or <c>offline</c> when it was silent for three heartbeats.</param>
/// <param name="Role"><c>idle</c>, <c>writer</c>, <c>follower</c> or <c>fenced</c>.</param>
/// <param name="Generation">Highest writing generation it has seen.</param>
/// <param name="Version">Agent version.</param>
/// <param name="LastSeen">Time of the last report, UTC.</param>
/// <param name="UptimeSeconds">Since the agent's start.</param>
/// <param name="GpuUtilization">Mean over the GPUs, 0 to 100; null without GPUs.</param>
/// <param name="CpuPercent">0 to 100.</param>
/// <param name="MemoryUsedBytes">Bytes in use.</param>
/// <param name="MemoryTotalBytes">Bytes there are.</param>
/// <param name="DiskUsedBytes">Of the workspace's file system.</param>
/// <param name="DiskTotalBytes">Of the workspace's file system.</param>
/// <param name="SshSessions">Open logins.</param>
/// <param name="SyncState"><c>connecting</c>, <c>initial</c>, <c>live</c>; null when it does not sync.</param>
/// <param name="RpoSeconds">Age of the oldest change the standby has not acknowledged; null when it does not send.</param>
/// <param name="Message">Last trouble; null when all is well.</param>
public sealed record AgentStatusItem(
    InstanceId InstanceId,
    MachineId MachineId,
    string Status,
    string Role,
    long Generation,
    string Version,
    DateTimeOffset LastSeen,
    double UptimeSeconds,
    double? GpuUtilization,
    double? CpuPercent,
    long? MemoryUsedBytes,
    long? MemoryTotalBytes,
    long? DiskUsedBytes,
    long? DiskTotalBytes,
    int? SshSessions,
    string? SyncState,
    double? RpoSeconds,
    string? Message);

/// <summary>Health of all the caller's agents.</summary>
/// <param name="Status"><c>healthy</c> when every agent is online, <c>degraded</c> otherwise, <c>idle</c> without agents.</param>
/// <param name="Agents">One entry a machine.</param>
/// <param name="Count">Entries.</param>
public sealed record AgentStatusResponse(string Status, IReadOnlyList<AgentStatusItem> Agents, int Count);
