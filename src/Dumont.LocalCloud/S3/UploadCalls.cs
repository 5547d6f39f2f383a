using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Dumont.LocalCloud.Faults;

namespace Dumont.LocalCloud.S3;

/// <summary>Multipart uploads: begin, parts, complete, abort, list.</summary>
internal sealed class UploadCalls(BucketShelf shelf, ObjectCalls objects, TimeProvider time)
{
    private const int PartsMax = 10_000;
    private const long PartBytesMin = 5 << 20;
    private const int UploadIdBytes = 32;

    public Task BeginAsync(S3Request request)
    {
        var name = request.Header("x-amz-checksum-algorithm")?.ToLowerInvariant();
        if (name is not null && !Checksum.Names.Contains(name))
        {
            throw new S3Exception(S3Error.InvalidRequest("Checksum algorithm provided is unsupported."));
        }

        var type = request.Header("x-amz-checksum-type") ?? (name == "crc64nvme" ? "FULL_OBJECT" : "COMPOSITE");
        var upload = new UploadRecord(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(UploadIdBytes)), request.Key, time.GetUtcNow(), ObjectHeaders.Read(request))
        {
            ChecksumName = name,
            ChecksumType = name is null ? null : type,
        };
        shelf.Get(request.Bucket).Begin(upload);
        if (name is not null)
        {
            request.Http.Response.Headers["x-amz-checksum-algorithm"] = name.ToUpperInvariant();
            request.Http.Response.Headers["x-amz-checksum-type"] = type;
        }

