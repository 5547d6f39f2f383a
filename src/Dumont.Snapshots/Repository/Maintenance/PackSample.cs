namespace Dumont.Snapshots;

/// <summary>Which packs a verification reads from end to end.</summary>
public abstract record PackSample
{
    private PackSample()
    {
    }

    /// <summary>No content, only the structure.</summary>
    public static PackSample None { get; } = new Nothing();

    /// <summary>Every byte.</summary>
    public static PackSample All { get; } = new Everything();

    /// <summary>One of <paramref name="total"/> parts of about the same size. A pack belongs to the same part for ever, by its name, which is a hash: who
    /// reads all the parts in turn has read every pack once, also those that came meanwhile within a turn.</summary>
    /// <param name="number">From 1 to <paramref name="total"/>.</param>
    /// <param name="total">At least 1.</param>
    public static PackSample Part(int number, int total)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, total);
        return new Numbered(number, total);
    }

    /// <summary>So many of the packs, chosen anew each time.</summary>
    /// <param name="share">Above 0 to 1.</param>
    /// <param name="random">Chooses.</param>
    public static PackSample Share(double share, Random random) => new Drawn(share, long.MaxValue, random);

    /// <summary>Packs of about so many bytes together, chosen anew each time; one at least.</summary>
    public static PackSample Bytes(long bytes, Random random) => new Drawn(1, bytes, random);

    /// <summary>What any of these reads.</summary>
    public static PackSample AnyOf(IReadOnlyList<PackSample> samples) => samples is [var only] ? only : new Union(samples);

    /// <summary>These packs and no others; <paramref name="names"/> are names of objects. Those that are not there any more are left out.</summary>
    public static PackSample Named(IEnumerable<string> names) => new Listed(names.ToHashSet(StringComparer.Ordinal));

    /// <summary>The packs to read, of all that there are.</summary>
    internal abstract HashSet<ContentHash> Choose(IReadOnlyList<PackContent> packs);

    private sealed record Nothing : PackSample
    {
        internal override HashSet<ContentHash> Choose(IReadOnlyList<PackContent> packs) => [];
    }

    private sealed record Everything : PackSample
    {
        internal override HashSet<ContentHash> Choose(IReadOnlyList<PackContent> packs) => [.. packs.Select(pack => pack.Name)];
    }

    private sealed record Numbered(int Number, int Total) : PackSample
    {
        internal override HashSet<ContentHash> Choose(IReadOnlyList<PackContent> packs) =>
            [.. packs.Select(pack => pack.Name).Where(name => name.Prefix % (uint)Total == (uint)Number - 1)];
    }

    private sealed record Drawn(double Fraction, long Limit, Random Source) : PackSample
    {
        internal override HashSet<ContentHash> Choose(IReadOnlyList<PackContent> packs)
        {
            var shuffled = packs.ToArray();
            Source.Shuffle(shuffled);
            var chosen = new HashSet<ContentHash>();
            var bytes = 0L;
            foreach (var pack in shuffled.Take((int)Math.Ceiling(Fraction * shuffled.Length)))
            {
                if (chosen.Count > 0 && bytes + pack.SizeBytes > Limit)
                {
                    break;
                }

                bytes += pack.SizeBytes;
                chosen.Add(pack.Name);
            }

            return chosen;
        }
    }

    private sealed record Union(IReadOnlyList<PackSample> Samples) : PackSample
    {
        internal override HashSet<ContentHash> Choose(IReadOnlyList<PackContent> packs) => [.. Samples.SelectMany(sample => sample.Choose(packs))];
    }

    private sealed record Listed(HashSet<string> Names) : PackSample
    {
        internal override HashSet<ContentHash> Choose(IReadOnlyList<PackContent> packs) =>
            [.. packs.Select(pack => pack.Name).Where(name => Names.Contains(ObjectNames.Pack(name)))];
    }
}
