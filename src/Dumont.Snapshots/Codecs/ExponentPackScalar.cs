using System.Buffers.Binary;

namespace Dumont.Snapshots;

/// <summary>Packed exponents element by element: what the format says, in the fewest words.</summary>
internal static unsafe class ExponentPackScalar
{
    public static bool Encode(ExponentFormat format, ref ExponentWork work)
    {
        var width = format.WidthBytes();
        var codeBits = format.CodeBits();
        var words = stackalloc ulong[codeBits];
        for (; work.Groups > 0; work.Groups--)
        {
            new Span<ulong>(words, codeBits).Clear();
            for (var i = 0; i < ElementLayout.GroupElements; i++, work.Elements += width)
            {
                var high = Rotate(work.Elements, width, work.Low);
                work.Low += width - 1;
                var exponent = format == ExponentFormat.Fp16 ? (byte)(high >> 3) : high;
                var code = Math.Min((byte)(work.Base - exponent), (byte)ExponentPack.Escape);
                if (code == ExponentPack.Escape)
                {
                    if (work.Escapes >= work.EscapesEnd)
                    {
                        return false;
                    }

                    *work.Escapes++ = exponent;
                }

                var bits = format == ExponentFormat.Fp16 ? code | (high & 7) << 3 : code;
                for (var bit = 0; bit < codeBits; bit++)
                {
                    words[bit] |= (ulong)(uint)(bits >> bit & 1) << i;
                }
            }

            for (var bit = 0; bit < codeBits; bit++, work.Codes += 8)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(new Span<byte>(work.Codes, 8), words[bit]);
            }
        }

        return true;
    }

    public static bool Decode(ExponentFormat format, ref ExponentWork work)
    {
        var width = format.WidthBytes();
        var codeBits = format.CodeBits();
        for (; work.Groups > 0; work.Groups--, work.Codes += 8 * codeBits)
        {
            for (var i = 0; i < ElementLayout.GroupElements; i++, work.Elements += width)
            {
                var bits = 0;
                for (var bit = 0; bit < codeBits; bit++)
                {
                    bits |= (work.Codes[bit * 8 + i / 8] >> (i % 8) & 1) << bit;
                }

                var exponent = work.Base - (bits & 7);
                if ((bits & 7) == ExponentPack.Escape)
                {
                    if (work.Escapes >= work.EscapesEnd)
                    {
                        return false;
                    }

                    exponent = *work.Escapes++;
                }

                Join(format == ExponentFormat.Fp16 ? (byte)(exponent << 3 | bits >> 3) : (byte)exponent, work.Low, width, work.Elements);
                work.Low += width - 1;
            }
        }

        return true;
    }

    /// <summary>The highest byte after the rotation; the others go to <paramref name="low"/>.</summary>
    private static byte Rotate(byte* element, int width, byte* low)
    {
        var sign = element[width - 1] >> 7;
        for (var i = 0; i < width - 1; i++)
        {
            low[i] = (byte)(element[i] << 1 | (i == 0 ? sign : element[i - 1] >> 7));
        }

        return (byte)(element[width - 1] << 1 | element[width - 2] >> 7);
    }

    private static void Join(byte high, byte* low, int width, byte* element)
    {
        for (var i = 0; i < width - 1; i++)
        {
            element[i] = (byte)(low[i] >> 1 | (i + 1 < width - 1 ? low[i + 1] : high) << 7);
        }

        element[width - 1] = (byte)(high >> 1 | low[0] << 7);
    }
}
