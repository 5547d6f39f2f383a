namespace Dumont.Snapshots;

/// <summary>The chunks that a delta is made against, one behind the other: an earlier version of the same stretch of a file.</summary>
internal readonly struct Baseline : IEquatable<Baseline>
{
    public const int MaximumCount = 4;

    private readonly ContentHash[]? _chunks;

    public Baseline(ReadOnlySpan<ContentHash> chunks) => _chunks = chunks.ToArray();

    public int Count => _chunks?.Length ?? 0;

    public ContentHash this[int index] => _chunks![index];

    public static Baseline Read(ref SpanReader reader)
    {
        var count = reader.ReadByte();
        if (count is 0 or > MaximumCount)
        {
            throw reader.Broken($"lists a delta against {count} chunks");
        }

        Span<ContentHash> chunks = stackalloc ContentHash[count];
        for (var i = 0; i < count; i++)
        {
            chunks[i] = reader.ReadHash();
        }

        return new Baseline(chunks);
    }

    public bool Equals(Baseline other) => _chunks.AsSpan().SequenceEqual(other._chunks);

    public override bool Equals(object? obj) => obj is Baseline other && Equals(other);

    public override int GetHashCode() => Count == 0 ? 0 : _chunks![0].GetHashCode();
}
