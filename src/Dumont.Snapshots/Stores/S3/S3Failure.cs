using System.Globalization;
using System.Net;
using System.Xml;

namespace Dumont.Snapshots;

/// <summary>What a server said instead of doing what it was asked.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">The server's name for it, or empty.</param>
/// <param name="Message">For people, in the server's words; bounded and stripped.</param>
/// <param name="Region">The right region, where the server names it.</param>
internal sealed record S3Failure(HttpStatusCode Status, string Code, string Message, string? Region)
{
    private const int BodyBytesMax = 64 << 10;
    private const int MessageMax = 300;

    public ObjectStoreErrorKind Kind => Code switch
    {
        "NoSuchKey" or "NoSuchBucket" or "NoSuchUpload" => ObjectStoreErrorKind.NotFound,
        "QuotaExceeded" or "ServiceQuotaExceeded" or "InsufficientStorage" or "XMinioStorageFull" => ObjectStoreErrorKind.Full,
        "BadDigest" or "XAmzContentSHA256Mismatch" or "InvalidDigest" => ObjectStoreErrorKind.Corrupt,
        "RequestTimeout" or "IncompleteBody" or "SlowDown" or "ConditionalRequestConflict" or "OperationAborted" => ObjectStoreErrorKind.Transient,
        "AuthorizationHeaderMalformed" or "PermanentRedirect" => ObjectStoreErrorKind.Protocol,
        _ => Status switch
        {
            HttpStatusCode.NotFound => ObjectStoreErrorKind.NotFound,
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ObjectStoreErrorKind.Denied,
            HttpStatusCode.InsufficientStorage => ObjectStoreErrorKind.Full,
            HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests => ObjectStoreErrorKind.Transient,
            HttpStatusCode.NotImplemented => ObjectStoreErrorKind.Protocol,
            >= HttpStatusCode.InternalServerError => ObjectStoreErrorKind.Transient,
            _ => ObjectStoreErrorKind.Protocol,
        },
    };

    /// <summary>Whether the same request may succeed a little later.</summary>
    public bool MayPass => Kind is ObjectStoreErrorKind.Transient or ObjectStoreErrorKind.Corrupt;

    /// <summary>Whether the server does not know the checksums that it was sent.</summary>
    public bool IsAboutChecksums => Status is HttpStatusCode.NotImplemented or HttpStatusCode.BadRequest && Kind == ObjectStoreErrorKind.Protocol
        && Message.Contains("checksum", StringComparison.OrdinalIgnoreCase);

    public static async Task<S3Failure> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        string code = "", message = "";
        string? region = null;
        try
        {
            using var body = await ReadBoundedAsync(response, cancellationToken);
            using var reader = XmlReader.Create(body, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            while (reader.Read())
            {
                if (reader is { NodeType: XmlNodeType.Element, Depth: 1 })
                {
                    var name = reader.LocalName;
                    var text = reader.Read() && reader.NodeType == XmlNodeType.Text ? Plain(reader.Value) : "";
                    (code, message, region) = name switch
                    {
                        "Code" => (text, message, region),
                        "Message" => (code, text, region),
                        "Region" => (code, message, text),
                        _ => (code, message, region),
                    };
                }
            }
        }
        catch (Exception e) when (e is XmlException or IOException or HttpRequestException)
        {
            // Not every error has a body, and what stands before a server answers in HTML.
        }

        return new S3Failure(response.StatusCode, code, message, region);
    }

    /// <summary>The failure as that of the store.</summary>
    /// <param name="what">What was tried, as in "write packs/3a/…".</param>
    /// <param name="where">The bucket, as the user knows it.</param>
    public ObjectStoreException ToException(string what, string where)
    {
        var said = string.Create(CultureInfo.InvariantCulture, $"{(Message.Length > 0 ? Message.TrimEnd('.') : Status.ToString())} ({(Code.Length > 0 ? Code : ((int)Status).ToString(CultureInfo.InvariantCulture))})");
        var remedy = (Code, Kind) switch
        {
            ("NoSuchBucket", _) => "make the bucket first, or name another",
            ("InvalidAccessKeyId" or "SignatureDoesNotMatch", _) => "check access key and secret",
            ("RequestTimeTooSkewed", _) => "set this computer's clock right",
            ("AuthorizationHeaderMalformed" or "PermanentRedirect", _) => Region is null ? "check the region" : $"set the region to {Region}",
            (_, ObjectStoreErrorKind.Denied) => "give this key the right to it",
            (_, ObjectStoreErrorKind.Full) => "free space or have the quota raised",
            (_, ObjectStoreErrorKind.Transient) => "try again later",
            (_, ObjectStoreErrorKind.Corrupt) => "the content was changed on its way; check the network",
            (_, ObjectStoreErrorKind.NotFound) => "it is not there",
            (_, ObjectStoreErrorKind.Protocol) => "the server does not support this",
        };
        return new ObjectStoreException(Kind, $"cannot {what} in {where}: {said}; {remedy}");
    }

    private static async Task<MemoryStream> ReadBoundedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = new MemoryStream();
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[4096];
        int read;
        while (body.Length < BodyBytesMax && (read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            body.Write(buffer, 0, read);
        }

        body.Position = 0;
        return body;
    }

    private static string Plain(string text) => new([.. text.Take(MessageMax).Where(letter => !char.IsControl(letter))]);
}
