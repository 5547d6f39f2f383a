namespace Dumont.Snapshots;

/// <summary>How thoroughly to verify.</summary>
public sealed record VerifyOptions
{
    /// <summary>Packs whose content is read and checked; the structure is checked in any case.</summary>
    public PackSample Sample { get; init; } = PackSample.None;

    /// <summary>Threads that read; 0: one a core.</summary>
    public int Workers { get; init; }
}

/// <summary>Something that is wrong.</summary>
/// <param name="ObjectName">In which object of the store.</param>
/// <param name="Message">What.</param>
public sealed record Damage(string ObjectName, string Message);

/// <summary>What a verification found.</summary>
/// <param name="Damages">Everything that is wrong; empty: all is well.</param>
/// <param name="AffectedPaths">Files that cannot be restored whole, as <c>snapshot:path</c>.</param>
/// <param name="AffectedSnapshots">Ids of the snapshots that they are in.</param>
/// <param name="UnlistedPacks">Packs that neither an index nor a pending record lists: left over from a crash or being written right now. No damage.</param>
/// <param name="WaitingPacks">Packs that wait to be deleted; checked like the others.</param>
/// <param name="Snapshots">Checked.</param>
/// <param name="Packs">Checked, those that wait left out.</param>
/// <param name="Chunks">Known.</param>
/// <param name="BytesRead">Of packs.</param>
public sealed record VerifyOutcome(
    IReadOnlyList<Damage> Damages,
    IReadOnlyList<string> AffectedPaths,
    IReadOnlyList<string> AffectedSnapshots,
    int UnlistedPacks,
    int WaitingPacks,
    int Snapshots,
    int Packs,
    int Chunks,
    long BytesRead)
{
    /// <summary>All is well.</summary>
    public bool IsSound => Damages.Count == 0;

    /// <summary>Names of the packs among the damaged objects.</summary>
    public IReadOnlyList<string> DamagedPacks =>
        [.. Damages.Select(damage => damage.ObjectName).Where(name => name.StartsWith(ObjectNames.Packs, StringComparison.Ordinal)).Distinct(StringComparer.Ordinal)];
}

/// <summary>How far a verification is.</summary>
public sealed class VerifyProgress
{
    private long _bytesDone;
    private long _bytesTotal;

    /// <summary>Bytes of packs that will be read; 0 until that is known.</summary>
    public long BytesTotal => Volatile.Read(ref _bytesTotal);

    /// <summary>Of these, done.</summary>
    public long BytesDone => Volatile.Read(ref _bytesDone);

    internal void Expect(long count) => Interlocked.Add(ref _bytesTotal, count);

    internal void AddBytes(long count) => Interlocked.Add(ref _bytesDone, count);
}
