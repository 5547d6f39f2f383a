using System.Buffers;
using System.Globalization;
using Dumont.LocalCloud.Faults;
using Microsoft.Win32.SafeHandles;

namespace Dumont.LocalCloud.S3;

/// <summary>Put, get, head, copy and delete of one object.</summary>
internal sealed class ObjectCalls(BucketShelf shelf, TimeProvider time)
{
    private static readonly TimeSpan DripInterval = TimeSpan.FromSeconds(1);

    public async Task PutAsync(S3Request request, S3Caller caller)
    {
        var bucket = shelf.Get(request.Bucket);
        var headers = ObjectHeaders.Read(request);
        var check = ObjectConditions.OfWrite(request);
        var body = await BodyReceiver.ReceiveAsync(request, caller, bucket.Content);
        var made = new ObjectRecord([body.Piece], body.ETag, time.GetUtcNow(), headers, body.Checksums);
        if (request.Fault?.Kind.Name == FaultKind.LostWrite)
        {
            bucket.Content.Delete(made.Pieces);
        }
        else
        {
            Commit(bucket, request.Key, made, check);
        }

        request.Http.Response.Headers.ETag = S3Answer.Quoted(made.ETag);
        ObjectHeaders.WriteChecksums(request, made.Checksums, made.ChecksumType);
    }

    public async Task GetAsync(S3Request request)
    {
        var (found, pieces) = Open(request.Bucket, request.Key);
        try
        {
            ObjectConditions.CheckRead(request, found);
            var (offset, length) = Describe(request, found);
            await SendAsync(request, pieces, offset, length);
        }
        finally
        {
            Close(pieces);
        }
    }

    public Task HeadAsync(S3Request request)
    {
        var found = shelf.Get(request.Bucket).Find(request.Key) ?? throw new S3Exception(S3Error.NoSuchKey);
        ObjectConditions.CheckRead(request, found);
        Describe(request, found);
        return Task.CompletedTask;
    }

