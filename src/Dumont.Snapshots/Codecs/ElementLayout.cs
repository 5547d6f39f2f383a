using System.Runtime.CompilerServices;

namespace Dumont.Snapshots;

/// <summary>
/// Where the elements lie in a chunk. A chunk may begin and end inside an element, and the codecs take elements by groups of 64:
/// <code>
/// | head: Phase bytes | body: Groups * 64 elements | tail: the rest, less than a group |
/// </code>
/// </summary>
/// <param name="Phase">Bytes before the first whole element, 0 to 7.</param>
/// <param name="WidthBytes">Of one element.</param>
/// <param name="Groups">Whole groups of 64 elements.</param>
/// <param name="TailBytes">Bytes behind the last group.</param>
internal readonly record struct ElementLayout(int Phase, int WidthBytes, int Groups, int TailBytes)
{
    public const int GroupElements = 64;

    public int BodyBytes => Groups * GroupElements * WidthBytes;

    /// <summary>Bytes that are stored as they are.</summary>
    public int EdgeBytes => Phase + TailBytes;

    public static ElementLayout For(int lengthBytes, int phase, int widthBytes)
    {
        var head = Math.Min(phase, lengthBytes);
        var groups = (lengthBytes - head) / (GroupElements * widthBytes);
        return new(head, widthBytes, groups, lengthBytes - head - groups * GroupElements * widthBytes);
    }

    /// <summary>Writes head and tail in front of what is coded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void CopyEdges(ReadOnlySpan<byte> chunk, Span<byte> stored)
    {
        chunk[..Phase].CopyTo(stored);
        chunk[(chunk.Length - TailBytes)..].CopyTo(stored[Phase..]);
    }

    /// <summary>Puts head and tail back.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void RestoreEdges(ReadOnlySpan<byte> stored, Span<byte> chunk)
    {
        stored[..Phase].CopyTo(chunk);
        stored.Slice(Phase, TailBytes).CopyTo(chunk[(chunk.Length - TailBytes)..]);
    }
}
