using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Dumont.LocalCloud.S3;

/// <summary>The conditions that a request puts on what is there. Pure.</summary>
internal static class ObjectConditions
{
    /// <summary>Checks those of a read.</summary>
    /// <param name="request">The call.</param>
    /// <param name="found">What is there.</param>
    /// <param name="prefix">Empty, or <c>x-amz-copy-source-</c> for the source of a copy.</param>
    /// <exception cref="S3Exception">One does not hold.</exception>
    public static void CheckRead(S3Request request, ObjectRecord found, string prefix = "")
    {
        // Whole seconds, as headers tell it.
        var modified = DateTimeOffset.FromUnixTimeSeconds(found.ModifiedAt.ToUnixTimeSeconds());
        var match = request.Header(prefix + "If-Match");
        var noneMatch = request.Header(prefix + "If-None-Match");
        if (match is not null ? !Names(match, found.ETag) : Time(request, prefix + "If-Unmodified-Since") is { } until && modified > until)
        {
            throw new S3Exception(S3Error.PreconditionFailed);
        }

        if (noneMatch is not null ? Names(noneMatch, found.ETag) : Time(request, prefix + "If-Modified-Since") is { } since && modified <= since)
        {
            throw new S3Exception(prefix.Length > 0 ? S3Error.PreconditionFailed : S3Error.NotModified);
        }
    }

    /// <summary>What a put asks of the object that it replaces, to be checked at the instant it does.</summary>
    /// <exception cref="S3Exception">It asks for what S3 does not have.</exception>
    public static Action<ObjectRecord?> OfWrite(S3Request request)
    {
        var match = request.Header("If-Match");
        var noneMatch = request.Header("If-None-Match");
        if (noneMatch is not null and not "*")
        {
            throw new S3Exception(S3Error.NotSupported("If-None-Match with a tag when writing"));
        }

        return before =>
        {
            if (noneMatch is not null && before is not null)
            {
                throw new S3Exception(S3Error.PreconditionFailed);
            }

            if (match is not null && before is null)
            {
                throw new S3Exception(S3Error.NoSuchKey);
            }

            if (match is not null && !Names(match, before!.ETag))
            {
                throw new S3Exception(S3Error.PreconditionFailed);
            }
        };
    }

    private static bool Names(StringValues header, string tag) =>
        header.ToString().Split(',', StringSplitOptions.TrimEntries).Any(given => given == "*" || given.Trim('"') == tag);

    private static DateTimeOffset? Time(S3Request request, string header) =>
        DateTimeOffset.TryParseExact(request.Header(header), "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