    public Task DeleteAsync(S3Request request)
    {
        shelf.Get(request.Bucket).Delete(request.Key);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    public async Task CopyAsync(S3Request request)
    {
        var (bucket, key) = SourceOf(request);
        var replaces = request.Header("x-amz-metadata-directive") == "REPLACE";
        if (bucket == request.Bucket && key == request.Key && !replaces)
        {
            throw new S3Exception(S3Error.InvalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."));
        }

        var target = shelf.Get(request.Bucket);
        var check = ObjectConditions.OfWrite(request);
        var (found, pieces) = Open(bucket, key);
        try
        {
            ObjectConditions.CheckRead(request, found, "x-amz-copy-source-");
            var made = found with
            {
                Pieces = [Copy(pieces, 0, found.Size, target.Content)],
                ModifiedAt = time.GetUtcNow(),
                Headers = replaces ? ObjectHeaders.Read(request) : found.Headers,
            };
            Commit(target, request.Key, made, check);
            await S3Answer.WriteAsync(request, S3Answer.Element(
                "CopyObjectResult", S3Answer.Element("LastModified", S3Answer.Time(made.ModifiedAt)), S3Answer.Element("ETag", S3Answer.Quoted(made.ETag))));
        }
        finally
        {
            Close(pieces);
        }
    }

    /// <summary>Copies a range of the source that a request names into a file of its own.</summary>
    public (ContentPiece Piece, ObjectRecord Source) CopyRange(S3Request request, ContentFolder target)
    {
        var (bucket, key) = SourceOf(request);
        var (found, pieces) = Open(bucket, key);
        try
        {
            ObjectConditions.CheckRead(request, found, "x-amz-copy-source-");
            var range = request.Header("x-amz-copy-source-range");
            var (offset, length) = range is null ? (0, found.Size) : ByteRange.Find(range, found.Size) ?? throw new S3Exception(S3Error.InvalidArgument("The x-amz-copy-source-range value must be of the form bytes=first-last"));
            return (Copy(pieces, offset, length, target), found);
        }
        finally
        {
            Close(pieces);
        }
    }

    private static void Commit(Bucket bucket, string key, ObjectRecord made, Action<ObjectRecord?> check)
    {
        try
        {
            bucket.Put(key, made, check);
        }
        catch
        {
            bucket.Content.Delete(made.Pieces);
            throw;
        }
    }

    private static (string Bucket, string Key) SourceOf(S3Request request)
    {
        var source = S3Request.Decode(request.Header("x-amz-copy-source")!.Replace('+', ' ')).TrimStart('/');
        var slash = source.IndexOf('/', StringComparison.Ordinal);
        if (source.Contains("?versionId=", StringComparison.Ordinal))
        {
            throw new S3Exception(S3Error.NotSupported("versions"));
        }

        return slash > 0 && slash < source.Length - 1
            ? (source[..slash], source[(slash + 1)..])
            : throw new S3Exception(S3Error.InvalidArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey"));
    }

    // An object may be replaced between being found and being opened; then the new one is meant.
    private (ObjectRecord Found, List<(SafeFileHandle File, long Size)> Pieces) Open(string bucketName, string key)
    {
        var bucket = shelf.Get(bucketName);
        while (true)
        {
            var found = bucket.Find(key) ?? throw new S3Exception(S3Error.NoSuchKey);
            var pieces = new List<(SafeFileHandle File, long Size)>(found.Pieces.Count);
            try
            {
                foreach (var piece in found.Pieces)
                {
                    pieces.Add((bucket.Content.Open(piece), piece.Size));
                }

                return (found, pieces);
            }
            catch (FileNotFoundException) when (bucket.Find(key) != found)
            {
                Close(pieces);
            }
        }
    }

    private static void Close(List<(SafeFileHandle File, long Size)> pieces) => pieces.ForEach(piece => piece.File.Dispose());

    private static ContentPiece Copy(List<(SafeFileHandle File, long Size)> pieces, long offset, long length, ContentFolder target)
    {
        using var file = target.Create(length);
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        foreach (var (source, size) in pieces)
        {
            for (; offset < size && file.Size < length;)
            {
                var read = RandomAccess.Read(source, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - file.Size)), offset);
                file.Write(buffer.AsSpan(0, read));
                offset += read;
            }

            offset = Math.Max(0, offset - size);
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return file.Keep();
    }

    // Writes the head of the answer and returns which bytes belong to it.
    private static (long Offset, long Length) Describe(S3Request request, ObjectRecord found)
    {
        var response = request.Http.Response;
        var range = FindRange(request, found);
        ObjectHeaders.Write(request, found);
        var (offset, length) = range ?? (0, found.Size);
        response.ContentLength = length;
        if (range is not null)
        {
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {offset}-{offset + length - 1}/{found.Size}");
        }
        else if ("ENABLED".Equals(request.Header("x-amz-checksum-mode"), StringComparison.OrdinalIgnoreCase))
        {
            ObjectHeaders.WriteChecksums(request, found.Checksums, found.ChecksumType);
        }

        return (offset, length);
    }

    private static (long Offset, long Length)? FindRange(S3Request request, ObjectRecord found)
    {
        if (request.Query("partNumber") is not null)
        {
            var number = request.Number("partNumber", 1, 1, 10_000);
            if (number > found.Pieces.Count)
            {
                throw new S3Exception(new S3Error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable"));
            }

            request.Http.Response.Headers["x-amz-mp-parts-count"] = S3Answer.Text(found.Pieces.Count);
            return (found.Pieces.Take(number - 1).Sum(piece => piece.Size), found.Pieces[number - 1].Size);
        }

        if (request.Header("Range") is not { } text || ByteRange.Find(text, found.Size) is not { } range)
        {
            return null;
        }

        return range.Length > 0 ? range : throw new S3Exception(S3Error.InvalidRange);
    }

    private async Task SendAsync(S3Request request, List<(SafeFileHandle File, long Size)> pieces, long offset, long length)
    {
        var response = request.Http.Response;
        var output = response.BodyWriter;
        switch (request.Fault?.Kind.Name)
        {
            case FaultKind.TruncatedBody:
                response.ContentLength = length / 2;
                await ContentFolder.CopyAsync(pieces, offset, length / 2, output, null, request.Aborted);
                break;
            case FaultKind.ResetMidBody:
                await ContentFolder.CopyAsync(pieces, offset, length / 2, output, null, request.Aborted);
                request.Http.Abort();
                break;
            case FaultKind.FlippedByte:
                await ContentFolder.CopyAsync(pieces, offset, length, output, (step, at) => Flip(step, (length / 2) - at), request.Aborted);
                break;
            case FaultKind.Drip:
                var perSecond = (long)request.Fault.Numbers["bytes_per_second"];
                for (var at = 0L; at < length; at += perSecond)
                {
                    await ContentFolder.CopyAsync(pieces, offset + at, Math.Min(perSecond, length - at), output, null, request.Aborted);
                    await Task.Delay(DripInterval, time, request.Aborted);
                }

                break;
            default:
                await ContentFolder.CopyAsync(pieces, offset, length, output, null, request.Aborted);
                break;
        }
    }

    private static void Flip(Span<byte> step, long at)
    {
        if (at >= 0 && at < step.Length)
        {
            step[(int)at] ^= 1;
        }
    }
}
