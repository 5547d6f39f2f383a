using System.Text.Json.Serialization;

namespace Dumont.Contracts;

/// <summary>A command of the user's that is kept running on the machine that writes.</summary>
/// <param name="Name">Lower-case letters, digits and hyphens, at most 32; unique within the instance.</param>
/// <param name="Command">For <c>/bin/sh -c</c>, in the workspace.</param>
public sealed record AgentService(string Name, string Command);

/// <summary>A command of the user's that runs once when a machine begins to write, before the services.</summary>
/// <param name="Number">The generation that it belongs to. A machine runs no hook whose number it has seen, so one runs at most once.</param>
/// <param name="Name"><c>on_failover</c> or <c>on_recovery</c>.</param>
/// <param name="Command">For <c>/bin/sh -c</c>, in the workspace.</param>
/// <param name="Timeout">After which it is ended, and the services begin.</param>
public sealed record AgentHook(long Number, string Name, string Command, TimeSpan Timeout);

/// <summary>What became of a service or a hook.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AgentServiceState>))]
public enum AgentServiceState
{
    /// <summary>Not running; begins when it may.</summary>
    [JsonStringEnumMemberName("waiting")]
    Waiting,

    /// <summary>Its process lives.</summary>
    [JsonStringEnumMemberName("running")]
    Running,

    /// <summary>It ended; a service begins again after a pause that grows.</summary>
    [JsonStringEnumMemberName("ended")]
    Ended,

    /// <summary>A hook that was ended because its time was over.</summary>
    [JsonStringEnumMemberName("timed_out")]
    TimedOut,
}

/// <summary>One service as its machine sees it.</summary>
/// <param name="Name">The service.</param>
/// <param name="State">What it does.</param>
/// <param name="Restarts">Times that it began again by itself on this machine.</param>
/// <param name="ExitCode">Of the last process that ended; null when none has, or when it was killed together with its shell.</param>
/// <param name="Since">When the state began.</param>
public sealed record AgentServiceReport(string Name, AgentServiceState State, long Restarts, int? ExitCode, DateTimeOffset? Since);

/// <summary>The last hook that this machine has run or runs.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">Running, ended or timed out.</param>
/// <param name="ExitCode">When it ended by itself.</param>
/// <param name="Seconds">How long it has run.</param>
public sealed record AgentHookReport(long Number, string Name, AgentServiceState State, int? ExitCode, double Seconds);
