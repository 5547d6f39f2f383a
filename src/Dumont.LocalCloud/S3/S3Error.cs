using System.Xml.Linq;

namespace Dumont.LocalCloud.S3;

/// <summary>An error as S3 answers it.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">S3's name for it.</param>
/// <param name="Message">For people.</param>
internal sealed record S3Error(int Status, string Code, string Message)
{
    public static readonly S3Error AccessDenied = new(403, "AccessDenied", "Access Denied");
    public static readonly S3Error BadDigest = new(400, "BadDigest", "The Content-MD5 or checksum you specified did not match what we received.");
    public static readonly S3Error EntityTooLarge = new(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
    public static readonly S3Error EntityTooSmall = new(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
    public static readonly S3Error IncompleteBody = new(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.");
    public static readonly S3Error InvalidDigest = new(400, "InvalidDigest", "The Content-MD5 you specified is not valid.");
    public static readonly S3Error InvalidPart = new(400, "InvalidPart", "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.");
    public static readonly S3Error InvalidPartOrder = new(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.");
    public static readonly S3Error InvalidRange = new(416, "InvalidRange", "The requested range is not satisfiable");
    public static readonly S3Error MalformedXml = new(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema");
    public static readonly S3Error MethodNotAllowed = new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
    public static readonly S3Error NoSuchBucket = new(404, "NoSuchBucket", "The specified bucket does not exist");
    public static readonly S3Error NoSuchKey = new(404, "NoSuchKey", "The specified key does not exist.");
    public static readonly S3Error NoSuchUpload = new(404, "NoSuchUpload", "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.");
    public static readonly S3Error NotModified = new(304, "NotModified", "Not Modified");
    public static readonly S3Error PreconditionFailed = new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    public static readonly S3Error SignatureDoesNotMatch = new(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.");
    public static readonly S3Error Sha256Mismatch = new(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.");

    public static S3Error InvalidArgument(string message) => new(400, "InvalidArgument", message);

    public static S3Error InvalidRequest(string message) => new(400, "InvalidRequest", message);

    public static S3Error NotSupported(string what) => new(501, "NotImplemented", $"not supported: {what}");

    /// <summary>Of a wrong region: the right one, with which clients then try again.</summary>
    public string? Region { get; init; }

    public XDocument ToXml(string resource, string requestId) => new(new XElement(
        "Error",
        new XElement("Code", Code),
        new XElement("Message", Message),
        Region is null ? null : new XElement("Region", Region),
        new XElement("Resource", resource),
        new XElement("RequestId", requestId)));
}

/// <summary>Ends a call with an error.</summary>
internal sealed class S3Exception(S3Error error) : Exception(error.Message)
{
    public S3Error Error { get; } = error;
}
