namespace Dumont.Snapshots.Sync;

/// <summary>How sync behaves. The defaults are the tried values; tests shorten them.</summary>
public sealed class SyncOptions
{
    /// <summary>How long a source gathers changes before it sends them; bounds the work that a program writing a file piece by piece makes.</summary>
    public TimeSpan Debounce { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Time between full comparisons of the source's tree with what was sent: the safety net under the change notifications.</summary>
    public TimeSpan RescanPeriod { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Files above this size travel as chunks, of which only those that the sink lacks are sent; up to it they travel whole, without
    /// a round trip. At most <see cref="FileContent.WholeFileBytes"/>.</summary>
    public int InlineBytes { get; init; } = FileContent.WholeFileBytes;

    /// <summary>Payload sent and not acknowledged at which the source waits; 64 MiB covers 100 ms at 5 Gbit/s.</summary>
    public long WindowBytes { get; init; } = 64 << 20;

    /// <summary>Changes sent and not acknowledged at which the source waits.</summary>
    public int WindowChanges { get; init; } = 8192;

    /// <summary>Changes that the sink makes durable together at most.</summary>
    public int BatchChanges { get; init; } = 1024;

    /// <summary>Payload that the sink makes durable together at most.</summary>
    public long BatchBytes { get; init; } = 32 << 20;

    /// <summary>Highest protocol version spoken; tests speak as agents of before.</summary>
    internal int Version { get; init; } = SyncLimits.Version;

    /// <summary>How often a large file that changes while it is read is read anew before a version mixed from two moments is sent; after each
    /// try the source waits as long as the try took.</summary>
    public int UnstableReads { get; init; } = 3;
}
