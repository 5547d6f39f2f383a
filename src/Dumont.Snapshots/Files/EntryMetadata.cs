using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Dumont.Snapshots;

/// <summary>Owner and extended attributes of an entry: what belongs to it besides content, mode and time. Of the attributes those that travel:
/// the user's own, access lists and the capability of a program; in the order of their names, so that equal ones have equal bytes.</summary>
public sealed class EntryMetadata
{
    /// <summary>More attributes than this do not travel: a frame must hold them besides a small file.</summary>
    internal const int MaximumBytes = 256 << 10;

    private EntryMetadata(uint userId, uint groupId, ExtendedAttribute[] attributes, bool isCut)
    {
        (UserId, GroupId, Attributes, IsCut) = (userId, groupId, attributes, isCut);
        if (attributes.Length == 0)
        {
            Payload = ExtendedAttributes.None;
            return;
        }

        var payload = new ArrayBufferWriter<byte>();
        ExtendedAttributes.Write(attributes, payload);
        Payload = payload.WrittenMemory;
        AttributesHash = ContentHash.Of(Payload.Span);
    }

    /// <summary>Owner.</summary>
    public uint UserId { get; }

    /// <summary>Group.</summary>
    public uint GroupId { get; }

    /// <summary>Extended attributes.</summary>
    public IReadOnlyList<ExtendedAttribute> Attributes { get; }

    /// <summary>The attributes as bytes, as in a manifest.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>Names the attributes; all zero for none.</summary>
    public ContentHash AttributesHash { get; }

    /// <summary>There are attributes, too many to travel.</summary>
    public bool IsCut { get; }

    /// <summary>Of the attributes those that travel.</summary>
    public static EntryMetadata Of(uint userId, uint groupId, IEnumerable<ExtendedAttribute> attributes)
    {
        ExtendedAttribute[] travelling =
            [.. attributes.Where(attribute => Travels(attribute.Name)).OrderBy(attribute => Convert.ToHexString(attribute.Name), StringComparer.Ordinal)];
        var isCut = travelling.Sum(attribute => attribute.Name.Length + attribute.Value.Length + (2 * sizeof(uint))) > MaximumBytes;
        return new EntryMetadata(userId, groupId, isCut ? [] : travelling, isCut);
    }

    /// <summary>Of an open file or directory.</summary>
    /// <exception cref="PosixException">The attributes cannot be read.</exception>
    internal static EntryMetadata Read(SafeFileHandle file, uint userId, uint groupId)
    {
        var attributes = ExtendedAttributes.List((int)file.DangerousGetHandle());
        GC.KeepAlive(file);
        return Of(userId, groupId, attributes);
    }

    /// <summary>From another machine: of what was sent, only what travels.</summary>
    /// <exception cref="SnapshotFormatException">The bytes are not attributes.</exception>
    internal static EntryMetadata Parse(uint userId, uint groupId, ReadOnlySpan<byte> payload)
    {
        var reader = new SpanReader(payload, "A list of attributes");
        var attributes = ExtendedAttributes.Parse(ref reader);
        reader.End();
        if (attributes.Any(attribute => attribute.Name.Contains((byte)0)))
        {
            throw reader.Broken("has a name with a zero");
        }

        return Of(userId, groupId, attributes);
    }

    /// <summary>Whether an attribute is carried.</summary>
    internal static bool Travels(ReadOnlySpan<byte> name) => ExtendedAttributes.IsPlain(name) || ExtendedAttributes.IsCapability(name);
}
