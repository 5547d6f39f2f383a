using System.Globalization;

namespace Dumont.LocalCloud.S3;

/// <summary>What a caller says of an object and gets back with it.</summary>
internal static class ObjectHeaders
{
    private const string MetadataPrefix = "x-amz-meta-";
    private const int MetadataBytesMax = 2048;

    private static readonly string[] Kept = ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];

    /// <exception cref="S3Exception">There is more of it than S3 keeps, or something that this cloud leaves out.</exception>
    public static Dictionary<string, string> Read(S3Request request)
    {
        RefuseLeftOut(request);
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in Kept)
        {
            if (request.Header(name) is { } value)
            {
                headers[name] = value;
            }
        }

        if (headers.TryGetValue("content-encoding", out var encoding))
        {
            // That is how it travels, not what it is.
            var rest = string.Join(',', encoding.Split(',', StringSplitOptions.TrimEntries).Where(part => part is not ("aws-chunked" or "")));
            headers.Remove("content-encoding");
            if (rest.Length > 0)
            {
                headers["content-encoding"] = rest;
            }
        }

        headers.TryAdd("content-type", "binary/octet-stream");
        foreach (var (name, value) in request.Http.Request.Headers.Where(header => header.Key.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase)))
        {
            headers[name.ToLowerInvariant()] = value.ToString();
        }

        return headers.Where(header => header.Key.StartsWith(MetadataPrefix, StringComparison.Ordinal)).Sum(header => header.Key.Length - MetadataPrefix.Length + header.Value.Length) > MetadataBytesMax
            ? throw new S3Exception(new S3Error(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"))
            : headers;
    }

    /// <summary>Gives them back.</summary>
    public static void Write(S3Request request, ObjectRecord found)
    {
        var response = request.Http.Response;
        foreach (var (name, value) in found.Headers)
        {
            response.Headers[name] = value;
        }

        foreach (var name in Kept)
        {
            if (request.Query("response-" + name) is { } instead)
            {
                response.Headers[name] = instead;
            }
        }

        response.Headers.ETag = S3Answer.Quoted(found.ETag);
        response.Headers.LastModified = found.ModifiedAt.ToUniversalTime().ToString("r", CultureInfo.InvariantCulture);
        response.Headers.AcceptRanges = "bytes";
    }

    public static void WriteChecksums(S3Request request, IReadOnlyDictionary<string, string> checksums, string? type = null)
    {
        foreach (var (name, value) in checksums)
        {
            request.Http.Response.Headers["x-amz-checksum-" + name] = value;
        }

        if (checksums.Count > 0 && type is not null)
        {
            request.Http.Response.Headers["x-amz-checksum-type"] = type;
        }
    }

    private static void RefuseLeftOut(S3Request request)
    {
        if (request.Header("x-amz-storage-class") is { } storageClass and not "STANDARD")
        {
            throw new S3Exception(S3Error.NotSupported($"storage class {storageClass}"));
        }

        if (request.Header("x-amz-acl") is { } acl and not ("private" or "bucket-owner-full-control"))
        {
            throw new S3Exception(S3Error.NotSupported($"access control list {acl}"));
        }

        string[] leftOut = ["x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm", "x-amz-tagging", "x-amz-object-lock-mode", "x-amz-website-redirect-location", "x-amz-grant-read"];
        if (leftOut.FirstOrDefault(name => request.Header(name) is not null) is { } header)
        {
            throw new S3Exception(S3Error.NotSupported($"header {header}"));
        }
    }
}
