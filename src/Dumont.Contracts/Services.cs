namespace Dumont.Contracts;

/// <summary>Body of <c>PUT /instances/{id}/services/{name}</c>.</summary>
public sealed record SetServiceRequest
{
    /// <summary>For <c>/bin/sh -c</c> in the workspace, in the foreground; 1 to 4,096 characters. It is kept as it is, so a secret does not belong into it.</summary>
    public string? Command { get; init; }

    /// <summary><c>any</c>, on whichever machine writes, the default; <c>gpu</c>, only while a GPU machine does.</summary>
    public string? RunsOn { get; init; }
}

/// <summary>Body of <c>PUT /instances/{id}/hooks/{name}</c>.</summary>
public sealed record SetHookRequest
{
    /// <summary>For <c>/bin/sh -c</c> in the workspace; 1 to 4,096 characters. It is kept as it is, so a secret does not belong into it.</summary>
    public string? Command { get; init; }

    /// <summary>After which it is ended and the services begin; 1 to 3,600; default 60.</summary>
    public double? TimeoutSeconds { get; init; }
}

/// <summary>What runs by itself on an instance.</summary>
public sealed record InstanceServicesResponse(
    InstanceId InstanceId, IReadOnlyList<ServiceResponse> Services, HookResponse? OnFailover, HookResponse? OnRecovery, HookRunResponse? LastHook);

/// <summary>One service.</summary>
public sealed record ServiceResponse
{
    /// <summary>Lower-case letters, digits and hyphens.</summary>
    public required string Name { get; init; }

    /// <summary>What is run.</summary>
    public required string Command { get; init; }

    /// <summary><c>any</c> or <c>gpu</c>.</summary>
    public required string RunsOn { get; init; }

    /// <summary><c>running</c>; <c>ended</c>, to begin again after a pause; <c>waiting</c>, until it may begin; <c>unknown</c>, when its machine is not heard of.</summary>
    public required string State { get; init; }

    /// <summary>Times that it began again by itself on this machine.</summary>
    public required long Restarts { get; init; }

    /// <summary>Of the last process that ended; null when none has, or when it was killed.</summary>
    public int? ExitCode { get; init; }

    /// <summary>When the state began; null when it is not known.</summary>
    public DateTimeOffset? Since { get; init; }
}

/// <summary>One hook.</summary>
public sealed record HookResponse(string Command, double TimeoutSeconds);

/// <summary>How the last hook on the machine that writes went.</summary>
/// <param name="Name"><c>on_failover</c> or <c>on_recovery</c>.</param>
/// <param name="Generation">Of the take-over that it ran for.</param>
/// <param name="State"><c>running</c>, <c>ended</c> or <c>timed_out</c>.</param>
/// <param name="ExitCode">When it ended by itself.</param>
/// <param name="Seconds">How long it has run.</param>
public sealed record HookRunResponse(string Name, long Generation, string State, int? ExitCode, double Seconds);
