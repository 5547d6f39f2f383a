namespace Dumont.Snapshots.Sync;

/// <summary>The other side sent something that the protocol does not allow, or the stream ended inside a frame. The connection is worthless
/// after it; the data is not: a new connection compares the two trees again.</summary>
public sealed class SyncProtocolException(string message) : IOException(message);

/// <summary>The other side is well but will not take what we send: above all, it has seen a higher generation.</summary>
/// <param name="reason">Why.</param>
/// <param name="fence">Lowest generation that it accepts.</param>
/// <param name="message">In English.</param>
public sealed class SyncRefusedException(SyncRefusal reason, long fence, string message) : IOException(message)
{
    /// <summary>Why.</summary>
    public SyncRefusal Reason { get; } = reason;

    /// <summary>Lowest generation that the other side accepts.</summary>
    public long Fence { get; } = fence;
}

/// <summary>The sink could not write: full disk, failing disk, or a tree changed under it.</summary>
/// <param name="fault">What kind.</param>
/// <param name="message">In English, with the path.</param>
public sealed class SyncFaultException(SyncFault fault, string message) : IOException(message)
{
    /// <summary>What kind.</summary>
    public SyncFault Fault { get; } = fault;
}
