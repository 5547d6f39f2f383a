using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dumont.Snapshots;

/// <summary>Encodes LZ4 blocks greedily: the first match found is taken. A table remembers the last place of each hash of six bytes:
/// matches shorter than that are found by chance only. They save next to nothing, and each costs as much time as a long one.</summary>
internal static unsafe class Lz4Encoder
{
    public const int TableEntries = 1 << TableBits;

    // 32 KiB. One bit fewer, as the reference implementation has it, is no faster and makes text 3 % longer.
    private const int TableBits = 13;

    private const int OffsetBytes = 2;

    // What follows any match: a token and the last literals, at least.
    private const int Tail = 1 + Lz4.LastLiterals;

    // After 2^5 places without a match every second is looked at, after as many again every third, and so on: data without matches passes
    // at many GB/s.
    private const int SkipBits = 5;

    public static int Encode(byte* source, int length, byte* destination, int capacity, uint* table)
    {
        var output = destination;
        var outputEnd = destination + capacity;
        var anchor = source;
        var end = source + length;
        if (length <= Lz4.MatchMargin)
        {
            return EncodeLast(anchor, end, output, outputEnd, destination);
        }

        new Span<uint>(table, TableEntries).Clear();
        var matchEnd = end - Lz4.LastLiterals;
        var lastStart = end - Lz4.MatchMargin;
        for (var input = source + 1; FindMatch(source, ref input, lastStart, table, out var match); input++)
        {
            // A match may begin earlier than where it was found.
            var before = CommonBefore(input, match, anchor, source);
            input -= before;
            match -= before;
            var literals = (int)(input - anchor);
            if (output + 1 + ((literals + 240) / 255) + literals + OffsetBytes + Tail > outputEnd)
            {
                return 0;
            }

            var token = output++;
            *token = (byte)(Math.Min(literals, 15) << 4);
            output = literals >= 15 ? WriteLength(output, literals - 15) : output;
            output = CopyLiterals(anchor, literals, output, outputEnd, end);
            while (true)
            {
                *(ushort*)output = (ushort)(input - match);
                var common = CommonLength(input + Lz4.MinimumMatchBytes, match + Lz4.MinimumMatchBytes, matchEnd);
                output = WriteMatchLength(output + OffsetBytes, outputEnd, token, common);
                input += common + Lz4.MinimumMatchBytes;
                anchor = input;
                if (output == null)
                {
                    return 0;
                }

                if (input > lastStart)
                {
                    return EncodeLast(anchor, end, output, outputEnd, destination);
                }

                // The very next place may match again: then there are no literals between.
                match = Exchange(table, Hash(input), input, source);
                if (!IsMatch(input, match))
                {
                    break;
                }

                if (output + 1 + OffsetBytes + Tail > outputEnd)
                {
                    return 0;
                }

                token = output++;
                *token = 0;
            }
        }

        return EncodeLast(anchor, end, output, outputEnd, destination);
    }

    // The next place with a match, from input on; false when there is none before the end.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool FindMatch(byte* source, ref byte* input, byte* lastStart, uint* table, out byte* match)
    {
        var next = input;
        var hash = Hash(next);
        var step = 1;
        var tries = 1 << SkipBits;
        do
        {
            input = next;
            next += step;
            step = tries++ >> SkipBits;
            if (next > lastStart)
            {
                match = null;
                return false;
            }

            match = Exchange(table, hash, input, source);
            hash = Hash(next);
        }
        while (!IsMatch(input, match));
        return true;
    }

    // How many bytes before the two places are equal, up to where the first stretch or the second begins.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int CommonBefore(byte* input, byte* match, byte* inputStart, byte* matchStart)
    {
        var longest = (int)Math.Min(input - inputStart, match - matchStart);
        var common = 0;
        if (match - matchStart >= sizeof(ulong))
        {
            // Nearly always fewer than eight, and how many is hard to predict: counted without a branch for each.
            var difference = *(ulong*)(input - sizeof(ulong)) ^ *(ulong*)(match - sizeof(ulong));
            common = Math.Min(BitOperations.LeadingZeroCount(difference) >> 3, longest);
            if (common < sizeof(ulong))
            {
                return common;
            }
        }

        while (common < longest && input[-1 - common] == match[-1 - common])
        {
            common++;
        }

        return common;
    }

    // Where this hash was last, now that it is here.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Exchange(uint* table, uint hash, byte* input, byte* source)
    {
        var last = source + table[hash];
        table[hash] = (uint)(input - source);
        return last;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsMatch(byte* input, byte* match) => *(uint*)match == *(uint*)input && match + Lz4.MaximumOffset >= input;

    // Null when it does not fit.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* WriteMatchLength(byte* output, byte* outputEnd, byte* token, int common)
    {
        if (common < 15)
        {
            *token |= (byte)common;
            return output;
        }

        *token |= 15;
        return output + ((common - 15) / 255) + 1 + Tail > outputEnd ? null : WriteLength(output, common - 15);
    }

    private static int EncodeLast(byte* anchor, byte* end, byte* output, byte* outputEnd, byte* destination)
    {
        var literals = (int)(end - anchor);
        if (outputEnd - output < 1 + literals + ((literals + 255 - 15) / 255))
        {
            return 0;
        }

        *output++ = (byte)(Math.Min(literals, 15) << 4);
        if (literals >= 15)
        {
            output = WriteLength(output, literals - 15);
        }

        Buffer.MemoryCopy(anchor, output, literals, literals);
        return (int)(output + literals - destination);
    }

    // In steps of 16 where both sides have room for the last step, which goes too far.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* CopyLiterals(byte* from, int count, byte* to, byte* toEnd, byte* fromEnd)
    {
        var end = to + count;
        if (end + 16 <= toEnd && from + count + 16 <= fromEnd)
        {
            do
            {
                Unsafe.CopyBlockUnaligned(to, from, 16);
                to += 16;
                from += 16;
            }
            while (to < end);
        }
        else
        {
            Buffer.MemoryCopy(from, to, count, count);
        }

        return end;
    }

    private static byte* WriteLength(byte* output, int rest)
    {
        for (; rest >= 255; rest -= 255)
        {
            *output++ = 255;
        }

        *output++ = (byte)rest;
        return output;
    }

    // Up to where the block's last literals begin.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int CommonLength(byte* input, byte* match, byte* end)
    {
        var start = input;
        if (input + 8 <= end)
        {
            // Most matches end here.
            var difference = *(ulong*)input ^ *(ulong*)match;
            if (difference != 0)
            {
                return BitOperations.TrailingZeroCount(difference) >> 3;
            }

            input += 8;
            match += 8;
            while (input + 16 <= end)
            {
                var equal = Vector128.Equals(Vector128.Load(input), Vector128.Load(match)).ExtractMostSignificantBits();
                if (equal != 0xFFFF)
                {
                    return (int)(input - start) + BitOperations.TrailingZeroCount(~equal);
                }

                input += 16;
                match += 16;
            }
        }

        while (input < end && *input == *match)
        {
            input++;
            match++;
        }

        return (int)(input - start);
    }

    // Of six bytes: the factor is a prime of 48 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash(byte* at) => (uint)(((*(ulong*)at << 16) * 227_718_039_650_203) >> (64 - TableBits));
}
