namespace Dumont.Snapshots;

/// <summary>
/// A canonical prefix code over bytes with lengths of at most 11 bits: shorter codes first, equal lengths by symbol. It is complete:
/// every sequence of 11 bits begins with a code.
/// </summary>
internal static unsafe class ExponentHuffmanCode
{
    public const int MaximumBits = 11;
    public const int Symbols = 256;

    private const int Whole = 1 << MaximumBits;

    /// <summary>Lengths for so many occurrences, 0 for a symbol that does not occur. False when none or only one occurs.</summary>
    public static bool TryBuild(ReadOnlySpan<uint> counts, Span<byte> lengths)
    {
        Span<uint> keys = stackalloc uint[Symbols];
        Span<byte> symbols = stackalloc byte[Symbols];
        var used = 0;
        for (var symbol = 0; symbol < Symbols; symbol++)
        {
            if (counts[symbol] != 0)
            {
                keys[used] = counts[symbol];
                symbols[used++] = (byte)symbol;
            }
        }

        lengths.Clear();
        if (used < 2)
        {
            return false;
        }

        keys[..used].Sort(symbols[..used]);
        Span<int> depths = stackalloc int[Symbols];
        Depths(keys[..used], depths[..used]);
        if (!Limit(depths[..used]))
        {
            return false;
        }

        for (var i = 0; i < used; i++)
        {
            lengths[symbols[i]] = (byte)depths[i];
        }

        return true;
    }

    /// <summary>Codes with the first bit lowest, as they are written.</summary>
    public static void Assign(ReadOnlySpan<byte> lengths, Span<ushort> codes)
    {
        // Codes of 11 bits that the codes before take up, by length.
        Span<int> next = stackalloc int[MaximumBits + 2];
        next.Clear();
        foreach (var length in lengths)
        {
            next[length + 1] += length == 0 ? 0 : Whole >> length;
        }

        for (var length = 2; length <= MaximumBits; length++)
        {
            next[length] += next[length - 1];
        }

        for (var symbol = 0; symbol < Symbols; symbol++)
        {
            int length = lengths[symbol];
            if (length != 0)
            {
                codes[symbol] = Reverse(next[length] >> (MaximumBits - length), length);
                next[length] += Whole >> length;
            }
        }
    }

    /// <summary>Whether lengths are within bounds and make a complete code.</summary>
    public static bool IsComplete(ReadOnlySpan<byte> lengths)
    {
        var sum = 0;
        foreach (var length in lengths)
        {
            if (length > MaximumBits)
            {
                return false;
            }

            sum += length == 0 ? 0 : Whole >> length;
        }

        return sum == Whole;
    }

    private static ushort Reverse(int code, int length)
    {
        var reversed = 0;
        for (var i = 0; i < length; i++)
        {
            reversed = reversed << 1 | code >> i & 1;
        }

        return (ushort)reversed;
    }

    /// <summary>Depths in Huffman's tree, of counts from few to many, with two queues.</summary>
    private static void Depths(ReadOnlySpan<uint> counts, Span<int> depths)
    {
        var leaves = counts.Length;
        Span<uint> weights = stackalloc uint[Symbols];
        Span<int> parents = stackalloc int[2 * Symbols];
        var leaf = 0;
        var inner = 0;
        for (var made = 0; made < leaves - 1; made++)
        {
            weights[made] = 0;
            for (var child = 0; child < 2; child++)
            {
                if (leaf < leaves && (inner >= made || counts[leaf] <= weights[inner]))
                {
                    weights[made] += counts[leaf];
                    parents[leaf++] = made;
                }
                else
                {
                    weights[made] += weights[inner];
                    parents[Symbols + inner++] = made;
                }
            }
        }

        Span<int> innerDepths = stackalloc int[Symbols];
        innerDepths[leaves - 2] = 0;
        for (var node = leaves - 3; node >= 0; node--)
        {
            innerDepths[node] = innerDepths[parents[Symbols + node]] + 1;
        }

        for (var i = 0; i < leaves; i++)
        {
            depths[i] = innerDepths[parents[i]] + 1;
        }
    }

    /// <summary>Cuts depths to the maximum and lengthens rare symbols, then shortens frequent ones, until the code is complete.</summary>
    private static bool Limit(Span<int> depths)
    {
        var over = -Whole;
        for (var i = 0; i < depths.Length; i++)
        {
            depths[i] = Math.Min(depths[i], MaximumBits);
            over += Whole >> depths[i];
        }

        for (var length = MaximumBits - 1; length >= 1 && over > 0; length--)
        {
            for (var i = 0; i < depths.Length && over > 0; i++)
            {
                if (depths[i] == length)
                {
                    over -= Whole >> (length + 1);
                    depths[i]++;
                }
            }
        }

        for (var length = 2; length <= MaximumBits && over < 0; length++)
        {
            for (var i = depths.Length - 1; i >= 0 && over < 0; i--)
            {
                if (depths[i] == length && Whole >> length <= -over)
                {
                    over += Whole >> length;
                    depths[i]--;
                }
            }
        }

        return over == 0;
    }
}
