using Dumont.Snapshots;

namespace Dumont.Dev;

/// <summary>A second version of some bytes, and how much of it chunks do not find again.</summary>
internal static class ContentChange
{
    /// <summary>Overwrites up to 100 bytes, inserts as many or removes 100, each at a third of the places.</summary>
    public static byte[] Apply(byte[] before, int places, ulong seed)
    {
        var random = new SplitMix64(seed);
        var after = new MemoryStream(before.Length + (100 * places));
        var from = 0;
        foreach (var place in Enumerable.Range(0, places).Select(_ => (int)(random.Next() % (ulong)(before.Length - 200))).Order().ToList())
        {
            if (place < from)
            {
                continue;
            }

            after.Write(before, from, place - from);
            from = place;
            var kind = random.Next() % 3;
            var count = 1 + (int)(random.Next() % 100);
            if (kind == 2)
            {
                from += 100;
                continue;
            }

            for (var i = 0; i < count; i++)
            {
                after.WriteByte((byte)random.Next());
            }

            from += kind == 0 ? count : 0;
        }

        after.Write(before, from, before.Length - from);
        return after.ToArray();
    }

    /// <summary>Bytes of <paramref name="after"/> in chunks that <paramref name="before"/> has not.</summary>
    public static long NewBytes(byte[] before, byte[] after, Func<byte[], IReadOnlyList<int>> cut)
    {
        var known = new HashSet<ContentHash>();
        var start = 0;
        foreach (var length in cut(before))
        {
            known.Add(ContentHash.Of(before.AsSpan(start, length)));
            start += length;
        }

        start = 0;
        var bytes = 0L;
        foreach (var length in cut(after))
        {
            bytes += known.Add(ContentHash.Of(after.AsSpan(start, length))) ? length : 0;
            start += length;
        }

        return bytes;
    }
}