        return S3Answer.WriteAsync(request, S3Answer.Element(
            "InitiateMultipartUploadResult",
            S3Answer.Element("Bucket", request.Bucket),
            S3Answer.Element("Key", request.Key),
            S3Answer.Element("UploadId", upload.Id)));
    }

    public async Task PutPartAsync(S3Request request, S3Caller caller)
    {
        var bucket = shelf.Get(request.Bucket);
        var upload = bucket.Upload(request.Query("uploadId")!, request.Key);
        var number = PartNumber(request);
        var body = await BodyReceiver.ReceiveAsync(request, caller, bucket.Content);
        Commit(bucket, upload.Id, number, new PartRecord(body.Piece, body.ETag, time.GetUtcNow(), body.Checksums));
        request.Http.Response.Headers.ETag = S3Answer.Quoted(body.ETag);
        ObjectHeaders.WriteChecksums(request, body.Checksums);
    }

    public Task CopyPartAsync(S3Request request)
    {
        var bucket = shelf.Get(request.Bucket);
        var upload = bucket.Upload(request.Query("uploadId")!, request.Key);
        var number = PartNumber(request);
        var (piece, _) = objects.CopyRange(request, bucket.Content);
        var part = new PartRecord(piece, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) + "-1", time.GetUtcNow(), new Dictionary<string, string>());
        Commit(bucket, upload.Id, number, part);
        return S3Answer.WriteAsync(request, S3Answer.Element(
            "CopyPartResult", S3Answer.Element("LastModified", S3Answer.Time(part.ModifiedAt)), S3Answer.Element("ETag", S3Answer.Quoted(part.ETag))));
    }

    public async Task CompleteAsync(S3Request request, S3Caller caller)
    {
        var bucket = shelf.Get(request.Bucket);
        var upload = bucket.Upload(request.Query("uploadId")!, request.Key);
        var check = ObjectConditions.OfWrite(request);
        var parts = Choose(upload, await BodyReceiver.ReadXmlAsync(request, caller, isChecked: false));
        var made = new ObjectRecord([.. parts.Select(part => part.Piece)], TagOf(parts), time.GetUtcNow(), upload.Headers, ChecksumsOf(request, upload, parts))
        {
            ChecksumType = upload.ChecksumType ?? "FULL_OBJECT",
        };
        if (request.Fault?.Kind.Name == FaultKind.LostWrite)
        {
            bucket.Abort(upload.Id, upload.Key);
        }
        else
        {
            bucket.Put(request.Key, made, check, upload.Id);
        }

        await S3Answer.WriteAsync(request, S3Answer.Element(
            "CompleteMultipartUploadResult",
            S3Answer.Element("Location", $"http://{request.Http.Request.Host}/{request.Bucket}/{Uri.EscapeDataString(request.Key)}"),
            S3Answer.Element("Bucket", request.Bucket),
            S3Answer.Element("Key", request.Key),
            S3Answer.Element("ETag", S3Answer.Quoted(made.ETag)),
            made.Checksums.Select(pair => S3Answer.Element(Checksum.ElementOf(pair.Key), pair.Value)),
            made.Checksums.Count > 0 ? S3Answer.Element("ChecksumType", made.ChecksumType) : null));
    }

    public Task AbortAsync(S3Request request)
    {
        shelf.Get(request.Bucket).Abort(request.Query("uploadId")!, request.Key);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    public Task ListPartsAsync(S3Request request)
    {
        var upload = shelf.Get(request.Bucket).Upload(request.Query("uploadId")!, request.Key);
        var most = request.Number("max-parts", 1000, 1, 1000);
        var marker = request.Number("part-number-marker", 0, 0, PartsMax);
        var behind = upload.Parts.Where(part => part.Key > marker).ToList();
        var page = behind.Take(most).ToList();
        return S3Answer.WriteAsync(request, S3Answer.Element(
            "ListPartsResult",
            S3Answer.Element("Bucket", request.Bucket),
            S3Answer.Element("Key", request.Key),
            S3Answer.Element("UploadId", upload.Id),
            BucketCalls.Owner("Initiator"),
            BucketCalls.Owner("Owner"),
            S3Answer.Element("StorageClass", "STANDARD"),
            S3Answer.Element("PartNumberMarker", marker),
            page.Count > 0 ? S3Answer.Element("NextPartNumberMarker", page[^1].Key) : null,
            S3Answer.Element("MaxParts", most),
            S3Answer.Element("IsTruncated", behind.Count > page.Count),
            page.Select(part => S3Answer.Element(
                "Part",
                S3Answer.Element("PartNumber", part.Key),
                S3Answer.Element("LastModified", S3Answer.Time(part.Value.ModifiedAt)),
                S3Answer.Element("ETag", S3Answer.Quoted(part.Value.ETag)),
                S3Answer.Element("Size", part.Value.Piece.Size),
                part.Value.Checksums.Select(pair => S3Answer.Element(Checksum.ElementOf(pair.Key), pair.Value))))));
    }

    private static int PartNumber(S3Request request) =>
        int.TryParse(request.Query("partNumber"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= PartsMax
            ? number
            : throw new S3Exception(S3Error.InvalidArgument($"Part number must be an integer between 1 and {PartsMax}, inclusive"));

    private static void Commit(Bucket bucket, string uploadId, int number, PartRecord part)
    {
        try
        {
            bucket.PutPart(uploadId, number, part);
        }
        catch
        {
            bucket.Content.Delete([part.Piece]);
            throw;
        }
    }

    private static List<PartRecord> Choose(UploadRecord upload, XElement document)
    {
        var chosen = new List<PartRecord>();
        var last = 0;
        foreach (var element in document.Elements().Where(element => element.Name.LocalName == "Part"))
        {
            var fields = element.Elements().ToLookup(field => field.Name.LocalName, field => field.Value);
            if (!int.TryParse(fields["PartNumber"].FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || fields["ETag"].FirstOrDefault() is not { } tag)
            {
                throw new S3Exception(S3Error.MalformedXml);
            }

            if (number <= last)
            {
                throw new S3Exception(S3Error.InvalidPartOrder);
            }

            last = number;
            if (!upload.Parts.TryGetValue(number, out var part) || part.ETag != tag.Trim().Trim('"')
                || part.Checksums.Any(pair => fields[Checksum.ElementOf(pair.Key)].FirstOrDefault() is { } declared && declared != pair.Value))
            {
                throw new S3Exception(S3Error.InvalidPart);
            }

            chosen.Add(part);
        }

        if (chosen.Count == 0)
        {
            throw new S3Exception(S3Error.MalformedXml);
        }

        return chosen.SkipLast(1).Any(part => part.Piece.Size < PartBytesMin) ? throw new S3Exception(S3Error.EntityTooSmall) : chosen;
    }

    private static Dictionary<string, string> ChecksumsOf(S3Request request, UploadRecord upload, List<PartRecord> parts)
    {
        var name = upload.ChecksumName;
        if (name is null || !parts.TrueForAll(part => part.Checksums.ContainsKey(name)))
        {
            return [];
        }

        var combined = Checksum.Combine(name, upload.ChecksumType == "FULL_OBJECT", [.. parts.Select(part => (part.Checksums[name], part.Piece.Size))]);
        return request.Header("x-amz-checksum-" + name) is { } declared && declared != combined
            ? throw new S3Exception(S3Error.BadDigest)
            : new Dictionary<string, string> { [name] = combined };
    }

    // The MD5 of the parts' MD5s; of parts whose tag is none, of the tags.
    private static string TagOf(List<PartRecord> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        foreach (var part in parts)
        {
            hash.AppendData(part.ETag.Contains('-', StringComparison.Ordinal) ? Encoding.ASCII.GetBytes(part.ETag) : Convert.FromHexString(part.ETag));
        }

        return $"{Convert.ToHexStringLower(hash.GetHashAndReset())}-{S3Answer.Text(parts.Count)}";
    }
}
