namespace Dumont.Snapshots;
/// <summary>temp</summary>
public static unsafe class Lz4
{
    [ThreadStatic] private static int[]? t;
    /// <summary>temp</summary>
    public static int MaximumEncodedBytes(int length) => length + length / 255 + 16;
    /// <summary>temp</summary>
    public static int Encode(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        t ??= new int[4096];
        Array.Clear(t);
        fixed (byte* s = source, d0 = destination) fixed (int* h = t)
        {
            byte* d = d0; byte* de = d0 + destination.Length; int n = source.Length; int anchor = 0, i = 1; int lim = n - 12;
            if (n >= 13)
            {
                int miss = 0;
                while (i < lim)
                {
                    uint v = *(uint*)(s + i); int hh = (int)((v * 2654435761u) >> 20); int c = h[hh]; h[hh] = i;
                    if (c < i && i - c < 65536 && *(uint*)(s + c) == v)
                    {
                        while (i > anchor && c > 0 && s[i - 1] == s[c - 1]) { i--; c--; }
                        int ml = 4; while (i + ml < n - 5 && s[i + ml] == s[c + ml]) ml++;
                        int lit = i - anchor;
                        if (d + lit + lit / 255 + ml / 255 + 16 > de) return 0;
                        Emit(ref d, s + anchor, lit, i - c, ml); i += ml; anchor = i; miss = 0;
                    }
                    else { i += 1 + (miss++ >> 6); }
                }
            }
            int rest = n - anchor; if (d + rest + rest / 255 + 2 > de) return 0;
            byte* tok = d++; if (rest >= 15) { *tok = 15 << 4; int r = rest - 15; while (r >= 255) { *d++ = 255; r -= 255; } *d++ = (byte)r; } else *tok = (byte)(rest << 4);
            Buffer.MemoryCopy(s + anchor, d, rest, rest); d += rest; return (int)(d - d0);
        }
    }
    private static void Emit(ref byte* d, byte* l, int lit, int off, int ml)
    {
        byte* tok = d++; int m = ml - 4;
        *tok = (byte)((Math.Min(lit, 15) << 4) | Math.Min(m, 15));
        if (lit >= 15) { int r = lit - 15; while (r >= 255) { *d++ = 255; r -= 255; } *d++ = (byte)r; }
        Buffer.MemoryCopy(l, d, lit, lit); d += lit; *d++ = (byte)off; *d++ = (byte)(off >> 8);
        if (m >= 15) { int r = m - 15; while (r >= 255) { *d++ = 255; r -= 255; } *d++ = (byte)r; }
    }
    /// <summary>temp</summary>
    public static bool TryDecode(ReadOnlySpan<byte> s, Span<byte> d)
    {
        int i = 0, o = 0;
        while (i < s.Length)
        {
            int t = s[i++], lit = t >> 4;
            if (lit == 15) { int b; do { if (i >= s.Length) return false; b = s[i++]; lit += b; if (lit > d.Length) return false; } while (b == 255); }
            if (lit > s.Length - i || lit > d.Length - o) return false;
            s.Slice(i, lit).CopyTo(d[o..]); i += lit; o += lit;
            if (i == s.Length) return o == d.Length;
            if (i + 2 > s.Length) return false;
            int off = s[i] | s[i + 1] << 8; i += 2; int ml = t & 15; if (off == 0 || off > o) return false;
            if (ml == 15) { int b; do { if (i >= s.Length) return false; b = s[i++]; ml += b; if (ml > d.Length) return false; } while (b == 255); }
            ml += 4; if (ml > d.Length - o) return false;
            for (int k = 0; k < ml; k++) d[o + k] = d[o + k - off];
            o += ml;
        }
        return false;
    }
}
