using System.Globalization;

namespace Dumont.LocalCloud.S3;

/// <summary>The header <c>Range</c>. Pure.</summary>
internal static class ByteRange
{
    /// <summary>Which bytes of so many are asked for: length 0 when there are none of those, null when the header is to be ignored, as S3 does
    /// with several ranges at once and with what it cannot read.</summary>
    public static (long Offset, long Length)? Find(string header, long size)
    {
        if (!header.StartsWith("bytes=", StringComparison.Ordinal) || header.Contains(',', StringComparison.Ordinal))
        {
            return null;
        }

        var dash = header.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0)
        {
            return null;
        }

        var (first, last) = (Number(header["bytes=".Length..dash]), Number(header[(dash + 1)..]));
        return (first, last) switch
        {
            (null, null) => null,
            (null, { } suffix) => header[dash - 1] == '=' ? (size - Math.Min(suffix, size), Math.Min(suffix, size)) : null,
            ({ } from, _) when from >= size => (0, 0),
            ({ } from, null) => header.EndsWith('-') ? (from, size - from) : null,
            ({ } from, { } to) => to < from ? null : (from, Math.Min(to, size - 1) - from + 1),
        };
    }

    private static long? Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
