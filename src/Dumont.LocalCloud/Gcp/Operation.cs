namespace Dumont.LocalCloud.Gcp;

/// <summary>What an operation works on.</summary>
/// <param name="Kind"><c>instances</c> or <c>disks</c>; empty for the project itself.</param>
/// <param name="Zone">Empty for the project itself.</param>
/// <param name="Name">Its name.</param>
/// <param name="Id">Its id, which tells it from a later one of the same name.</param>
internal sealed record OperationTarget(string Kind, string Zone, string Name, ulong Id)
{
    public static OperationTarget Of(Vm vm) => new("instances", vm.Zone, vm.Name, vm.Id);

    public static OperationTarget Of(Disk disk) => new("disks", disk.Zone, disk.Name, disk.Id);
}

/// <summary>A long-running operation. One file each.</summary>
internal sealed class Operation
{
    public required ulong Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Google's word: <c>insert</c>, <c>stop</c>, <c>compute.instances.preempted</c>…</summary>
    public required string Type { get; init; }

    public required OperationTarget Target { get; init; }

    public required string User { get; init; }

    public required DateTimeOffset InsertedAt { get; init; }

    /// <summary>The client's own id of the request, which makes a repeat harmless.</summary>
    public string? RequestId { get; init; }

    /// <summary>For <c>compute.instances.preempted</c> and the like: a sentence on what happened.</summary>
    public string? StatusMessage { get; init; }

    public DateTimeOffset? EndedAt { get; set; }

    public string? ErrorCode { get; set; }

    public string? ErrorMessage { get; set; }

    public int ErrorStatus { get; set; }
}

/// <summary>How a call that begins an operation ended.</summary>
internal abstract record OperationResult
{
    private OperationResult() { }

    public sealed record Begun(Operation Operation) : OperationResult;

    public sealed record Refused(GcpError Error) : OperationResult;
}
