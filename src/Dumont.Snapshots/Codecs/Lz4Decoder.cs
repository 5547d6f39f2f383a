using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dumont.Snapshots;

/// <summary>Decodes LZ4 blocks: in large steps that go too far while there is room behind them on both sides, byte by byte at the end.</summary>
internal static unsafe class Lz4Decoder
{
    // A step of the fast loop writes at most this much more than it should, and reads as much.
    private const int Slack = 32;

    // What a token without more lengths needs: literals, offset, next token; literals, match.
    private const int InputRoom = 16 + 2 + 1;
    private const int OutputRoom = 16 + 18;

    // For offsets below 16: which of the bytes behind the match each of the 16 is.
    private static ReadOnlySpan<byte> PatternIndexes =>
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
        0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0,
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
        0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0,
        0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3,
        0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1,
        0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 2,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 1,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0,
    ];

    // The largest multiple of the offset in 16: after so many bytes the pattern begins again.
    private static ReadOnlySpan<byte> PatternSteps => [0, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15];

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TryDecode(byte* input, byte* inputEnd, byte* output, byte* outputEnd)
    {
        var start = output;
        while (true)
        {
            if (input >= inputEnd)
            {
                return false;
            }

            var token = (uint)*input++;
            nint literals = (nint)(token >> 4);
            if (literals != 15 && inputEnd - input >= InputRoom && outputEnd - output >= OutputRoom)
            {
                Vector128.Load(input).Store(output);
                output += literals;
                input += literals;
            }
            else
            {
                if ((literals == 15 && !TryReadLength(ref input, inputEnd, ref literals))
                    || literals > inputEnd - input || literals > outputEnd - output)
                {
                    return false;
                }

                CopyLiterals(input, inputEnd, output, outputEnd, literals);
                output += literals;
                input += literals;
                if (inputEnd - input < 2)
                {
                    return input == inputEnd && output == outputEnd;
                }
            }

            nint offset = *(ushort*)input;
            input += 2;
            nint length = (nint)(token & 15);
            if (offset == 0 || offset > output - start)
            {
                return false;
            }

            var match = output - offset;
            if (length != 15 && offset >= 8 && outputEnd - output >= 18)
            {
                *(ulong*)output = *(ulong*)match;
                *(ulong*)(output + 8) = *(ulong*)(match + 8);
                *(ushort*)(output + 16) = *(ushort*)(match + 16);
                output += length + Lz4.MinimumMatchBytes;
                continue;
            }

            if ((length == 15 && !TryReadLength(ref input, inputEnd, ref length)) || length + Lz4.MinimumMatchBytes > outputEnd - output)
            {
                return false;
            }

            length += Lz4.MinimumMatchBytes;
            CopyMatch(match, output, outputEnd, offset, length);
            output += length;
        }
    }

    // Bytes that add up, the last of them below 255. A span has fewer than 2^31 bytes, which bounds the sum below 2^39.
    private static bool TryReadLength(ref byte* input, byte* inputEnd, ref nint length)
    {
        byte more;
        do
        {
            if (input >= inputEnd)
            {
                return false;
            }

            more = *input++;
            length += more;
        }
        while (more == 255);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyLiterals(byte* from, byte* fromEnd, byte* to, byte* toEnd, nint count)
    {
        if (fromEnd - from >= count + Slack && toEnd - to >= count + Slack)
        {
            var end = to + count;
            do
            {
                Vector128.Load(from).Store(to);
                Vector128.Load(from + 16).Store(to + 16);
                from += 32;
                to += 32;
            }
            while (to < end);
        }
        else
        {
            Buffer.MemoryCopy(from, to, count, count);
        }
    }

    // From a few bytes before: what is copied may be what was copied just now. In steps while a step fits, the rest byte by byte.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyMatch(byte* match, byte* to, byte* toEnd, nint offset, nint count)
    {
        var end = to + count;
        var stepEnd = end <= toEnd - Slack ? end : toEnd - Slack;
        if (offset >= 32)
        {
            for (; to < stepEnd; to += 32)
            {
                Vector128.Load(to - offset).Store(to);
                Vector128.Load(to - offset + 16).Store(to + 16);
            }
        }
        else if (offset >= 16)
        {
            for (; to < stepEnd; to += 16)
            {
                Vector128.Load(to - offset).Store(to);
            }
        }
        else if (to < stepEnd)
        {
            var indexes = Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(PatternIndexes), (nuint)(offset * 16));
            var pattern = Ssse3.IsSupported ? Ssse3.Shuffle(Vector128.Load(match), indexes) : Vector128.Shuffle(Vector128.Load(match), indexes);
            nint step = PatternSteps[(int)offset];
            for (; to < stepEnd; to += step)
            {
                pattern.Store(to);
            }
        }

        for (; to < end; to++)
        {
            *to = *(to - offset);
        }
    }
}
