namespace Dumont.Snapshots;

/// <summary>Bit planes with nothing but 64-bit words.</summary>
internal static unsafe class BitshuffleScalar
{
    public static void Split(byte* source, int groups, int widthBytes, byte* planes, nint stride)
    {
        for (var group = 0; group < groups; group++)
        {
            var elements = source + (nint)group * ElementLayout.GroupElements * widthBytes;
            for (var position = 0; position < widthBytes; position++)
            {
                var plane = planes + position * 8 * stride + (nint)group * Bitshuffle.PlaneGroupBytes;
                for (var eight = 0; eight < 8; eight++)
                {
                    var word = 0UL;
                    for (var i = 0; i < 8; i++)
                    {
                        word |= (ulong)elements[(eight * 8 + i) * widthBytes + position] << (8 * i);
                    }

                    word = Transpose(word);
                    for (var bit = 0; bit < 8; bit++)
                    {
                        plane[bit * stride + eight] = (byte)(word >> (8 * bit));
                    }
                }
            }
        }
    }

    public static void Join(byte** planes, int groups, int widthBytes, byte* destination)
    {
        for (var group = 0; group < groups; group++)
        {
            var elements = destination + (nint)group * ElementLayout.GroupElements * widthBytes;
            for (var position = 0; position < widthBytes; position++)
            {
                for (var eight = 0; eight < 8; eight++)
                {
                    var word = 0UL;
                    for (var bit = 0; bit < 8; bit++)
                    {
                        word |= (ulong)planes[position * 8 + bit][(nint)group * Bitshuffle.PlaneGroupBytes + eight] << (8 * bit);
                    }

                    word = Transpose(word);
                    for (var i = 0; i < 8; i++)
                    {
                        elements[(eight * 8 + i) * widthBytes + position] = (byte)(word >> (8 * i));
                    }
                }
            }
        }
    }

    /// <summary>The 8 x 8 bits of a word, rows for columns. Warren, Hacker's Delight, 7-3.</summary>
    public static ulong Transpose(ulong word)
    {
        var swap = (word ^ (word >> 7)) & 0x00AA00AA00AA00AAUL;
        word ^= swap ^ (swap << 7);
        swap = (word ^ (word >> 14)) & 0x0000CCCC0000CCCCUL;
        word ^= swap ^ (swap << 14);
        swap = (word ^ (word >> 28)) & 0x00000000F0F0F0F0UL;
        return word ^ swap ^ (swap << 28);
    }
}
