namespace Dumont.LocalCloud.S3;

/// <summary>A file that holds an object or a part of one.</summary>
/// <param name="File">Its name in the bucket's folder of contents.</param>
/// <param name="Size">In bytes.</param>
internal sealed record ContentPiece(string File, long Size);

/// <summary>An object, without its bytes.</summary>
/// <param name="Pieces">Its bytes, in order: one file, or one for each part of a multipart upload.</param>
/// <param name="ETag">Without quotes.</param>
/// <param name="ModifiedAt">When it was written.</param>
/// <param name="Headers">Content headers and <c>x-amz-meta-*</c>, in lower case, given back as they came.</param>
/// <param name="Checksums">By name, in base64.</param>
internal sealed record ObjectRecord(
    IReadOnlyList<ContentPiece> Pieces, string ETag, DateTimeOffset ModifiedAt, IReadOnlyDictionary<string, string> Headers, IReadOnlyDictionary<string, string> Checksums)
{
    /// <summary><c>FULL_OBJECT</c> or, of checksums of parts, <c>COMPOSITE</c>.</summary>
    public string ChecksumType { get; init; } = "FULL_OBJECT";

    public long Size => Pieces.Sum(piece => piece.Size);
}

/// <summary>A part of an upload that is not complete.</summary>
/// <param name="Piece">Its bytes.</param>
/// <param name="ETag">Without quotes.</param>
/// <param name="ModifiedAt">When it was written.</param>
/// <param name="Checksums">By name, in base64.</param>
internal sealed record PartRecord(ContentPiece Piece, string ETag, DateTimeOffset ModifiedAt, IReadOnlyDictionary<string, string> Checksums);

/// <summary>A multipart upload that was begun.</summary>
/// <param name="Id">Of the upload.</param>
/// <param name="Key">Of the object to be.</param>
/// <param name="BegunAt">When.</param>
/// <param name="Headers">Of the object to be.</param>
internal sealed record UploadRecord(string Id, string Key, DateTimeOffset BegunAt, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The checksum that parts carry, or null.</summary>
    public string? ChecksumName { get; init; }

    public string? ChecksumType { get; init; }

    /// <summary>Parts by number.</summary>
    public SortedDictionary<int, PartRecord> Parts { get; init; } = [];
}

/// <summary>A line of a bucket's journal: one thing that happened. Exactly one field is set, besides those that name what it happened to.</summary>
internal sealed record JournalLine
{
    /// <summary>Key of what was put or deleted.</summary>
    public string? Key { get; init; }

    public ObjectRecord? Put { get; init; }

    public bool? Deleted { get; init; }

    public UploadRecord? Upload { get; init; }

    public string? UploadId { get; init; }

    public int? PartNumber { get; init; }

    public PartRecord? Part { get; init; }

    public bool? UploadEnded { get; init; }
}
